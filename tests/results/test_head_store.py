import numpy as np
import pytest

from mammo_core.classifiers.heads import head_bytes, head_from_bytes
from mammo_core.errors import CheckpointError
from mammo_core.reading.models import models_of_run
from mammo_core.results.archive import RunArchive
from mammo_core.results.head_store import HEAD_FILE, HeadStore
from mammo_core.results.recording import RunRecorder
from tests.helpers.made_ledgers import run_many
from tests.training.heads.test_runs import make_config


@pytest.fixture
def record(dataset, private_home):
    """Runs a strategy and records it: (result, run id)."""
    tracker = RunRecorder(private_home)

    def run(strategy="pretrain", seed=0):
        (result,) = run_many(dataset, [make_config(dataset, strategy, seed=seed)])
        return result, tracker.record(result, origin="train")

    return run


@pytest.mark.parametrize("strategy", ["real", "pretrain"])
def test_recorded_run_scores_masses_as_it_did_when_trained(record, dataset, private_home, strategy):
    result, run_id = record(strategy)

    heads, _ = HeadStore(private_home).load(run_id)

    for name, test in dataset.test_sets.items():
        np.testing.assert_allclose(heads.scores(test.features)[0], result.scores[name], atol=1e-6)


def test_projection_is_kept_once_for_all_runs_that_share_it(record, private_home):
    for seed in range(3):
        record(seed=seed)

    assert len(list(private_home.glob(f"artifacts/**/{HEAD_FILE}"))) == 3
    assert len(list(private_home.glob("artifacts/**/projection.safetensors"))) == 1


def test_self_contained_head_needs_no_store(record, dataset, private_home):
    result, run_id = record()

    kept = head_from_bytes(HeadStore(private_home).self_contained(run_id), "head")

    vectors = kept.projection(dataset.test_sets["here"].features)
    np.testing.assert_allclose(
        (vectors @ kept.weights).sigmoid().numpy(), result.scores["here"], atol=1e-6
    )


def test_runs_without_a_head_are_left_out_and_say_so(record, private_home):
    _, run_id = record()
    (file,) = private_home.glob(f"artifacts/**/{HEAD_FILE}")
    file.unlink()

    assert RunArchive(private_home).ids_with_head() == {run_id}
    with pytest.raises(CheckpointError, match="recorded before heads were kept"):
        HeadStore(private_home).load(run_id)


def test_run_of_older_versions_is_not_offered(record, private_home):
    _, run_id = record()
    archive = RunArchive(private_home)
    archive._client.delete_tag(run_id, "head")

    assert archive.ids_with_head() == set()
    assert archive.count() == 1


def test_damaged_projection_is_refused(record, private_home):
    _, run_id = record()
    (file,) = private_home.glob("artifacts/**/projection.safetensors")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    with pytest.raises(CheckpointError, match="changed or damaged"):
        HeadStore(private_home).load(run_id)


def test_head_whose_projection_is_in_another_store_is_refused(record, dataset, private_home):
    result, run_id = record()
    (file,) = private_home.glob("artifacts/**/projection.safetensors")
    projection = dataset.prepare("pretrain", result.config.recipe).projection
    other = type(projection)(mean=projection.mean + 1, matrix=projection.matrix, bias=0.3)
    (head,) = private_home.glob(f"artifacts/**/{HEAD_FILE}")
    head.write_bytes(head_bytes(result.weights, other, "space", self_contained=False))

    with pytest.raises(CheckpointError, match="came from another store"):
        HeadStore(private_home).load(run_id)
    assert file.exists()


def test_models_of_a_run_have_its_test_scores_and_no_threshold_without_validation(
    record, dataset, private_home
):
    result, run_id = record()

    models = models_of_run(RunArchive(private_home).load(run_id), HeadStore(private_home))

    (model,) = models.models
    assert model.threshold is None  # the bench has no val split
    assert model.target_epsilon == result.config.privacy.target_epsilon
    assert list(model.test_scores) == ["here", "elsewhere"]
    labels, scores = dataset.test_sets["here"].cohort.labels, result.scores["here"]
    tested = model.test_scores["here"]
    assert tested.benign[0] == pytest.approx(scores[labels == 0].min(), abs=1e-6)
    assert tested.malignant[50] == pytest.approx(np.median(scores[labels == 1]), abs=1e-6)
