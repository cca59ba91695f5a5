"""DICOM of synthetic masses: valid by an independent checker, under any organisation's root, marked in the pixels."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import UID

from mammo_core.errors import InvalidRequestError
from mammo_core.generators.dicom import (
    DicomOptions,
    dicom_file,
    dicom_zip,
    require_uid_root,
    with_notice,
)
from mammo_core.generators.files import SyntheticMass
from mammo_core.labels import MALIGNANT
from mammo_core.synthesis.cards import load_card
from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import models_dir

CARD = load_card(models_dir() / "cascade_private")
OWN_ROOT = "1.2.826.0.1.3680043.10.1234"


def mass(shape=(128, 128)):
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return SyntheticMass(MassId(MALIGNANT, 4, 0.5), pixels)


def read(options, **changed):
    return pydicom.dcmread(io.BytesIO(dicom_file(mass(**changed), CARD, "g", options)))


@pytest.fixture(scope="module")
def dciodvfy():
    beside = Path(sys.executable).with_name("dciodvfy")
    command = str(beside) if beside.exists() else shutil.which("dciodvfy")
    if command is None:
        pytest.skip("no dciodvfy (package dicom3tools)")
    return command


@pytest.mark.parametrize("burn_in", [False, True])
@pytest.mark.parametrize("uid_root", ["2.25", OWN_ROOT])
def test_files_are_valid_by_an_independent_checker(dciodvfy, tmp_path, burn_in, uid_root):
    options = DicomOptions(burn_in=burn_in, uid_root=uid_root)
    file = tmp_path / "mass.dcm"
    file.write_bytes(dicom_file(mass(), CARD, "g", options))

    said = subprocess.run([dciodvfy, file], capture_output=True, text=True, check=False)

    lines = (said.stdout + said.stderr).splitlines()
    assert "SCImage" in lines
    assert not [line for line in lines if line.startswith("Error")]
    for line in lines:  # no date and no side is made up
        if line.startswith("Warning"):
            assert "build DICOMDIR - Study" in line or "<Laterality>" in line


def test_checker_finds_what_is_wrong(dciodvfy, tmp_path):
    data = read(DicomOptions())
    del data.Laterality
    data.save_as(tmp_path / "mass.dcm")

    said = subprocess.run([dciodvfy, tmp_path / "mass.dcm"], capture_output=True, text=True)

    assert "Error" in said.stdout + said.stderr


def test_burned_in_notice_is_below_the_mass_and_said_in_the_header():
    plain, burned = read(DicomOptions()), read(DicomOptions(burn_in=True))

    assert (plain.BurnedInAnnotation, burned.BurnedInAnnotation) == ("NO", "YES")
    np.testing.assert_array_equal(plain.pixel_array, mass().image)
    np.testing.assert_array_equal(burned.pixel_array[:128, :128], mass().image)
    strip = burned.pixel_array[128:]
    assert strip.shape[0] >= 36 and (strip > 200).sum() > 100
    assert plain.SOPInstanceUID != burned.SOPInstanceUID
    assert plain.SeriesInstanceUID != burned.SeriesInstanceUID
    assert plain.StudyInstanceUID == burned.StudyInstanceUID


@pytest.mark.parametrize("shape", [(5, 3), (16, 16), (300, 200)])
def test_notice_fits_under_masses_of_any_size(shape):
    image = mass(shape).image

    shown = with_notice(image)

    np.testing.assert_array_equal(shown[: shape[0], : shape[1]], image)
    assert shown.shape[1] >= max(shape[1], 80)
    assert not shown[: shape[0], shape[1] :].any()


def test_own_root_makes_valid_identifiers_that_depend_on_the_mass_only():
    options = DicomOptions(uid_root=OWN_ROOT)

    data, again = read(options), read(options, shape=(7, 7))

    found = [
        data[name].value for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    ]
    assert all(one.startswith(f"{OWN_ROOT}.") and one.is_valid for one in found)
    assert len(set(found)) == 3
    assert data.SOPInstanceUID == again.SOPInstanceUID
    assert data.file_meta.MediaStorageSOPInstanceUID == data.SOPInstanceUID


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=5),
    st.sampled_from(["0.3", "1.2", "2.999"]),
    st.text(max_size=20),
)
def test_every_root_that_is_let_through_makes_identifiers_within_the_standard(parts, start, name):
    root = ".".join([start, *map(str, parts)])[:39].rstrip(".")
    try:
        options = DicomOptions(uid_root=root)
    except InvalidRequestError:
        return
    uid = options.uid(name)

    assert uid.is_valid and 26 <= len(uid) <= 64
    assert UID(uid) != options.uid(name, "other")


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("", "numbers with dots"),
        ("1", "numbers with dots"),
        ("1.2.", "numbers with dots"),
        ("1.02", "without leading zeros"),
        ("3.1", "the first 0, 1 or 2"),
        ("1.2.x", "numbers with dots"),
        ("1.2\n", "numbers with dots"),
        ("1.40.1", "above 39"),
        ("1.2." + "1" * 36, "no room for 24 digits"),
        ("1.2.840.10008", "the DICOM standard itself"),
        ("1.2.840.10008.5.1", "the DICOM standard itself"),
        ("１.2", "numbers with dots"),
    ],
)
def test_roots_that_the_standard_forbids_are_refused(root, said):
    with pytest.raises(InvalidRequestError, match=said):
        require_uid_root(root)


def test_archives_take_the_options():
    options = DicomOptions(burn_in=True, uid_root=OWN_ROOT)

    assert dicom_zip([mass()], CARD, "g", options) != dicom_zip([mass()], CARD, "g")
