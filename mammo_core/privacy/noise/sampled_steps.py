"""Takes noisy gradient steps on random subsets of units (DP-SGD).

The units of each step are a Poisson sample: every unit is in or out independently of the others.

Source: Abadi et al. 2016, arXiv:1607.00133.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import torch
from opacus import GradSampleModule
from torch import Tensor, nn

from mammo_core.privacy.noise.optimizer import NoisyOptimizer
from mammo_core.privacy.noise.sources import NoiseSource


class NoisyGradients:
    """Trains a module with noisy gradients of private data beside plain gradients of public data.

    Args:
        module: Whose layers Opacus can differentiate per sample.
        optimizer: Of the module's parameters.
        noise_multiplier: Noise standard deviation over clipping norm.
        max_grad_norm: L2 bound of one unit's gradient.
        expected_units: Mean size of a Poisson sample; the sum is divided by it, whatever the sample's size.
        noise: Secret where the result is released.
    """

    def __init__(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        noise_multiplier: float,
        max_grad_norm: float,
        expected_units: int,
        noise: NoiseSource,
    ) -> None:
        self._module = GradSampleModule(module)
        self._optimizer = NoisyOptimizer(
            optimizer,
            noise_multiplier=noise_multiplier,
            max_grad_norm=max_grad_norm,
            expected_units=expected_units,
            noise=noise,
        )
        self._module.disable_hooks()

    def step(
        self,
        losses_of_units: Callable[[], Tensor],
        num_units: int,
        public_gradients: Sequence[Tensor],
    ) -> None:
        """Adds the noisy mean gradient of the private units to the public one, and steps.

        Args:
            losses_of_units: Called once; the loss of each sampled unit, (U,), computed with the module.
            num_units: U, which may be 0: the noise is added all the same.
            public_gradients: One per parameter, noise-free.
        """
        self._optimizer.zero_grad()
        if num_units:
            self._module.enable_hooks()
            with quiet_hooks():
                losses_of_units().mean().backward()
            self._module.disable_hooks()
        else:
            for parameter in self._module.parameters():
                setattr(parameter, "grad_sample", parameter.new_zeros((0, *parameter.shape)))  # noqa: B010
        self._optimizer.pre_step()
        for parameter, public in zip(self._module.parameters(), public_gradients, strict=True):
            assert parameter.grad is not None
            parameter.grad += public
        self._optimizer.original_optimizer.step()


@contextmanager
def quiet_hooks() -> Generator[None]:
    """Silences torch's remark that Opacus' hooks see modules whose inputs need no gradient."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Full backward hook is firing", UserWarning)
        yield
