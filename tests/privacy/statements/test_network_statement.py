"""What is said of networks trained on images, and of steps on random units."""

import json
import math
from dataclasses import replace

import pytest
from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent, SelfComposedDpEvent
from dp_accounting.pld import PLDAccountant

from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import UNITS, HeadRecipe, PrivacyConfig, RunConfig
from mammo_core.privacy.accounting.composition import composed_epsilon
from mammo_core.privacy.accounting.cost import NoisySteps, PrivacyCost, total_epsilon
from mammo_core.privacy.accounting.gaussian import mu_for
from mammo_core.privacy.accounting.guarantee import Guarantee, compose_gaussian
from mammo_core.privacy.accounting.risk import attacker_tpr, tpr_from_epsilon_alone
from mammo_core.privacy.statements.card import statement_from_dict, statement_to_dict
from mammo_core.privacy.statements.statement import make_statement
from mammo_core.privacy.statements.table import table
from mammo_core.privacy.statements.training_data import SyntheticOrigin, TrainingData
from mammo_core.privacy.statements.words import caveats, summary

DELTA, NOISE, RATE, STEPS = 1e-4, 1.5, 0.1, 60
OWN = frozenset({"a", "b"})


def make(strategy="real", unit="patient", noise=NOISE, guarantee=None, **recipe):
    config = RunConfig(
        strategy=strategy,
        privacy=PrivacyConfig(target_epsilon=6.0 if noise else math.inf, unit=unit),
        recipe=NetworkRecipe(**{"steps": STEPS, "sample_rate": RATE} | recipe),
    )
    data = TrainingData(
        num_patients=578,
        num_images=1104,
        num_synthetic=3000,
        largest_patient=3,
        patients=OWN,
        origin=SyntheticOrigin(generator="g", patients=OWN, guarantee=guarantee),
    )
    return make_statement(config, data, noise, num_weights=28_000_000)


def guarantee(*, exact):
    return Guarantee(
        epsilon=2.0,
        delta=DELTA,
        unit="patient",
        num_units=578,
        mechanism="noisy moments",
        mu=mu_for(2.0, DELTA) if exact else None,
    )


def rows(statement):
    return {row.name: row for row in table(statement)}


def test_epsilon_of_sampled_steps_agrees_with_two_other_accountants():
    said = make()
    event = PoissonSampledDpEvent(RATE, GaussianDpEvent(NOISE))
    pld = PLDAccountant().compose(SelfComposedDpEvent(event, STEPS)).get_epsilon(DELTA)

    assert said.epsilon == pytest.approx(pld, rel=0.005)
    assert said.epsilon == pytest.approx(composed_epsilon([(NOISE, RATE, STEPS)], DELTA), rel=0.02)


def test_sampled_steps_have_no_mu_and_say_what_they_rest_on():
    said = make()

    assert said.mu is said.step.mu is None
    assert "μ (Gaussian DP)" not in rows(said)
    assert rows(said)["mechanism"].value == (
        "60 steps on random units, noise multiplier 1.5, clipping norm 1"
    )
    assert rows(said)["sampling"].value.startswith(
        "Poisson: each unit takes part in a step with chance 0.1"
    )
    assert rows(said)["accountant"].value.endswith("an upper bound")
    assert statement_to_dict(said)["follows"]["sampling"] == rows(said)["sampling"].value


def test_network_with_all_units_in_every_step_is_one_gaussian_mechanism():
    said = make(sample_rate=1.0)

    assert said.mu == pytest.approx(math.sqrt(STEPS) / NOISE)
    assert rows(said)["mechanism"].value.startswith("60 full-batch steps")
    assert rows(said)["trained on images"].value == (
        "network, or its last stages, 28,000,000 weights"
    )


def test_attacker_on_sampled_steps_is_bound_between_guessing_and_what_epsilon_alone_allows():
    said = make()

    found = said.attacker_tpr(0.01)

    assert 0.01 < found < tpr_from_epsilon_alone(said.epsilon, DELTA, 0.01)
    assert f"identifies at most {found:.1%} of the 578 patients" in summary(said)


