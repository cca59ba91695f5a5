"""What a ledger says: entries and budgets as values, totals by composition. Pure; the store is in `ledger_records`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from mammo_core.config import validate
from mammo_core.ledger.releases import CohortIdentity, Release
from mammo_core.privacy.accounting.cost import (
    PrivacyCost,
    mu_of_releases,
    running_epsilons,
    total_epsilon,
)
from mammo_core.privacy.noise.kinds import KEPT_SEED_DIGITS

WARNING_SHARE = 0.8
_ROUNDING = 1 + 1e-9


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """One release that was recorded.

    Attributes:
        cohort: Key of the cohort it was computed from.
        made: Seconds since 1970.
        origin: What asked for it: "train", "sweep", "live", "evaluation", "audit", "attack", "nearest", "heads make" or "gan train".
        job: Of the job that made it; empty for none.
        reason: Why it went beyond a budget; empty if it did not.
    """

    release: Release
    cohort: str
    made: float
    origin: str
    job: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The most that all releases from a cohort may cost together, to any patient."""

    epsilon: float
    delta: float

    def __post_init__(self) -> None:
        validate.at_least(validate.MIN_EPSILON, epsilon=self.epsilon)
        validate.privacy_slack(self.delta)


@dataclass(frozen=True, kw_only=True)
class BudgetChange:
    """A budget set for a cohort, or taken away (None)."""

    cohort: str
    budget: Budget | None
    made: float


@dataclass(frozen=True, kw_only=True)
class LedgerTotal:
    """What releases cost together, to the patient they cost most, at a δ.

    Attributes:
        epsilon: Of all; infinity if one is without DP.
        covered_epsilon: Of those with DP alone.
        mu: Of all if they are one Gaussian mechanism together, else None.
        num_releases: Of all.
        num_without_dp: That no ε covers.
        num_reproducible: With DP, but with noise that whoever knows the configuration can subtract.
    """

    epsilon: float
    covered_epsilon: float
    mu: float | None
    num_releases: int
    num_without_dp: int
    num_reproducible: int


@dataclass(frozen=True, kw_only=True)
class BudgetState:
    """How much of a budget is used, by the releases with DP.

    Attributes:
        spent: Their ε, composed, at the budget's δ.
        num_without_dp: Releases that no budget covers. Each was refused, or came before the budget.
        adds_without_dp: Whether one of those looked ahead at is such a release.
    """

    cohort: CohortIdentity
    budget: Budget
    spent: float
    num_without_dp: int
    adds_without_dp: bool

    @property
    def is_exceeded(self) -> bool:
        """Whether it does not allow what was looked ahead at; no budget allows a release without DP."""
        return self.adds_without_dp or self.spent > self.budget.epsilon * _ROUNDING

    @property
    def is_nearly_used(self) -> bool:
        """Whether 80 % or more is used."""
        return self.spent >= WARNING_SHARE * self.budget.epsilon


