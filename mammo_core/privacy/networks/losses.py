"""What is made small: the weighted loss of each input, for networks with one output or two."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional

from mammo_core.privacy.networks.unit_source import UnitBatch


def losses_of_inputs(batch: UnitBatch, label_smoothing: float) -> Callable[[Tensor], Tensor]:
    """What turns outputs (N, 1 or 2) into weighted losses (N,); a unit's loss is the sum over its inputs.

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
