"""Whom a generator learned from, as far as this installation knows. What leaves it lists nobody.

A card that is shared names members by a keyed hash, which this installation alone resolves, or by a public dataset,
whose patients' ids everybody knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache

from mammo_core.storage.atomic import json_text, write_bytes
from mammo_core.system.paths import home_dir
from mammo_core.system.secret_key import hash_again, installation_key, keyed_hash, unkeyed_hash

_FOLDER = "members"
_COMMITMENT = re.compile(r"[0-9a-f]{32}")
_PUBLIC_IDS = {
    "cbis-ddsm": ("cbis-ddsm__P_{:05}", 10_000)
}  # how ids are written, and how many could be


def keep_members(patients: frozenset[str], release: str) -> str:
    """Keeps hashed patients of a release in `MAMMO_HOME`; returns the keyed hash by which `known_members` finds them."""
    text = json_text([release, *sorted(patients)])
    commitment = keyed_hash(installation_key(), text)
    path = home_dir() / _FOLDER / f"{commitment}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.encode(), mode=0o600)
    return commitment


def known_members(commitment: str) -> frozenset[str]:
    """Reads what `keep_members` kept here; empty if the release was made elsewhere, or under another key."""
    path = home_dir() / _FOLDER / f"{commitment}.json"
    if not _COMMITMENT.fullmatch(commitment) or not path.is_file():
        return frozenset()
    text = path.read_text(encoding="utf-8")
    if keyed_hash(installation_key(), text) != commitment:
        return frozenset()
    return frozenset(json.loads(text)[1:])


def public_data_of(patient_ids: Iterable[str]) -> str:
    """Names the public dataset that all these patients are of, by their ids; empty if there is none."""
    ids = set(patient_ids)
    return next((name for name in _PUBLIC_IDS if ids <= set(_ids_of(name))), "")


def patients_of_public_data(name: str) -> frozenset[str]:
    """Hashes every id that a public dataset could have, so also of patients whom a release of it never saw."""
    return _hashed(name, installation_key())


@cache
def _hashed(name: str, key: bytes) -> frozenset[str]:
    return hash_again(map(unkeyed_hash, _ids_of(name)), key)


def _ids_of(name: str) -> Iterator[str]:
    form, count = _PUBLIC_IDS.get(name, ("", 0))
    return (form.format(number) for number in range(count))
