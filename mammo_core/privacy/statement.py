"""What a run's ε promises and what it does not, in words computed from its configuration."""

from __future__ import annotations

from mammo_core.config import RunConfig

_COVERAGE = {
    "real": "No synthetic data were used, so it covers everything learned from these patients.",
    "real+synthetic": (
        "The synthetic masses and the projection learned from them came from outside this run: if "
        "their generator saw the same patients without differential privacy, as the paper's did, "
        "this ε covers the private training step only, not what the synthetic masses reveal."
    ),
    "pretrain": (
        "The synthetic masses and all that was learned from them came from outside this run: if "
        "their generator saw the same patients without differential privacy, as the paper's did, "
        "this ε covers the fine-tuning step only, not what the synthetic masses reveal."
    ),
}


def guarantee_sentences(config: RunConfig, epsilon: float, num_units: int) -> list[str]:
    """The guarantee of one run: first what holds, then what it covers, then what it leaves out.

    Args:
        epsilon: Spent, at the configuration's δ.
        num_units: Units of privacy in the training data.
    """
    if config.strategy == "synthetic":
        return _synthetic_only(config, epsilon, num_units)
    if not config.privacy.is_private:
        return [
            f"No privacy (not DP): the model may reveal any of the {num_units} {config.privacy.unit}s "
            "it was trained on."
        ]
    return [
        f"({epsilon:.3g}, {config.privacy.target_delta:g})-differential privacy with the "
        f"{config.privacy.unit} as the unit: adding or removing all data of any one of "
        f"{num_units} {config.privacy.unit}s changes the probability of any outcome by at most a "
        "factor e^ε, up to δ. Their number is treated as public.",
        _COVERAGE[config.strategy],
        "One release only: releases add up. Validation labels used to choose the recipe are not "
        "accounted for. The noise is pseudo-random: whoever learns the seed can remove it, and the "
        "same seed on changed data shows what changed.",
    ]


def _synthetic_only(config: RunConfig, epsilon: float, num_units: int) -> list[str]:
    trained = (
        f"ε = {epsilon:.3g} hides single synthetic masses ({num_units} of them)"
        if config.privacy.is_private
        else "Trained without differential privacy on synthetic masses only"
    )
    return [
        f"No promise to any patient. {trained}; real patients are touched only through the "
        "generator, and are protected only as far as it was trained privately."
    ]
