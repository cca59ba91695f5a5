import numpy as np
import pytest
from PIL import Image

from mammo_core.cohorts.folders import read_real, read_synthetic
from mammo_core.errors import CohortError
from mammo_core.labels import BENIGN, MALIGNANT


def write_png(path, array=None, mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.full((8, 8), 7, np.uint8) if array is None else array
    Image.fromarray(array).save(path) if mode is None else Image.fromarray(array).convert(
        mode
    ).save(path)


def name(patient="a__P_1", flag=0, mass=1):
    return f"patient{patient}_imagei_1_mass{mass}_is_benign_{flag}.png"


@pytest.fixture
def folder(tmp_path):
    write_png(tmp_path / "siteA/train/is_benign_false" / name(flag=0))
    write_png(tmp_path / "siteA/train/is_benign_true" / name("a__P_2", 1))
    write_png(tmp_path / "siteB/test/is_benign_true" / name("b_9", 1))
    return tmp_path


def test_real_folder_gives_labels_patients_sites_and_splits(folder):
    cohort = read_real(folder).cohort

    assert cohort.labels.tolist() == [MALIGNANT, BENIGN, BENIGN]
    assert cohort.patient_ids.tolist() == ["a__P_1", "a__P_2", "b_9"]
    assert cohort.image_ids.tolist() == ["i_1"] * 3
    assert cohort.sites.tolist() == ["siteA", "siteA", "siteB"]
    assert cohort.splits.tolist() == ["train", "train", "test"]
    assert cohort.images.shape == (3, 8, 8)
    assert cohort.images.dtype == np.uint8


@pytest.mark.parametrize(
    ("file", "array", "mode", "kind"),
    [
        (name(mass=2), np.zeros((8, 8, 3), np.uint8), None, "not 8-bit grey"),
        (name(mass=2), np.zeros((8, 8), np.uint16), None, "not 8-bit grey"),
        (name(mass=2), np.zeros((8, 8), np.uint8), "1", "not 8-bit grey"),
        (name(mass=2), np.zeros((9, 8), np.uint8), None, "odd size"),
        ("mass7.png", np.zeros((8, 8), np.uint8), None, "name not understood"),
        (name(mass=2, flag=1), np.zeros((8, 8), np.uint8), None, "label in name and folder differ"),
    ],
)
def test_unusable_image_is_left_out_with_its_reason(folder, file, array, mode, kind):
    write_png(folder / "siteA/train/is_benign_false" / file, array, mode)

    reading = read_real(folder)

    assert len(reading.cohort) == 3
    (skipped,) = reading.skipped
    assert skipped.kind == kind
    assert skipped.path.name == file
    assert "Expected" in skipped.reason
    assert "got" in skipped.reason


def test_corrupt_and_truncated_pngs_are_left_out(folder):
    target = folder / "siteA/train/is_benign_false"
    (target / name(mass=3)).write_bytes(b"not a picture")
    whole = (target / name()).read_bytes()
    (target / name(mass=4)).write_bytes(whole[: len(whole) // 2])

    reading = read_real(folder)

    assert len(reading.cohort) == 3
    assert [skipped.kind for skipped in reading.skipped] == ["unreadable"] * 2


def test_missing_folder_says_what_to_do(tmp_path):
    with pytest.raises(
        CohortError, match=r"Expected a folder of masses; found nothing at .*nowhere"
    ):
        read_real(tmp_path / "nowhere")


def test_empty_folder_says_which_layout_is_expected(tmp_path):
    with pytest.raises(CohortError, match="SITE/{train,val,test}/{is_benign_true,is_benign_false}"):
        read_real(tmp_path)


def test_folder_in_which_nothing_is_readable_names_the_first_reason(tmp_path):
    path = tmp_path / "s/train/is_benign_true/x.png"
    write_png(path)

    with pytest.raises(CohortError, match="Left out: 1 file. The first: Expected patientP"):
        read_real(tmp_path)


def test_synthetic_folder_gives_labels_and_one_unit_per_mass(tmp_path):
    for stem in ("b_1_malignant", "b_2_benign", "b_3_benign"):
        write_png(tmp_path / f"{stem}.png")

    cohort = read_synthetic(tmp_path).cohort

    assert cohort.source == "synthetic"
    assert cohort.labels.tolist() == [MALIGNANT, BENIGN, BENIGN]
    assert cohort.num_patients == 3


def test_image_of_odd_size_never_decides_the_size_for_the_others(folder):
    write_png(folder / "siteA/train/is_benign_false" / name(mass=0), np.zeros((64, 64), np.uint8))

    assert read_real(folder).cohort.images.shape == (3, 8, 8)
