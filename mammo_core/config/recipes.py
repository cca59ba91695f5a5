"""Gives the default recipe of each strategy, chosen on CBIS-DDSM training and validation masses only.

Every trial and its score is in docs/reference/recipes.md.
"""

from __future__ import annotations

from dataclasses import replace

from mammo_core.config.network_recipe import NetworkRecipe, TrainedPart
from mammo_core.config.runs import HeadRecipe, Strategy

_USUAL = HeadRecipe()
RECIPES: dict[Strategy, HeadRecipe] = {
    "real": _USUAL,
    "real+synthetic": HeadRecipe(synthetic_weight=0.03),
    "synthetic": _USUAL,
    "pretrain": _USUAL,
}


NETWORK_RECIPES: dict[TrainedPart, NetworkRecipe] = {
    "head": NetworkRecipe(
        trained_part="head", steps=100, sample_rate=0.25, learning_rate=3e-3, ema_decay=0.9
    ),
    "adapters": NetworkRecipe(
        trained_part="adapters", steps=100, sample_rate=0.25, learning_rate=1e-3, ema_decay=0.9
    ),
    "network": NetworkRecipe(
        trained_part="network", steps=100, sample_rate=0.25, learning_rate=3e-4, ema_decay=0.9
    ),
}
_PRETRAINING_STEPS = 200
_SYNTHETIC_WEIGHT = 0.1


def network_recipe(strategy: Strategy, trained_part: TrainedPart) -> NetworkRecipe:
    """Gives the default recipe of a network for a strategy."""
    recipe = NETWORK_RECIPES[trained_part]
    match strategy:
        case "pretrain":
            return replace(recipe, pretraining_steps=_PRETRAINING_STEPS)
        case "real+synthetic":
            return replace(recipe, synthetic_weight=_SYNTHETIC_WEIGHT)
        case _:
            return recipe
