"""Gives patients and images pseudonyms, the same for the same identifier on this installation.

HMAC-SHA256 under a random salt. The salt is kept in the program's home, readable by its owner only, and never
beside the data. Whoever has the salt can test whether a known identifier is in a cohort, so these are pseudonyms:
without the salt, they tell nothing; with it, they link. Deleting the salt cuts the link for good, and later
imports then give the same patient another name.

Source: ISO 25237 (pseudonymization); RFC 2104 (HMAC).
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from mammo_core.system.secret_key import kept_secret

_HEX = 16


class Pseudonyms:
    """Names under the salt of one home; the salt is made when first needed.

    Raises:
        StoreError: If the salt cannot be made, read, or is damaged.
    """

    def __init__(self, home: Path) -> None:
        self._salt = kept_secret(
            home / "intake_salt",
            "Restore the file, or delete it: patients imported from then on get other names than before.",
        )

    def patient(self, raw: str) -> str:
        """Returns "p" and 16 hex digits. Spaces around an identifier don't matter: DICOM pads with them."""
        return "p" + self._digest("patient", raw)

    def image(self, raw: str) -> str:
        """Returns "i" and 16 hex digits."""
        return "i" + self._digest("image", raw)

    def _digest(self, kind: str, raw: str) -> str:
        text = f"{kind}\0{raw.strip()}".encode("utf-8", "surrogatepass")
        return hmac.new(self._salt, text, hashlib.sha256).hexdigest()[:_HEX]
