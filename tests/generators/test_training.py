import csv
import dataclasses

import pytest
from mlflow import MlflowClient

from mammo_core.cohorts.cohort import join
from mammo_core.cohorts.folders import read_synthetic
from mammo_core.cohorts.origins import origin_of_card, origin_of_folder
from mammo_core.config.runs import JUDGE_BACKBONE, PrivacyConfig
from mammo_core.errors import BudgetExceededError, CohortError, InvalidRequestError, PrivacyError
from mammo_core.generators import training
from mammo_core.generators.files import DrawRequest, write_masses
from mammo_core.generators.recording import EXPERIMENT
from mammo_core.generators.training import TrainingPlan
from mammo_core.ledger.book import Budget
from mammo_core.ledger.releases import cohort_identity
from mammo_core.privacy.accounting.cost import total_epsilon
from mammo_core.privacy.networks import layer_gradients
from mammo_core.privacy.networks.noisy_gradients import NoisyGradients
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.synthesis.config import MECHANISMS
from mammo_core.synthesis.sampling import origin_of_seed
from mammo_core.system.secret_key import hash_patients
from tests.classifiers.test_features import TINY as TINY_BACKBONE
from tests.conftest import make_cohort
from tests.helpers.dictionaries import found_in
from tests.helpers.made_ledgers import FreeLedger, memory_ledger
from tests.synthesis.conftest import TINY, TINY_SIMULATOR

CONFIG = TINY["cascade"]
CONFIGS = {mechanism: CONFIG for mechanism in MECHANISMS} | {
    "evolution": dataclasses.replace(TINY_SIMULATOR, batch_size=4)
}


@pytest.fixture(autouse=True)
def small_judgement(monkeypatch):
    monkeypatch.setattr(training, "_JUDGED", 12)


@pytest.fixture
def real():
    return join([make_cohort(20), make_cohort(8, split="val", seed=1)])


@pytest.fixture
def plan(tmp_path):
    return TrainingPlan(
        images=24, eval_every=8, out=tmp_path / "models/g", command="gan train", licence="CC BY 3.0"
    )


def train_generator(real, config, plan, home, backbone, **options):
    return training.train_generator(
        real, config, plan, home, backbone, **{"ledger": FreeLedger()} | options
    )


def tracked_runs(home):
    client = MlflowClient(f"sqlite:///{home / 'mlflow.db'}")
    return client, client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])


def test_no_generator_learns_through_the_network_that_judges_it(real, plan, tmp_path):
    with pytest.raises(InvalidRequestError, match="tf_efficientnet_lite2, which judges"):
        train_generator(real, CONFIG, plan, tmp_path, JUDGE_BACKBONE)

    assert not plan.out.with_suffix(".json").exists()


def test_training_writes_a_generator_with_its_card_and_tracks_every_evaluation(
    real, plan, tmp_path
):
    card = train_generator(real, CONFIG, plan, tmp_path, TINY_BACKBONE)

    loaded, same_card = load_generator(plan.out)
    assert same_card == card
    assert not loaded.training
    train = real.select(split="train")
    assert card.patients == hash_patients(train.patient_ids.tolist())
    shown = plan.out.with_suffix(".json").read_bytes()
    assert not found_in(shown, {*real.patient_ids.tolist(), *card.patients, train.content_hash})
    client, (run,) = tracked_runs(tmp_path)
    history = client.get_metric_history(run.info.run_id, "kid")
    assert [point.step for point in history] == [8, 16, 24]
    assert run.data.metrics["best_kid"] == min(point.value for point in history)
    assert len(client.list_artifacts(run.info.run_id, "grids")) == 3
    assert run.info.status == "FINISHED"


def test_killed_training_goes_on_and_ends_with_the_same_generator(real, plan, tmp_path):
    whole = train_generator(real, CONFIG, plan, tmp_path / "whole", TINY_BACKBONE)
    elsewhere = dataclasses.replace(plan, out=tmp_path / "models/again")

    def kill_in_the_second_evaluation(seen):
        if seen > 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_generator(
            real, CONFIG, elsewhere, tmp_path, TINY_BACKBONE, on_step=kill_in_the_second_evaluation
        )
    steps = []
    resumed = train_generator(
        real, CONFIG, elsewhere, tmp_path, TINY_BACKBONE, on_step=steps.append
    )

    assert steps[0] == 12  # from the evaluation at 8
    assert resumed.sha256 == whole.sha256
    assert len(tracked_runs(tmp_path)[1]) == 1


