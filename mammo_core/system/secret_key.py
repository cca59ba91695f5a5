"""The secret key of this installation, under which it keeps who took part: a hash without one is guessed back.

Whoever holds a list of candidates hashes each and compares. With the key, which stays in `MAMMO_HOME`, only this
installation can.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock

from mammo_core.errors import StoreError
from mammo_core.storage.atomic import disk_errors_explained, write_bytes
from mammo_core.system.paths import home_dir, state_dir

KEY_FILE = "installation.key"
_KEY_BYTES = 32
_HASH_DIGITS = 32
_SEALED_DIGITS = 16


def installation_key(home: Path | None = None) -> bytes:
    """Reads the key of a home, by default of `MAMMO_HOME`; raises StoreError, see `kept_secret`."""
    return kept_secret(
        (home or home_dir()) / KEY_FILE,
        "Get the file back from a copy of the folder: without it the ledger knows no patient again.",
    )


def kept_secret(path: Path, what_to_do: str) -> bytes:
    """Reads 32 random bytes, made at first use by whoever comes first, which the owner alone may read.

    Args:
        what_to_do: If the file is damaged.

    Raises:
        StoreError: If it can be neither read nor made, or is damaged.
    """
    with disk_errors_explained(path):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                if not path.exists():
                    write_bytes(path, secrets.token_bytes(_KEY_BYTES), mode=0o600)
        secret = path.read_bytes()
    if len(secret) != _KEY_BYTES:
        raise StoreError(
            f"Expected a secret of {_KEY_BYTES} bytes in {path}; got {len(secret)}. {what_to_do}"
        )
    return secret


def keyed_hash(key: bytes, text: str) -> str:
    """Computes 32 hex digits of HMAC-SHA256, which tell nothing of the text to those without the key."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:_HASH_DIGITS]


def sealed_identity(identity: str) -> str:
    """Replaces the identity of data by 16 hex digits to share: who holds candidates can compare them with the identity itself."""
    return keyed_hash(installation_key(), identity)[:_SEALED_DIGITS]


def hash_patients(patient_ids: Iterable[str]) -> frozenset[str]:
    """Hashes patients' ids under the key of `MAMMO_HOME`. The same id means the same patient, in any cohort here."""
    return hash_again(unkeyed_hash(patient) for patient in set(patient_ids))


def hash_again(unkeyed: Iterable[str], key: bytes | None = None) -> frozenset[str]:
    """Hashes what `unkeyed_hash` made, which records and cards of versions up to 0.2 hold; then it matches `hash_patients`."""
    used = installation_key() if key is None else key
    return frozenset(keyed_hash(used, hashed) for hashed in unkeyed)


def hash_for_user(unkeyed: Iterable[str]) -> frozenset[str]:
    """Hashes under a key of this user, which homes share; nothing where no such key can be kept."""
    try:
        key = installation_key(state_dir())
    except StoreError:
        return frozenset()
    return hash_again(unkeyed, key)


def unkeyed_hash(patient_id: str) -> str:
    """Hashes an id to 16 hex digits without a key, so that anybody can guess it back: never to be kept or shown."""
    return hashlib.sha256(patient_id.encode()).hexdigest()[:16]
