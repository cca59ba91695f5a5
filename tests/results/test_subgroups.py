from dataclasses import replace

import numpy as np
import pytest

from mammo_core.cohorts.cohort import join
from mammo_core.cohorts.installed import LoadedData
from mammo_core.errors import InvalidRequestError
from mammo_core.results.archive import RunArchive
from mammo_core.results.recording import RunRecorder
from mammo_core.results.subgroups import TABLE_COLUMNS, subgroups_of_runs
from tests.conftest import make_cohort
from tests.helpers.made_ledgers import run_many
from tests.training.heads.test_runs import make_config


@pytest.fixture
def tested(dataset):
    """A dataset whose test sets stand as they are loaded, and its masses."""
    dataset = replace(dataset, test_sets=dict(sorted(dataset.test_sets.items())))
    parts = [dataset.train, *(one.cohort for one in dataset.test_sets.values())]
    return dataset, LoadedData(join(parts), dataset.synthetic, [])


def record(dataset, home, *, seeds=(42, 43), budgets=(6.0, np.inf)):
    """Archive of runs of one strategy."""
    configs = [
        make_config(dataset, "real", epsilon, seed=seed) for epsilon in budgets for seed in seeds
    ]
    for result in run_many(dataset, configs):
        RunRecorder(home).record(result, origin="sweep")
    return RunArchive(home)


def views(loaded):
    """The first mass of a patient is seen in one view, her second in the other."""
    return {"view": np.where(np.arange(len(loaded.real)) % 2 == 0, "CC", "MLO")}


def test_recorded_runs_are_compared_on_every_test_set_by_what_is_known_of_masses(
    tested, private_home
):
    dataset, loaded = tested
    archive = record(dataset, private_home)

    table = subgroups_of_runs(archive.rows(), archive.load, loaded, views(loaded))

    assert tuple(table.columns) == TABLE_COLUMNS
    assert set(table["test_set"]) == {"here", "elsewhere"}
    assert {"size", "contrast", "sharpness", "grey level", "view"} == set(table["property"])
    seen = table[(table["property"] == "view") & (table["test_set"] == "here")]
    assert set(seen["group"]) == {"CC", "MLO"} and set(seen["num_masses"]) == {25}
    assert set(seen["num_seeds"]) == {2}
    assert seen[seen["target_epsilon"] == 6]["excess"].notna().all()


def test_runs_on_other_masses_or_without_their_like_are_refused(tested, private_home):
    dataset, loaded = tested
    archive = record(dataset, private_home, budgets=(6.0,))
    with pytest.raises(InvalidRequestError, match="with privacy and without, with the same seed"):
        subgroups_of_runs(archive.rows(), archive.load, loaded, {})

    archive = record(dataset, private_home, budgets=(np.inf,))
    other = join([make_cohort(60, seed=7), make_cohort(25, site="here", split="test")])
    with pytest.raises(InvalidRequestError, match="choose the data that the runs were made on"):
        subgroups_of_runs(archive.rows(), archive.load, LoadedData(other, None, []), {})
    assert len(subgroups_of_runs(archive.rows(), archive.load, loaded, {}))


def test_predictions_of_other_masses_are_refused(tested, private_home):
    dataset, loaded = tested
    archive = record(dataset, private_home, seeds=(42,))

    def renamed(run_id):
        run = archive.load(run_id)
        return replace(run, predictions=run.predictions.assign(mass_id="7"))

    with pytest.raises(InvalidRequestError, match="of the 50 masses of elsewhere"):
        subgroups_of_runs(archive.rows(), renamed, loaded, {})
