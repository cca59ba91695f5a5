"""A run's statement is in its card, and cards from before there were statements are still read."""

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlparse

import pytest

from mammo_core.privacy.statements.training_data import SyntheticOrigin
from mammo_core.privacy.statements.words import summary
from mammo_core.reference import measured_results
from mammo_core.results.archive import RunArchive
from mammo_core.results.recording import RunRecorder
from mammo_core.results.shipped_statement import shipped_statement
from mammo_core.system.secret_key import hash_patients
from tests.helpers.made_ledgers import run_many
from tests.training.heads.test_runs import make_config


@pytest.fixture
def recorded(dataset, private_home):
    """A run with the unit image on synthetic masses of known origin, and its id in the store."""
    origin = SyntheticOrigin(generator="g", patients=hash_patients(["somebody else"]))
    dataset = replace(dataset, origin=origin, _prepared={})
    (result,) = run_many(dataset, [make_config(dataset, "pretrain", unit="image")])
    return result, RunRecorder(private_home).record(result, origin="train")


def run_file(private_home):
    (found,) = private_home.glob("artifacts/**/run.json")
    return Path(urlparse(str(found)).path)


def test_recorded_run_has_the_statement_it_was_given(recorded, private_home):
    result, run_id = recorded

    stored = RunArchive(private_home).load(run_id)

    assert stored.statement == result.statement
    assert stored.statement.coverage == "end to end, in parallel"
    assert stored.card["statement"]["sentence"] == summary(result.statement)
    assert stored.card["statement"]["follows"]["end_to_end"]["unit"] == "image"


def test_card_from_before_statements_is_taken_for_the_worst(recorded, private_home):
    result, run_id = recorded
    card = json.loads(run_file(private_home).read_text())
    del card["statement"], card["config"]["privacy"]["noise"]
    run_file(private_home).write_text(json.dumps(card | {"guarantee": ["One release only."]}))

    said = RunArchive(private_home).load(run_id).statement

    assert said.epsilon == pytest.approx(result.epsilon)
    assert said.num_units == result.num_units
    assert said.noise == "reproducible"
    assert said.coverage == "training step only, unknown generator"
    assert said.step_for_patient is None


@pytest.mark.parametrize("strategy", ["real", "real+synthetic", "synthetic", "pretrain"])
@pytest.mark.parametrize("unit", ["patient", "image"])
def test_shipped_points_state_what_was_spent_on_whom(strategy, unit):
    rows = measured_results()
    rows = rows[(rows["strategy"] == strategy) & (rows["unit"] == unit)]

    for (target, delta), runs in rows.groupby(["target_epsilon", "delta"]):
        said = shipped_statement(strategy, unit, target, delta)

        assert said.epsilon == pytest.approx(runs["epsilon"].iloc[0], rel=1e-5)
        assert said.noise_multiplier == pytest.approx(runs["noise_multiplier"].iloc[0], rel=1e-5)
        assert said.num_units == runs["num_units"].iloc[0]
        assert said.noise == "reproducible"
        assert said.largest_patient == 14
        if said.is_private and strategy in ("real+synthetic", "pretrain"):
            assert said.coverage == "training step only, generator without DP"
            assert "MCGAN of the paper" in summary(said)
