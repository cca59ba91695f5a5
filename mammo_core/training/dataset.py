"""The masses that runs train on and are judged by, split and identified; without features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from mammo_core.cohorts.cohort import Cohort
from mammo_core.cohorts.installed import LoadedData
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
        tests = [tested.cohort for tested in self.test_sets.values()]
        return _data_hash(self.train, tests, self.synthetic)

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
        """The cohort as the ledger knows it."""
        return cohort_identity(self.train, is_demonstration=self.is_demonstration)


def _data_hash(train: Cohort, tests: Iterable[Cohort], synthetic: Cohort | None) -> str:
    parts = [train, *tests, *([] if synthetic is None else [synthetic])]
    return short_hash([part.content_hash for part in parts])


def run_dataset(loaded: LoadedData, *, site: str | None = None) -> RunDataset:
    """Splits loaded masses for runs.

    Args:
        loaded: Real masses with at least a train split at one site and a test split at one; without
            synthetic masses only the strategy `real` can run.
        site: The training site; needed if several have a train split.

    Raises:
        CohortError: If there is no train or no test split, or a class is missing.
    """
    parts = split_masses(loaded, site)
    return RunDataset(
        train=parts.train,
        test_sets={name: TestedMasses.of(cohort) for name, cohort in parts.tests.items()},
        synthetic=loaded.synthetic,
        validation=None if parts.validation is None else TestedMasses.of(parts.validation),
        origin=loaded.origin,
        is_demonstration=loaded.is_demonstration,
    )


class SplitMasses(NamedTuple):
    """Real masses as runs use them: training site's train split, test splits by site, usable validation split."""

    train: Cohort
    tests: dict[str, Cohort]
    validation: Cohort | None


def split_masses(loaded: LoadedData, site: str | None) -> SplitMasses:
    """Splits real masses, the training site's own test split first; raises what `run_dataset` raises.

    Validation masses that lack a class, or come from one patient, are left out.
    """
    real, own = loaded.real, loaded.real.training_site(site)
    train, validation = (real.select(site=own, split=split) for split in ("train", "val"))
    sites = sorted(real.sites_with("test"), key=lambda name: (name != own, name))
    if not sites:
        raise CohortError("Expected a test split at one site or more; found none. Add SITE/test.")
    tests = {name: real.select(site=name, split="test") for name in sites}
    train.require_both_classes("the part 'train'")
    for name, cohort in tests.items():
        cohort.require_both_classes(f"the part 'test {name}'")
    if loaded.synthetic is not None:
        loaded.synthetic.require_both_classes("the part 'synthetic'")
    is_usable = len(set(validation.labels.tolist())) == 2 and validation.num_patients > 1
    return SplitMasses(train, tests, validation if is_usable else None)


def site_of_runs(loaded: LoadedData, data_hash: str) -> str | None:
    """Finds the training site of the runs that were made on these masses.

    Args:
        data_hash: Of the runs, which may have left out the synthetic masses.

    Returns:
        The site; None if the runs were made on other masses.
    """
    for site in loaded.real.sites_with("train"):
        try:
            parts = split_masses(loaded, site)
        except CohortError:  # a site that no run can be trained on
            continue
        for synthetic in (loaded.synthetic, None):
            if _data_hash(parts.train, parts.tests.values(), synthetic) == data_hash:
                return site
    return None
