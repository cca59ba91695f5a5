"""Compares clipped sums of gradients with those that one backward pass for each unit gives.

A rule for gradients of single units can be wrong for some layer, or for some layout of its inputs in memory, and
training would go on all the same. So every private training is tried on a few made-up units first. No patient is
looked at, and neither noise nor the training's random numbers are drawn.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mammo_core.errors import PrivacyError
from mammo_core.privacy.noise.clipping import l2_norm
from mammo_core.privacy.noise.kinds import CLIP_MARGIN

TRIED_UNITS = 3
_ROUNDING = 1e-3  # of the longest gradient, for each unit


def wrong_gradients(
    parameters: Sequence[Tensor],
    losses_of: Callable[[slice], Tensor],
    clipped_sums: Callable[[slice, float], Sequence[Tensor]],
    num_units: int = TRIED_UNITS,
) -> list[int]:
    """Finds the parameters whose sums are wrong, in batches of `num_units`, of one less, … and of one unit.

    Each batch is summed with a bound that clips none, and with one that clips some.

    Args:
        parameters: P of them.
        losses_of: Computes the loss of each of some units, (U,).
        clipped_sums: Computes, as the training does, the sums of their gradients (P of them), clipped to a bound.

    Returns:
        Their positions; those of the first batch that is wrong.
    """
    for units in (slice(0, count) for count in range(num_units, 0, -1)):
        with torch.enable_grad():
            alone = [
                torch.autograd.grad(
                    loss, parameters, retain_graph=True, allow_unused=True, materialize_grads=True
                )
                for loss in losses_of(units)
            ]
        lengths = [float(l2_norm(torch.stack([l2_norm(part) for part in own]))) for own in alone]
        longest = max(lengths) or 1.0
        for bound in (2 * longest, longest / 2):  # none is clipped, and some are
            factors = [min(1.0, (1 - CLIP_MARGIN) * bound / (length or 1.0)) for length in lengths]
            wrong = [
                index
                for index, found in enumerate(clipped_sums(units, bound))
                if not bool(
                    l2_norm(
                        found - sum(f * own[index] for f, own in zip(factors, alone, strict=True))
                    )
                    <= _ROUNDING * longest * len(alone)
                )
            ]
            if wrong:
                return wrong
    return []


def require_right_gradients(
    named: dict[str, nn.Parameter],
    losses_of: Callable[[slice], Tensor],
    clipped_sums: Callable[[slice, float], Sequence[Tensor]],
) -> None:
    """Raises PrivacyError unless clipped sums are right; see `wrong_gradients`."""
    names = list(named)
    wrong = [names[index] for index in wrong_gradients([*named.values()], losses_of, clipped_sums)]
    if wrong:
        raise PrivacyError(
            f"Expected the gradients that one backward pass for each patient gives; those of {', '.join(wrong)} are "
            "others, so a patient's part would not be bounded as stated. Nothing was trained. Install the versions in "
            "requirements.txt, or report this with yours."
        )