def killed(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("place", ["save_generator", "GeneratorRecord.write"])
def test_training_killed_while_it_lets_something_out_takes_no_step_again(
    real, plan, tmp_path, monkeypatch, place
):
    whole = train_generator(real, CONFIG, plan, tmp_path / "whole", TINY_BACKBONE)
    elsewhere = dataclasses.replace(plan, out=tmp_path / "models/again")
    steps = []

    with pytest.raises(KeyboardInterrupt), monkeypatch.context() as patched:

        def kill_in_the_first_evaluation(seen):
            steps.append(seen)
            if seen == 8:
                patched.setattr(f"mammo_core.generators.training.{place}", killed)

        train_generator(
            real, CONFIG, elsewhere, tmp_path, TINY_BACKBONE, on_step=kill_in_the_first_evaluation
        )
    resumed = train_generator(
        real,
        CONFIG,
        elsewhere,
        tmp_path,
        TINY_BACKBONE,
        on_step=steps.append,
    )

    assert steps == [4, 8, 12, 16, 20, 24]
    assert resumed.sha256 == whole.sha256
    client, (run,) = tracked_runs(tmp_path)
    history = client.get_metric_history(run.info.run_id, "kid")
    assert [point.step for point in history] == [8, 16, 24]


@pytest.mark.pitfall("A release repeated when a training goes on")
def test_private_training_killed_before_its_generator_is_written_takes_the_charged_steps_only(
    real, plan, tmp_path, monkeypatch
):
    privacy = PrivacyConfig(target_epsilon=8.0, target_delta=1e-3)
    private = dataclasses.replace(plan, privacy=privacy, mechanism="discriminator")
    noisy, ledger = [], memory_ledger()
    step = NoisyGradients.step
    monkeypatch.setattr(
        NoisyGradients, "step", lambda self, *given: (noisy.append(1), step(self, *given))
    )
    options = {"ledger": ledger.on_behalf_of("gan train")}

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(training, "save_generator", killed)
        train_generator(real, CONFIG, private, tmp_path, TINY_BACKBONE, **options)
    card = train_generator(real, CONFIG, private, tmp_path, TINY_BACKBONE, **options)

    (charge,) = charged(ledger)
    assert len(noisy) == charge.spending.steps[-1].times == 6
    assert card.images_seen == 24


@pytest.mark.pitfall("A release repeated when a training goes on")
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_nothing_but_the_count_leaves_before_the_state_is_saved(
    real, plan, tmp_path, monkeypatch, mechanism
):
    """Killed before it is saved, a private training takes its steps again, with other noise."""
    privacy = PrivacyConfig(target_epsilon=8.0, target_delta=1e-3)
    private = dataclasses.replace(plan, privacy=privacy, mechanism=mechanism)
    left = []
    monkeypatch.setattr("mammo_core.generators.training.GanTrainer.save", killed)

    with pytest.raises(KeyboardInterrupt):
        train_generator(
            real, CONFIGS[mechanism], private, tmp_path, TINY_BACKBONE, on_step=left.append
        )

    assert left == [4, 8]
    assert not plan.out.parent.exists()
    client, (run,) = tracked_runs(tmp_path)
    assert run.data.metrics == {}
    assert client.list_artifacts(run.info.run_id) == []


@pytest.mark.pitfall("Wrong gradients of single patients")
def test_generator_whose_gradients_are_wrong_is_neither_charged_nor_begun(
    real, plan, tmp_path, monkeypatch
):
    privacy = PrivacyConfig(target_epsilon=8.0, target_delta=1e-3)
    private = dataclasses.replace(plan, privacy=privacy, mechanism="discriminator")
    ledger = memory_ledger()
    right = layer_gradients.unit_gradients
    monkeypatch.setattr(
        layer_gradients,
        "unit_gradients",
        lambda *given: {name: 1.1 * found for name, found in right(*given).items()},
    )

    with pytest.raises(PrivacyError, match="Nothing was trained"):
        train_generator(
            real,
            CONFIG,
            private,
            tmp_path,
            TINY_BACKBONE,
            ledger=ledger.on_behalf_of("gan train"),
        )

    assert charged(ledger) == []
    assert not plan.out.parent.exists()


def test_finished_training_only_returns_its_card(real, plan, tmp_path):
    first = train_generator(real, CONFIG, plan, tmp_path, TINY_BACKBONE)

    again = train_generator(
        real, CONFIG, plan, tmp_path, TINY_BACKBONE, on_step=lambda _: pytest.fail("trained")
    )

    assert again == first


@pytest.mark.parametrize("wrong", [{"images": 0}, {"eval_every": 0}])
def test_plan_that_would_never_end_is_refused(plan, wrong):
    with pytest.raises(InvalidRequestError, match=">= 1; got 0"):
        dataclasses.replace(plan, **wrong)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_private_training_keeps_the_last_generator_and_writes_its_guarantee(
    real, plan, tmp_path, mechanism
):
    privacy = PrivacyConfig(target_epsilon=8.0, target_delta=1e-3)
    private = dataclasses.replace(plan, privacy=privacy, mechanism=mechanism)

    card = train_generator(real, CONFIGS[mechanism], private, tmp_path, TINY_BACKBONE)

    assert card.images_seen == 24
    assert 7.5 < card.guarantee.epsilon <= 8.0
    assert card.guarantee.largest_patient == real.select(split="train").largest_patient
    assert card.guarantee.num_units == real.select(split="train").num_patients
    assert card.config.architecture == ("simulator" if mechanism == "evolution" else "cascade")
    assert card.saw_patients and "patient" in card.guarantee_text
    assert load_generator(plan.out)[1] == card


@pytest.mark.pitfall("δ too large")
def test_delta_that_would_publish_a_patient_is_refused(real, plan, tmp_path):
    privacy = PrivacyConfig(target_epsilon=8.0, target_delta=0.1)

    with pytest.raises(PrivacyError, match="δ below"):
        train_generator(
            real, CONFIG, dataclasses.replace(plan, privacy=privacy), tmp_path, TINY_BACKBONE
        )


@pytest.mark.pitfall("Batch norm and other mixing of patients")
def test_the_papers_gan_cannot_be_trained_privately(real, plan, tmp_path):
    privacy = PrivacyConfig(target_epsilon=8.0, target_delta=1e-3)

    with pytest.raises(InvalidRequestError, match="whose batch norm mixes patients"):
        train_generator(
            real, TINY["mcgan"], dataclasses.replace(plan, privacy=privacy), tmp_path, TINY_BACKBONE
        )


@pytest.mark.parametrize(
    ("config", "privacy", "mechanism", "said"),
    [
        ("evolution", None, "evolution", "Expected an ε to fit a simulator with"),
        ("evolution", 8.0, "moments", "only for one; got moments for simulator"),
        ("moments", 8.0, "evolution", "only for one; got evolution for cascade.*by moments"),
    ],
)
def test_a_simulator_is_fitted_by_private_evolution_only(
    real, plan, tmp_path, config, privacy, mechanism, said
):
    asked = dataclasses.replace(
        plan,
        privacy=privacy and PrivacyConfig(target_epsilon=privacy, target_delta=1e-3),
        mechanism=mechanism,
    )
    ledger = memory_ledger()

    with pytest.raises(InvalidRequestError, match=said):
        train_generator(
            real,
            CONFIGS[config],
            asked,
            tmp_path,
            TINY_BACKBONE,
            ledger=ledger.on_behalf_of("gan train"),
        )

    assert charged(ledger) == []


def test_training_without_a_validation_split_says_what_to_add(plan, tmp_path):
    with pytest.raises(CohortError, match="Add site/val"):
        train_generator(make_cohort(), CONFIG, plan, tmp_path, TINY_BACKBONE)


def test_masses_of_another_size_are_refused(plan, tmp_path):
    real = join([make_cohort(size=8), make_cohort(8, split="val", seed=1, size=8)])

    with pytest.raises(InvalidRequestError, match="masses of 16×16 px"):
        train_generator(real, CONFIG, plan, tmp_path, TINY_BACKBONE)


def test_written_masses_read_back_as_the_same_cohort(real, plan, tmp_path):
    card = train_generator(real, CONFIG, plan, tmp_path, TINY_BACKBONE)
    generator, _ = load_generator(plan.out)

    drawings = [
        DrawRequest(f"seed{seed}", label, origin_of_seed(generator, seed))
        for label, seed in zip([0, 1, 0], range(7, 10), strict=True)
    ]
    write_masses(generator, card, "tiny", drawings, tmp_path / "drawn")

    reading = read_synthetic(tmp_path / "drawn")
    assert reading.skipped == []
    assert sorted(reading.cohort.labels.tolist()) == [0, 0, 1]
    with (tmp_path / "drawn/manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [
        "seed7_benign.png",
        "seed8_malignant.png",
        "seed9_benign.png",
    ]
    assert {row["generator_sha256"] for row in rows} == {card.sha256}
    assert origin_of_folder(tmp_path / "drawn") == origin_of_card("tiny", card)
    with pytest.raises(InvalidRequestError, match="holds files already"):
        write_masses(generator, card, "tiny", drawings, tmp_path / "drawn")


def charged(ledger):
    return [entry.release for entry in ledger.book().entries]


def test_generator_without_dp_is_charged_as_such_and_named_when_finished(real, plan, tmp_path):
    ledger = memory_ledger()

    card = train_generator(
        real, CONFIG, plan, tmp_path, TINY_BACKBONE, ledger=ledger.on_behalf_of("gan train")
    )

    (charge,) = charged(ledger)
    assert (charge.kind, charge.spending.is_private) == ("generator", False)
    assert ledger.book().generators == {card.sha256}
    (cohort,) = ledger.book().cohorts.values()
    assert cohort.patients == set(card.patients)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_private_generator_is_charged_with_what_its_card_says_it_spent(
    real, plan, tmp_path, mechanism
):
    privacy = PrivacyConfig(target_epsilon=8.0, target_delta=1e-3, unit="image")
    private = dataclasses.replace(plan, privacy=privacy, mechanism=mechanism)
    ledger = memory_ledger()

    card = train_generator(
        real,
        CONFIGS[mechanism],
        private,
        tmp_path,
        TINY_BACKBONE,
        ledger=ledger.on_behalf_of("gan train"),
    )

    (charge,) = charged(ledger)
    spent = total_epsilon([charge.spending], 1e-3, "image")
    assert spent == pytest.approx(card.guarantee.epsilon, rel=5e-3)
    assert charge.spending.largest_patient == 2


def test_going_on_with_a_generator_is_not_charged_again_but_beginning_anew_is(real, plan, tmp_path):
    privacy = PrivacyConfig(target_epsilon=8.0, target_delta=1e-3)
    private = dataclasses.replace(plan, privacy=privacy)
    ledger = memory_ledger()
    work = ledger.on_behalf_of("gan train")

    def kill_in_the_second_evaluation(seen):
        if seen > 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_generator(
            real,
            CONFIG,
            private,
            tmp_path,
            TINY_BACKBONE,
            ledger=work,
            on_step=kill_in_the_second_evaluation,
        )
    train_generator(real, CONFIG, private, tmp_path, TINY_BACKBONE, ledger=work)
    assert len(charged(ledger)) == 1

    (state,) = (tmp_path / "gan").glob("*.pt")
    state.unlink()
    train_generator(real, CONFIG, private, tmp_path, TINY_BACKBONE, ledger=work)
    assert len(charged(ledger)) == 2


def test_generator_beyond_the_budget_leaves_nothing_behind(real, plan, tmp_path):
    ledger = memory_ledger()
    train = real.select(split="train")
    cohort = cohort_identity(train, is_demonstration=False)
    ledger.set_budget(cohort, Budget(epsilon=4.0, delta=1e-3))
    private = dataclasses.replace(
        plan, privacy=PrivacyConfig(target_epsilon=8.0, target_delta=1e-3)
    )

    with pytest.raises(BudgetExceededError):
        train_generator(
            real,
            CONFIG,
            private,
            tmp_path,
            TINY_BACKBONE,
            ledger=ledger.on_behalf_of("gan train"),
            on_step=lambda _: pytest.fail("trained"),
        )

    assert not plan.out.parent.exists()
    assert not (tmp_path / "gan").exists()
