"""Takes noisy gradient steps on random subsets of units (DP-SGD), beside plain gradients of public data.

The units of each step are a Poisson sample: every unit is in or out independently of the others.

Source: Abadi et al. 2016, arXiv:1607.00133.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mammo_core.privacy.networks.private_layers import require_private_layers
from mammo_core.privacy.networks.unit_gradients import UnitGradients, exact_products
from mammo_core.privacy.noise.optimizer import NoisyOptimizer
from mammo_core.privacy.noise.sources import NoiseSource
from mammo_core.privacy.noise.unit_check import require_right_gradients


class NoisyGradients:
    """Trains a module of which every unit is one input.

    Args:
        module: All of whose parameters train, see `UnitGradients`.
        optimizer: Of the module's parameters.
        noise_multiplier: Noise standard deviation over clipping norm.
        max_grad_norm: L2 bound of one unit's gradient.
        expected_units: Mean size of a Poisson sample; the sum is divided by it, whatever the sample's size.
        noise: Secret where the result is released.
        example: Computes the losses, (U,), of some of three made-up units, to try the gradients on.

    Raises:
        PrivacyError: If a layer mixes units, or the gradients of single units are wrong.
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
        example: Callable[[slice], Tensor],
    ) -> None:
        require_private_layers(module)
        self._module = module
        with exact_products():
            require_right_gradients(
                dict(module.named_parameters()),
                example,
                lambda units, bound: _clipped_sums(module, lambda: example(units), bound),
            )
        self._units = UnitGradients(module, max_grad_norm=max_grad_norm)
        self._optimizer = NoisyOptimizer(
            optimizer,
            noise_multiplier=noise_multiplier,
            max_grad_norm=max_grad_norm,
            expected_units=expected_units,
            noise=noise,
        )

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
        if num_units:
            self._units.add(losses_of_units)
        self._optimizer.set_gradients(self._units.take())
        for parameter, public in zip(self._module.parameters(), public_gradients, strict=True):
            assert parameter.grad is not None
            parameter.grad += public
        self._optimizer.original_optimizer.step()


def _clipped_sums(
    module: nn.Module, losses_of_units: Callable[[], Tensor], max_grad_norm: float
) -> list[Tensor]:
    gradients = UnitGradients(module, max_grad_norm=max_grad_norm)
    gradients.add(losses_of_units)
    return gradients.take()
