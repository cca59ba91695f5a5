"""Makes Opacus' optimizer take noise from our sources: secret, or reproducible on purpose."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

from collections.abc import Sequence

import torch
from opacus.optimizers import DPOptimizer
from opacus.optimizers.optimizer import (
    _check_processed_flag,  # pyright: ignore[reportPrivateUsage]
    _mark_as_processed,  # pyright: ignore[reportPrivateUsage]
)
from torch import Tensor

from mammo_core.privacy.noise.sources import NoiseSource


class NoisyOptimizer(DPOptimizer):
    """As `DPOptimizer`, whose own noise comes from a torch generator with a 32-bit seed.

    Args:
        noise: Where noise is drawn from.
        expected_units: By which the noisy sum is divided, whatever the batch's real size.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        *,
        noise_multiplier: float,
        max_grad_norm: float,
        expected_units: float,
        noise: NoiseSource,
    ) -> None:
        super().__init__(
            optimizer,
            noise_multiplier=noise_multiplier,
            max_grad_norm=max_grad_norm,
            expected_batch_size=expected_units,  # pyright: ignore[reportArgumentType]  it only divides
            loss_reduction="mean",
        )
        self._noise = noise

    def add_noise(self) -> None:
        """Adds noise of standard deviation noise_multiplier · max_grad_norm to each clipped sum."""
        deviation = self.noise_multiplier * self.max_grad_norm
        for parameter in self.params:
            summed: Tensor = getattr(parameter, "summed_grad")  # noqa: B009
            _check_processed_flag(summed)
            noise = self._noise.normal(*summed.shape).to(summed)
            parameter.grad = (summed + deviation * noise).view_as(parameter)
            _mark_as_processed(summed)

    def set_gradients(self, sums: Sequence[Tensor]) -> None:
        """Makes noisy mean gradients of sums that were clipped elsewhere; `original_optimizer` can then step.

        Args:
            sums: Of units' clipped gradients, one per parameter; noise is added here.
        """
        for parameter, summed in zip(self.params, sums, strict=True):
            setattr(parameter, "summed_grad", summed)  # noqa: B010
        self.add_noise()
        for parameter in self.params:
            assert parameter.grad is not None and self.expected_batch_size is not None
            parameter.grad /= self.expected_batch_size
            setattr(parameter, "summed_grad", None)  # noqa: B010
