"""What is about to be released from a cohort, and who is asked before: a ledger. Knows no store."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from mammo_core.cohorts.cohort import Cohort
from mammo_core.config.names import name_of_run
from mammo_core.config.runs import (
    UNKNOWN_CONTENT,
    Noise,
    RunConfig,
    Unit,
    identity_of,
    short_hash,
)
from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.accounting import gaussian
from mammo_core.privacy.accounting.cost import NoisySteps, PrivacyCost
from mammo_core.system.secret_key import hash_again, hash_for_user, hash_patients, unkeyed_hash

ReleaseKind = Literal["run", "generator", "measures"]


@dataclass(frozen=True, kw_only=True)
class CohortIdentity:
    """Whose data a release is computed from.

    Attributes:
        key: Identifies pixels, labels and patients of the training masses, in order.
        name: Their site.
        patients: Hashed ids, see `hash_patients`. The same id means the same patient, in any cohort.
        pictures: Hashed pixels of each mass. The same picture means the same patient, whatever the id. Empty in records
            of versions up to 0.2.
        marks: The same patients and pictures under the user's key, for the index of stores. Not in the ledger.
        largest_patient: Most masses of one patient.
        is_demonstration: Whether a generator drew these patients.
    """

    key: str
    name: str
    patients: frozenset[str]
    num_masses: int
    largest_patient: int
    is_demonstration: bool
    pictures: frozenset[str] = frozenset()
    marks: frozenset[str] = field(default=frozenset(), compare=False, repr=False)

    @property
    def members(self) -> frozenset[str]:
        """All by which it is known that a patient is also in another cohort."""
        return self.patients | self.pictures


@dataclass(frozen=True, kw_only=True)
class Release:
    """One release that is about to be made.

    Attributes:
        title: To show.
        strategy: Of a run; of a generator its architecture; of measures none.
        target_epsilon: What was asked for; infinity without DP.
        noise: Reproducible noise hides nothing from those who know the configuration.
        noise_seed: Names reproducible noise: the same on other data cancels out. Empty for secret noise.
        release: Identifies what is released: configuration and data.
        is_counted_once: Whether another release with the same `release` would release nothing new.
    """

    kind: ReleaseKind
    title: str
    strategy: str
    target_epsilon: float
    spending: PrivacyCost
    noise: Noise
    noise_seed: str
    release: str
    is_counted_once: bool


class ReleaseLedger(Protocol):
    """Writes down every release before it is made, on behalf of one piece of work."""

    def require_room(self, cohort: CohortIdentity, releases: Sequence[Release]) -> None:
        """Raises BudgetExceededError if these releases would exceed a budget; writes nothing."""

    def record(self, cohort: CohortIdentity, releases: Sequence[Release]) -> None:
        """Writes these releases down, all or none.

        Raises:
            BudgetExceededError: If they would exceed a budget; then nothing may be trained.
        """

    def note_generator(self, sha256: str) -> None:
        """Says that weights came from a training recorded here, so that they are not counted again."""


def cohort_identity(train: Cohort, *, is_demonstration: bool) -> CohortIdentity:
    """Training masses of one site as the ledger knows them. Hashes every image, so compute it once."""
    is_plain = train.images.min(axis=(1, 2)) == train.images.max(axis=(1, 2))  # nobody's picture
    pictures = np.array(train.image_hashes)[~is_plain].tolist()
    return CohortIdentity(
        key=train.content_hash,
        name=str(train.sites[0]),
        patients=hash_patients(train.patient_ids.tolist()),
        num_masses=len(train),
        largest_patient=train.largest_patient,
        is_demonstration=is_demonstration,
        pictures=hash_again(pictures),
        marks=hash_for_user([*pictures, *map(unkeyed_hash, set(train.patient_ids.tolist()))]),
    )


def cost_of_run(
    config: RunConfig, largest_patient: int, noise_multiplier: float
) -> PrivacyCost | None:
    """What a run costs the real patients; None if it never touches their data.

    Args:
        largest_patient: Most masses of one patient.
        noise_multiplier: As calibrated for the run; 0 without DP.
    """
    if config.strategy == "synthetic":
        return None
    recipe = config.recipe
    steps = (
        NoisySteps(noise_multiplier, recipe.sample_rate, recipe.steps) if noise_multiplier else None
    )
    return PrivacyCost(
        steps=None if steps is None else (steps,),
        unit=config.privacy.unit,
        largest_patient=largest_patient,
    )


def releases_of_run(
    config: RunConfig, noise_multiplier: float, train: Cohort, synthetic: Cohort | None
) -> list[Release]:
    """What a run releases: one release, or none if it never touches real patients.

    Args:
        noise_multiplier: As calibrated for the run; 0 without DP.
        train: Real training masses.

    Raises:
        InvalidRequestError: If an older version planned it: noise that is not rounded to a grid, a file of weights
            without its content.
    """
    if config.privacy.arithmetic != "grid":
        raise InvalidRequestError(
            "Expected a run whose noise is rounded to a grid; got one that version 0.2 or older planned, with noise in single "
            "precision. Ask for it anew."
        )
    if config.backbone.weights_sha256 == UNKNOWN_CONTENT:
        raise InvalidRequestError(
            "Expected a run that knows the content of its file of weights; got one that version 0.2 or older planned. Ask "
            "for it anew."
        )
    cost = cost_of_run(config, train.largest_patient, noise_multiplier)
    if cost is None:
        return []
    used = [train] if config.strategy == "real" or synthetic is None else [train, synthetic]
    data = [cohort.content_hash for cohort in used]
    budget = config.privacy.target_epsilon
    name = f"ε = {budget:g}" if cost.is_private else "without DP"
    seed = config.noise_seed if cost.is_private else None
    return [
        Release(
            kind="run",
            title=f"{name_of_run(config)}, {name}, seed {config.seed}",
            strategy=config.strategy,
            target_epsilon=budget,
            spending=cost,
            noise=config.privacy.noise,
            noise_seed="" if seed is None else f"{seed:016x}",
            release=short_hash({"config": identity_of(config), "data": data}),
            is_counted_once=seed is not None or not cost.is_private,
        )
    ]


def release_of_measures(title: str, **identity: Any) -> Release:
    """What is computed from training patients without noise and shown: a release without DP, whatever it measures.

    Args:
        identity: JSON-ready values that the measures follow from. The same again release nothing new.
    """
    return Release(
        kind="measures",
        title=title,
        strategy="",
        target_epsilon=math.inf,
        spending=PrivacyCost(steps=None, unit="patient", largest_patient=1),
        noise="secret",
        noise_seed="",
        release=short_hash({"measures": title, **identity}),
        is_counted_once=True,
    )


def cost_of_budget(epsilon: float, delta: float, unit: Unit, largest_patient: int) -> PrivacyCost:
    """What a run costs that spends a budget whole; the same for any number of steps.

    Raises:
        PrivacyError: If ε is finite and outside 0.05 … 1000.
    """
    noise = gaussian.calibrate_gaussian(epsilon, delta, steps=1)
    return PrivacyCost(
        steps=(NoisySteps(noise, 1.0, 1),) if noise else None,
        unit=unit,
        largest_patient=largest_patient,
    )


def planned_releases(cost: PrivacyCost, count: int) -> list[Release]:
    """Releases that might be made, each a new one, to see what they would cost."""
    planned = Release(
        kind="run",
        title="planned",
        strategy="",
        target_epsilon=math.nan,
        spending=cost,
        noise="secret",
        noise_seed="",
        release="",
        is_counted_once=False,
    )
    return [planned] * count
