import pytest

from mammo_core.storage import mlflow_store
from mammo_core.storage.mlflow_store import open_experiment, search_all


@pytest.fixture
def experiment(private_home, monkeypatch):
    """Five runs, numbered, of which MLflow gives two at once."""
    monkeypatch.setattr(mlflow_store, "_PAGE", 2)
    client, experiment_id = open_experiment(private_home, "numbers")
    for number in range(5):
        client.create_run(experiment_id, tags={"number": str(number)}, start_time=number + 1)
    return client, experiment_id


def numbers(runs):
    return [int(run.data.tags["number"]) for run in runs]


def test_all_pages_are_read_the_newest_run_first(experiment):
    assert numbers(search_all(*experiment)) == [4, 3, 2, 1, 0]


def test_search_keeps_to_condition_order_and_limit(experiment):
    assert numbers(search_all(*experiment, "tags.number != '2'")) == [4, 3, 1, 0]
    oldest = search_all(*experiment, order_by=["attributes.start_time ASC"], limit=3)
    assert numbers(oldest) == [0, 1, 2]


def test_deleted_runs_are_found_when_asked_for(experiment):
    client, _ = experiment
    client.delete_run(search_all(*experiment)[0].info.run_id)

    assert numbers(search_all(*experiment)) == [3, 2, 1, 0]
    assert numbers(search_all(*experiment, with_deleted=True)) == [4, 3, 2, 1, 0]
