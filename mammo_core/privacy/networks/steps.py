"""Computes losses, averages weights and seeds the steps of a network's training."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import get_ema_multi_avg_fn

from mammo_core.privacy.networks.unit_source import UnitBatch


def losses_of_inputs(batch: UnitBatch, label_smoothing: float) -> Callable[[Tensor], Tensor]:
    """Makes the function from outputs (N, 1 or 2) to weighted losses (N,); a unit's loss is the sum over its inputs.

    One output is the logit of malignant, with the logistic loss; two are logits of benign and malignant,
    with cross-entropy. Label smoothing draws labels by that share towards one half.
    """

    def losses(outputs: Tensor) -> Tensor:
        outputs = outputs.to(batch.weights.dtype)
        if outputs.ndim != 2 or outputs.shape[1] not in (1, 2):
            raise ValueError(f"Expected outputs (N, 1) or (N, 2); got {tuple(outputs.shape)}.")
        if outputs.shape[1] == 1:
            labels = batch.labels * (1 - label_smoothing) + label_smoothing / 2
            found = functional.binary_cross_entropy_with_logits(
                outputs[:, 0], labels.to(outputs), reduction="none"
            )
        else:
            found = functional.cross_entropy(
                outputs, batch.labels.long(), reduction="none", label_smoothing=label_smoothing
            )
        return found * batch.weights

    return losses


class MovingAverage:
    """Starts at the first weights it is given.

    Args:
        decay: Share of the old average that each step keeps; None keeps none at all.

    Attributes:
        tensors: The average, one per parameter; empty before the first step, and without a decay.
    """

    def __init__(self, decay: float | None) -> None:
        self._decay = decay
        self.tensors: list[Tensor] = []

    @torch.no_grad()
    def add(self, parameters: Sequence[Tensor]) -> None:
        """Takes the weights after a step into account."""
        if self._decay is None:
            return
        if self.tensors:
            get_ema_multi_avg_fn(self._decay)(self.tensors, list(parameters), 0)
        else:
            self.tensors = [parameter.detach().clone() for parameter in parameters]


@contextmanager
def seeded(seed: int) -> Generator[None]:
    """Starts torch's own generators from a seed, and restores their state afterwards."""
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        yield


def seed_of_step(seed: int | None, step: int) -> int:
    """Derives a seed for each step; for None it comes from the operating system."""
    if seed is None:
        return int.from_bytes(os.urandom(8), "little") >> 1
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))
