"""Scores the cases of a study by one shipped model, to be shown beside a case when readers read with help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mammo_core.classifiers.backbones import Backbone
from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import InvalidRequestError
from mammo_core.reading.case import case_features, read_case
from mammo_core.reading.shipped_heads import ShippedHeads
from mammo_core.text.numbers import budget_name


@dataclass(frozen=True)
class Aid:
    """What a model says of a mass.

    Attributes:
        score: In [0, 1], higher for malignant.
        threshold: A score at or above it is called malignant.
    """

    score: float
    threshold: float


def aid_budgets(shipped: ShippedHeads) -> list[float]:
    """Lists the ε that there is a model of, rising; infinity is a model without privacy."""
    return sorted({head.target_epsilon for head in shipped.card.heads})


def require_budget(epsilon: float, shipped: ShippedHeads) -> None:
    """Raises InvalidRequestError unless there is a model of this ε."""
    if epsilon not in aid_budgets(shipped):
        raise InvalidRequestError(
            f"Expected ε of a shipped model ({', '.join(map(budget_name, aid_budgets(shipped)))}); got "
            f"{budget_name(epsilon)}. Choose one of these."
        )


def aid_of(
    image: np.ndarray,
    epsilon: float,
    shipped: ShippedHeads,
    load: Callable[[BackboneConfig], Backbone],
) -> Aid:
    """Scores a mass (H, W) uint8 by the first model of a budget: one release, as a hospital would have it.

    Args:
        load: Gives a network, for example from memory.

    Raises:
        InvalidRequestError: If there is no model of this budget.
    """
    require_budget(epsilon, shipped)
    features = case_features(image, [shipped.models.backbone], load)
    readings = read_case(features, [shipped.models])
    (reading,) = (one for one in readings if one.target_epsilon == epsilon)
    return Aid(float(reading.scores[0]), float(reading.thresholds[0]))
