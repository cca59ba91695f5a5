import pytest
import torch

from mammo_core.privacy.networks import micro_batches
from mammo_core.privacy.networks.micro_batches import fit_micro_batch, is_out_of_memory
from mammo_core.privacy.networks.unit_source import UnitBatch
from tests.privacy.networks.made_networks import MadeSource


def test_on_a_processor_the_number_follows_from_the_size_of_inputs():
    def never(_):
        raise AssertionError("nothing needs to be computed")

    small, large = (
        fit_micro_batch(never, MadeSource(shape=(3, side, side)), torch.device("cpu"))
        for side in (16, 224)
    )

    assert large == 21  # 1.5 inputs per unit of the first two
    assert small == pytest.approx(large * (224 / 16) ** 2, rel=0.1)


@pytest.mark.parametrize(("fitting", "expected"), [(1, 1), (2, 2), (5, 2)])
def test_a_gpu_that_holds_no_six_units_starts_with_fewer(fitting, expected, monkeypatch):
    """Patients with many masses in many views: trying how much they take must not end the training."""
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    monkeypatch.setattr(micro_batches, "_peak", lambda compute, batch, _: compute(batch) or 0)
    monkeypatch.setattr(UnitBatch, "to", lambda batch, _: batch)

    def compute(batch):
        if int(batch.unit_of_input[-1]) + 1 > fitting:
            raise torch.OutOfMemoryError("CUDA out of memory")

    found = micro_batches.fit_micro_batch(compute, MadeSource(), torch.device("cuda"))

    assert found == expected


def test_other_errors_while_trying_are_not_taken_for_short_memory(monkeypatch):
    def broken(*_):
        raise RuntimeError("something else")

    monkeypatch.setattr(micro_batches, "_peak", broken)
    monkeypatch.setattr(UnitBatch, "to", lambda batch, _: batch)

    with pytest.raises(RuntimeError, match="something else"):
        micro_batches.fit_micro_batch(print, MadeSource(), torch.device("cuda"))


def test_units_larger_than_that_go_one_by_one():
    source = MadeSource(2, shape=(3, 1300, 1300))

    assert fit_micro_batch(print, source, torch.device("cpu")) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_shortage_of_memory_is_told_from_other_errors(error, expected):
    assert is_out_of_memory(error) == expected
