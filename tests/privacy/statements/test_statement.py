"""Every combination of training data, unit, budget, noise and origin of synthetic masses says what it may, no more."""

import itertools
import json
import math
from dataclasses import replace

import pytest

from mammo_core.config.runs import (
    NOISES,
    STRATEGIES,
    UNITS,
    BackboneConfig,
    HeadRecipe,
    PrivacyConfig,
    RunConfig,
)
from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.accounting.gaussian import (
    calibrate_gaussian,
    gaussian_delta,
    mu_for,
    spent_epsilon,
)
from mammo_core.privacy.accounting.guarantee import Guarantee
from mammo_core.privacy.noise.kinds import FLOAT_NOISE
from mammo_core.privacy.statements.card import statement_from_dict, statement_to_dict
from mammo_core.privacy.statements.statement import make_statement
from mammo_core.privacy.statements.table import table
from mammo_core.privacy.statements.training_data import (
    UNKNOWN_ORIGIN,
    SyntheticOrigin,
    TrainingData,
)
from mammo_core.privacy.statements.words import caveats, summary

DELTA = 1e-4
OWN, OTHERS = frozenset({"a", "b", "c"}), frozenset({"x", "y"})


def guarantee(unit="patient", epsilon=10.0, exact=True, largest_patient=14):
    return Guarantee(
        epsilon=epsilon,
        delta=DELTA,
        unit=unit,
        num_units=578,
        mechanism="noisy moments",
        mu=mu_for(epsilon, DELTA) if exact else None,
        largest_patient=largest_patient,
    )


def origin(patients, promise=None):
    return SyntheticOrigin(generator="g", patients=patients, guarantee=promise)


# origin, coverage of a private run with the unit patient, and with the unit image
ORIGINS = {
    "unknown": (UNKNOWN_ORIGIN, *["training step only, unknown generator"] * 2),
    "not private, same patients": (
        origin(OWN),
        *["training step only, generator without DP"] * 2,
    ),
    "not private, some the same": (
        origin(OTHERS | {"a"}),
        *["training step only, generator without DP"] * 2,
    ),
    "not private, patients not recorded": (
        origin(frozenset()),
        *["training step only, generator without DP"] * 2,
    ),
    "nobody": (
        SyntheticOrigin(generator="g", saw_patients=False),
        *["end to end, simulated masses"] * 2,
    ),
    "not private, others": (origin(OTHERS), *["end to end, in parallel"] * 2),
    "private, same patients": (origin(OWN, guarantee()), *["end to end, composed"] * 2),
    "private, some the same": (origin(OTHERS | {"a"}, guarantee()), *["end to end, composed"] * 2),
    "private, patients not recorded": (
        origin(frozenset(), guarantee()),
        *["end to end, composed"] * 2,
    ),
    "private, others": (origin(OTHERS, guarantee()), *["end to end, in parallel"] * 2),
    "private, not Gaussian": (origin(OWN, guarantee(exact=False)), *["end to end, composed"] * 2),
    "private per image": (origin(OWN, guarantee("image")), *["end to end, composed"] * 2),
    "private per image, not Gaussian": (
        origin(OWN, guarantee("image", exact=False)),
        "training step only, guarantees do not compose",
        "end to end, composed",
    ),
    "private per image, masses not counted": (
        origin(OWN, guarantee("image", largest_patient=None)),
        "training step only, guarantees do not compose",
        "end to end, composed",
    ),
}
MATRIX = list(itertools.product(STRATEGIES, UNITS, (0.05, 6.0, 1000.0, math.inf), ORIGINS, NOISES))


def make(
    strategy="real", unit="patient", epsilon=6.0, origin_name="unknown", noise="secret", **data
):
    config = RunConfig(
        strategy=strategy,
        privacy=PrivacyConfig(target_epsilon=epsilon, unit=unit, noise=noise),
        recipe=HeadRecipe(),
    )
    known = TrainingData(
        **{
            "num_patients": 578,
            "num_images": 1104,
            "num_synthetic": 3000,
            "largest_patient": 14,
            "patients": OWN,
            "origin": ORIGINS[origin_name][0],
        }
        | data
    )
    spent = (
        calibrate_gaussian(epsilon, DELTA, config.recipe.steps) if math.isfinite(epsilon) else 0.0
    )
    return make_statement(config, known, spent)


def expected_coverage(strategy, unit, epsilon, origin_name):
    made_by, for_patients, for_images = ORIGINS[origin_name]
    if strategy == "synthetic" and not made_by.saw_patients:
        return "nobody"
    if strategy == "synthetic":
        return "generator only" if made_by.guarantee else "no patient"
    if math.isinf(epsilon):
        return "none"
    if strategy == "real":
        return "end to end"
    return for_patients if unit == "patient" else for_images


