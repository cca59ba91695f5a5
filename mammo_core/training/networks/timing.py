"""Estimates how long a network would train, from steps measured on made-up images: no mass is used."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from mammo_core.classifiers.networks.building import AUTOCAST, Classifier, build_classifier
from mammo_core.classifiers.networks.pretraining import BATCH_MASSES, pretrain
from mammo_core.classifiers.networks.scoring import score_masses
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import BackboneConfig, RunConfig
from mammo_core.privacy.networks.network_training import train_network
from mammo_core.privacy.networks.training_settings import NetworkStep, NetworkTraining
from mammo_core.privacy.networks.unit_source import UnitBatch
from mammo_core.privacy.noise.grid import add_noise
from mammo_core.privacy.noise.sources import SecretNoise
from mammo_core.privacy.statements.training_data import TrainingData
from mammo_core.system.device import device_name

_INPUTS = 8
_STEPS = 4  # the fastest counts: the first warms up, and others may use the computer


@dataclass(frozen=True)
class StepTime:
    """What was measured on a device, in seconds per input unless told; everything else follows by counting.

    Attributes:
        device: In words.
        training: Of a step of the run, forward and backward.
        noise: Of a whole step, however many inputs it has; 0 without DP.
        pretraining: Of a plain step on synthetic masses; 0 without such.
        scoring: Of a forward pass.
    """

    device: str
    training: float
    pretraining: float
    scoring: float
    noise: float = 0.0


@dataclass(frozen=True)
class NetworkTime:
    """What a step time means for a whole run.

    Attributes:
        step_seconds: Of a step with as many inputs as are expected in it.
        total_seconds: Of all steps, those on synthetic masses before them included; scoring validation and
            test masses is not.
    """

    step_seconds: float
    total_seconds: float


def timing_key(config: RunConfig) -> tuple[BackboneConfig, NetworkRecipe, bool]:
    """Returns what of a configuration changes its step time: others with the same need not be measured again."""
    recipe = replace(
        config.network_recipe,
        steps=1,
        sample_rate=1.0,
        learning_rate=1.0,
        views=1,
        preset="",
        pretraining_steps=int(_is_pretrained(config)),
    )
    return replace(config.backbone, views=1), recipe, config.privacy.is_private


def measure_step_time(
    config: RunConfig, device: torch.device, *, check: Callable[[], None] = lambda: None
) -> StepTime:
    """Trains a throw-away network on a few images of noise.

    Few inputs keep a GPU less busy than many, so there a run takes less in fact.

    Args:
        check: Called after each step; what it raises ends the measurement.

    Raises:
        MammoError: As `build_classifier` and `train_network`.
    """
    classifier = build_classifier(config.backbone, config.network_recipe, seed=config.seed)
    classifier.network.eval()
    noise = _noise_seconds(classifier) if config.privacy.is_private else 0.0
    step = _training_seconds(classifier, config, device, check)
    return StepTime(
        device=device_name(device),
        training=max(step - noise, step / _INPUTS) / _INPUTS,
        noise=noise,
        pretraining=_pretraining_seconds(classifier, config, device, check) / _INPUTS
        if _is_pretrained(config)
        else 0.0,
        scoring=_scoring_seconds(classifier, config, device, check) / _INPUTS,
    )


def time_of_run(config: RunConfig, data: TrainingData, step_time: StepTime) -> NetworkTime:
    """Estimates how long a run takes whose images go through the network at every step."""
    recipe = config.network_recipe
    masses = data.num_synthetic if config.strategy == "synthetic" else data.num_images
    inputs = masses * recipe.sample_rate
    if config.strategy == "real+synthetic":
        units = data.num_units(config.strategy, config.privacy.unit)
        inputs += min(data.num_synthetic, units * recipe.sample_rate)
    step_seconds = inputs * recipe.views * step_time.training + step_time.noise
    before = recipe.pretraining_steps if _is_pretrained(config) else 0
    batch = min(BATCH_MASSES, data.num_synthetic)
    return NetworkTime(
        step_seconds=step_seconds,
        total_seconds=recipe.steps * step_seconds
        + before * batch * recipe.views * step_time.pretraining,
    )


def time_of_features(config: RunConfig, num_masses: int, step_time: StepTime) -> float:
    """Estimates the seconds until the features of so many masses are cached, in all their views."""
    return num_masses * config.backbone.views * step_time.scoring


def _is_pretrained(config: RunConfig) -> bool:
    return config.strategy == "pretrain"


def _training_seconds(
    classifier: Classifier, config: RunConfig, device: torch.device, check: Callable[[], None]
) -> float:
    steps = _Steps(check)
    train_network(
        classifier.network,
        _NoiseImages(config.backbone.image_size_px),
        NetworkTraining(
            steps=_STEPS,
            noise_multiplier=1.0 if config.privacy.is_private else None,
            autocast=AUTOCAST[config.network_recipe.precision],
        ),
        noise=SecretNoise(),
        device=device,
        micro_batch=_INPUTS,
        on_step=steps.add,
    )
    return steps.fastest


def _noise_seconds(classifier: Classifier) -> float:
    trained = [p for p in classifier.network.parameters() if p.requires_grad]
    seconds: list[float] = []
    for _ in range(_STEPS):
        started = time.monotonic()
        for parameter in trained:
            add_noise(torch.zeros(parameter.shape), 1.0, SecretNoise())
        seconds.append(time.monotonic() - started)
    return min(seconds)


def _pretraining_seconds(
    classifier: Classifier, config: RunConfig, device: torch.device, check: Callable[[], None]
) -> float:
    steps = _Steps(check)
    pretrain(
        classifier.network,
        _NoiseImages(config.backbone.image_size_px),
        replace(config.network_recipe, pretraining_steps=_STEPS),
        device=device,
        seed=0,
        micro_batch=_INPUTS,
        on_step=steps.add,
    )
    return steps.fastest


def _scoring_seconds(
    classifier: Classifier, config: RunConfig, device: torch.device, check: Callable[[], None]
) -> float:
    size = config.backbone.image_size_px
    images = np.zeros((_INPUTS, size, size), np.uint8)
    seconds: list[float] = []
    for _ in range(_STEPS):
        started = time.monotonic()
        score_masses(
            classifier,
            images,
            config.backbone,
            device=device,
            autocast=AUTOCAST[config.network_recipe.precision],
        )
        seconds.append(time.monotonic() - started)
        check()
    return min(seconds)


class _Steps:
    """The time of the fastest step."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self.fastest = math.inf

    def add(self, step: NetworkStep) -> None:
        """Listens to a training."""
        self.fastest = min(self.fastest, step.seconds)
        self._check()


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
