"""The recipe of each strategy: one for all ε and both units, chosen on CBIS-DDSM training and validation masses only.

Every trial and its score is in docs/recipes.md.
"""

from mammo_core.config import HeadRecipe, Strategy

_USUAL = HeadRecipe()
RECIPES: dict[Strategy, HeadRecipe] = {
    "real": _USUAL,
    "real+synthetic": HeadRecipe(synthetic_weight=0.03),
    "synthetic": _USUAL,
    "pretrain": _USUAL,
}
