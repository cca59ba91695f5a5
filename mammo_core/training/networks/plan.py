"""Checks a run that trains a network on images, and builds its network; trains and releases nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from mammo_core.classifiers.networks.building import AUTOCAST, Classifier, build_classifier
from mammo_core.classifiers.networks.sources import MassSource
from mammo_core.cohorts.cohort import Cohort
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import RunConfig
from mammo_core.errors import CohortError, InvalidRequestError
from mammo_core.privacy.accounting import gaussian
from mammo_core.privacy.accounting.calibration import calibrate_run
from mammo_core.privacy.networks.training_settings import NetworkTraining
from mammo_core.privacy.statements.statement import Statement, make_statement
from mammo_core.training.dataset import RunDataset
from mammo_core.training.networks.best_epoch import first_choice


@dataclass(frozen=True)
class NetworkRun:
    """A run that was checked and can be started.

    Attributes:
        noise_multiplier: 0 without DP.
        statement: Its privacy guarantee.
        first_choice: The first step whose weights may be kept.
    """

    data: RunDataset
    config: RunConfig
    classifier: Classifier
    noise_multiplier: float
    statement: Statement
    first_choice: int

    @property
    def recipe(self) -> NetworkRecipe:
        """Of the configuration."""
        return self.config.network_recipe

    @property
    def masses(self) -> Cohort:
        """That are trained on, with DP if it is private."""
        return self.synthetic if self.config.strategy == "synthetic" else self.data.train

    @property
    def synthetic(self) -> Cohort:
        """The synthetic masses, which `prepare_network` has checked to be there where they are needed."""
        assert self.data.synthetic is not None
        return self.data.synthetic

    @property
    def num_weights(self) -> int:
        """That are trained on them."""
        assert self.statement.num_weights is not None
        return self.statement.num_weights

    def source(self, cohort: Cohort, device: torch.device) -> MassSource:
        """Masses in random views; those of a patient together where the unit is the patient."""
        return MassSource(
            cohort.images,
            cohort.labels,
            cohort.patient_ids,
            unit=self.config.privacy.unit,
            augmentation=self.recipe.augmentation,
            views=self.recipe.views,
            mean=self.classifier.mean,
            std=self.classifier.std,
            image_size_px=self.config.backbone.image_size_px,
            device=device,
        )


def count_weights(config: RunConfig) -> int:
    """Counts the weights that a configuration trains, without loading any.

    Raises:
        BackboneError: If the network is unknown.
        InvalidRequestError: If the recipe does not fit it.
    """
    random = replace(config.backbone, weights="random")
    return _num_trained(build_classifier(random, config.network_recipe, seed=0))


def prepare_network(data: RunDataset, config: RunConfig) -> NetworkRun:
    """Checks a configuration and builds its network; trains and releases nothing.

    Raises:
        InvalidRequestError: If it trains no network, or with synthetic masses that it gives no part.
        CohortError: If masses are missing that the strategy, or the choice of a step, needs.
        PrivacyError: If the budget cannot be reached, δ is too large or there are too few units.
        BackboneError: If the network or its weights cannot be had.
    """
    _require_fitting(data, config)
    noise_multiplier = calibrate_run(config)
    num_units = data.training_data.num_units(config.strategy, config.privacy.unit)
    if config.privacy.is_private:
        gaussian.require_meaningful_delta(config.privacy.target_delta, num_units)
    classifier = build_classifier(config.backbone, config.network_recipe, seed=config.seed)
    classifier.network.eval()
    statement = make_statement(
        config, data.training_data, noise_multiplier, num_weights=_num_trained(classifier)
    )
    first = first_choice(config, noise_multiplier)  # told before days are spent if there is none
    run = NetworkRun(data, config, classifier, noise_multiplier, statement, first)
    run.source(run.masses, torch.device("cpu"))  # too few units are told now
    return run


def training_settings(config: RunConfig, noise_multiplier: float) -> NetworkTraining:
    """Translates a recipe to the settings of private training; noise 0 means none, without DP."""
    recipe = config.network_recipe
    return NetworkTraining(
        steps=recipe.steps,
        sample_rate=recipe.sample_rate,
        noise_multiplier=noise_multiplier or None,
        max_grad_norm=recipe.max_grad_norm,
        optimizer=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        label_smoothing=recipe.label_smoothing,
        ema_decay=recipe.ema_decay,
        autocast=AUTOCAST[recipe.precision],
        public_weight=recipe.synthetic_weight if config.strategy == "real+synthetic" else 0.0,
    )


def _num_trained(classifier: Classifier) -> int:
    return sum(p.numel() for p in classifier.network.parameters() if p.requires_grad)


def _require_fitting(data: RunDataset, config: RunConfig) -> None:
    recipe = config.network_recipe
    if config.strategy != "real" and data.synthetic is None:
        raise CohortError(
            f"Expected synthetic masses for the strategy {config.strategy}; got none. Give a folder "
            "with --synthetic, or choose the strategy real."
        )
    if config.strategy == "pretrain" and recipe.pretraining_steps < 1:
        raise InvalidRequestError(
            "Expected pretraining_steps of 1 or more with the strategy pretrain; got 0. Say how many steps to train on "
            "synthetic masses first, or choose the strategy real."
        )
    if config.strategy == "real+synthetic" and recipe.synthetic_weight == 0:
        raise InvalidRequestError(
            "Expected a synthetic_weight above 0 with the strategy real+synthetic; got 0, so that synthetic masses would "
            "play no part. Use for example 0.1, or choose the strategy real."
        )
    if recipe.kept == "best on validation" and data.validation is None:
        raise CohortError(
            "Expected validation masses of both classes to choose the best step by; found none. Add SITE/val, or keep "
            "the last weights."
        )
