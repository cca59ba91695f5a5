"""Synthetic masses as DICOM files that any viewer opens and no one can take for a patient's.

Each is a Secondary Capture of 8 bits, marked as synthesised, with identifiers derived from what it was
drawn from: exporting a mass twice gives the same file. PatientIdentityRemoved is left out on purpose: it
would claim that the pixels reveal nobody, and only the generator's guarantee can say anything about that.

Dates and side are left empty, for made-up ones would be false: `dciodvfy` finds no error and warns of these.

Source: DICOM PS3.3, Secondary Capture Image (A.8.1) and SOP Common (C.12.1, Synthetic Data).
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from mammo_core.experiments.dicom_options import DicomOptions, with_notice
from mammo_core.experiments.synthetic_files import DrawnMass, pack
from mammo_core.synthesis.cards import GeneratorCard

PATIENT_NAME = "SYNTHETIC^NO PATIENT"
NOTICE = "Synthetic, research use only, not for diagnosis."
PLAIN = DicomOptions()
_SHORT_HASH = 12


def dicom_zip(
    masses: Sequence[DrawnMass],
    card: GeneratorCard,
    generator_name: str,
    options: DicomOptions = PLAIN,
) -> bytes:
    """A ZIP file with a DICOM file of each mass; else as `synthetic_files.png_zip`."""

    def encode(mass: DrawnMass) -> bytes:
        return dicom_file(mass, card, generator_name, options)

    return pack(masses, card, generator_name, ".dcm", encode)


def dicom_file(
    mass: DrawnMass, card: GeneratorCard, generator_name: str, options: DicomOptions = PLAIN
) -> bytes:
    """One mass as the content of a DICOM file: pixels as drawn, under them a strip with a notice if asked for."""
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


def _identify(data: Dataset, mass: DrawnMass, card: GeneratorCard, options: DicomOptions) -> None:
    """Who and what: no patient, and identifiers that say so. What must be there but is unknown is empty.

    Identifiers depend on generator and mass only; those of series and image also on what is burned in.
    """
    drawn = (card.sha256, mass.id.class_name, mass.id.seed, f"{mass.id.truncation:g}")
    shown = ("burned in",) * options.burn_in
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = SecondaryCaptureImageStorage
    data.SOPInstanceUID = options.uid(*drawn, "image", *shown)
    data.StudyInstanceUID = options.uid(*drawn, "study")
    data.SeriesInstanceUID = options.uid(*drawn, "series", *shown)
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


def _describe(data: Dataset, mass: DrawnMass, card: GeneratorCard, generator_name: str) -> None:
    """How it was made and what must not be done with it."""
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
    data.ImageComments = (
        f"{NOTICE} Generator trained on {card.training_data}; its guarantee to these patients: "
        f"{card.promise}."
    )


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