@pytest.mark.pitfall("A generator that saw the same patients")
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("origin_name", ORIGINS)
def test_coverage_follows_from_strategy_and_origin(strategy, origin_name):
    for unit, epsilon, noise in itertools.product(UNITS, (0.05, 6.0, 1000.0, math.inf), NOISES):
        said = make(strategy, unit, epsilon, origin_name, noise)

        assert said.coverage == expected_coverage(strategy, unit, epsilon, origin_name)


def test_no_summary_claims_more_than_is_covered():
    for combination in MATRIX:
        said = make(*combination)
        covers_all = said.coverage.startswith("end to end")

        assert ("end to end" in summary(said)) == covers_all, combination
        assert (said.end_to_end is not None) == (covers_all or said.coverage == "generator only")
        assert ("attacker" in summary(said)) <= covers_all
        if said.coverage in ("none", "no patient"):
            assert summary(said).startswith("No privacy")
            assert "ε =" not in summary(said)
        if said.coverage == "nobody":
            assert summary(said).startswith("No patient is behind this model")
            assert "ε" not in summary(said)
        if said.coverage.startswith("training step only"):
            assert "covers only the private training step" in summary(said)
        for word in ("anonymous", "secure"):
            assert word not in summary(said) + " ".join(caveats(said)) + str(table(said))


def test_summary_is_a_few_short_sentences():
    for combination in MATRIX:
        said = summary(make(*combination))

        assert said.endswith(".") and ";" not in said
        sentences = said.split(". ")
        assert len(sentences) <= 6, said
        assert max(len(one.split()) for one in sentences) <= 32, said


def test_statement_survives_json():
    for combination in MATRIX:
        said = make(*combination)

        written = json.dumps(statement_to_dict(said), allow_nan=False)

        assert statement_from_dict(json.loads(written)) == said


def test_what_covers_more_never_promises_a_smaller_epsilon():
    for combination in MATRIX:
        said = make(*combination)

        if said.step_for_patient is not None:
            assert said.step_for_patient.epsilon >= said.epsilon
        if said.coverage.startswith("end to end"):
            assert said.end_to_end.epsilon >= said.epsilon
            for promise in filter(None, [said.end_to_end_for_patient]):
                assert promise.epsilon >= said.end_to_end.epsilon
                assert promise.epsilon >= said.step_for_patient.epsilon
                assert promise.unit == "patient"
        else:
            assert said.strategy == "synthetic" or said.end_to_end_for_patient is None


@pytest.mark.pitfall("Reporting the target instead of what was spent")
def test_what_is_spent_follows_from_the_noise_that_was_added_not_from_the_target():
    asked_for_six = make(epsilon=6.0)

    half_the_noise = replace(asked_for_six, noise_multiplier=asked_for_six.noise_multiplier / 2)

    assert asked_for_six.epsilon == pytest.approx(6.0, rel=1e-6)
    assert half_the_noise.mu == pytest.approx(2 * asked_for_six.mu)
    assert half_the_noise.epsilon > 13
    assert half_the_noise.target_epsilon == 6.0


@pytest.mark.pitfall("A guarantee for crops read as one for patients")
def test_patient_with_most_masses_is_promised_what_a_gaussian_of_as_many_norms_promises():
    said = make(unit="image", epsilon=6.0)

    promised = said.step_for_patient

    assert gaussian_delta(14 * said.mu, promised.epsilon) == pytest.approx(DELTA, rel=1e-6)
    assert promised == said.end_to_end_for_patient
    assert "A patient with 14 masses is guaranteed only ε = 283.9." in summary(said)


def test_without_the_largest_patient_nothing_is_promised_to_patients():
    said = make(unit="image", largest_patient=None)

    assert said.end_to_end_for_patient is None
    assert "A patient with several masses has no privacy guarantee." in summary(said)


@pytest.mark.pitfall("A generator that saw the same patients")
def test_gaussian_generator_on_the_same_patients_composes_exactly():
    said = make("pretrain", "patient", 6.0, "private, same patients")

    together = spent_epsilon(math.hypot(mu_for(10.0, DELTA), mu_for(6.0, DELTA)), DELTA)
    assert said.end_to_end.epsilon == pytest.approx(together, rel=1e-6)
    assert said.end_to_end.delta == DELTA
    assert "compose exactly" in " ".join(caveats(said))


