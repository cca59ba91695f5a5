import io
from pathlib import Path

import numpy as np
import pytest

from mammo_core.ingestion.images.frames import read_frame, write_frame


def there_and_back(value):
    pipe = io.BytesIO()
    write_frame(pipe, value)
    pipe.seek(0)
    return read_frame(pipe)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        0.1,
        "größer \udcff",
        [1, [2, []]],
        {"a": {"b": None}},
        b"\0\xff",
        Path("/x y"),
    ],
)
def test_value_comes_back(value):
    assert there_and_back(value) == value


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int64", "float32", "bool"])
@pytest.mark.parametrize("shape", [(1,), (0,), (3, 4), (2, 0, 5)])
def test_array_comes_back_beside_others(dtype, shape):
    array = (np.arange(np.prod(shape)).reshape(shape) % 2).astype(dtype)

    back = there_and_back({"first": b"xyz", "array": array, "last": [array.T, b"end"]})

    np.testing.assert_array_equal(back["array"], array)
    np.testing.assert_array_equal(back["last"][0], array.T)
    assert back["array"].dtype == array.dtype
    assert (back["first"], back["last"][1]) == (b"xyz", b"end")


@pytest.mark.parametrize("number", [np.int64(3), np.float32(0.5), np.bool_(True)])
def test_numpy_number_comes_back_as_a_number(number):
    assert there_and_back(number) == number
    assert type(there_and_back(number)) is type(number.item())


def test_several_frames_follow_each_other():
    pipe = io.BytesIO()
    for number in range(3):
        write_frame(pipe, [number, bytes(number)])
    pipe.seek(0)

    assert [read_frame(pipe) for _ in range(3)] == [[0, b""], [1, b"\0"], [2, b"\0\0"]]


def test_end_in_the_middle_is_an_end():
    pipe = io.BytesIO()
    write_frame(pipe, b"x" * 100)

    with pytest.raises(EOFError):
        read_frame(io.BytesIO(pipe.getvalue()[:-1]))


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([object()])])
def test_what_frames_do_not_carry_is_refused(value):
    with pytest.raises(TypeError):
        there_and_back(value)
