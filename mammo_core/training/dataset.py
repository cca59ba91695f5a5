"""The masses that runs train on and are judged by, split and identified; without features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mammo_core.cohorts.cohort import Cohort
from mammo_core.cohorts.origins import training_data
from mammo_core.config.runs import short_hash
from mammo_core.errors import CohortError
from mammo_core.evaluation.bootstrap import PatientBootstrap
from mammo_core.ledger.releases import CohortIdentity, cohort_identity
from mammo_core.privacy.statements.training_data import (
    UNKNOWN_ORIGIN,
    SyntheticOrigin,
    TrainingData,
)

TEST = "test "  # before the name of a site


@dataclass(frozen=True)
class TestedMasses:
    """Masses that models are judged by, with the resamples that all their intervals share."""

    __test__ = False  # not a test case, whatever pytest makes of the name

    cohort: Cohort
    bootstrap: PatientBootstrap

    @classmethod
    def of(cls, cohort: Cohort) -> TestedMasses:
        """With the usual number of resamples."""
        return cls(cohort, PatientBootstrap(cohort.labels, cohort.patient_ids))


@dataclass(frozen=True, kw_only=True)
class RunDataset:
    """What a run is given besides its configuration.

    Attributes:
        train: Real masses of the training site's train split.
        test_sets: By name: every site with a test split.
        synthetic: Synthetic masses, or None.
        validation: The training site's val split, or None; thresholds and curves of progress come from it.
        origin: Of the synthetic masses.
        is_demonstration: Whether synthetic masses play the real ones, with no patient behind.
    """

    train: Cohort
    test_sets: Mapping[str, TestedMasses]
    synthetic: Cohort | None
    validation: TestedMasses | None = None
    origin: SyntheticOrigin = UNKNOWN_ORIGIN
    is_demonstration: bool = False

    @cached_property
    def data_hash(self) -> str:
        """16 hex digits that identify all masses that results depend on, their labels and patients, in order."""
        parts = [self.train, *(test.cohort for test in self.test_sets.values())]
        parts += [self.synthetic] if self.synthetic is not None else []
        return short_hash([part.content_hash for part in parts])

    @cached_property
    def training_data(self) -> TrainingData:
        """What a run's guarantee depends on besides its configuration."""
        return training_data(
            self.train.patient_ids,
            0 if self.synthetic is None else len(self.synthetic),
            self.origin,
            is_demonstration=self.is_demonstration,
        )

    @cached_property
    def cohort_identity(self) -> CohortIdentity:
        """Whom releases are charged to in the ledger."""
        return cohort_identity(self.train, is_demonstration=self.is_demonstration)


def run_dataset(
    real: Cohort,
    synthetic: Cohort | None,
    *,
    site: str | None = None,
    origin: SyntheticOrigin = UNKNOWN_ORIGIN,
    is_demonstration: bool = False,
) -> RunDataset:
    """Splits masses for runs on images.

    Args:
        real: Masses with at least a train split at one site and a test split at one.
        synthetic: Synthetic masses, or None: then only the strategy `real` can run.
        site: The training site, if several have a train split.
        origin: Of the synthetic masses; what is not known is taken for the worst.
        is_demonstration: Whether synthetic masses play the real ones.

    Raises:
        CohortError: If there is no train or no test split, or a class is missing.
    """
    parts = parts_of(real, synthetic, site)
    validation = parts.get("validation")
    return RunDataset(
        train=parts["train"],
        test_sets={name: TestedMasses.of(part) for name, part in tested_parts(parts).items()},
        synthetic=synthetic,
        validation=None if validation is None else TestedMasses.of(validation),
        origin=origin,
        is_demonstration=is_demonstration,
    )


def parts_of(real: Cohort, synthetic: Cohort | None, site: str | None) -> dict[str, Cohort]:
    """The masses that runs use, by name: "train", "test SITE" …, "synthetic", "validation".

    Each has both classes; validation masses that lack one are of no use and left out.
    """
    own = real.training_site(site)
    parts = {"train": real.select(site=own, split="train")}
    tested = sorted(real.sites_with("test"), key=lambda name: (name != own, name))  # own site first
    parts |= {f"{TEST}{name}": real.select(site=name, split="test") for name in tested}
    if len(parts) == 1:
        raise CohortError("Expected a test split at one site or more; found none. Add SITE/test.")
    if synthetic is not None:
        parts["synthetic"] = synthetic
    for name, part in parts.items():
        part.require_both_classes(f"the part {name!r}")
    validation = real.select(site=own, split="val")
    if len(set(validation.labels)) == 2 and validation.num_patients > 1:
        parts["validation"] = validation
    return parts


def tested_parts(parts: Mapping[str, Cohort]) -> dict[str, Cohort]:
    """Of `parts_of` the test sets, by site."""
    return {name.removeprefix(TEST): part for name, part in parts.items() if name.startswith(TEST)}
