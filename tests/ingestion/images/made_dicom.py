"""DICOM files for tests, made here: no patient, every syntax that the installed encoders write."""

import io

import gdcm
import numpy as np
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    SegmentationStorage,
    generate_uid,
)

MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.2"
LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SYNTAXES = {
    "explicit": ExplicitVRLittleEndian,
    "implicit": ImplicitVRLittleEndian,
    "big endian": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "rle": RLELossless,
    "jpeg-ls": JPEGLSLossless,
    "jpeg 2000": JPEG2000Lossless,
    "jpeg lossless": JPEGLosslessSV1,
}


def breast(shape=(96, 64), top=4095):
    """Air at the right, tissue with a bright mass at the left; (H, W) uint16."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    tissue = columns < 0.7 * shape[1]
    mass = (rows - shape[0] / 2) ** 2 + (columns - shape[1] / 4) ** 2 < (shape[0] / 8) ** 2
    share = np.where(mass, 0.9, 0.3 + 0.3 * rows / shape[0]) * tissue
    return np.rint(top * share).astype(np.uint16)


def dataset(pixels=None, *, syntax=ExplicitVRLittleEndian, bits=None, **elements):
    """A mammogram; further elements by keyword, None takes one out."""
    pixels = breast() if pixels is None else pixels
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = MAMMOGRAM, generate_uid(entropy_srcs=["made"])
    data.PatientID, data.PatientName = "HOSP-4711", "DOE^JANE"
    data.Modality, data.BurnedInAnnotation = "MG", "NO"
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    if pixels.ndim == 3:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    data.BitsAllocated = 8 * pixels.itemsize
    data.BitsStored = bits or (12 if pixels.itemsize == 2 else 8)
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    big = syntax == ExplicitVRBigEndian
    content = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<")).tobytes()
    data.PixelData = content + b"\0" * (len(content) % 2)
    data["PixelData"].VR = "OW" if pixels.itemsize == 2 else "OB"
    for keyword, value in elements.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    if syntax in (JPEG2000Lossless, JPEGLSLossless, RLELossless):
        data.compress(syntax, generate_instance_uid=False)
    data.file_meta.TransferSyntaxUID = syntax
    return data


def content(data):
    """A data set as the bytes of a file."""
    syntax = data.file_meta.TransferSyntaxUID
    file = io.BytesIO()
    if syntax == JPEGLosslessSV1:
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        return _transcoded(content(data))
    data.save_as(
        file,
        enforce_file_format=True,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
    )
    return file.getvalue()


def made(pixels=None, **elements):
    """The bytes of a mammogram, see `dataset`."""
    return content(dataset(pixels, **elements))


def baseline_jpeg(pixels):
    """A mammogram (H, W) uint8 in 8-bit lossy JPEG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "jpeg", quality=95)
    data = dataset(pixels, LossyImageCompression="01")
    data.PixelData = encapsulate([file.getvalue()])
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    data["PixelData"].is_undefined_length = True
    return content(data)


MASS = ("49755003", "4147007", "Mass")  # category, type and its name
BREAST = ("91723000", "76752008", "Breast")
CALCIFICATION = ("49755003", "129770007", "Individual Calcification")


def mask_of(*boxes, shape=(100, 80)):
    """(H, W) uint8: 255 in boxes, else 0."""
    mask = np.zeros(shape, np.uint8)
    for box in boxes:
        mask[box.top : box.top + box.height, box.left : box.left + box.width] = 255
    return mask


def segmentation(masks, image_ids, *, kind="BINARY", segments=(MASS,), of_frames=None):
    """A DICOM segmentation of masks (N, H, W), each on one image.

    Args:
        kind: "BINARY", "FRACTIONAL", or "LABELMAP" with masks of numbers of segments.
        segments: Category, type and name of segments 1, 2, …
        of_frames: Number of the segment of each frame; all 1 by default.
    """
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID, data.SOPInstanceUID = SegmentationStorage, generate_uid(entropy_srcs=["seg"])
    data.Modality, data.SegmentationType = "SEG", kind
    data.NumberOfFrames, data.Rows, data.Columns = masks.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.PixelRepresentation = 0
    data.SegmentSequence = Sequence([_described(*one) for one in enumerate(segments, start=1)])
    if kind == "LABELMAP":
        data.SOPClassUID = LABEL_MAP
    if kind == "BINARY":
        data.BitsAllocated, data.BitsStored, data.HighBit = 1, 1, 0
        packed = np.packbits(masks.astype(bool).ravel(), bitorder="little").tobytes()
    else:
        data.BitsAllocated, data.BitsStored, data.HighBit = 8, 8, 7
        data.MaximumFractionalValue = 200
        packed = masks.astype(np.uint8).tobytes()
    data.PixelData = packed + b"\0" * (len(packed) % 2)
    data["PixelData"].VR = "OB"
    numbers = of_frames or [1] * len(image_ids)
    data.PerFrameFunctionalGroupsSequence = Sequence(
        [_frame_of(*one, kind) for one in zip(image_ids, numbers, strict=True)]
    )
    return content(data)


def _described(number, codes):
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel = number, f"s{number}"
    for what, code, meaning in (
        ("Category", codes[0], "a category"),
        ("Type", codes[1], codes[2]),
    ):
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", meaning
        setattr(segment, f"SegmentedProperty{what}CodeSequence", Sequence([item]))
    return segment


def _frame_of(image_id, number, kind):
    source, derivation, frame, segment = Dataset(), Dataset(), Dataset(), Dataset()
    if kind != "LABELMAP":
        segment.ReferencedSegmentNumber = number
        frame.SegmentIdentificationSequence = Sequence([segment])
    source.ReferencedSOPInstanceUID = image_id
    derivation.SourceImageSequence = Sequence([source])
    frame.DerivationImageSequence = Sequence([derivation])
    return frame


def _transcoded(file):
    """The same file in lossless JPEG, by GDCM, which works on files of its own."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in.dcm"), Path(folder, "out.dcm")
        source.write_bytes(file)
        reader, change, writer = (
            gdcm.ImageReader(),
            gdcm.ImageChangeTransferSyntax(),
            gdcm.ImageWriter(),
        )
        reader.SetFileName(str(source))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(str(target))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return target.read_bytes()


def element(file, keyword):
    """One element of a file's bytes, as pydicom reads it."""
    return dcmread(io.BytesIO(file)).get(keyword)
