"""Decodes the pixels of one DICOM image with pydicom, and finds which of their bits hold the image.

What pydicom would read from other bits than the file means is refused, or shifted where that is sure.
Source: DICOM PS3.5 8.1.1 (Bits Allocated, Bits Stored, High Bit), 8.2 and annex A.4 (compressed pixel data).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.uid import UID, JPEG2000TransferSyntaxes, JPEGLSTransferSyntaxes, RLELossless

from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.codestream import claimed_size, jpeg_precision, sample_bits
from mammo_core.ingestion.images.in_place import PixelsInPlace

_JPEG_BITS = 8  # that decoders of lossy JPEG here read
_AS_CODED = (*JPEG2000TransferSyntaxes, *JPEGLSTransferSyntaxes)  # pydicom cuts no bits off these


def decoded(data: Dataset, place: PixelsInPlace | None, name: str) -> tuple[np.ndarray, int]:
    """Returns bit patterns (H, W) or (H, W, 3), and how many bits hold the image, from the lowest.

    Bits above those may hold anything.

    Raises:
        IngestionError: If no decoder here reads the coding, or the header contradicts the pixels.
    """
    syntax = UID(data.file_meta.TransferSyntaxUID)
    if place is not None or syntax == RLELossless or not _decoder(syntax, name).is_encapsulated:
        return _aligned(data, place, name), int(data.BitsStored)
    return _decompressed(data, _sample_bits(data, name), name)


def _decoder(syntax: UID, name: str) -> Decoder:
    try:
        return get_decoder(syntax)
    except NotImplementedError as error:
        raise IngestionError(
            f"Expected an uncompressed image, or JPEG, JPEG-LS, JPEG 2000 or RLE; {name} is compressed as "
            f"{syntax.name if syntax.is_transfer_syntax else 'something unknown'}. Export it uncompressed."
        ) from error


def _array(data: Dataset, name: str, **options: Any) -> np.ndarray:
    is_grey = int(data.get("SamplesPerPixel") or 1) == 1
    decoder = _decoder(UID(data.file_meta.TransferSyntaxUID), name)
    options["view_only"] = True  # a flag, which pydicom's types take for the options themselves
    return decoder.as_array(data, index=0, raw=is_grey, **options)[0]


def _patterns(pixels: np.ndarray) -> np.ndarray:
    """Returns bit patterns, uint8 or uint16, in the machine's byte order."""
    native = pixels if pixels.dtype.isnative else pixels.astype(pixels.dtype.newbyteorder("="))
    return native.view(f"u{native.dtype.itemsize}")


def _high_bit(data: Dataset) -> int:
    given = data.get("HighBit")
    return int(data.BitsStored) - 1 if given is None else int(given)


def _aligned(data: Dataset, place: PixelsInPlace | None, name: str) -> np.ndarray:
    """Reads pixels that are stored as they are, or run-length coded, with their lowest bit at place 0.

    Another High Bit is believed if the pixels bear it out: they use bits up to it and none below the image. It
    is passed over if no pixel uses bits that it would add.
    """
    bits, high = int(data.BitsStored), _high_bit(data)
    signed = int(data.get("PixelRepresentation") or 0) == 1
    shift = high + 1 - bits
    options = {"correct_unused_bits": False} if shift else {}
    if place is not None:
        shape = (int(data.Rows), int(data.Columns))
        pixels = _patterns(place.mapped(shape, int(data.BitsAllocated)))
    else:
        pixels = _patterns(_array(data, name, **options))
    if not shift:
        return pixels
    if 0 <= high < int(data.BitsAllocated):
        top = int(pixels.max())
        uses_lowest = shift < 0 or bool((pixels & (2**shift - 1)).any())
        if uses_lowest and top < 2 ** min(bits, high + 1) and not (shift < 0 and signed):
            return pixels
        if not uses_lowest and top >= 2**bits and pixels.ndim == 2:
            return pixels >> shift
    raise IngestionError(
        f"Expected High Bit {bits - 1} with {bits} bits stored; {name} says {high}, and its pixels do not show "
        f"which bits are meant. Export it again with High Bit {bits - 1}."
    )


def _sample_bits(data: Dataset, name: str) -> int | None:
    """Reads the bits per sample that compressed pixels claim.

    Refuses those of another size or of more bits than the header says, or of a coding that no decoder here reads.
    """
    stream = next(generate_frames(data.PixelData, number_of_frames=1))
    claimed, shape = claimed_size(stream), (int(data.Rows), int(data.Columns))
    if claimed not in (None, shape):
        raise IngestionError(
            f"Expected {shape[1]}×{shape[0]} pixels in {name}, as its header says; its compressed pixels say "
            f"{claimed[1]}×{claimed[0]}. It is damaged: export it again."
        )
    lossy_bits = jpeg_precision(stream)
    if lossy_bits is not None and lossy_bits > _JPEG_BITS:
        raise IngestionError(
            f"Expected JPEG of {_JPEG_BITS} bits, or lossless; {name} has JPEG of {lossy_bits} bits with loss "
            "(Extended, process 2 & 4), which is not read. Export it uncompressed."
        )
    bits = sample_bits(stream)
    if bits is not None and bits > int(data.BitsAllocated):
        raise _contradiction(data, bits, name)
    return bits


def _decompressed(data: Dataset, sample_bits: int | None, name: str) -> tuple[np.ndarray, int]:
    """Decodes JPEG of whatever kind, and checks that the bits which the header leaves out hold nothing.

    Where samples have more bits than the header says, they are taken as coded if pydicom does so, too, and else
    refused. `sample_bits` is what the stream claims.
    """
    bits, high = int(data.BitsStored), _high_bit(data)
    if high != bits - 1 and sample_bits != bits:
        raise IngestionError(
            f"Expected High Bit {bits - 1} with {bits} bits stored; compressed {name} says {high}. "
            f"Export it uncompressed, with High Bit {bits - 1}."
        )
    as_coded = UID(data.file_meta.TransferSyntaxUID) in _AS_CODED
    options: dict[str, Any] = {}
    if not as_coded and sample_bits != bits:  # else decoders cut off what is above the bits stored
        options["bits_stored"] = max(bits, sample_bits or int(data.BitsAllocated))
    pixels = _array(data, name, **options)
    if not _fits(pixels, bits):
        taken = as_coded and pixels.dtype.kind == "u"
        if not taken or sample_bits is None or not _fits(pixels, sample_bits):
            raise _contradiction(data, sample_bits, name)
        bits = sample_bits
    return _patterns(pixels), bits


def _fits(pixels: np.ndarray, bits: int) -> bool:
    """Checks whether values, signed or not, need no more than these bits."""
    low, high = int(pixels.min()), int(pixels.max())
    return (
        high < 2**bits if pixels.dtype.kind == "u" else -(2**bits) <= 2 * low and 2 * high < 2**bits
    )


def _contradiction(data: Dataset, bits: int | None, name: str) -> IngestionError:
    return IngestionError(
        f"Expected pixels of {data.BitsStored} bits in {name}, as its header says (Bits Stored, of "
        f"{data.BitsAllocated} allocated); its compressed pixels use {bits or 'more'}. Export it uncompressed."
    )
