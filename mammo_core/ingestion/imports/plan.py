"""Plans an import: one frozen value that travels as JSON."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mammo_core.config import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.ingestion.images.crops import STANDARD, CropRecipe
from mammo_core.ingestion.imports.patients import PATIENTS_AS_IN, PatientsAsIn
from mammo_core.ingestion.imports.splitting import SplitPlan

ImportKind = Literal["cbis-ddsm", "dicom", "pictures"]
KINDS: tuple[ImportKind, ...] = ("cbis-ddsm", "dicom", "pictures")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RESERVED = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)),
}


@dataclass(frozen=True, kw_only=True)
class ImportPlan:
    """One import.

    Attributes:
        kind: "cbis-ddsm" as downloaded from its archive, "dicom" from any hospital, or "pictures" (PNG, JPEG,
            TIFF), see `annotations` for their tables.
        source: A folder, a ZIP file, or a single image.
        name: Of the new folder of masses.
        site: Where the mammograms come from, as results call it; by default the collection's name or `name`.
        labels: The table of labels; for "cbis-ddsm" the folder of the case descriptions, if not in `source`.
        boxes: A table of boxes, if the labels have none.
        masks: A folder of masks or DICOM segmentations, or one segmentation, if not in `source`.
        recipe: How masses are cut.
        split: How patients are divided.
        one_patient_per_file: For images whose table names no patients: treats each file as another
            patient's. Where that is wrong, guarantees per patient are too strong.
        patients_as_in: Whose ids of patients are right, the table's or the files', where that is in doubt; ""
            asks, see `patients`.
    """

    kind: ImportKind
    source: Path
    name: str
    site: str = ""
    labels: Path | None = None
    boxes: Path | None = None
    masks: Path | None = None
    recipe: CropRecipe = STANDARD
    split: SplitPlan = field(default_factory=SplitPlan)
    one_patient_per_file: bool = False
    patients_as_in: PatientsAsIn = ""

    def __post_init__(self) -> None:
        validate.one_of(KINDS, kind=self.kind)
        validate.one_of(PATIENTS_AS_IN, patients_as_in=self.patients_as_in)
        if self.patients_as_in and self.one_patient_per_file:
            raise InvalidRequestError(
                "Expected patients as in the table or the files, or one for each file; got both. Choose one."
            )
        if self.patients_as_in == "files" and self.kind != "dicom":
            raise InvalidRequestError(
                f"Expected patients as in the table; got as in the files, and {self.kind} name no patient in "
                "them. Leave the choice out, or take the table."
            )
        for what, name in (("name", self.name), ("site", self.site or "site")):
            if not _NAME.fullmatch(name) or name.endswith(".") or name.lower() in _RESERVED:
                raise InvalidRequestError(
                    f"Expected a {what} of up to 64 letters, digits, dots, hyphens and underscores; got "
                    f"{name!r}. Choose another."
                )
        if self.kind != "cbis-ddsm":
            if self.labels is None and self.boxes is None:
                raise InvalidRequestError(
                    "Expected a table that says which images are malignant; got none. Name one as labels."
                )
            if self.split.by == "official":
                raise InvalidRequestError(
                    "Expected a split by random or column; got official, which only a published "
                    "collection has. Choose one of these."
                )
        elif self.split.by == "column":
            raise InvalidRequestError(
                "Expected the official split or a random one for CBIS-DDSM; got column. Choose one of these."
            )

    @property
    def site_name(self) -> str:
        """Name of the site in results."""
        return self.site or ("cbis-ddsm" if self.kind == "cbis-ddsm" else self.name)

    @property
    def is_public(self) -> bool:
        """Whether ids in the source are public, so that they are kept and shown."""
        return self.kind == "cbis-ddsm"

    def without_paths(self) -> dict[str, Any]:
        """Converts to JSON-ready values that name no file: file names can identify patients."""
        values = asdict(self)
        for name in ("source", "labels", "boxes", "masks"):
            del values[name]
        return values
