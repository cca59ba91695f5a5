"""The masses of runs, and the training site that a run's hash of them tells."""

import pytest

from mammo_core.cohorts.cohort import join
from mammo_core.cohorts.installed import LoadedData
from mammo_core.training.dataset import run_dataset, site_of_runs
from tests.conftest import make_cohort

SITES = ("first", "second")


@pytest.fixture
def two_sites():
    parts = [
        make_cohort(8, site=site, split=split, seed=seed)
        for seed, (site, split) in enumerate((s, p) for s in SITES for p in ("train", "test"))
    ]
    synthetic = make_cohort(8, source="synthetic", seed=9)
    return LoadedData(join(parts), synthetic, [])


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("with_synthetic", [True, False])
def test_site_of_runs_is_found_by_their_hash(two_sites, site, with_synthetic):
    synthetic = two_sites.synthetic if with_synthetic else None
    trained = run_dataset(LoadedData(two_sites.real, synthetic, []), site=site)

    assert site_of_runs(two_sites, trained.data_hash) == site


def test_runs_of_other_masses_have_no_site_here(two_sites):
    other = run_dataset(LoadedData(two_sites.real.where(two_sites.real.sites == "first"), None, []))

    assert site_of_runs(two_sites, other.data_hash) is None


def test_a_site_that_cannot_be_trained_on_is_passed_over(two_sites):
    benign_only = make_cohort(1, site="a first site", seed=5)
    real = join([benign_only, two_sites.real])
    trained = run_dataset(LoadedData(real, None, []), site="second")

    assert site_of_runs(LoadedData(real, None, []), trained.data_hash) == "second"
