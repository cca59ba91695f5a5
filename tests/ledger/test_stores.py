"""What this user releases elsewhere from the same patients is told; nothing breaks where it can't be noted."""

import dataclasses
import json
import logging
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from mammo_core.ledger.book import Budget
from mammo_core.ledger.ledger import open_ledger
from mammo_core.ledger.releases import cohort_identity
from mammo_core.ledger.stores import _without_password
from mammo_core.system.paths import state_dir
from mammo_core.system.secret_key import KEY_FILE, unkeyed_hash
from tests.conftest import make_cohort
from tests.helpers.ledgers import DELTA, charge


@pytest.fixture
def train():
    return make_cohort(20)


def identity(train):
    return cohort_identity(train, is_demonstration=False)


def release(home, train, monkeypatch):
    """One release from a cohort by an installation; returns its ledger."""
    monkeypatch.setenv("MAMMO_HOME", str(home))
    ledger = open_ledger(home)
    ledger.on_behalf_of("train").record(identity(train), [charge(4.0)])
    return ledger


def warnings(ledger, train):
    return ledger.warnings(ledger.book(), identity(train))


def test_same_patients_in_another_home_are_told_with_their_budget(tmp_path, train, monkeypatch):
    first = release(tmp_path / "one", train, monkeypatch)
    assert warnings(first, train) == []
    first.set_budget(identity(train), Budget(epsilon=5.0, delta=DELTA))

    second = release(tmp_path / "two", train, monkeypatch)

    (told,) = warnings(second, train)
    assert str(tmp_path / "one") in told and "a budget ε = 5 there" in told
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "one"))
    (told,) = warnings(first, train)
    assert str(tmp_path / "two") in told and "without a budget" in told


def test_warning_is_logged_once_when_something_is_released(tmp_path, train, monkeypatch, caplog):
    release(tmp_path / "one", train, monkeypatch)
    with caplog.at_level(logging.WARNING, "mammo_core.ledger"):
        ledger = release(tmp_path / "two", train, monkeypatch)
        ledger.on_behalf_of("train").record(identity(train), [charge(4.0)])

    assert [record.name for record in caplog.records] == ["mammo_core.ledger.ledger"]


def test_ledger_read_back_knows_its_other_stores(tmp_path, train, monkeypatch):
    release(tmp_path / "one", train, monkeypatch)
    release(tmp_path / "two", train, monkeypatch)
    ledger = open_ledger(tmp_path / "two")
    (cohort,) = ledger.book().cohorts.values()

    assert len(ledger.warnings(ledger.book(), cohort)) == 1


def renamed(train):
    """The same pictures under other ids."""
    return dataclasses.replace(train, patient_ids=np.char.add("new ", train.patient_ids))


def test_same_pictures_under_new_ids_in_another_home_are_told(tmp_path, train, monkeypatch):
    release(tmp_path / "one", train, monkeypatch)

    ledger = release(tmp_path / "two", renamed(train), monkeypatch)

    assert len(warnings(ledger, renamed(train))) == 1


def test_other_patients_elsewhere_are_not_told(tmp_path, train, monkeypatch):
    release(tmp_path / "one", make_cohort(20, site="other", seed=1), monkeypatch)

    assert warnings(release(tmp_path / "two", train, monkeypatch), train) == []


def test_moved_home_is_the_same_store_and_a_copy_another(tmp_path, train, monkeypatch):
    old, new, copy = (tmp_path / name for name in ("old", "new", "copy"))
    release(old, train, monkeypatch)
    old.rename(new)
    assert warnings(release(new, train, monkeypatch), train) == []

    shutil.copytree(new, copy)
    (told,) = warnings(release(copy, train, monkeypatch), train)

    assert str(new) in told


def test_mlflow_server_is_a_store_of_its_own_whatever_the_home(tmp_path, train, monkeypatch):
    release(tmp_path / "one", train, monkeypatch)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'team.db'}")
    (told,) = warnings(release(tmp_path / "one", train, monkeypatch), train)
    assert str(tmp_path / "one") in told

    (tmp_path / "three").mkdir()
    shutil.copy(tmp_path / "one" / KEY_FILE, tmp_path / "three")  # as a team does
    (told,) = warnings(release(tmp_path / "three", train, monkeypatch), train)
    assert str(tmp_path / "one") in told


def test_index_names_no_patient_no_picture_and_no_password(tmp_path, train, monkeypatch):
    assert _without_password("postgresql://me:secret@host/db?password=x") == "postgresql://host/db"
    release(tmp_path / "one", train, monkeypatch)
    path = state_dir() / "stores.json"
    text = path.read_text()

    unkeyed = [*train.image_hashes, *map(unkeyed_hash, train.patient_ids), *train.patient_ids]
    assert not any(name in text for name in unkeyed)
    (cohort,) = json.loads(text)[0]["cohorts"].values()
    assert len(cohort["marks"]) == len(train) + train.num_patients
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("hindrance", ["a file in the way", "no home", "damaged"])
def test_training_goes_on_where_the_index_cannot_be_kept(tmp_path, train, monkeypatch, hindrance):
    if hindrance == "no home":
        monkeypatch.setattr(
            "platformdirs.user_state_path", lambda *_, **__: Path("~/.local/state/x")
        )
    elif hindrance == "damaged":
        state_dir().mkdir(parents=True)
        (state_dir() / "stores.json").write_text("[1]")
    else:
        (tmp_path / "state").write_text("")

    ledger = release(tmp_path / "one", train, monkeypatch)

    assert len(ledger.book().entries) == 1
    (told,) = warnings(ledger, train)
    assert "goes unnoticed" in told and "Expected" in told
