"""The list beside drawn masses: what each file holds and which generator drew it."""

from __future__ import annotations

import hashlib

MANIFEST = "manifest.csv"
MANIFEST_COLUMNS = (
    "file",
    "file_sha256",
    "class",
    "origin",
    "generator_sha256",
    "generator_guarantee",
)


def file_hash(content: bytes) -> str:
    """What tells a file from any other that has taken its name."""
    return hashlib.sha256(content).hexdigest()
