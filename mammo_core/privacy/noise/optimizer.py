"""Makes Opacus' optimizer clip in float64 and add noise on a grid, from our sources: secret, or reproducible on purpose."""

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

from mammo_core.privacy.noise.clipping import clip_factors, l2_norm
from mammo_core.privacy.noise.grid import add_noise
from mammo_core.privacy.noise.sources import NoiseSource


class NoisyOptimizer(DPOptimizer):
    """As `DPOptimizer`, which clips in the weights' precision and draws from a torch generator with a 32-bit seed.

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

    def clip_and_accumulate(self) -> None:
        """Sums units' gradients, each clipped over all parameters together; one that is not finite adds nothing."""
        gradients = [gradient.double().flatten(1) for gradient in self.grad_samples]
        lengths = torch.stack([l2_norm(gradient, dim=1) for gradient in gradients])  # (P, U)
        factors = clip_factors(l2_norm(lengths, dim=0), self.max_grad_norm)
        kept = factors > 0
        for parameter, gradient in zip(self.params, gradients, strict=True):
            samples: Tensor = getattr(parameter, "grad_sample")  # noqa: B009
            _check_processed_flag(samples)
            summed = (factors[kept] @ gradient[kept]).view_as(parameter)
            before: Tensor | None = getattr(parameter, "summed_grad", None)
            setattr(parameter, "summed_grad", summed if before is None else before + summed)  # noqa: B010
            _mark_as_processed(samples)

    def add_noise(self) -> None:
        """Adds noise of standard deviation noise_multiplier · max_grad_norm to each clipped sum."""
        deviation = self.noise_multiplier * self.max_grad_norm
        for parameter in self.params:
            summed: Tensor = getattr(parameter, "summed_grad")  # noqa: B009
            _check_processed_flag(summed)
            released = add_noise(summed, deviation, self._noise)
            parameter.grad = released.to(parameter.dtype).to(parameter.device).view_as(parameter)
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
