"""Synthetic masses as DICOM files that any viewer opens and no one can take for a patient's.

Each is a Secondary Capture of 8 bits, marked as synthesised, with identifiers derived from what it was
drawn from: exporting a mass twice gives the same file. PatientIdentityRemoved is left out on purpose: it
would claim that the pixels reveal nobody, and only the generator's guarantee can say anything about that.

Source: DICOM PS3.3, Secondary Capture Image (A.8.1) and SOP Common (C.12.1, Synthetic Data).
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Sequence

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from mammo_core.experiments.synthetic_files import DrawnMass, pack
from mammo_core.synthesis.cards import GeneratorCard

PATIENT_NAME = "SYNTHETIC^NO PATIENT"
NOTICE = "Synthetic, research use only, not for diagnosis."
_NAMESPACE = uuid.UUID("8f6b6a52-3f0c-5e5e-9a55-6d0f5c1b7a10")  # of this program's identifiers
_SHORT_HASH = 12


def dicom_zip(masses: Sequence[DrawnMass], card: GeneratorCard, generator_name: str) -> bytes:
    """A ZIP file with a DICOM file of each mass; else as `synthetic_files.png_zip`."""
    return pack(
        masses, card, generator_name, ".dcm", lambda mass: dicom_file(mass, card, generator_name)
    )


def dicom_file(mass: DrawnMass, card: GeneratorCard, generator_name: str) -> bytes:
    """One mass as the content of a DICOM file, pixels as drawn."""
    content = io.BytesIO()
    _dataset(mass, card, generator_name).save_as(content, enforce_file_format=True)
    return content.getvalue()


def derived_uid(card: GeneratorCard, mass: DrawnMass, level: str) -> UID:
    """A UID under the root 2.25 that depends on generator, mass and level ("study", "series", "image") only."""
    parts = (card.sha256, mass.id.class_name, mass.id.seed, f"{mass.id.truncation:g}", level)
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, ' '.join(map(str, parts))).int}")


def _dataset(mass: DrawnMass, card: GeneratorCard, generator_name: str) -> Dataset:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    _identify(data, mass, card)
    _describe(data, mass, card, generator_name)
    _add_pixels(data, mass)
    return data


def _identify(data: Dataset, mass: DrawnMass, card: GeneratorCard) -> None:
    """Who and what: no patient, and identifiers that say so. What must be there but is unknown is empty."""
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = SecondaryCaptureImageStorage
    data.SOPInstanceUID = derived_uid(card, mass, "image")
    data.StudyInstanceUID = derived_uid(card, mass, "study")
    data.SeriesInstanceUID = derived_uid(card, mass, "series")
    data.PatientName = PATIENT_NAME
    data.PatientID = f"SYNTHETIC-{card.sha256[:_SHORT_HASH]}-{mass.stem}"
    for unknown in (
        *("PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName"),
        *("StudyID", "AccessionNumber", "SeriesNumber", "PatientOrientation"),
    ):
        setattr(data, unknown, "")
    data.InstanceNumber = 1


def _describe(data: Dataset, mass: DrawnMass, card: GeneratorCard, generator_name: str) -> None:
    """How it was made and what must not be done with it."""
    data.SyntheticData = "YES"
    data.ImageType = ["DERIVED", "SECONDARY"]
    data.ConversionType = "SYN"
    data.Modality = "OT"
    data.Manufacturer = "Mammo Privacy Explorer"
    data.BurnedInAnnotation = "NO"
    data.StudyDescription = "Synthetic breast mass"
    data.SeriesDescription = f"Synthetic {mass.id.class_name} mass"
    data.DerivationDescription = (
        f"Drawn by the generator {generator_name}, sha256 {card.sha256}; class "
        f"{mass.id.class_name}, seed {mass.id.seed}, truncation {mass.id.truncation:g}. "
        "Derived from no patient's image."
    )
    data.ImageComments = (
        f"{NOTICE} Generator trained on {card.training_data}; its guarantee to these patients: "
        f"{card.promise}."
    )


def _add_pixels(data: Dataset, mass: DrawnMass) -> None:
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows, data.Columns = mass.image.shape
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    data.PixelRepresentation = 0
    data.WindowCenter, data.WindowWidth = 128, 256
    content = mass.image.tobytes()
    data.PixelData = content + b"\0" * (len(content) % 2)
    data["PixelData"].VR = "OB"
