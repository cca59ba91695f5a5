"""The identity of content: what is computed from the same pixels is computed once."""

import hashlib
from collections.abc import Sequence

import numpy as np


def image_hash(image: np.ndarray) -> str:
    """Computes the sha256 of an image's shape and pixels, in hex."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def masses_hash(image_hashes: Sequence[str], labels: np.ndarray, patient_ids: np.ndarray) -> str:
    """Computes 16 hex digits that identify masses in order: pixels (N hashes), labels (N,) and patients (N,)."""
    digest = hashlib.sha256()
    for image, label, patient in zip(image_hashes, labels, patient_ids, strict=True):
        digest.update(f"{image} {int(label)} {patient}\n".encode())
    return digest.hexdigest()[:16]
