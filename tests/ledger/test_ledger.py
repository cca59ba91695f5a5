"""The ledger: what counts, for whom, how long it lasts, and what it refuses."""

import dataclasses
import math
import multiprocessing
import time

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from mammo_core.config.runs import PrivacyConfig, short_hash, to_dict
from mammo_core.errors import BudgetExceededError, InvalidRequestError, PrivacyError, StoreError
from mammo_core.ledger.book import Budget
from mammo_core.ledger.ledger import open_ledger
from mammo_core.ledger.records import EXPERIMENT, MlflowRecords
from mammo_core.ledger.releases import (
    cohort_identity,
    cost_of_budget,
    planned_releases,
    releases_of_run,
)
from mammo_core.ledger.table import ledger_table
from mammo_core.privacy.accounting.calibration import calibrate_run
from mammo_core.privacy.accounting.gaussian import mu_for, spent_epsilon
from mammo_core.results.archive import RunArchive
from mammo_core.results.recording import RunRecorder
from mammo_core.system.secret_key import KEY_FILE, unkeyed_hash
from mammo_core.training.heads.sweep import SweepPlan, run_plan
from tests.conftest import make_cohort
from tests.helpers.ledgers import charge, charge_when_all_are_ready, cohort
from tests.helpers.made_ledgers import FreeLedger, memory_ledger, run_many
from tests.training.heads.test_runs import make_config

DELTA = 1e-4


def both(*epsilons):
    return spent_epsilon(math.hypot(*(mu_for(epsilon, DELTA) for epsilon in epsilons)), DELTA)


def total(ledger, who, delta=DELTA):
    return ledger.book().total(who.patients, delta)


@pytest.fixture
def ledger():
    return memory_ledger()


@pytest.fixture
def work(ledger):
    return ledger.on_behalf_of("sweep", job="job1")


@pytest.mark.pitfall("Several releases, each with an ε of its own")
def test_releases_are_composed_not_added(ledger, work):
    work.record(cohort(), [charge(4.0), charge(3.0)])

    seen = total(ledger, cohort())
    assert seen.epsilon == pytest.approx(both(4.0, 3.0))
    assert seen.epsilon < 7
    assert (seen.num_releases, seen.num_without_dp) == (2, 0)


def test_release_by_image_is_charged_by_the_patient_with_most_masses(ledger, work):
    work.record(cohort(), [charge(1.0, "image")])

    assert total(ledger, cohort()).epsilon == pytest.approx(
        spent_epsilon(2 * mu_for(1.0, DELTA), DELTA)
    )


def test_releases_without_dp_are_told_apart(ledger, work):
    work.record(cohort(), [charge(4.0), charge(math.inf)])

    seen = total(ledger, cohort())
    assert seen.epsilon == math.inf
    assert seen.covered_epsilon == pytest.approx(4.0)
    assert seen.num_without_dp == 1


@pytest.mark.pitfall("Several releases, each with an ε of its own")
def test_cohort_with_one_patient_in_common_has_the_same_ledger(ledger, work):
    """Cropping anew or adding a patient makes another cohort, not an empty ledger."""
    work.record(cohort("a", "b", key="c1"), [charge(4.0)])
    work.record(cohort("b", "x", key="c2"), [charge(3.0)])
    work.record(cohort("y", "z", key="c3"), [charge(2.0)])

    assert total(ledger, cohort("a", "b", "new", key="c4")).epsilon == pytest.approx(both(4.0, 3.0))
    assert total(ledger, cohort("y")).epsilon == pytest.approx(2.0)
    assert total(ledger, cohort("nobody")).num_releases == 0


