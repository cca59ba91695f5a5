"""Describes what gives a training the inputs of its units of privacy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class UnitBatch:
    """The inputs of U units: all views of all their masses.

    Attributes:
        inputs: (N, ...), as the network takes them, the rows of one unit side by side.
        labels: (N,) float, 0 or 1.
        weights: (N,) float, of each input in its unit's loss: 1 / views.
        unit_of_input: (N,) int64, ascending, each of 0 … U - 1 at least once, in the order asked for.
    """

    inputs: Tensor
    labels: Tensor
    weights: Tensor
    unit_of_input: Tensor

    def to(self, device: torch.device) -> UnitBatch:
        """Moves the batch to a device."""
        return UnitBatch(
            inputs=self.inputs.to(device, non_blocking=True),
            labels=self.labels.to(device, non_blocking=True),
            weights=self.weights.to(device, non_blocking=True),
            unit_of_input=self.unit_of_input.to(device, non_blocking=True),
        )


class UnitSource(Protocol):
    """Training data by unit of privacy."""

    @property
    def num_units(self) -> int:
        """How many there are."""
        ...

    def batch(self, units: Tensor, draw: torch.Generator) -> UnitBatch:
        """Gets the inputs of some units.

        Args:
            units: (U,) int64 numbers below `num_units`, ascending; U is 1 or more.
            draw: For random views, on the CPU; fresh and alike for every call within one step. Draw for
                *all* `num_units` units and then choose: what a unit is shown as must not depend on who else
                was asked for, or adding one unit would change the gradients of others.
        """
        ...
