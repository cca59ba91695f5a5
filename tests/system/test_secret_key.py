import multiprocessing
import os

import pytest

from mammo_core.errors import StoreError
from mammo_core.system.secret_key import KEY_FILE, hash_patients, installation_key, unkeyed_hash


def test_the_key_is_made_once_for_the_owner_alone_and_is_another_in_each_home(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"

    key = installation_key(first)

    assert len(key) == 32
    assert installation_key(first) == key
    assert installation_key(second) != key
    if os.name == "posix":
        assert (first / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_the_key_moves_with_the_home(tmp_path):
    key = installation_key(tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")

    assert installation_key(tmp_path / "new") == key


def test_processes_that_begin_together_have_one_key(tmp_path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        keys = pool.map(installation_key, [tmp_path] * 8)

    assert len(set(keys)) == 1


def test_a_damaged_key_is_refused_and_kept(private_home):
    private_home.mkdir()
    (private_home / KEY_FILE).write_bytes(b"short")

    with pytest.raises(StoreError, match="Get the file back"):
        hash_patients(["a"])

    assert (private_home / KEY_FILE).read_bytes() == b"short"


@pytest.mark.pitfall("A list of those who took part")
def test_patients_match_in_one_home_only_and_no_dictionary_of_ids_finds_them(tmp_path, monkeypatch):
    ids = [f"P_{number:05}" for number in range(50)]
    here = hash_patients(ids[:20])

    assert hash_patients(reversed(ids)) > here
    assert not here & {unkeyed_hash(one) for one in ids}
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "another"))
    assert not here & hash_patients(ids)
