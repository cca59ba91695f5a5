import logging

import pytest
import torch

from mammo_core.errors import InvalidRequestError
from mammo_core.system.device import choose_device, device_name, parts_that_fit
from mammo_core.system.machine import this_machine


def without_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def with_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


def test_device_is_the_gpu_where_there_is_one(monkeypatch):
    with_gpu(monkeypatch)

    assert choose_device() == torch.device("cuda")
    assert choose_device("cuda") == torch.device("cuda")
    assert choose_device("cpu") == torch.device("cpu")


def test_device_is_the_processor_where_there_is_no_gpu(monkeypatch):
    without_gpu(monkeypatch)

    assert choose_device() == choose_device("cpu") == torch.device("cpu")


def test_gpu_that_is_asked_for_and_absent_is_an_error_that_says_what_to_do(monkeypatch):
    without_gpu(monkeypatch)

    with pytest.raises(InvalidRequestError, match="Expected an NVIDIA GPU.*Choose the device cpu"):
        choose_device("cuda")


def test_device_of_another_name_is_refused():
    with pytest.raises(InvalidRequestError, match="device"):
        choose_device("tpu")


def test_processor_is_named_with_the_cores_that_the_machine_has():
    assert device_name(torch.device("cpu")) == f"CPU, {this_machine().num_cores} cores"


def test_gpu_is_named_as_the_machine_names_it(monkeypatch):
    class H200:
        name, total_memory = "NVIDIA H200", 139.8 * 2**30

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: H200)

    assert device_name(torch.device("cuda")) == "NVIDIA H200, 140 GB"


class Memory:
    """Holds so many rows at once; remembers what it was asked for."""

    def __init__(self, rows):
        self.rows, self.asked = rows, []

    def compute(self, rows):
        self.asked.append(rows.stop - rows.start)
        if rows.stop - rows.start > self.rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nmore")
        return list(range(rows.start, rows.stop))


def test_parts_cover_all_rows_in_order():
    parts = list(parts_that_fit(Memory(4).compute, num_rows=10, rows_at_once=4))

    assert parts == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert list(parts_that_fit(Memory(4).compute, num_rows=0, rows_at_once=4)) == []


def test_part_too_large_is_halved_until_it_fits_and_the_rest_stays_small(caplog):
    memory = Memory(3)

    with caplog.at_level(logging.WARNING):
        parts = list(parts_that_fit(memory.compute, num_rows=7, rows_at_once=8))

    assert parts == [[0, 1, 2], [3, 4, 5], [6]]
    assert memory.asked == [7, 3, 3, 1]
    assert "going on with 3 at once" in caplog.text


def test_input_that_never_fits_is_an_error_that_says_what_to_do():
    with pytest.raises(InvalidRequestError, match=r"Tried to allocate 2 GiB\. Choose a smaller"):
        list(parts_that_fit(Memory(0).compute, num_rows=7, rows_at_once=8))


def test_other_errors_pass_through():
    def broken(rows):
        raise RuntimeError("shapes")

    with pytest.raises(RuntimeError, match="shapes"):
        list(parts_that_fit(broken, num_rows=2, rows_at_once=2))