def test_same_pictures_under_new_ids_count_together_and_share_a_budget(ledger, work):
    train = make_cohort(20)
    renamed = dataclasses.replace(train, patient_ids=np.char.add("new ", train.patient_ids))
    recropped = dataclasses.replace(train, images=train.images // 2)
    ours, theirs, others = (
        cohort_identity(each, is_demonstration=False) for each in (train, renamed, recropped)
    )
    ledger.set_budget(ours, Budget(epsilon=5.0, delta=DELTA))
    work.record(ours, [charge(4.0)])
    assert ours.patients.isdisjoint(theirs.patients)

    with pytest.raises(BudgetExceededError):
        work.record(theirs, [charge(4.0)])

    book = ledger.book()
    assert book.total(theirs.members, DELTA).epsilon == pytest.approx(4.0)
    (said,) = ledger.warnings(book, theirs)
    assert "40 pictures" in said and "under other patient ids" in said
    assert ledger.warnings(book, ours) == ledger.warnings(book, others) == []  # known by their ids


def test_a_plain_picture_is_nobodys(ledger, work):
    """Air beside the breast may be cut from any mammogram."""
    train = make_cohort(20)
    black = train.images.copy()
    black[0] = 0
    mine = dataclasses.replace(train, images=black)
    yours = dataclasses.replace(make_cohort(20, site="other", seed=3), images=255 - black)
    yours.images[0] = 0

    mine, yours = (cohort_identity(each, is_demonstration=False) for each in (mine, yours))

    assert len(mine.pictures) == 39
    assert mine.members.isdisjoint(yours.members)


def test_pictures_of_a_cohort_recorded_without_are_added_at_its_next_release(ledger, work):
    train = cohort_identity(make_cohort(20), is_demonstration=False)
    work.record(dataclasses.replace(train, pictures=frozenset()), [charge(4.0)])

    work.record(train, [charge(4.0)])

    assert ledger.book().cohorts == {train.key: train}


def test_secret_noise_is_a_new_release_each_time_reproducible_noise_once(ledger, work):
    secret = charge(4.0)
    repeated = charge(4.0, release="s", noise="reproducible", noise_seed="1", is_counted_once=True)
    for _ in range(2):
        work.record(cohort(), [secret, repeated, repeated])

    assert [entry.release.release for entry in ledger.book().entries] == ["r", "s", "r"]
    assert total(ledger, cohort()).num_reproducible == 1


@pytest.mark.pitfall("Seeds that repeat noise")
@pytest.mark.parametrize(
    ("other_seed", "num_without_dp"),
    [("000000000000000a", 1), ("123456780000000a", 1), ("000000010000000b", 0)],
    ids=["the same", "one that gives the same noise", "another"],
)
def test_reproducible_noise_used_again_on_other_data_counts_as_no_privacy(
    ledger, work, other_seed, num_without_dp
):
    """Both models subtracted give the difference of the data without noise."""
    kind = {"noise": "reproducible", "is_counted_once": True}
    first = charge(4.0, release="data 1", noise_seed="000000000000000a", **kind)
    work.record(cohort(), [first])
    assert total(ledger, cohort()).num_without_dp == 0

    work.record(cohort(), [charge(4.0, release="data 2", noise_seed=other_seed, **kind)])

    assert total(ledger, cohort()).num_without_dp == num_without_dp


@pytest.mark.pitfall("Several releases, each with an ε of its own")
def test_budget_warns_at_80_percent_and_refuses_beyond(ledger, work):
    ledger.set_budget(cohort(), Budget(epsilon=5.0, delta=DELTA))
    work.record(cohort(), [charge(3.9)])
    (state,) = ledger.book().budget_states(cohort().patients)
    assert not state.is_nearly_used

    work.record(cohort(), [charge(1.0)])
    (state,) = ledger.book().budget_states(cohort().patients)
    assert state.spent == pytest.approx(both(3.9, 1.0)) and state.spent >= 4
    assert state.is_nearly_used and not state.is_exceeded

    with pytest.raises(
        BudgetExceededError, match=r"within its budget ε = 5 .*Nothing was computed"
    ):
        work.record(cohort(), [charge(3.0)])
    assert len(ledger.book().entries) == 2


def test_budget_can_be_spent_to_the_last(ledger, work):
    ledger.set_budget(cohort(), Budget(epsilon=4.0, delta=DELTA))

    work.record(cohort(), [charge(4.0)])

    assert total(ledger, cohort()).epsilon == pytest.approx(4.0)


def test_batch_that_fits_only_in_part_is_refused_whole(ledger, work):
    ledger.set_budget(cohort(), Budget(epsilon=4.5, delta=DELTA))

    with pytest.raises(BudgetExceededError, match="these 2 releases"):
        work.record(cohort(), [charge(4.0), charge(4.0)])

    assert ledger.book().entries == ()


def test_budget_of_a_cohort_holds_for_others_that_share_a_patient(ledger, work):
    ledger.set_budget(cohort("a", "b", key="c1"), Budget(epsilon=2.0, delta=DELTA))

    with pytest.raises(BudgetExceededError):
        work.record(cohort("b", "c", key="c2"), [charge(3.0)])
    work.record(cohort("c", "d", key="c3"), [charge(3.0)])


def test_release_without_dp_exceeds_every_budget_but_leaves_it_usable(ledger, work):
    ledger.set_budget(cohort(), Budget(epsilon=1000.0, delta=DELTA))
    with pytest.raises(BudgetExceededError, match="without DP, which no ε covers"):
        work.record(cohort(), [charge(math.inf)])

    ledger.on_behalf_of("train", beyond_budget="a baseline").record(cohort(), [charge(math.inf)])
    work.record(cohort(), [charge(4.0)])

    (state,) = ledger.book().budget_states(cohort().patients)
    assert (state.num_without_dp, state.spent) == (1, pytest.approx(4.0))


def test_reason_goes_beyond_the_budget_and_is_kept_where_it_was_needed(ledger):
    ledger.set_budget(cohort(), Budget(epsilon=5.0, delta=DELTA))
    work = ledger.on_behalf_of("train", beyond_budget=" approved by the board ")
    work.record(cohort(), [charge(4.0)])
    work.record(cohort(), [charge(4.0)])

    assert [entry.reason for entry in ledger.book().entries] == ["", "approved by the board"]


def test_blank_reason_is_none(ledger):
    ledger.set_budget(cohort(), Budget(epsilon=1.0, delta=DELTA))

    with pytest.raises(BudgetExceededError):
        ledger.on_behalf_of("train", beyond_budget="  ").record(cohort(), [charge(4.0)])


def test_latest_budget_holds_and_those_before_stay_on_record(ledger, work):
    for epsilon in (1.0, 9.0):
        ledger.set_budget(cohort(), Budget(epsilon=epsilon, delta=DELTA))
    work.record(cohort(), [charge(4.0)])
    ledger.set_budget(cohort(), None)

    work.record(cohort(), [charge(500.0)])

    book = ledger.book()
    assert book.budget_of("c1") is None
    assert [change.budget and change.budget.epsilon for change in book.budget_changes] == [
        1,
        9,
        None,
    ]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"epsilon": 0.0}, InvalidRequestError),
        ({"epsilon": math.inf}, InvalidRequestError),
        ({"delta": 0.0}, PrivacyError),
    ],
)
def test_impossible_budget_is_refused(wrong, error):
    with pytest.raises(error, match="Expected"):
        Budget(**{"epsilon": 1.0, "delta": DELTA} | wrong)


