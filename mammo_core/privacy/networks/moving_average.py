"""The exponential moving average of weights: computed from what was released, so it costs no privacy."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn


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
            get_ema_multi_avg_fn(self._decay)(self.tensors, parameters, None)
        else:
            self.tensors = [parameter.detach().clone() for parameter in parameters]
