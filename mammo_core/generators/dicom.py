"""Writes synthetic masses as DICOM Secondary Capture files without a patient, marked as synthetic.

Identifiers follow from the generator and the mass. Nothing in a file is a date, a side or a person.

Source: DICOM PS3.5, section 9 and annex B.2, Unique Identifiers.
"""

from __future__ import annotations

import hashlib
import io
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from mammo_core.errors import InvalidRequestError
from mammo_core.generators.files import SyntheticMass, pack
from mammo_core.synthesis.cards import GeneratorCard

UUID_ROOT = "2.25"
BURNED_IN = ("SYNTHETIC", "research use only", "not for diagnosis")
NOTICE = "Synthetic, research use only, not for diagnosis."
PATIENT_NAME = "SYNTHETIC^NO PATIENT"
_NAMESPACE = uuid.UUID("8f6b6a52-3f0c-5e5e-9a55-6d0f5c1b7a10")  # of this program's identifiers
_LONGEST_UID, _FEWEST_DIGITS = 64, 24
_ROOT = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_DICOM_ROOT = "1.2.840.10008"
_LINE_PX, _FONT_PX = 12, 10  # of the burned-in notice
_SHORT_HASH = 12


def require_uid_root(root: str) -> None:
    """Raises InvalidRequestError unless identifiers may be made under a root."""
    fix = f"Leave it out to use {UUID_ROOT}, which needs no registration."
    longest = _LONGEST_UID - 1 - _FEWEST_DIGITS
    if not _ROOT.fullmatch(root):
        wrong = "which is not numbers with dots between, without leading zeros, the first 0, 1 or 2"
    elif root[0] in "01" and int(root.split(".")[1]) > 39:
        wrong = f"whose second number under {root[0]} is above 39"
    elif len(root) > longest:
        wrong = f"{len(root)} characters, which leave no room for {_FEWEST_DIGITS} digits among {_LONGEST_UID} characters"
        fix = f"Use {longest} or fewer."
    elif root == _DICOM_ROOT or root.startswith(f"{_DICOM_ROOT}."):
        wrong = "the root of the DICOM standard itself"
    else:
        return
    raise InvalidRequestError(
        f"Expected the root of DICOM identifiers that is registered for your organisation; got {root[:80]!r}, "
        f"{wrong}. {fix}"
    )


@dataclass(frozen=True, kw_only=True)
class DicomOptions:
    """Identifiers and marks of the files.

    Attributes:
        burn_in: Whether to add a strip under the mass whose pixels say that it is synthetic. The letters never
            cover the mass.
        uid_root: UID root registered for an organisation. Every identifier is this root and at least 24 digits.
            The default is the root of identifiers made from UUIDs, which needs no registration.
    """

    burn_in: bool = False
    uid_root: str = UUID_ROOT

    def __post_init__(self) -> None:
        require_uid_root(self.uid_root)

    def uid(self, *parts: object) -> UID:
        """Returns an identifier that depends on the parts only."""
        text = " ".join(map(str, parts))
        if self.uid_root == UUID_ROOT:
            return UID(f"{UUID_ROOT}.{uuid.uuid5(_NAMESPACE, text).int}")
        room = _LONGEST_UID - len(self.uid_root) - 1
        number = int(hashlib.sha256(f"{_NAMESPACE} {text}".encode()).hexdigest(), 16)
        return UID(f"{self.uid_root}.{number % 10 ** min(room, 39)}")


PLAIN = DicomOptions()


def dicom_zip(
    masses: Sequence[SyntheticMass],
    card: GeneratorCard,
    generator_name: str,
    options: DicomOptions = PLAIN,
) -> bytes:
    """Packs a DICOM file of each mass into a ZIP file; otherwise as `files.png_zip`."""

    def encode(mass: SyntheticMass) -> bytes:
        return dicom_file(mass, card, generator_name, options)

    return pack(masses, card, generator_name, ".dcm", encode)


def dicom_file(
    mass: SyntheticMass, card: GeneratorCard, generator_name: str, options: DicomOptions = PLAIN
) -> bytes:
    """Encodes one mass as a DICOM file: the pixels as sampled, with a notice below if the options ask for it."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    _identify(data, mass, card, options)
    _describe(data, mass, card, generator_name)
    data.BurnedInAnnotation = "YES" if options.burn_in else "NO"
    _add_pixels(data, with_notice(mass.image) if options.burn_in else mass.image)
    content = io.BytesIO()
    data.save_as(content, enforce_file_format=True)
    return content.getvalue()


def _identify(
    data: Dataset, mass: SyntheticMass, card: GeneratorCard, options: DicomOptions
) -> None:
    """Fills in identifiers and a patient who says that there is none; unknown required elements stay empty.

    Identifiers depend on generator and mass only; those of series and image also on the burned-in notice.
    """
    mass_key = (card.sha256, mass.id.class_name, mass.id.seed, f"{mass.id.truncation:g}")
    shown = ("burned in",) if options.burn_in else ()
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = SecondaryCaptureImageStorage
    data.SOPInstanceUID = options.uid(*mass_key, "image", *shown)
    data.StudyInstanceUID = options.uid(*mass_key, "study")
    data.SeriesInstanceUID = options.uid(*mass_key, "series", *shown)
    data.PatientName = PATIENT_NAME
    data.PatientID = f"SYNTHETIC-{card.sha256[:_SHORT_HASH]}-{mass.stem}"
    data.StudyID = "SYNTHETIC"
    data.SeriesNumber = 2 if options.burn_in else 1
    for unknown in (
        *("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName"),
        *("AccessionNumber", "PatientOrientation", "Laterality"),
    ):
        setattr(data, unknown, "")
    data.InstanceNumber = 1


def _describe(data: Dataset, mass: SyntheticMass, card: GeneratorCard, generator_name: str) -> None:
    """Fills in how the mass was made and what it must not be used for."""
    data.SyntheticData = "YES"
    data.ImageType = ["DERIVED", "SECONDARY"]
    data.ConversionType = "SYN"
    data.Modality = "OT"
    data.Manufacturer = "Mammo Privacy Explorer"
    data.StudyDescription = "Synthetic breast mass"
    data.SeriesDescription = f"Synthetic {mass.id.class_name} mass"
    data.DerivationDescription = (
        f"Drawn by the generator {generator_name}, sha256 {card.sha256}; class "
        f"{mass.id.class_name}, seed {mass.id.seed}, truncation {mass.id.truncation:g}. "
        "Derived from no patient's image."
    )
    data.ImageComments = f"{NOTICE} The generator: {card.provenance}"


def _add_pixels(data: Dataset, image: np.ndarray) -> None:
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows, data.Columns = image.shape
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    data.PixelRepresentation = 0
    data.WindowCenter, data.WindowWidth = 128, 256
    content = image.tobytes()
    data.PixelData = content + b"\0" * (len(content) % 2)
    data["PixelData"].VR = "OB"


def with_notice(image: np.ndarray) -> np.ndarray:
    """Adds `BURNED_IN` in a black strip below an image (H, W) uint8; widens it if the letters need it."""
    height, width = image.shape
    font = ImageFont.load_default(_FONT_PX)
    needed = max(int(np.ceil(font.getlength(line))) for line in BURNED_IN) + 4
    canvas = Image.new("L", (max(width, needed), height + _LINE_PX * len(BURNED_IN) + 4))
    canvas.paste(Image.fromarray(image), (0, 0))
    draw = ImageDraw.Draw(canvas)
    for number, line in enumerate(BURNED_IN):
        draw.text((2, height + 2 + number * _LINE_PX), line, fill=255, font=font)
    return np.asarray(canvas)
