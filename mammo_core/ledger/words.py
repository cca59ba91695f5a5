"""What a ledger says, in words: the same at the command line and on the page."""

from __future__ import annotations

from mammo_core.ledger.book import BudgetState, LedgerBook, LedgerTotal
from mammo_core.ledger.releases import CohortIdentity
from mammo_core.ledger.stores import StoreIndex
from mammo_core.text.numbers import counted


def gap_sentence(book: LedgerBook) -> str:
    """How many records are gone for good, and what that means; empty if none is."""
    if not book.num_missing:
        return ""
    return (
        f"The ledger has a gap: {counted(book.num_missing, 'record')} of it can't be found any more, deleted or changed "
        "outside of this program. Totals and what budgets have left may be wrong: what those records released is in none, "
        "so totals are too low. The gap stays on record."
    )


def renamed_sentences(book: LedgerBook, cohort: CohortIdentity) -> list[str]:
    """Which cohorts are counted in because they show the same pictures under other ids."""
    return [
        f"{counted(len(cohort.pictures & other.pictures), 'picture')} of {cohort.name} ({cohort.key[:6]}) are also in "
        f"{other.name} ({other.key[:6]}), under other patient ids. A picture's patient is the same whatever the id, so "
        "releases from both cohorts count together, and a budget of one holds for the other."
        for other in book.renamed(cohort)
    ]


def other_store_sentences(index: StoreIndex, cohort: CohortIdentity) -> list[str]:
    """Where else patients of a cohort were used, and why that may not be known."""
    sentences = [
        f"Patients of {cohort.name} ({cohort.key[:6]}) were also used in another store: {place}, "
        + ("without a budget" if budget is None else f"with a budget ε = {budget:g}")
        + " there. What was released there is in no total here. Look at both ledgers together."
        for place, budget in index.others(cohort)
    ]
    if index.problem:
        sentences.append(
            "Use of these patients from another MAMMO_HOME or MLflow server goes unnoticed, because the list of this "
            f"user's stores can't be kept. {index.problem}"
        )
    return sentences


def short_total(total: LedgerTotal) -> str:
    """The total in a few words: "ε = 8.21, and 2 releases without DP"."""
    uncovered = total.num_without_dp
    if not uncovered:
        return f"ε = {total.covered_epsilon:.4g}"
    others = f"{counted(uncovered, 'release')} without DP"
    if uncovered == total.num_releases:
        return others
    return f"ε = {total.covered_epsilon:.4g}, and {others}"


def total_sentences(total: LedgerTotal, delta: float) -> list[str]:
    """What everything released costs together, and what no number covers."""
    if not total.num_releases:
        return ["Nothing was released from these patients so far."]
    private = total.num_releases - total.num_without_dp
    sentences: list[str] = []
    if private:
        sentences.append(
            f"With differential privacy: {private} of {counted(total.num_releases, 'release')}. Published together they "
            f"cost any one patient at most ε = {total.covered_epsilon:.4g} at δ = {delta:g} (composed by "
            "mechanism, not by adding ε)."
        )
    if total.num_without_dp:
        sentences.append(
            f"Without DP: {total.num_without_dp}. No ε covers what they reveal. Together with them, all releases "
            "give no privacy guarantee."
        )
    if total.num_reproducible:
        sentences.append(
            f"With reproducible noise, for demonstration: {total.num_reproducible}. Their ε does not hold against "
            "those who know the configuration."
        )
    return sentences


def budget_sentence(state: BudgetState) -> str:
    """How much of a budget is used, or would be."""
    cohort, budget = state.cohort, state.budget
    start = f"Budget of {cohort.name} ({cohort.key[:6]}), ε = {budget.epsilon:g} at δ = {budget.delta:g}: "
    if state.adds_without_dp:
        return start + "a release without DP is beyond every budget."
    used = f"ε = {state.spent:.4g} is {state.spent / budget.epsilon:.0%} of it"
    if state.is_exceeded:
        return start + f"ε = {state.spent:.4g} is beyond it."
    return start + used + (": nearly used." if state.is_nearly_used else ".")
