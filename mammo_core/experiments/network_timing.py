"""How long a network would train, from one measured step on made-up images: no mass is looked at."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mammo_core.classifiers.networks.building import AUTOCAST, build_classifier
from mammo_core.classifiers.networks.pretraining import BATCH_MASSES
from mammo_core.config import RunConfig
from mammo_core.device import device_name
from mammo_core.privacy.networks.network_training import NetworkTraining, train_network
from mammo_core.privacy.networks.unit_source import UnitBatch
from mammo_core.privacy.randomness import ReproducibleNoise
from mammo_core.privacy.training_data import TrainingData

_INPUTS = 8
_STEPS = 2  # the first warms up


@dataclass(frozen=True)
class NetworkTime:
    """What a measured step says of a whole run.

    Attributes:
        device: That it was measured on, in words.
        step_seconds: Of a private step with as many inputs as are expected in it.
        total_seconds: Of all steps, those on synthetic masses before them included; scoring is not.
    """

    device: str
    step_seconds: float
    total_seconds: float


def measure_network_time(
    config: RunConfig, data: TrainingData, device: torch.device
) -> NetworkTime:
    """Trains a throw-away network on a few images of noise and scales what that took.

    Few inputs keep a GPU less busy than many, so there it takes less in fact.

    Raises:
        MammoError: As `build_classifier` and `train_network`.
    """
    recipe = config.recipe
    size = config.backbone.image_size_px
    classifier = build_classifier(config.backbone, recipe, seed=config.seed)
    seconds: list[float] = []
    train_network(
        classifier.network.eval(),
        _NoiseImages(size),
        NetworkTraining(
            steps=_STEPS,
            noise_multiplier=1.0 if config.privacy.is_private else None,
            autocast=AUTOCAST[recipe.precision],
        ),
        noise=ReproducibleNoise(0),
        device=device,
        micro_batch=_INPUTS,
        on_step=lambda done: seconds.append(done.seconds),
    )
    each_input = seconds[-1] / _INPUTS
    masses = data.num_synthetic if config.strategy == "synthetic" else data.num_images
    step_seconds = each_input * masses * recipe.sample_rate * recipe.views
    before = recipe.pretraining_steps if config.strategy == "pretrain" else 0
    return NetworkTime(
        device=device_name(device),
        step_seconds=step_seconds,
        total_seconds=recipe.steps * step_seconds
        + before * BATCH_MASSES * recipe.views * each_input,
    )


class _NoiseImages:
    """As many units of one image of noise each as are measured with."""

    num_units = _INPUTS

    def __init__(self, image_size_px: int) -> None:
        self._size = image_size_px

    def batch(self, units: torch.Tensor, draw: torch.Generator) -> UnitBatch:
        """Other images at each step."""
        images = torch.randn(_INPUTS, 3, self._size, self._size, generator=draw)
        count = len(units)
        return UnitBatch(
            inputs=images[units],
            labels=(units % 2).float(),
            weights=torch.ones(count),
            unit_of_input=torch.arange(count),
        )
