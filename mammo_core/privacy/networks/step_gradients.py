"""Sums gradients over the units of one step, micro-batch by micro-batch: clipped unit by unit, or plain.

A micro-batch holds whole units only: a unit that was split over two would be clipped twice, and move the sum by
twice the bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from mammo_core.privacy.networks.micro_batches import MicroBatches
from mammo_core.privacy.networks.steps import losses_of_inputs, seeded
from mammo_core.privacy.networks.training_settings import NetworkTraining
from mammo_core.privacy.networks.unit_gradients import UnitGradients
from mammo_core.privacy.networks.unit_source import UnitBatch, UnitSource


@dataclass(frozen=True)
class GradientSums:
    """Of the units of one step.

    Attributes:
        gradients: One per trained parameter, without noise.
        loss: Summed.
        num_clipped: Units whose gradient was longer than the bound.
    """

    gradients: list[Tensor]
    loss: float
    num_clipped: int = 0


class StepGradients(Protocol):
    """Computes the gradients of a step's units."""

    def summed(self, source: UnitSource, units: Tensor, seed: int) -> GradientSums:
        """Sums over some units, as many at once as memory holds.

        Args:
            units: (U,) numbers of units, ascending; U may be 0.
            seed: Of views and dropout.
        """
        ...

    def compute(self, batch: UnitBatch) -> None:
        """Computes one micro-batch, to measure its memory; nothing is kept."""


class PlainGradients:
    """Whole gradients of the summed loss."""

    def __init__(
        self,
        network: nn.Module,
        training: NetworkTraining,
        device: torch.device,
        micro_batches: MicroBatches,
    ) -> None:
        self._network, self._training, self._device = network, training, device
        self._micro_batches = micro_batches
        self._parameters = [p for p in network.parameters() if p.requires_grad]

    def summed(self, source: UnitSource, units: Tensor, seed: int) -> GradientSums:
        """See `StepGradients`."""

        def over_parts() -> GradientSums:
            sums, total = [torch.zeros_like(parameter) for parameter in self._parameters], 0.0
            with seeded(seed):
                for part in self._micro_batches.of(units):
                    gradients, loss = self._gradients(batch_of(source, part, seed).to(self._device))
                    total += loss
                    for summed, gradient in zip(sums, gradients, strict=True):
                        summed += gradient
            return GradientSums(sums, total)

        return self._micro_batches.patiently(over_parts)

    def compute(self, batch: UnitBatch) -> None:
        """See `StepGradients`."""
        self._gradients(batch)

    def _gradients(self, batch: UnitBatch) -> tuple[list[Tensor], float]:
        autocast = self._training.autocast
        losses = losses_of_inputs(batch, self._training.label_smoothing)
        with torch.enable_grad():
            with torch.autocast(self._device.type, autocast, enabled=autocast is not None):
                loss = losses(self._network(batch.inputs)).sum()
            found = torch.autograd.grad(
                loss, self._parameters, allow_unused=True, materialize_grads=True
            )
        return list(found), float(loss.detach())


class ClippedGradients:
    """Gradients of units, each clipped to the bound."""

    def __init__(
        self,
        network: nn.Module,
        training: NetworkTraining,
        device: torch.device,
        micro_batches: MicroBatches,
    ) -> None:
        self._network, self._training, self._device = network, training, device
        self._micro_batches = micro_batches
        self._units = UnitGradients(
            network, max_grad_norm=training.max_grad_norm, autocast=training.autocast
        )

    def summed(self, source: UnitSource, units: Tensor, seed: int) -> GradientSums:
        """See `StepGradients`."""

        def over_parts() -> tuple[float, int]:
            self._units.clear()  # what was added before memory ran short
            total, num_clipped = 0.0, 0
            with seeded(seed):
                for part in self._micro_batches.of(units):
                    loss, clipped = self._add(batch_of(source, part, seed).to(self._device))
                    total += loss
                    num_clipped += clipped
            return total, num_clipped

        total, num_clipped = self._micro_batches.patiently(over_parts)
        return GradientSums(self._units.take(), total, num_clipped)

    def compute(self, batch: UnitBatch) -> None:
        """See `StepGradients`."""
        self._add(batch)
        self._units.clear()

    def _add(self, batch: UnitBatch) -> tuple[float, int]:
        losses = _Remembered(losses_of_inputs(batch, self._training.label_smoothing))
        norms = self._units.add(lambda: losses(self._network(batch.inputs)), batch.unit_of_input)
        return losses.total, int((norms > self._training.max_grad_norm).sum())


def batch_of(source: UnitSource, units: Tensor, seed: int) -> UnitBatch:
    """Gets units, in views that depend on the seed and not on which other units are asked for."""
    return source.batch(units, torch.Generator().manual_seed(seed))


class _Remembered:
    """A loss function that knows afterwards what the losses came to."""

    def __init__(self, losses: Callable[[Tensor], Tensor]) -> None:
        self._losses = losses
        self.total = 0.0

    def __call__(self, outputs: Tensor) -> Tensor:
        losses = self._losses(outputs)
        self.total = float(losses.detach().sum())
        return losses
