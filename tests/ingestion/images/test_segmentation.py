import numpy as np
import pytest

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.grey import Box
from mammo_core.ingestion.images.segmentation import read_segmentation
from tests.ingestion.images.made_dicom import (
    BREAST,
    CALCIFICATION,
    MASS,
    made,
    mask_of,
    segmentation,
)

OUTLINE, LESION, OTHER = Box(2, 2, 90, 70), Box(50, 20, 30, 40), Box(5, 6, 10, 12)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_segmentation_gives_boxes_by_image(tmp_path, kind):
    boxes = [Box(5, 6, 10, 12), Box(50, 20, 30, 40), Box(1, 1, 20, 20)]
    masks = np.stack([mask_of(box) for box in boxes])
    if kind == "FRACTIONAL":
        masks = np.where(masks > 0, 150, 60)
    path = tmp_path / "seg.dcm"
    path.write_bytes(segmentation(masks, ["1.2.3", "1.2.4", "1.2.3"], kind=kind))

    (segment,) = read_segmentation(path)
    assert (segment.name, segment.meaning) == ("Mass", "mass")
    assert segment.boxes == {"1.2.3": [boxes[0], boxes[2]], "1.2.4": [boxes[1]]}


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (made(), "Expected a DICOM segmentation"),
        (segmentation(mask_of()[None], [""]), "frame 1 does not"),
        (segmentation(mask_of()[None], ["1.2"])[:-500], "an undamaged DICOM segmentation"),
        (b"nonsense", "Expected a DICOM segmentation"),
    ],
)
def test_what_is_no_usable_segmentation_is_refused(tmp_path, file, message):
    path = tmp_path / "seg.dcm"
    path.write_bytes(file)

    with pytest.raises(IngestionError, match=message):
        read_segmentation(path)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL", "LABELMAP"])
def test_segmentation_of_highdicom_is_read(tmp_path, kind):
    import highdicom
    from pydicom import dcmread
    from pydicom.sr.codedict import codes

    source = tmp_path / "image.dcm"
    source.write_bytes(made(np.zeros((100, 80), np.uint16), **_whole_patient()))
    image = dcmread(source)
    box = Box(50, 20, 30, 40)
    description = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label="mass",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Mass,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    made_segmentation = highdicom.seg.Segmentation(
        source_images=[image],
        pixel_array=mask_of(box) > 0,
        segmentation_type=highdicom.seg.SegmentationTypeValues[kind],
        segment_descriptions=[description],
        series_instance_uid="1.2.5",
        series_number=2,
        sop_instance_uid="1.2.6",
        instance_number=1,
        manufacturer="made",
        manufacturer_model_name="made",
        software_versions="1",
        device_serial_number="1",
    )
    path = tmp_path / "seg.dcm"
    made_segmentation.save_as(path)

    *background, segment = read_segmentation(path)
    assert segment.meaning == "mass"
    assert segment.boxes == {image.SOPInstanceUID: [box]}
    assert [one.boxes for one in background] == ([{}] if kind == "LABELMAP" else [])


def _whole_patient():
    empty = (
        "PatientBirthDate",
        "PatientSex",
        "AccessionNumber",
        "StudyDate",
        "StudyTime",
        "StudyID",
    )
    return {
        **dict.fromkeys(empty, ""),
        "ReferringPhysicianName": "",
        "StudyInstanceUID": "1.2.7",
        "SeriesInstanceUID": "1.2.8",
        "FrameOfReferenceUID": "1.2.9",
        "ImageType": ["ORIGINAL", "PRIMARY"],
    }


@pytest.mark.parametrize(
    ("codes", "meaning"),
    [
        (MASS, "mass"),
        (("M-01000", "M-03000", "Mass"), "mass"),
        (("49755003", "52988006", "Lesion"), "mass"),
        (("91723000", "108369006", "Neoplasm"), "mass"),
        (("49755003", "367643001", "Cyst"), "mass"),
        (BREAST, "no abnormality"),
        (("T-D000A", "T-9A000", "Breast region"), "no abnormality"),
        (("85756007", "727181001", "Fibroglandular tissue"), "no abnormality"),
        (("260787004", "14106009", "Pacemaker"), "no abnormality"),
        (("309825002", "125040", "Background"), "no abnormality"),
        (CALCIFICATION, "unknown"),
        (("85756007", "85756007", "Tissue"), "unknown"),  # what programs preset
        (("", "", ""), "unknown"),
        (("49755003", "49755003", "Abnormal"), "unknown"),
    ],
)
def test_what_a_segment_is_follows_from_its_property_type(tmp_path, codes, meaning):
    path = tmp_path / "seg.dcm"
    path.write_bytes(segmentation(mask_of(LESION)[None], ["1.2.3"], segments=(codes,)))

    (segment,) = read_segmentation(path)

    assert segment.meaning == meaning
    assert segment.boxes == {"1.2.3": [LESION]}


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_frames_belong_to_the_segment_they_name(tmp_path, kind):
    masks = np.stack([mask_of(OUTLINE), mask_of(LESION), mask_of(OTHER)])
    path = tmp_path / "seg.dcm"
    path.write_bytes(
        segmentation(
            np.where(masks > 0, 200, 0),
            ["1.2.3"] * 3,
            kind=kind,
            segments=(MASS, BREAST),
            of_frames=[2, 1, 1],
        )
    )

    mass, breast = read_segmentation(path)

    assert (mass.name, mass.boxes) == ("Mass", {"1.2.3": [LESION, OTHER]})
    assert (breast.name, breast.boxes) == ("Breast", {"1.2.3": [OUTLINE]})


def test_label_map_numbers_its_segments(tmp_path):
    numbers = np.zeros((100, 80), np.uint8)
    for box, number in ((OUTLINE, 2), (LESION, 1), (OTHER, 3)):
        numbers[box.top : box.top + box.height, box.left : box.left + box.width] = number
    path = tmp_path / "seg.dcm"
    path.write_bytes(
        segmentation(
            numbers[None], ["1.2.3"], kind="LABELMAP", segments=(MASS, BREAST, CALCIFICATION)
        )
    )

    mass, breast, calcification = read_segmentation(path)

    assert mass.boxes == {"1.2.3": [LESION]}
    assert breast.boxes == {"1.2.3": [OUTLINE]}
    assert (calcification.meaning, calcification.boxes) == ("unknown", {"1.2.3": [OTHER]})


def test_number_that_is_not_described_is_unknown(tmp_path):
    path = tmp_path / "seg.dcm"
    path.write_bytes(segmentation(mask_of(LESION)[None], ["1.2.3"], of_frames=[7]))

    mass, other = read_segmentation(path)

    assert (mass.boxes, other.name, other.meaning) == ({}, "no type", "unknown")
    assert other.boxes == {"1.2.3": [LESION]}
