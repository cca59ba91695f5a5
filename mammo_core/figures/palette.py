"""One colour and one name per strategy, and one name per trained part, in every figure. Colours of Okabe and Ito (2008) for all eyes."""

from mammo_core.config import HEAD_ON_FEATURES, HeadOnFeatures, RunConfig, Strategy
from mammo_core.network_recipe import TrainedPart

STRATEGY_COLOURS: dict[Strategy, str] = {
    "real": "#0072B2",
    "real+synthetic": "#009E73",
    "synthetic": "#E69F00",
    "pretrain": "#CC5FA0",
}
STRATEGY_NAMES: dict[Strategy, str] = {
    "real": "real only",
    "real+synthetic": "real + synthetic",
    "synthetic": "synthetic only",
    "pretrain": "synthetic, then private on real",
}
TRAINED_PART_NAMES: dict[TrainedPart | HeadOnFeatures, str] = {
    HEAD_ON_FEATURES: "head on cached features",
    "head": "head of a network",
    "adapters": "adapters in a network",
    "network": "the network itself",
}
TEST_SET_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC5FA0", "#E69F00")
CLASS_COLOURS = {"benign": "#56B4E9", "malignant": "#D55E00"}
NEUTRAL = "#888888"


def name_of_run(config: RunConfig) -> str:
    """What a run trained on what, for example "real only" or "real only, adapters in a network"."""
    strategy = STRATEGY_NAMES[config.strategy]
    if config.trained_part == HEAD_ON_FEATURES:
        return strategy
    return f"{strategy}, {TRAINED_PART_NAMES[config.trained_part]}"


def faded(colour: str, opacity: float) -> str:
    """A hex colour as rgba text.

    Example:
        >>> faded("#0072B2", 0.2)
        'rgba(0, 114, 178, 0.2)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity:g})"
