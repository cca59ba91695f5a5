"""Odds in plain words, after Nanayakkara et al. 2023, "What Are the Chances?", USENIX Security."""

from __future__ import annotations

import math

from mammo_core.privacy.accounting.risk import careful_odds, fair_odds

ATTACKER = (
    "The attacker meant here sees everything about the finished model, knows the method and all data but "
    "that one {unit}'s, and has to say whether the {unit} took part. Real attackers know less. Mere guessing: "
    "50 of 100 rightly and 50 wrongly, or 1 and 1."
)


def odds_sentence(mu: float, units: str) -> str:
    """What the best attacker achieves who errs alike on both sides."""
    odds, that = fair_odds(mu), _that(units)
    if math.isinf(mu):
        return (
            f"**No privacy (not DP): no limit.** In the worst case an attacker rightly says so of all **100** "
            f"of 100 {units} {that} took part, and wrongly of **none** {that} did not."
        )
    return (
        f"Of 100 {units} {that} took part, the best attacker would rightly say so of at most "
        f"**{odds.tpr}**; of 100 {that} did not, he would wrongly say so of **{odds.fpr}**."
    )


def careful_sentence(mu: float, units: str) -> str:
    """What the best attacker achieves who accuses hardly anybody wrongly."""
    if math.isinf(mu):
        return "Nor is there a limit for an attacker who wrongly accuses nobody."
    return (
        f"An attacker so careful that he wrongly accuses **1** of 100 names at most "
        f"**{careful_odds(mu).tpr}** of 100 {units} {_that(units)} took part."
    )


def _that(units: str) -> str:
    return "that" if units == "masses" else "who"
