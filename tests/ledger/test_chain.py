"""Records deleted or changed leave a gap for good; a fork or a moved home is none."""

import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from mlflow import MlflowClient

from mammo_core.errors import StoreError
from mammo_core.ledger.chain import LedgerEnd, LedgerRecord, count_missing, end_of
from mammo_core.ledger.ledger import open_ledger
from mammo_core.ledger.records import EXPERIMENT, MlflowRecords
from mammo_core.ledger.words import gap_sentence
from mammo_core.storage.mlflow_store import database_address
from mammo_core.system.secret_key import KEY_FILE
from tests.helpers.ledgers import charge, cohort

NOTHING = LedgerEnd()


def release(home, count=1):
    ledger = open_ledger(home)
    for _ in range(count):
        ledger.on_behalf_of("train").record(cohort(), [charge(4.0)])


def store_of(home):
    client = MlflowClient(database_address(home))
    return client, client.get_experiment_by_name(EXPERIMENT).experiment_id


def delete_for_good(home, *numbers):
    client, experiment = store_of(home)
    for number in numbers:
        (run,) = client.search_runs([experiment], f"tags.number = '{number}'")
        client._tracking_client.store._hard_delete_run(run.info.run_id)


def numbers_in(home):
    client, experiment = store_of(home)
    return sorted(int(run.data.tags["number"]) for run in client.search_runs([experiment]))


def num_missing(home):
    return open_ledger(home).book().num_missing


def test_gap_stays_after_more_releases_and_no_number_returns(tmp_path):
    release(tmp_path, 4)  # records 0 (the cohort) to 4
    delete_for_good(tmp_path, 2, 3)

    release(tmp_path, 3)

    assert num_missing(tmp_path) == 2
    assert numbers_in(tmp_path) == [0, 1, 4, 5, 6, 7]


def test_newest_record_is_missed_before_and_after_the_next(tmp_path):
    release(tmp_path, 2)
    delete_for_good(tmp_path, 2)
    assert num_missing(tmp_path) == 1

    release(tmp_path)

    assert num_missing(tmp_path) == 1
    assert numbers_in(tmp_path) == [0, 1, 3]


def test_all_records_deleted_are_missed(tmp_path):
    release(tmp_path, 2)
    delete_for_good(tmp_path, 0, 1, 2)

    assert num_missing(tmp_path) == 3
    release(tmp_path)
    assert num_missing(tmp_path) == 3


def test_changed_record_is_missed(tmp_path):
    release(tmp_path, 2)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        cheaper = "update tags set value = replace(value, '4.0', '0.1') where key like 'content.%'"
        assert database.execute(cheaper).rowcount

    assert num_missing(tmp_path) == 2


def test_gap_is_said_with_its_number_and_meaning(tmp_path):
    release(tmp_path, 3)
    assert gap_sentence(open_ledger(tmp_path).book()) == ""
    delete_for_good(tmp_path, 1, 3)

    said = gap_sentence(open_ledger(tmp_path).book())

    assert "2 records" in said and "too low" in said


def test_moved_and_copied_homes_have_no_gap(tmp_path):
    first, copy, moved = (tmp_path / name for name in ("first", "copy", "moved"))
    release(first, 2)
    shutil.copytree(first, copy)
    first.rename(moved)
    release(moved)
    release(copy, 2)

    assert (num_missing(moved), num_missing(copy)) == (0, 0)


def test_ledger_of_version_0_2_opens_and_is_linked_from_the_next_record_on(tmp_path):
    release(tmp_path, 3)
    (tmp_path / "ledger.json").unlink()
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        database.execute("delete from tags where key = 'previous'")
    assert num_missing(tmp_path) == 0

    release(tmp_path, 2)
    assert num_missing(tmp_path) == 0

    delete_for_good(tmp_path, 3)  # the last of the old ones
    assert num_missing(tmp_path) == 1
    delete_for_good(tmp_path, 5)  # the newest
    assert num_missing(tmp_path) == 2