@dataclass(frozen=True, kw_only=True)
class LedgerBook:
    """Everything in a ledger at one time.

    Attributes:
        cohorts: By key.
        entries: The oldest first.
        budget_changes: The oldest first; the latest of a cohort holds.
        generators: Hashes of the weights of generators that were made here, and so are in the entries.
        num_missing: Records that were deleted for good or changed: totals are then too low.
    """

    cohorts: dict[str, CohortIdentity] = field(default_factory=dict)
    entries: tuple[LedgerEntry, ...] = ()
    budget_changes: tuple[BudgetChange, ...] = ()
    generators: frozenset[str] = frozenset()
    num_missing: int = 0

    def entries_of(self, members: frozenset[str]) -> list[LedgerEntry]:
        """Releases from any cohort that has one of these patients: cropping anew starts no new ledger.

        Args:
            members: Of a cohort, see `CohortIdentity`. A patient is also known by a picture, under whatever id.
        """
        sharing = {
            key for key, cohort in self.cohorts.items() if not members.isdisjoint(cohort.members)
        }
        return [entry for entry in self.entries if entry.cohort in sharing]

    def budget_of(self, cohort: str) -> Budget | None:
        """The budget that holds now."""
        changes = [change.budget for change in self.budget_changes if change.cohort == cohort]
        return changes[-1] if changes else None

    def new_releases(self, releases: Sequence[Release]) -> list[Release]:
        """Those that release something new: the same reproducible release counts once."""
        known = {entry.release.release for entry in self.entries}
        new: list[Release] = []
        for release in releases:
            if not (release.is_counted_once and release.release in known):
                new.append(release)
                known.add(release.release)
        return new

    def renamed(self, cohort: CohortIdentity) -> list[CohortIdentity]:
        """Lists the cohorts that share a picture with this one, but no patient's id."""
        return [
            other
            for other in self.cohorts.values()
            if not other.pictures.isdisjoint(cohort.pictures)
            and other.patients.isdisjoint(cohort.patients)
        ]

    def recorded(self, patients: frozenset[str]) -> CohortIdentity | None:
        """Finds the newest cohort of just these patients; it knows their pictures."""
        found = [cohort for cohort in self.cohorts.values() if cohort.patients == patients]
        return found[-1] if found else None

    def total(
        self, members: frozenset[str], delta: float, more: Sequence[Release] = ()
    ) -> LedgerTotal:
        """What everything released from these patients costs, and with `more` what it would cost then."""
        return total_of([*self._releases_of(members), *self.new_releases(more)], delta)

    def budget_states(
        self, members: frozenset[str], more: Sequence[Release] = ()
    ) -> list[BudgetState]:
        """Every budget that these patients come under, with what is spent, `more` included.

        A budget of another cohort that shares a patient counts, too.
        """
        return [
            self._budget_state(cohort, budget, more)
            for key, cohort in self.cohorts.items()
            if (budget := self.budget_of(key)) and not members.isdisjoint(cohort.members)
        ]

    def _budget_state(
        self, cohort: CohortIdentity, budget: Budget, more: Sequence[Release]
    ) -> BudgetState:
        before = self.total(cohort.members, budget.delta)
        after = self.total(cohort.members, budget.delta, more) if more else before
        return BudgetState(
            cohort=cohort,
            budget=budget,
            spent=after.covered_epsilon,
            num_without_dp=after.num_without_dp,
            adds_without_dp=after.num_without_dp > before.num_without_dp,
        )

    def _releases_of(self, members: frozenset[str]) -> list[Release]:
        return [entry.release for entry in self.entries_of(members)]


def total_of(releases: Sequence[Release], delta: float) -> LedgerTotal:
    """What releases cost together, to the patient they cost most."""
    costs = counted_costs(releases)
    private = [cost for cost in costs if cost.is_private]
    return LedgerTotal(
        epsilon=total_epsilon(costs, delta),
        covered_epsilon=total_epsilon(private, delta),
        mu=mu_of_releases(costs),
        num_releases=len(releases),
        num_without_dp=len(costs) - len(private),
        num_reproducible=sum(
            cost.is_private and release.noise == "reproducible"
            for release, cost in zip(releases, costs, strict=True)
        ),
    )


def running_totals(releases: Sequence[Release], delta: float) -> list[float]:
    """ε of those with DP among the first, the first two, … releases; those without are passed over."""
    costs = counted_costs(releases)
    totals = iter(running_epsilons([cost for cost in costs if cost.is_private], delta))
    return list(
        accumulate(
            costs,
            lambda last, cost: next(totals) if cost.is_private else last,
            initial=0.0,
        )
    )[1:]


def counted_costs(releases: Iterable[Release]) -> list[PrivacyCost]:
    """What each release costs beside those before it.

    Reproducible noise that was used before, on other data, cancels out when both releases are subtracted: the
    second counts as without DP. So does noise of another seed with the same last digits, which are all that is kept.
    """
    used: dict[str, str] = {}
    costs: list[PrivacyCost] = []
    for release in releases:
        drawn = release.noise_seed[-KEPT_SEED_DIGITS:]
        first = used.setdefault(drawn, release.release) if drawn else ""
        repeats = bool(drawn) and first != release.release
        costs.append(
            dataclasses.replace(release.spending, steps=None) if repeats else release.spending
        )
    return costs