def test_any_other_generator_on_the_same_patients_adds_its_delta():
    said = make("pretrain", "patient", 6.0, "private, not Gaussian")

    assert said.end_to_end.epsilon == pytest.approx(16.0, rel=0.01)
    assert said.end_to_end.delta == 2 * DELTA
    assert "the δ add up" in " ".join(caveats(said))


@pytest.mark.pitfall("A guarantee for crops read as one for patients")
def test_units_that_differ_are_carried_over_to_the_patient():
    generator_of_patients = make("pretrain", "image", 6.0, "private, same patients")
    generator_of_images = make("pretrain", "patient", 6.0, "private per image")
    run, generator = mu_for(6.0, DELTA), mu_for(10.0, DELTA)

    assert generator_of_patients.end_to_end.unit == "patient"
    assert generator_of_patients.end_to_end.mu == pytest.approx(math.hypot(14 * run, generator))
    assert generator_of_images.end_to_end.mu == pytest.approx(math.hypot(run, 14 * generator))


def test_delta_that_would_allow_a_patient_to_be_published_does_not_compose():
    careless = replace(guarantee(exact=False), delta=1 / 578)

    said = make("pretrain", origin=origin(OWN, careless))

    assert said.coverage == "training step only, guarantees do not compose"


@pytest.mark.pitfall("δ too large")
@pytest.mark.parametrize(("num_patients", "is_large"), [(1000, False), (1001, True), (9960, True)])
def test_delta_that_is_large_for_so_few_units_is_warned_of(num_patients, is_large):
    said = make(num_patients=num_patients, num_images=2 * num_patients)

    warned = [note for note in caveats(said) if "δ is large" in note]
    assert len(warned) == is_large
    assert all(f"{num_patients} patients" in note for note in warned)


def test_model_of_synthetic_masses_promises_what_its_generator_does():
    said = make("synthetic", "patient", 6.0, "private, same patients")

    assert (said.end_to_end.epsilon, said.end_to_end.unit) == (10.0, "patient")
    assert "ε = 10 per patient, δ = 0.0001, to the 578 patients it learned from" in summary(said)
    assert "hides single synthetic masses (3000 of them)" in " ".join(caveats(said))


def test_simulated_masses_cost_no_privacy():
    real, pretrain = make(), make("pretrain", origin_name="nobody")

    assert pretrain.end_to_end == real.end_to_end
    assert "The synthetic masses come from the generator g, which learned from nobody." in summary(
        pretrain
    )
    assert ("generator's patients", "nobody") in [row[:2] for row in table(pretrain)]


def test_a_backbone_that_may_have_seen_patients_is_named_with_simulated_masses_too():
    said = make_statement(
        RunConfig(
            strategy="synthetic",
            privacy=PrivacyConfig(target_epsilon=math.inf),
            recipe=HeadRecipe(),
            backbone=BackboneConfig(weights="weights.safetensors"),
        ),
        TrainingData(
            num_patients=578,
            num_images=1104,
            num_synthetic=3000,
            largest_patient=14,
            origin=ORIGINS["nobody"][0],
        ),
        0.0,
    )
    assert "If they were learned from the same patients" in " ".join(caveats(said))


def test_real_strategy_never_mentions_a_generator():
    said = make("real", origin_name="private, same patients")

    assert said.generator is said.generator_patients is said.generator_guarantee is None
    assert "generator" not in summary(said)


@pytest.mark.pitfall("Seeds that repeat noise")
@pytest.mark.parametrize("strategy", ["real", "pretrain"])
def test_reproducible_noise_is_part_of_the_summary(strategy):
    marked, secret = (make(strategy, noise=noise) for noise in ("reproducible", "secret"))

    assert "for demonstration, and protects nobody from those who know" in summary(marked)
    assert "demonstration" not in summary(secret)
    assert "reproducible noise: for demonstration" in [row.value for row in table(marked)]


def test_demonstration_says_that_nobody_is_behind():
    said = make(is_demonstration=True)

    assert summary(said).startswith("Demonstration with no patients behind the masses. Anyone")
    assert caveats(said)[0].startswith("Demonstration: the patients are synthetic")
    assert "Nobody is behind them" in table(said)[-1].meaning


def made_on(**backbone):
    config = RunConfig(
        strategy="real",
        privacy=PrivacyConfig(target_epsilon=6.0),
        recipe=HeadRecipe(),
        backbone=BackboneConfig(**backbone),
    )
    data = TrainingData(num_patients=578, num_images=1104, num_synthetic=0, largest_patient=14)
    return make_statement(config, data, calibrate_gaussian(6.0, DELTA, config.recipe.steps))