def test_another_store_has_an_end_of_its_own(tmp_path, monkeypatch):
    home = tmp_path / "home"
    release(home, 2)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'team.db'}")
    assert num_missing(home) == 0
    release(home)
    assert num_missing(home) == 0
    assert "team" not in (home / "ledger.json").read_text()  # an address may hold a password

    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert num_missing(home) == 0
    assert {end["count"] for end in json.loads((home / "ledger.json").read_text()).values()} == {
        2,
        3,
    }


def test_machines_that_write_at_once_fork_the_ledger_and_miss_nothing(tmp_path, monkeypatch):
    """Two homes with one store have no lock in common."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'team.db'}")
    release(tmp_path / "one")
    one, two = (MlflowRecords(tmp_path / name) for name in ("one", "two"))
    one.read(), two.read()
    one.add("generator", "a", {"sha256": "a"})
    two.add("generator", "b", {"sha256": "b"})
    for records in (one, two):
        records.read()
        assert records.num_missing == 0
    one.add("generator", "c", {"sha256": "c"})

    *_, a, b, c = two.read()
    assert {a.number, b.number, c.number} == {2, 3}
    assert set(c.previous) == {a.link, b.link}
    shutil.copy(tmp_path / "one" / KEY_FILE, tmp_path / "two")  # as a team does
    assert num_missing(tmp_path / "two") == 0

    client = MlflowClient()
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    (run,) = [run for run in client.search_runs([experiment]) if run.info.run_name == "b"]
    client._tracking_client.store._hard_delete_run(run.info.run_id)
    assert num_missing(tmp_path / "two") == 1


def test_record_that_comes_with_a_very_early_time_is_no_gap(tmp_path):
    """The clock of another machine may be hours late; only newer records are asked for."""
    release(tmp_path, 2)
    reader = MlflowRecords(tmp_path)
    reader.read()
    other = MlflowRecords(tmp_path)
    other.read()
    other.add("generator", "early", {"sha256": "a"})
    client, experiment = store_of(tmp_path)
    (early,) = client.search_runs([experiment], "tags.number = '3'")
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        earlier = "update runs set start_time = start_time - 86400000 where run_uuid = ?"
        database.execute(earlier, [early.info.run_id])
    (tmp_path / "ledger.json").unlink()
    later = MlflowRecords(tmp_path)
    later.read()
    later.add("generator", "later", {"sha256": "b"})

    assert len(reader.read()) == 5
    assert reader.num_missing == 0


def test_damaged_end_is_refused_with_what_to_do(tmp_path):
    release(tmp_path)
    (tmp_path / "ledger.json").write_text("{")

    with pytest.raises(StoreError, match=r"Expected the end of the ledger .* move it away"):
        open_ledger(tmp_path).book()


def record(number, previous=None, text=""):
    return LedgerRecord("generator", float(number), number, {"sha256": text}, previous)


def test_number_given_twice_up_to_version_0_2_hides_no_gap_any_more():
    """Numbers were counts: after two deletions the next two records hid the gap."""
    old = [record(number) for number in (0, 3, 4)]
    assert count_missing(old, NOTHING) == 2

    end = end_of(old, NOTHING)
    new = [*old, record(end.count, end.links)]

    assert end.count == 5
    assert count_missing(new, end_of(new, end)) == 2


def test_forked_ledger_of_version_0_2_has_no_gap():
    old = [record(0), record(1, text="a"), record(1, text="b")]
    end = end_of(old, NOTHING)
    new = [*old, record(end.count, end.links)]

    assert count_missing(old, NOTHING) == 0
    assert count_missing(new, end_of(new, end)) == 0


def test_end_that_is_older_than_the_records_misses_nothing():
    """Killed between record and end."""
    first = record(0, ())
    end = end_of([first], NOTHING)
    second = record(end.count, end.links)

    assert count_missing([first, second], end) == 0
    assert end_of([first, second], end) == LedgerEnd(2, (second.link,))


def test_link_covers_everything_in_a_record():
    values = {"kind": "budget", "made": 1.0, "number": 0, "content": {"a": 1}, "previous": ()}
    others = [
        values | changed
        for changed in (
            {"kind": "charges"},
            {"made": 2.0},
            {"number": 1},
            {"content": {"a": 2}},
            {"previous": ("0 ab",)},
        )
    ]

    assert len({LedgerRecord(**each).link for each in (values, *others)}) == 6
