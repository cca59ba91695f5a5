"""The recipe of each strategy: one for all ε and both units, chosen on CBIS-DDSM validation only.

What was tried: 128 to 512 principal directions, whitening 0.3 to 1, 10 to 400 steps, learning rate 4 to
60, clipping norm 0.03 to 1, deeper and shallower layers of the backbone, synthetic gradient weight
0 to 0.3, mean view against projected views. Small clipping norms (every unit's gradient nearly
normalised) with a hundred steps were best at every ε, by about .03 AUROC at ε = 1.
"""

from mammo_core.config import HeadRecipe, Strategy

_WITH_SYNTHETIC = HeadRecipe()
RECIPES: dict[Strategy, HeadRecipe] = {
    "real": HeadRecipe(projection_dims=None, whitening=0.0, steps=200),
    "real+synthetic": HeadRecipe(synthetic_weight=0.03),
    "synthetic": _WITH_SYNTHETIC,
    "pretrain": _WITH_SYNTHETIC,
}
