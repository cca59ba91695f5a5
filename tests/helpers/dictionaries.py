"""Guessing back what a file holds of candidates that an attacker lists, by any usual hash of them."""

import hashlib
import io
import zipfile

_ALGORITHMS = ("sha256", "sha1", "md5", "sha512", "blake2b", "sha3_256")
_DIGITS = 12


def found_in(content, candidates):
    """The candidates that a file, or a ZIP archive of files, names or holds a hash of."""
    text = _text(content)
    return {one for one in candidates if any(form in text for form in _forms(one))}


def _forms(candidate):
    digests = (hashlib.new(name, candidate.encode()).hexdigest() for name in _ALGORITHMS)
    return [candidate, *(digest[:_DIGITS] for digest in digests)]


def _text(content):
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content.decode(errors="replace")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return "\n".join(_text(archive.read(name)) for name in archive.namelist())
