import numpy as np
import pytest

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.grey import Box
from mammo_core.ingestion.images.regions import boxes_from_mask, boxes_from_segmentation
from tests.ingestion.images.made_dicom import made, segmentation


def mask_of(*boxes, shape=(100, 80)):
    mask = np.zeros(shape, np.uint8)
    for box in boxes:
        mask[box.top : box.top + box.height, box.left : box.left + box.width] = 255
    return mask


def test_every_region_gives_its_box_largest_first():
    small, large = Box(5, 6, 7, 8), Box(50, 20, 30, 40)

    assert boxes_from_mask(mask_of(small, large)) == [large, small]
    assert boxes_from_mask(mask_of(small, large).astype(bool)) == [large, small]


def test_dust_and_empty_masks_give_nothing():
    assert boxes_from_mask(mask_of(Box(3, 3, 2, 2))) == []
    assert boxes_from_mask(mask_of()) == []
    assert boxes_from_mask(mask_of(Box(3, 3, 2, 2)), min_px=4) == [Box(3, 3, 2, 2)]


def test_whole_mask_gives_the_whole_image():
    assert boxes_from_mask(np.ones((30, 20), bool)) == [Box(0, 0, 30, 20)]


def test_touching_at_a_corner_is_one_region():
    mask = mask_of(Box(10, 10, 5, 5), Box(15, 15, 5, 5))

    assert boxes_from_mask(mask) == [Box(10, 10, 10, 10)]


@pytest.mark.parametrize(("join_px", "count"), [(0, 2), (3, 2), (4, 1), (10, 1)])
def test_near_regions_are_joined_if_asked(join_px, count):
    mask = mask_of(Box(10, 10, 8, 8), Box(10, 22, 8, 8))

    found = boxes_from_mask(mask, join_px=join_px)

    assert len(found) == count
    if count == 1:
        assert found == [Box(10, 10, 8, 20)]


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_segmentation_gives_boxes_by_image(tmp_path, kind):
    boxes = [Box(5, 6, 10, 12), Box(50, 20, 30, 40), Box(1, 1, 20, 20)]
    masks = np.stack([mask_of(box) for box in boxes])
    if kind == "FRACTIONAL":
        masks = np.where(masks > 0, 150, 60)
    path = tmp_path / "seg.dcm"
    path.write_bytes(segmentation(masks, ["1.2.3", "1.2.4", "1.2.3"], kind=kind))

    assert boxes_from_segmentation(path) == {"1.2.3": [boxes[0], boxes[2]], "1.2.4": [boxes[1]]}


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
        boxes_from_segmentation(path)


def test_segmentation_of_highdicom_is_read(tmp_path):
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
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
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

    assert boxes_from_segmentation(path) == {image.SOPInstanceUID: [box]}


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
