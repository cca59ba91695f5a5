import math
from dataclasses import replace

import pytest
import torch

from mammo_core.errors import BackboneError
from mammo_core.jobs.context import JobStopped
from mammo_core.privacy.statements.training_data import TrainingData
from mammo_core.training.networks.timing import (
    StepTime,
    measure_step_time,
    time_of_features,
    time_of_run,
    timing_key,
)
from tests.helpers.networks import small_config

DATA = TrainingData(num_patients=100, num_images=160, num_synthetic=80, largest_patient=3)
PACE = StepTime(device="CPU", training=0.1, pretraining=0.2, scoring=0.05)
CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("changes", "step", "total"),
    [
        ({}, 16, 64),
        ({"epsilon": math.inf, "sample_rate": 0.5, "views": 4}, 32, 128),
        ({"strategy": "synthetic"}, 8, 32),
        ({"strategy": "real+synthetic", "synthetic_weight": 0.1, "sample_rate": 0.5}, 13, 52),
        ({"strategy": "pretrain", "pretraining_steps": 2}, 16, 64 + 2 * 80 * 0.2),
    ],
)
def test_time_grows_with_masses_views_and_steps(changes, step, total):
    found = time_of_run(small_config(**changes), DATA, PACE)

    assert (found.step_seconds, found.total_seconds) == pytest.approx((step, total))


def test_noise_takes_its_time_once_a_step():
    config = small_config(sample_rate=0.5)
    plain, noisy = (time_of_run(config, DATA, pace) for pace in (PACE, replace(PACE, noise=3.0)))

    assert noisy.step_seconds - plain.step_seconds == pytest.approx(3.0)


def test_features_cost_a_forward_pass_per_view():
    config = small_config()
    config = replace(config, backbone=replace(config.backbone, views=8))

    assert time_of_features(config, 100, PACE) == pytest.approx(100 * 8 * 0.05)


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({"steps": 9, "sample_rate": 0.5, "views": 2, "learning_rate": 0.5}, True),
        ({"epsilon": 3.0, "unit": "image"}, True),
        ({"epsilon": math.inf}, False),
        ({"trained_part": "network"}, False),
        ({"precision": "bfloat16"}, False),
        ({"strategy": "pretrain", "pretraining_steps": 2}, False),
    ],
)
def test_pace_is_measured_again_only_for_what_changes_it(changes, is_same):
    assert (timing_key(small_config(**changes)) == timing_key(small_config())) == is_same


@pytest.mark.parametrize("epsilon", [6.0, math.inf])
def test_steps_are_really_measured(epsilon):
    config = small_config(
        epsilon=epsilon, trained_part="network", strategy="pretrain", pretraining_steps=2
    )

    found = measure_step_time(config, CPU)

    assert found.device.startswith("CPU, ")
    assert min(found.training, found.pretraining, found.scoring) > 0
    assert (found.noise > 0) == math.isfinite(epsilon)
    assert max(found.training, found.pretraining, found.scoring) < 60


def test_without_pretraining_none_is_measured():
    assert measure_step_time(small_config(), CPU).pretraining == 0


def test_measuring_ends_when_it_is_cancelled():
    def stop():
        raise JobStopped

    with pytest.raises(JobStopped):
        measure_step_time(small_config(), CPU, check=stop)


def test_network_that_cannot_be_had_is_told(tmp_path):
    config = small_config()
    config = replace(config, backbone=replace(config.backbone, weights=str(tmp_path / "none")))

    with pytest.raises(BackboneError):
        measure_step_time(config, CPU)