def test_attacker_on_nearly_full_batches_is_the_one_of_the_gaussian_mechanism():
    nearly, full = (make(sample_rate=rate, noise=8.0) for rate in (0.9999, 1.0))

    assert nearly.attacker_tpr(0.01) == pytest.approx(full.attacker_tpr(0.01), abs=0.002)
    assert full.attacker_tpr(0.01) == attacker_tpr(full.mu, 0.01)


def test_patient_with_most_masses_is_promised_what_the_ledger_counts():
    said = make(unit="image")
    spending = PrivacyCost(steps=(NoisySteps(NOISE, RATE, STEPS),), unit="image", largest_patient=3)

    promised = said.step_for_patient

    assert promised == said.end_to_end_for_patient
    assert promised.epsilon == total_epsilon([spending], DELTA, "patient") > said.epsilon
    assert "A patient with 3 masses is guaranteed only" in summary(said)


def test_gaussian_generator_composes_with_sampled_steps_better_than_by_its_epsilon_alone():
    said = make("pretrain", guarantee=guarantee(exact=True))

    loose = compose_gaussian(make().step, mu_for(2.0, DELTA), DELTA)
    assert max(said.epsilon, 2.0) < said.end_to_end.epsilon < loose.epsilon
    assert said.end_to_end.delta == DELTA
    assert "composed numerically" in " ".join(caveats(said))


def test_any_other_generator_adds_its_epsilon_and_delta_to_sampled_steps():
    said = make("pretrain", guarantee=guarantee(exact=False))

    assert said.end_to_end.epsilon == pytest.approx(said.epsilon + 2.0)
    assert said.end_to_end.delta == 2 * DELTA
    assert "their ε and their δ add up" in " ".join(caveats(said))


@pytest.mark.pitfall("Early stopping and keeping the best step")
def test_choice_by_validation_labels_is_a_caveat_of_private_runs_only():
    chosen = "labels made that choice, and no ε covers it"

    assert chosen in " ".join(caveats(make(kept="best on validation")))
    assert chosen not in " ".join(caveats(make()))
    assert chosen not in " ".join(caveats(make(kept="best on validation", noise=0.0)))


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("strategy", ["real", "real+synthetic", "synthetic", "pretrain"])
@pytest.mark.parametrize("noise", [0.0, NOISE])
def test_statement_survives_json_and_has_a_summary(strategy, unit, noise):
    said = make(strategy, unit, noise, guarantee(exact=False), trained_part="adapters")

    assert (
        statement_from_dict(json.loads(json.dumps(statement_to_dict(said), allow_nan=False)))
        == said
    )
    assert summary(said).endswith(".")


def test_noise_expanded_from_a_key_is_named_where_millions_of_weights_got_it():
    """As before noise was rounded to a grid."""
    old = replace(make(), arithmetic="float")
    row = rows(old)["randomness"]

    assert "Philox" in row.value
    assert "not against attackers" in row.meaning
    assert statement_to_dict(old)["follows"]["randomness"] == row.value
    assert rows(make())["randomness"].value.startswith("secret: operating system's")


@pytest.mark.pitfall("Order of summation")
def test_statement_of_a_network_says_that_the_rounding_of_its_sums_was_measured_only():
    assert "for a network there is no proof" in rows(make())["arithmetic"].meaning


def test_statement_written_before_networks_were_trained_reads_as_a_head_on_features():
    config = RunConfig(
        strategy="real", privacy=PrivacyConfig(target_epsilon=6.0), recipe=HeadRecipe()
    )
    data = TrainingData(num_patients=578, num_images=1104, num_synthetic=0, largest_patient=3)
    now = make_statement(config, data, NOISE)
    values = statement_to_dict(now)
    for name in ("trained_part", "sample_rate", "num_weights", "kept"):
        del values["facts"][name]

    assert statement_from_dict(values) == now
