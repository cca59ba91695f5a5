"""What the version 0.1.0 wrote opens in this one: runs, ledger, jobs, a half-finished training, a package, heads.

`data/store_0_1_0.zip` is a MAMMO_HOME made by that version from made-up masses and a network with random weights, and
expected.json what that version said of it. Its files are addressed in /MAMMO_HOME, so here it is a moved home.
"""

import json
import zipfile
from pathlib import Path

import pytest
import torch

from mammo_core.errors import InvalidRequestError
from mammo_core.jobs.requests import NetworkRequest, SweepRequest
from mammo_core.jobs.store import JobStore
from mammo_core.ledger.ledger import open_ledger
from mammo_core.privacy.noise.kinds import FLOAT_NOISE
from mammo_core.privacy.statements.card import statement_to_dict
from mammo_core.privacy.statements.words import caveats, summary
from mammo_core.reading.models import models_of_run
from mammo_core.reading.shipped_heads import load_heads
from mammo_core.results.archive import RunArchive
from mammo_core.results.exchange.load import import_runs
from mammo_core.results.head_store import HeadStore
from mammo_core.system.secret_key import sealed_identity
from mammo_core.training.networks.plan import prepare_network
from mammo_core.training.networks.runs import run_network
from tests.helpers.networks import small_config, small_data

STORE = Path(__file__).parent / "data" / "store_0_1_0.zip"


@pytest.fixture
def old_store(private_home):
    """The store in this test's home, and what is expected of it."""
    with zipfile.ZipFile(STORE) as packed:
        packed.extractall(private_home)
    return json.loads((private_home / "expected.json").read_text(encoding="utf-8"))


def test_runs_are_listed_with_card_and_statement(old_store, private_home):
    archive = RunArchive(private_home)

    run = archive.load(old_store["head"])

    assert archive.rows()["run_id"].nunique() == old_store["runs"] == 5
    card, old = run.card, old_store["card"]
    assert old["metrics"].items() <= card["metrics"].items()  # measures per patient came later
    assert card == old | {
        "data_hash": sealed_identity(old["data_hash"]),
        "metrics": card["metrics"],
    }
    assert archive.rows("patient").empty and run.evaluated_per("patient").estimates
    assert statement_to_dict(run.statement)["facts"] == old_store["card"]["statement"]["facts"]
    assert caveats(run.statement)[0] == FLOAT_NOISE
    assert set(archive.rows()["arithmetic"]) == {"float"}
    assert "in single precision" in summary(run.statement)
    assert set(run.estimates) == {"site", "elsewhere"}
    assert len(run.predictions) == 64
    assert len(run.validation) == 32


def test_runs_of_networks_and_without_dp_are_read(old_store, private_home):
    archive = RunArchive(private_home)

    network, public = (archive.load(old_store[name]) for name in ("network", "without_dp"))

    assert network.mu is None  # units were sampled
    assert network.config.recipe.sample_rate == 0.5
    assert public.epsilon == public.mu == float("inf")
    assert archive.id_of(network.config, network.data_hash) == old_store["network"]


def test_heads_of_runs_score_a_case(old_store, private_home):
    models = models_of_run(
        RunArchive(private_home).load(old_store["head"]), HeadStore(private_home)
    )

    scores = models.heads.scores(torch.zeros(3, 1, models.heads.projection.matrix.shape[0]))

    assert scores.shape == (1, 3)
    assert models.models[0].threshold is not None


def test_ledger_has_the_same_total_and_budget(old_store, private_home):
    book = open_ledger(private_home).book()
    cohort = book.cohorts[old_store["cohort"]]

    total = book.total(cohort.patients, 1e-3)

    assert len(cohort.patients) == old_store["patients"]
    assert len(book.entries) == old_store["entries"]
    assert book.num_missing == 0
    assert total.covered_epsilon == pytest.approx(old_store["covered_epsilon"], rel=1e-6)
    assert (total.num_releases, total.num_without_dp, total.num_reproducible) == (7, 2, 3)
    assert book.budget_of(cohort.key).epsilon == 20
    assert "an example to read cases with" in {entry.reason for entry in book.entries}


def test_finished_and_waiting_jobs_are_shown(old_store, private_home):
    views = {view.id: view for view in JobStore(private_home).views()}

    finished, waiting = (views[old_store[name]] for name in ("finished_job", "waiting_job"))

    assert finished.state == "finished"
    assert isinstance(finished.request, SweepRequest)
    made = RunArchive(private_home).rows().query("job == @finished.id")
    assert made["target_epsilon"].tolist() == [float("inf"), 6]
    assert set(made["data_hash"]) == {finished.data_hash}
    assert waiting.state == "interrupted"  # nobody has held it since: it can be continued
    assert isinstance(waiting.request, NetworkRequest)
    assert waiting.request.config == small_config(sample_rate=0.5, arithmetic="float")


def test_half_finished_training_goes_on_and_spends_nothing_more(old_store, private_home):
    before = len(open_ledger(private_home).book().entries)
    config = small_config(steps=12, sample_rate=0.5, learning_rate=0.01, arithmetic="float")
    steps = []

    outcome = run_network(
        prepare_network(small_data(), config),
        ledger=open_ledger(private_home).on_behalf_of("fine-tune"),
        home=private_home,
        device=torch.device("cpu"),
        on_progress=lambda progress: steps.append(progress.step),
    )

    assert steps == list(range(5, 13))
    assert outcome.kept_step == 12
    assert len(open_ledger(private_home).book().entries) == before
    assert outcome.statement.uses_float_noise  # of its first steps


@pytest.mark.pitfall("Gaps in floating-point noise")
def test_a_run_that_the_old_version_planned_is_not_begun(old_store, private_home):
    """It would be recorded as one with noise in single precision, and found as one that was made then."""
    config = small_config(steps=5, arithmetic="float")

    with pytest.raises(InvalidRequestError, match="noise is rounded to a grid; got one"):
        run_network(
            prepare_network(small_data(), config),
            ledger=open_ledger(private_home).on_behalf_of("fine-tune"),
            home=private_home,
            device=torch.device("cpu"),
        )


def test_package_of_runs_is_imported(old_store, private_home, tmp_path):
    elsewhere = tmp_path / "elsewhere"

    imported = import_runs(private_home / "exported.zip", elsewhere)
    there = import_runs(private_home / "exported.zip", private_home)

    runs = [RunArchive(elsewhere).load(run.run_id) for run in imported]
    assert [run.source_id for run in runs] == [old_store["head"], old_store["without_dp"]]
    facts = statement_to_dict(runs[0].statement)["facts"]
    assert facts == old_store["card"]["statement"]["facts"]
    assert old_store["card"]["metrics"].items() <= runs[0].card["metrics"].items()
    assert HeadStore(elsewhere).load(imported[0].run_id)
    assert not any(run.is_new for run in there)  # they were made here


def test_made_heads_are_read(old_store, private_home):
    heads = load_heads(private_home / "heads" / "made")

    assert [head.target_epsilon for head in heads.card.heads] == [2, 2, float("inf")]
    assert heads.models.heads.weights.shape == (3, 9)
    assert heads.synthetic_features.shape[0] == heads.card.drawn.count == 6
    assert heads.card.uses_float_noise