def test_budget_at_a_delta_that_would_publish_a_patient_is_refused(ledger):
    with pytest.raises(PrivacyError, match="δ below 1 / 3"):
        ledger.set_budget(cohort(), Budget(epsilon=1.0, delta=0.5))


def test_what_if_is_what_comes_of_it(ledger, work):
    work.record(cohort(), [charge(4.0)])
    planned = planned_releases(cost_of_budget(2.0, DELTA, "image", 2), 3)

    foreseen = ledger.book().total(cohort().patients, DELTA, planned)
    work.record(cohort(), planned)

    assert total(ledger, cohort()) == foreseen


def test_table_has_every_release_with_its_running_total(ledger, work):
    work.record(cohort(), [charge(4.0), charge(math.inf), charge(3.0)])

    table = ledger_table(ledger.book(), cohort().patients, DELTA)

    assert table["epsilon_alone"].tolist() == pytest.approx([4.0, math.inf, 3.0])
    assert table["epsilon_total"].tolist() == pytest.approx([4.0, 4.0, both(4.0, 3.0)])
    assert set(table["job"]) == {"job1"}


# in the MLflow store


def test_entries_survive_a_restart_and_the_deletion_of_runs(dataset, tmp_path):
    config = make_config(dataset, "real", noise="secret")
    ledger = open_ledger(tmp_path)
    tracker = RunRecorder(tmp_path)
    for result in run_many(dataset, [config], ledger=ledger.on_behalf_of("train")):
        run_id = tracker.record(result, origin="train")
    RunArchive(tmp_path).delete(run_id)

    (entry,) = open_ledger(tmp_path).book().entries

    noise = calibrate_run(config)
    assert [entry.release] == releases_of_run(config, noise, dataset.train, dataset.synthetic)
    assert (entry.origin, entry.cohort) == ("train", dataset.train.content_hash)
    assert total(open_ledger(tmp_path), dataset.cohort_identity).epsilon == pytest.approx(
        6.0, rel=1e-5
    )


