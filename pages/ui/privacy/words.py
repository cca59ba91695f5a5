"""Says odds in plain words, after Nanayakkara et al. 2023, "What Are the Chances?", USENIX Security."""

from __future__ import annotations

import math

from mammo_core.privacy.accounting.risk import careful_odds, fair_odds

ATTACKER = (
    "This attacker sees everything about the finished model. The attacker knows the method and "
    "all data except one {unit}'s, and must say whether the {unit} took part. Real attackers "
    "know less. Mere guessing gives 50 of 100 right and 50 wrong, or 1 and 1."
)


def odds_sentence(mu: float, units: str) -> str:
    """Says what the best attacker achieves who errs alike on both sides."""
    odds, that = fair_odds(mu), _that(units)
    if math.isinf(mu):
        return (
            "**No privacy (not DP): no limit.** In the worst case, an attacker identifies all "
            f"**100** of 100 {units} {that} took part, and wrongly flags **none** of 100 others."
        )
    return (
        f"The best attacker identifies at most **{odds.tpr}** of 100 {units} {that} took part, and "
        f"wrongly flags **{odds.fpr}** of 100 others."
    )


def careful_sentence(mu: float, units: str) -> str:
    """Says what the best attacker achieves who flags hardly anybody wrongly."""
    if math.isinf(mu):
        return "There is no limit either for an attacker who wrongly flags nobody."
    return (
        "An attacker who wrongly flags only **1** of 100 others identifies at most "
        f"**{careful_odds(mu).tpr}** of 100 {units} {_that(units)} took part."
    )


def _that(units: str) -> str:
    return "that" if units == "masses" else "who"