@pytest.mark.pitfall("A backbone that saw the patients")
@pytest.mark.parametrize("backbone", [{"weights": "mine.safetensors"}, {"name": "resnet18"}])
def test_backbone_from_a_file_or_hub_is_a_condition_of_the_summary(backbone):
    said = made_on(**backbone)

    assert "only if the backbone, whose weights come from a file or a hub" in summary(said)
    assert any("No ε here covers that" in caveat for caveat in caveats(said))


@pytest.mark.parametrize("backbone", [{}, {"name": "resnet18", "weights": "random"}])
def test_installed_and_random_backbones_are_no_condition(backbone):
    assert "backbone" not in summary(made_on(**backbone))


@pytest.mark.pitfall("Loss curves, thresholds and scores")
@pytest.mark.pitfall("Choosing a recipe on validation")
def test_caveats_name_selection_curves_test_sets_and_other_releases():
    for coverage in ("private, same patients", "unknown", "not private, others"):
        left_out = " ".join(caveats(make("pretrain", origin_name=coverage)))

        for named in (
            "validation labels",
            "thresholds",
            "Curves of loss",
            "test patients",
            "Audits",
            "ledger",
        ):
            assert named in left_out


@pytest.mark.pitfall("Another neighbouring relation than stated")
def test_table_names_what_a_reader_must_know():
    rows = {row.name: row.value for row in table(make("pretrain", origin_name="private, others"))}

    assert rows["unit of privacy"] == "patient"
    assert rows["units trained on"] == "578"
    assert "emptied; the number of units stays" in rows["neighbouring data"]
    assert (rows["ε asked for"], rows["ε spent"], rows["δ"]) == ("6", "6", "0.0001")
    assert rows["μ (Gaussian DP)"] == "1.46"
    assert rows["mechanism"] == "100 full-batch steps, noise multiplier 6.851, clipping norm 0.1"
    assert rows["sampling"].startswith("none")
    assert rows["randomness"].startswith("secret")
    assert rows["coverage"] == "end to end, in parallel"
    assert rows["generator's patients"] == "none of this run's: no id is the same"


def test_table_without_privacy_explains_no_promise():
    rows = table(make("real", epsilon=math.inf))

    assert ("ε spent", "∞ (not DP)") in [(row.name, row.value) for row in rows]
    assert not {"δ", "accountant", "randomness", "neighbouring data"} & {row.name for row in rows}


def test_statement_of_another_schema_is_refused():
    values = statement_to_dict(make()) | {"schema": "mammo-privacy-statement/9"}

    with pytest.raises(InvalidRequestError, match="schema mammo-privacy-statement/1; got .*/9"):
        statement_from_dict(values)


@pytest.mark.pitfall("Gaps in floating-point noise")
def test_statement_from_before_noise_was_rounded_carries_the_word():
    now = make("pretrain", origin_name="private, others")
    values = json.loads(json.dumps(statement_to_dict(now)))
    assert values["facts"].pop("arithmetic") == "grid"

    old = statement_from_dict(values)

    assert now.arithmetic == "grid" and old.arithmetic == "float"
    assert "in single precision" in summary(old) and "in single precision" not in summary(now)
    assert caveats(old)[0] == FLOAT_NOISE
    assert FLOAT_NOISE not in caveats(now)
    arithmetic = {row.name: row for row in table(old)}["arithmetic"]
    assert (arithmetic.value, arithmetic.meaning) == ("single precision", FLOAT_NOISE)
    assert "adds nothing to δ" in {row.name: row for row in table(now)}["arithmetic"].meaning
    assert statement_from_dict(statement_to_dict(old)) == old


@pytest.mark.pitfall("Gaps in floating-point noise")
@pytest.mark.parametrize("strategy", ["pretrain", "synthetic"])
def test_statement_that_rests_on_an_older_generator_carries_the_word(strategy):
    old, new = (
        replace(
            make(strategy), generator="g", generator_patients="same", generator_guarantee=promise
        )
        for promise in (guarantee(), replace(guarantee(), arithmetic="grid"))
    )

    assert old.coverage in ("end to end, composed", "generator only")
    assert old.uses_float_noise and not new.uses_float_noise
    assert FLOAT_NOISE in caveats(old) and FLOAT_NOISE not in caveats(new)


def test_a_run_without_privacy_has_no_word_about_noise():
    run = replace(make("real", epsilon=math.inf), arithmetic="float")

    assert not run.uses_float_noise
    assert FLOAT_NOISE not in caveats(run)
