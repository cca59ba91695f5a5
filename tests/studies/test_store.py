"""Answers stay, whatever happens: a dead program, a second window, other readers at the same time."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from mammo_core.errors import InvalidRequestError, StoreError
from mammo_core.storage.records import append_record, read_records
from mammo_core.studies.store import StudyStore
from mammo_core.studies.study import Reading, reader_key, readings
from tests.studies.made import made_study, read_all


@pytest.fixture
def store(tmp_path):
    return StudyStore(tmp_path)


def file_of(store, study, reader):
    return store.folder / study.key / "answers" / f"{reader_key(reader)}.jsonl"


def test_reader_goes_on_after_the_last_answer_in_a_new_program(store, tmp_path):
    study = made_study()
    read_all(store, study, "Ada", steps=5)

    known = StudyStore(tmp_path).read(study, "ada ")

    assert len(known.answers) == 5 and known.reader == "Ada"
    assert known.next == readings(study, "Ada")[5]
    assert not known.is_complete(aided=False)


def test_half_written_answer_of_a_killed_program_is_asked_for_again(store):
    study = made_study()
    read_all(store, study, "Ada", steps=3)
    path = file_of(store, study, "Ada")
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[-1][:40])

    known = store.read(study, "Ada")
    store.add(study, "Ada", known.next, 80, 1.0)

    assert len(known.answers) == 3
    assert [one.value for one in store.read(study, "Ada").answers][3:] == [80]
    assert path.read_bytes().startswith(whole)


def test_program_killed_after_the_first_line_leaves_a_reader_who_can_begin(store):
    study = made_study()
    read_all(store, study, "Ada", steps=1)
    path = file_of(store, study, "Ada")
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])

    read_all(store, study, "Ada")

    assert store.read(study, "Ada").next is None
    assert len(read_records(path)) == 1 + 14


def test_answer_is_on_the_disk_when_it_was_added(store, monkeypatch):
    study = made_study()
    store.save(study)
    synced = []
    monkeypatch.setattr("mammo_core.storage.records.os.fsync", synced.append)
    read_all(store, study, "Ada", steps=1)

    assert len(synced) == 2  # who reads, and the answer


def test_step_that_was_answered_in_another_window_is_refused(store):
    study = made_study()
    first = store.read(study, "Ada").next
    store.add(study, "Ada", first, 10, 1.0)

    with pytest.raises(InvalidRequestError, match="answered it in another window"):
        store.add(study, "Ada", first, 90, 1.0)

    assert [one.value for one in store.read(study, "Ada").answers] == [10]


def test_many_windows_of_one_reader_leave_one_answer_a_step(store):
    study = made_study()
    first = store.read(study, "Ada").next

    def answer(value):
        try:
            store.add(study, "Ada", first, value, 1.0)
        except InvalidRequestError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(answer, range(16))) == 1
    assert len(store.read(study, "Ada").answers) == 1


def test_readers_at_the_same_time_keep_files_of_their_own(store):
    study = made_study()
    names = ["Ada", "Bob", "../Cyd", "Dan\n"]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: read_all(store, study, name), names))

    found = store.read_all(study)
    assert [one.reader for one in found] == ["../Cyd", "Ada", "Bob", "Dan"]
    assert all(one.next is None for one in found)
    assert len(list((store.folder / study.key / "answers").glob("*.jsonl"))) == 4


@pytest.mark.parametrize(("value", "told"), [(-1, "value >= 0"), (101, "value <= 100")])
def test_value_beyond_the_scale_is_refused(store, value, told):
    study = made_study()

    with pytest.raises(InvalidRequestError, match=told):
        store.add(study, "Ada", store.read(study, "Ada").next, value, 1.0)


@pytest.mark.parametrize("change", ["another study", "a gap", "no json", "another case"])
def test_changed_answers_are_refused(store, change):
    study = made_study()
    read_all(store, study, "Ada", steps=4)
    path = file_of(store, study, "Ada")
    lines = path.read_text().splitlines()
    if change == "another study":
        lines[0] = json.dumps({"study": "0" * 16, "reader": "Ada"})
    elif change == "a gap":
        del lines[2]
    elif change == "no json":
        lines[2] = "nonsense"
    else:
        other = json.loads(lines[2])
        other["reading"]["cases"] = ["case099"]
        lines[2] = json.dumps(other)
    path.write_text("\n".join(lines) + "\n")

    with pytest.raises(StoreError, match="Put a copy of the file in its place"):
        store.read(study, "Ada")


def test_study_is_found_by_the_first_digits_of_its_key(store):
    study = made_study()
    store.save(study)

    assert store.find(study.key[:4]) == study
    assert store.keys() == [study.key]
    for key in ("", "zzz", "*"):
        with pytest.raises(InvalidRequestError, match=f"Known are: {study.key}"):
            store.find(key)


def test_study_in_the_folder_of_another_is_refused(store):
    path = store.save(made_study())
    moved = path.parent.with_name("0" * 16)
    path.parent.rename(moved)

    with pytest.raises(InvalidRequestError, match="make a new study"):
        store.find("00")


def test_nothing_but_ids_and_answers_is_kept(store):
    study = made_study(repeats=2)
    read_all(store, study, "Ada")

    kept = file_of(store, study, "Ada").read_text()

    assert not any(word in kept for word in ("gen_a", "gen_b", "malignant", "benign", "source"))
    names = {path.name for path in store.folder.rglob("*") if path.is_file()}
    stem = reader_key("Ada")
    assert names == {"study.json", f"{stem}.jsonl", f"{stem}.lock"}


def test_records_that_are_no_records_and_full_disks_are_told(tmp_path):
    (tmp_path / "list").write_text("[1]\n")
    with pytest.raises(StoreError, match="lines that are no records"):
        read_records(tmp_path / "list")
    with pytest.raises(StoreError, match="The folder is gone"):
        append_record(tmp_path / "nowhere" / "file", {"a": 1})
    assert read_records(tmp_path / "no file yet") == []


def test_unknown_step_is_refused(store):
    study = made_study()

    with pytest.raises(InvalidRequestError, match="one to step 8"):
        store.add(study, "Ada", Reading(7, ("case001",), "first", False), 10, 1.0)
