"""Measures what classifiers without DP say of synthetic masses: whether these show their class, and teach it."""

from __future__ import annotations

import math

import numpy as np
from sklearn.metrics import roc_auc_score
from torch import Tensor

from mammo_core.classifiers.projection import fit_projection
from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import HeadRecipe, PrivacyConfig, RunConfig, Strategy
from mammo_core.training.heads.feature_dataset import FeatureDataset
from mammo_core.training.heads.runs import head_recipe, head_settings, train_together
from mammo_core.training.outcome import FinishedRun

_RANKING = HeadRecipe(projection_dims=None, whitening=0.0, steps=200)  # one for all cards


def class_auroc(dataset: FeatureDataset, features: Tensor, labels: np.ndarray) -> float:
    """Measures how well a head trained on real training masses without DP ranks other masses by class.

    Args:
        features: (M, V, D) of the other masses, in the feature space of the dataset.
        labels: (M,) the classes that they were made for, or have.

    Returns:
        AUROC, 0.5 at chance; below where classes are swapped.
    """
    result = _trained(dataset, "real", _RANKING)
    vectors = fit_projection(_RANKING, None)(features)
    return float(roc_auc_score(labels, (vectors @ result.weights).numpy()))


def transfer_auroc(dataset: FeatureDataset, strategy: Strategy = "synthetic") -> dict[str, float]:
    """Trains on synthetic masses alone, or on real ones, without DP: AUROC on real test masses, by test set."""
    result = _trained(dataset, strategy, RECIPES[strategy])
    return {name: estimates["auroc"].value for name, estimates in result.estimates.items()}


def _trained(dataset: FeatureDataset, strategy: Strategy, recipe: HeadRecipe) -> FinishedRun:
    config = RunConfig(
        strategy=strategy,
        privacy=PrivacyConfig(target_epsilon=math.inf),
        recipe=recipe,
        backbone=dataset.backbone,
    )
    inputs = dataset.prepare(config.strategy, head_recipe(config))
    (result,) = train_together(dataset, inputs, [config], [head_settings(config)])
    return result
