import hashlib
import hmac
import re
import stat
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from mammo_core.errors import StoreError
from mammo_core.ingestion.imports.pseudonyms import Pseudonyms


def test_names_are_stable_and_tell_patients_and_images_apart(tmp_path):
    names = Pseudonyms(tmp_path)

    assert re.fullmatch("p[0-9a-f]{16}", names.patient("HOSP-4711"))
    assert re.fullmatch("i[0-9a-f]{16}", names.image("1.2.3"))
    assert names.patient("HOSP-4711") == Pseudonyms(tmp_path).patient(" HOSP-4711 ")
    assert names.patient("HOSP-4711") != names.patient("HOSP-4712")
    assert names.patient("same")[1:] != names.image("same")[1:]


def test_names_are_hmac_sha256_under_the_salt(tmp_path):
    name = Pseudonyms(tmp_path).patient("HOSP-4711")

    salt = (tmp_path / "intake_salt").read_bytes()
    expected = hmac.new(salt, b"patient\0HOSP-4711", hashlib.sha256).hexdigest()[:16]
    assert name == "p" + expected
    assert len(salt) == 32


def test_another_home_gives_other_names(tmp_path):
    assert Pseudonyms(tmp_path / "a").patient("x") != Pseudonyms(tmp_path / "b").patient("x")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_salt_is_readable_by_its_owner_only(tmp_path):
    Pseudonyms(tmp_path)

    assert stat.S_IMODE((tmp_path / "intake_salt").stat().st_mode) == 0o600


def test_salt_is_made_once_even_if_many_ask(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(lambda _: Pseudonyms(tmp_path / "home").patient("x"), range(16)))

    assert len(names) == 1


def test_text_of_any_kind_has_a_name(tmp_path):
    names = Pseudonyms(tmp_path)

    assert len({names.patient(raw) for raw in ("", "Müller", "\udcff", "a" * 10_000)}) == 4


def test_damaged_salt_is_not_replaced(tmp_path):
    (tmp_path / "intake_salt").write_bytes(b"short")

    with pytest.raises(StoreError, match="Expected a secret of 32 bytes in .*; got 5"):
        Pseudonyms(tmp_path)

    assert (tmp_path / "intake_salt").read_bytes() == b"short"


def test_home_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "home").write_text("a file")

    with pytest.raises(StoreError, match="Expected to write .*intake_salt"):
        Pseudonyms(tmp_path / "home")
