"""ZIP files of masses as PNG and DICOM: what is in them, that pixels survive, that nothing claims a patient."""

import csv
import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from mammo_core.cohorts.folders import read_synthetic
from mammo_core.errors import InvalidRequestError
from mammo_core.generators.dicom import dicom_file, dicom_zip
from mammo_core.generators.files import SyntheticMass, png_zip
from mammo_core.labels import BENIGN, MALIGNANT
from mammo_core.synthesis.cards import load_card
from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import models_dir

CARD = load_card(models_dir() / "cascade_private")


def masses(shape=(16, 16)):
    rng = np.random.default_rng(0)
    ids = [MassId(BENIGN, 3), MassId(MALIGNANT, 3), MassId(MALIGNANT, 4, 0.5)]
    return [SyntheticMass(id, rng.integers(0, 256, shape).astype(np.uint8)) for id in ids]


def opened(content):
    return zipfile.ZipFile(io.BytesIO(content))


def read_dicom(content):
    return pydicom.dcmread(io.BytesIO(content))


def test_png_zip_holds_masses_manifest_card_and_readme():
    archive = opened(png_zip(masses(), CARD, "cascade_private"))

    assert set(archive.namelist()) == {
        "seed3_benign.png",
        "seed3_malignant.png",
        "seed4truncation0.5_malignant.png",
        "manifest.csv",
        "cascade_private.json",
        "README.txt",
    }
    rows = list(csv.DictReader(archive.read("manifest.csv").decode().splitlines()))
    assert [row["class"] for row in rows] == ["benign", "malignant", "malignant"]
    assert [(row["seed"], row["truncation"]) for row in rows][-1] == ("4", "0.5")
    assert {row["generator_sha256"] for row in rows} == {CARD.sha256}
    assert json.loads(archive.read("cascade_private.json"))["sha256"] == CARD.sha256
    assert "not for diagnosis" in archive.read("README.txt").decode()
    assert "(10, 0.0001)-differential privacy per patient" in archive.read("README.txt").decode()


def test_unpacked_png_zip_reads_back_as_a_synthetic_cohort(tmp_path):
    opened(png_zip(masses(), CARD, "cascade_private")).extractall(tmp_path)

    reading = read_synthetic(tmp_path)

    assert not reading.skipped
    drawn = {mass.stem: mass.image for mass in masses()}
    for name, image in zip(reading.cohort.image_ids, reading.cohort.images, strict=True):
        np.testing.assert_array_equal(image, drawn[name])


def test_same_masses_give_the_same_bytes():
    for zipped in (png_zip, dicom_zip):
        assert zipped(masses(), CARD, "g") == zipped(masses(), CARD, "g")


@pytest.mark.parametrize("zipped", [png_zip, dicom_zip])
def test_nothing_or_a_mass_twice_is_refused(zipped):
    with pytest.raises(InvalidRequestError, match="Expected count >= 1"):
        zipped([], CARD, "g")
    with pytest.raises(InvalidRequestError, match="every mass once"):
        zipped(masses() + masses()[:1], CARD, "g")


@pytest.mark.parametrize("shape", [(16, 16), (5, 3)])
def test_dicom_pixels_are_those_drawn(shape):
    archive = opened(dicom_zip(masses(shape), CARD, "g"))

    for mass in masses(shape):
        read = read_dicom(archive.read(mass.stem + ".dcm"))
        np.testing.assert_array_equal(read.pixel_array, mass.image)


def test_dicom_is_a_valid_secondary_capture_of_no_patient():
    mass = masses()[2]

    read = read_dicom(dicom_file(mass, CARD, "cascade_private"))

    assert read.file_meta.MediaStorageSOPClassUID.name == "Secondary Capture Image Storage"
    assert read.file_meta.MediaStorageSOPInstanceUID == read.SOPInstanceUID
    assert str(read.PatientName) == "SYNTHETIC^NO PATIENT"
    assert read.PatientID.startswith("SYNTHETIC-") and len(read.PatientID) <= 64
    assert list(read.ImageType) == ["DERIVED", "SECONDARY"]
    assert (read.SyntheticData, read.BurnedInAnnotation, read.ConversionType) == (
        *("YES", "NO"),
        "SYN",
    )
    assert (read.PhotometricInterpretation, read.BitsStored) == ("MONOCHROME2", 8)
    for said in (CARD.sha256, "seed 4", "malignant", "truncation 0.5", "cascade_private"):
        assert said in read.DerivationDescription
    assert "research use only, not for diagnosis" in read.ImageComments
    assert CARD.guarantee_text in read.ImageComments
    assert "PatientIdentityRemoved" not in read  # nobody can claim that of the pixels
    for empty in ("PatientBirthDate", "PatientSex", "StudyDate"):
        assert not read[empty].value
    for element in read.iterall():
        if element.VR in ("LO", "PN"):
            assert len(str(element.value)) <= 64, element


def test_dicom_identifiers_depend_on_generator_class_seed_and_truncation_only():
    mass = masses()[2]
    other_pixels = replace(mass, image=255 - mass.image)
    others = [
        (replace(mass, id=mass.id.twin), CARD),
        (replace(mass, id=replace(mass.id, seed=5)), CARD),
        (replace(mass, id=replace(mass.id, truncation=1.0)), CARD),
        (mass, replace(CARD, sha256="0" * 64)),
    ]

    own = read_dicom(dicom_file(mass, CARD, "g"))
    same = read_dicom(dicom_file(other_pixels, CARD, "g"))
    changed = [read_dicom(dicom_file(*pair, "g")) for pair in others]

    for name in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        assert own[name].value == same[name].value
        assert own[name].value.startswith("2.25.") and own[name].value.is_valid
        assert len({own[name].value, *(read[name].value for read in changed)}) == 5
    assert len({own.SOPInstanceUID, own.SeriesInstanceUID, own.StudyInstanceUID}) == 3
    assert len({own.PatientID, *(read.PatientID for read in changed)}) == 5
