"""Knows the paper's data: which files belong to it, whether a file is one of them, and the terms of use.

`paper_files.csv` holds one digest a file, of its path and content together. So neither a name nor an image can
be read back from the list, guessed or not, and BCDR's file names are not handed on: BCDR may not be redistributed.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mammo_core.errors import IngestionError

# found to hold every file of the list; the repository has no releases
COMMIT = "e6258677fe21e88d913ef40d1d47fd4e8d36d020"
URL = f"https://github.com/RichardObi/mammo_dp/archive/{COMMIT}.zip"
ROOTS = ("dataset16062024/", "extension/synthetic_data/cbis-ddsm/c-dcgan/")
BCDR = "dataset16062024/bcdr/"
_LIST = Path(__file__).with_suffix(".csv")

TERMS_NAME = "LICENCES.md"
TERMS = """\
# Terms of these data, and what to cite

Research use only, not for diagnosis.

**CBIS-DDSM** (`dataset16062024/cbis-ddsm`): Creative Commons Attribution 3.0 Unported (CC BY 3.0,
https://creativecommons.org/licenses/by/3.0/). Changed from the original: masses cut out, 128 × 128 pixels,
8-bit grey. Cite:

- Sawyer-Lee R, Gimenez F, Hoogi A, Rubin D. Curated Breast Imaging Subset of Digital Database for Screening
  Mammography (CBIS-DDSM). The Cancer Imaging Archive, 2016. https://doi.org/10.7937/K9/TCIA.2016.7O02S9CY
- Lee RS, Gimenez F, Hoogi A, Miyake KK, Gorovoy M, Rubin DL. A curated mammography data set for use in
  computer-aided detection and diagnosis research. Scientific Data 4:170177, 2017.
- Clark K, Vendt B, Smith K, et al. The Cancer Imaging Archive (TCIA): maintaining and operating a public
  information repository. Journal of Digital Imaging 26(6):1045-1057, 2013.

**BCDR** (`dataset16062024/bcdr`): not free. The Breast Cancer Digital Repository gives its images on request
(https://bcdr.eu) under terms of its own: do not hand them on, and use them only if these terms let you. They can
be left out. Cite:

- Guevara Lopez MA, González Posada N, Moura DC, et al. BCDR: a breast cancer digital repository. 15th
  International Conference on Experimental Mechanics, 2012.

**Synthetic masses** (`extension/synthetic_data/cbis-ddsm/c-dcgan`) and the arrangement of all files: the public
repository https://github.com/RichardObi/mammo_dp, under the licence stated there. Cite the paper:

- Osuala R, Lang DM, Riess A, Kaissis G, Szafranowska Z, Skorupko G, Diaz O, Schnabel JA, Lekadir K. Enhancing the
  Utility of Privacy-Preserving Cancer Classification using Synthetic Data. arXiv:2407.12669, 2024.

None of these data are part of this program, which only fetches them for you.
"""


@dataclass(frozen=True)
class PaperFiles:
    """The files expected, by the digest of each, with the part it belongs to.

    Attributes:
        parts: Folder of SITE/SPLIT, or of the synthetic masses, by digest.
    """

    parts: dict[str, str]

    @cached_property
    def _folders(self) -> frozenset[str]:
        return frozenset(self.parts.values())

    def without_bcdr(self) -> PaperFiles:
        """Returns the list without the masses of BCDR."""
        return PaperFiles(
            {digest: part for digest, part in self.parts.items() if not part.startswith(BCDR)}
        )

    def place_of(self, name: str) -> str | None:
        """Returns where a file of the repository goes, below the data folder; None if it is not wanted.

        Args:
            name: Its path, with or without the folder that an archive packs everything into.
        """
        for root in ROOTS:
            before, found, rest = name.partition(root)
            wanted = found and "/" not in before.removesuffix("/") and rest.endswith(".png")
            if wanted and part_of(root + rest) in self._folders:
                return root + rest
        return None

    def check(self, files: Iterable[tuple[str, Path]]) -> None:
        """Compares files with the list.

        Args:
            files: Path below the folder of the data, and where the content is now.

        Raises:
            IngestionError: If one is missing, changed or not on the list; the message counts them by part.
        """
        missing = set(self.parts)
        strange: Counter[str] = Counter()
        for name, path in files:
            digest = digest_of(name, path.read_bytes())
            if digest in missing:
                missing.remove(digest)
            else:
                strange[part_of(name)] += 1
        if not missing and not strange:
            return
        absent = Counter(self.parts[digest] for digest in missing)
        counts = "; ".join(
            f"{part}: {absent[part]} of {total} missing or changed, {strange[part]} not on the list"
            for part, total in sorted(Counter(self.parts.values()).items())
            if absent[part] or strange[part]
        )
        raise IngestionError(
            f"Expected the {len(self.parts)} files of the paper's data just as published; got others "
            f"({counts}). Get them again from {URL}."
        )


def part_of(name: str) -> str:
    """Returns the part a path belongs to: DATASET/SITE/SPLIT/ of real masses, the folder of synthetic ones."""
    depth = 3 if name.startswith(ROOTS[0]) else 4
    return "/".join(name.split("/")[:depth]) + "/"


def digest_of(name: str, content: bytes) -> str:
    """Hashes a path (with "/") and the content there, separated by a zero byte (sha256, hex)."""
    return hashlib.sha256(name.encode() + b"\0" + content).hexdigest()


def load_paper_files() -> PaperFiles:
    """Reads the shipped list."""
    with _LIST.open(newline="", encoding="utf-8") as file:
        return PaperFiles({row["digest"]: row["part"] for row in csv.DictReader(file)})