def test_entries_that_mlflow_calls_deleted_still_count(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.on_behalf_of("train").record(cohort(), [charge(4.0)])
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    for run in client.search_runs([experiment]):
        client.delete_run(run.info.run_id)
    client.delete_experiment(experiment)
    assert client.search_runs([experiment], run_view_type=ViewType.ACTIVE_ONLY) == []

    again = open_ledger(tmp_path)

    assert total(again, cohort()).epsilon == pytest.approx(4.0)
    again.on_behalf_of("train").record(cohort(), [charge(3.0)])
    assert total(open_ledger(tmp_path), cohort()).epsilon == pytest.approx(both(4.0, 3.0))


def test_records_deleted_for_good_are_missed(tmp_path):
    ledger = open_ledger(tmp_path)
    for _ in range(3):
        ledger.on_behalf_of("train").record(cohort(), [charge(4.0)])
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    (second,) = client.search_runs([experiment], "tags.number = '2'")
    client._tracking_client.store._hard_delete_run(second.info.run_id)

    book = open_ledger(tmp_path).book()

    assert len(book.entries) == 2
    assert book.num_missing == 1


def test_two_ledgers_see_each_others_entries(tmp_path):
    first, second = open_ledger(tmp_path), open_ledger(tmp_path)
    first.on_behalf_of("train").record(cohort(), [charge(4.0)])
    assert len(second.book().entries) == 1
    second.on_behalf_of("train").record(cohort(), [charge(4.0)])

    assert len(first.book().entries) == 2


def test_large_cohorts_and_batches_come_back_whole(tmp_path):
    many = cohort(*(short_hash(number) for number in range(3000)))
    ledger = open_ledger(tmp_path)
    ledger.on_behalf_of("sweep").record(
        many, [charge(1.0, release=f"ε {number}") for number in range(300)]
    )

    book = open_ledger(tmp_path).book()

    assert book.cohorts == {"c1": many}
    assert [entry.release.release for entry in book.entries] == [f"ε {n}" for n in range(300)]


def test_two_thousand_entries_are_read_in_about_a_second(tmp_path):
    records = MlflowRecords(tmp_path)
    ledger = open_ledger(tmp_path)
    for _ in range(20):
        ledger.on_behalf_of("sweep").record(cohort(), [charge(1.0)] * 100)

    start = time.process_time()
    assert len(records.read()) == 21
    assert len(open_ledger(tmp_path).book().entries) == 2000
    assert time.process_time() - start < 5  # of a processor; it takes 0.1 s


def test_two_processes_cannot_both_take_the_last_of_a_budget(tmp_path):
    open_ledger(tmp_path).set_budget(cohort(), Budget(epsilon=5.0, delta=DELTA))
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    processes = [
        context.Process(target=charge_when_all_are_ready, args=(tmp_path, barrier, results))
        for _ in range(2)
    ]
    for process in processes:
        process.start()
    outcome = sorted(results.get(timeout=120) for _ in processes)
    for process in processes:
        process.join()

    assert outcome == ["charged", "refused"]
    assert len(open_ledger(tmp_path).book().entries) == 1


# what training charges


@pytest.mark.pitfall("Several releases, each with an ε of its own")
def test_every_run_that_sees_patients_is_charged_before_it_is_trained(dataset):
    ledger = FreeLedger()
    configs = [make_config(dataset, "real", epsilon) for epsilon in (6.0, math.inf)]

    def stop(_):
        assert len(ledger.releases) == 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(run_many(dataset, configs, ledger=ledger, on_step=stop))
    assert [charged.spending.is_private for charged in ledger.releases] == [True, False]


def test_strategy_synthetic_charges_no_patient(dataset):
    ledger = FreeLedger()

    list(run_many(dataset, [make_config(dataset, "synthetic")], ledger=ledger))

    assert ledger.releases == []


@pytest.mark.parametrize("backend", ["opacus", "vectorised"])
def test_refused_runs_are_not_trained(dataset, ledger, backend):
    ledger.set_budget(dataset.cohort_identity, Budget(epsilon=7.0, delta=DELTA))
    configs = [make_config(dataset, "real", 6.0, seed=seed) for seed in (1, 2)]
    runs = run_many(
        dataset,
        configs,
        ledger=ledger.on_behalf_of("sweep"),
        backend=backend,
        on_step=lambda _: pytest.fail("trained"),
    )

    with pytest.raises(BudgetExceededError):
        next(runs)
    assert ledger.book().entries == ()


def test_sweep_that_does_not_fit_as_a_whole_trains_nothing(dataset, ledger):
    ledger.set_budget(dataset.cohort_identity, Budget(epsilon=7.0, delta=DELTA))
    plan = SweepPlan(
        strategies=("real", "pretrain"),
        units=("patient",),
        epsilons=(6.0,),
        seeds=(1,),
        delta=DELTA,
        backbone=dataset.backbone,
    )

    with pytest.raises(BudgetExceededError):
        list(
            run_plan(
                dataset,
                plan.configs(),
                ledger=ledger.on_behalf_of("sweep"),
                on_step=lambda _: pytest.fail("trained"),
            )
        )


def test_reproducible_run_is_one_release_however_often_it_is_trained_or_tested(dataset, ledger):
    config = make_config(dataset, "real")
    elsewhere = dataclasses.replace(
        dataset, test_sets={"here": dataset.test_sets["here"]}, _prepared={}
    )
    for where in (dataset, dataset, elsewhere):
        list(run_many(where, [config], ledger=ledger.on_behalf_of("train")))

    assert len(ledger.book().entries) == 1


@pytest.mark.pitfall("A guarantee for crops read as one for patients")
def test_run_costs_what_its_result_says_it_spent(dataset, ledger):
    (result,) = run_many(
        dataset, [make_config(dataset, "real", unit="image")], ledger=ledger.on_behalf_of("train")
    )

    (entry,) = ledger.book().entries
    assert entry.release.spending.largest_patient == 2
    assert total(ledger, dataset.cohort_identity).epsilon == pytest.approx(
        spent_epsilon(2 * result.mu, DELTA), rel=1e-6
    )


def test_cohort_is_known_by_content_and_hashed_patients():
    train = make_cohort(20, 3)
    same, more = make_cohort(20, 3), make_cohort(21, 3)

    ours, theirs, larger = (
        cohort_identity(part, is_demonstration=False) for part in (train, same, more)
    )

    assert ours == theirs
    assert ours.key != larger.key and ours.patients < larger.patients
    assert ours.largest_patient == 3
    assert not any("train" in patient for patient in ours.patients)


def test_reproducible_noise_is_named_and_secret_noise_is_not(dataset):
    configs = [
        make_config(dataset, "real", noise=noise, epsilon=6.0)
        for noise in ("secret", "reproducible")
    ]

    secret, reproducible = (
        release
        for config in configs
        for release in releases_of_run(config, 1.0, dataset.train, dataset.synthetic)
    )

    assert (secret.noise_seed, secret.is_counted_once) == ("", False)
    assert int(reproducible.noise_seed, 16) == configs[1].noise_seed
    assert PrivacyConfig(target_epsilon=1.0).noise == "secret"


# whose patients, known to this installation only


def record_of_version_0_2(train):
    """A cohort's record as it was kept with hashes that need no key."""
    identity = cohort_identity(train, is_demonstration=False)
    hashes = sorted({unkeyed_hash(patient) for patient in train.patient_ids.tolist()})
    values = vars(identity) | {"patients": hashes}
    return {name: value for name, value in values.items() if name not in ("pictures", "marks")}


def test_no_record_tells_patients_to_those_who_guess_ids(private_home):
    train = make_cohort(6)
    open_ledger(private_home).on_behalf_of("train").record(
        cohort_identity(train, is_demonstration=False), [charge()]
    )

    kept = str([record.content for record in MlflowRecords(private_home).read()])

    assert not [one for one in train.patient_ids if one in kept or unkeyed_hash(one) in kept]


def test_ledger_with_hashes_that_need_no_key_still_matches(private_home):
    train = make_cohort(6)
    records = MlflowRecords(private_home)
    charged = {"cohort": train.content_hash, "origin": "train", "job": "", "reason": ""}
    records.add("cohort", "site", record_of_version_0_2(train))
    records.add("charges", "one", charged | {"charges": [to_dict(charge())]})
    others = cohort_identity(make_cohort(6, site="elsewhere"), is_demonstration=False)
    some = cohort_identity(train.where(train.patient_ids == "sitetrain3"), is_demonstration=False)

    ledger = open_ledger(private_home)

    assert total(ledger, some).epsilon == pytest.approx(4.0)
    assert total(ledger, others).num_releases == 0


def test_ledger_is_refused_without_the_key_that_it_was_written_with(private_home):
    open_ledger(private_home).set_budget(cohort(), Budget(epsilon=1.0, delta=DELTA))
    (private_home / KEY_FILE).unlink()

    with pytest.raises(StoreError, match=f"another in {KEY_FILE}.*Copy that file"):
        open_ledger(private_home).book()
