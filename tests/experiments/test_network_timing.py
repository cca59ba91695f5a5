import math
from dataclasses import replace

import pytest
import torch

from mammo_core.errors import BackboneError
from mammo_core.experiments import network_timing
from mammo_core.experiments.network_timing import measure_network_time
from mammo_core.privacy.training_data import TrainingData
from tests.experiments.network_helpers import small_config

DATA = TrainingData(num_patients=100, num_images=160, num_synthetic=80, largest_patient=3)


@pytest.fixture
def second_per_step(monkeypatch):
    """Every step takes one second, whatever it does."""

    def train(network, source, training, *, on_step, **_):
        for step in range(training.steps):
            batch = source.batch(torch.arange(source.num_units), torch.Generator().manual_seed(0))
            assert len(batch.inputs) == source.num_units
            on_step(type("Step", (), {"seconds": 1.0, "step": step})())

    monkeypatch.setattr(network_timing, "train_network", train)


@pytest.mark.parametrize(
    ("changes", "step", "total"),
    [
        ({}, 20, 80),
        ({"epsilon": math.inf, "sample_rate": 0.5, "views": 4}, 40, 160),
        ({"strategy": "synthetic"}, 10, 40),
        ({"strategy": "pretrain", "pretraining_steps": 2}, 20, 80 + 32),
    ],
)
def test_time_grows_with_masses_views_and_steps(changes, step, total, second_per_step):
    found = measure_network_time(small_config(**changes), DATA, torch.device("cpu"))

    assert (found.step_seconds, found.total_seconds) == (step, total)
    assert found.device.startswith("CPU, ")


@pytest.mark.parametrize("epsilon", [6.0, math.inf])
def test_step_is_really_measured(epsilon):
    config = small_config(epsilon=epsilon, trained_part="network")

    found = measure_network_time(config, DATA, torch.device("cpu"))

    assert 0 < found.step_seconds < found.total_seconds < 600


def test_network_that_cannot_be_had_is_told(tmp_path):
    config = small_config()
    config = replace(config, backbone=replace(config.backbone, weights=str(tmp_path / "none")))

    with pytest.raises(BackboneError):
        measure_network_time(config, DATA, torch.device("cpu"))
