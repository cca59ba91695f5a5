"""Reads and writes the heads that ship with the product: trained at several budgets and noises, with their card.

The card says what they were trained on, what each of them and all of them together guarantee, and what was
computed from patients without noise. The file is loaded only if it is the very one that the card describes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mammo_core.classifiers.heads import LinearHeads, projection_tensors
from mammo_core.classifiers.projection import Projection
from mammo_core.config.from_dict import from_dict
from mammo_core.config.runs import BackboneConfig, HeadRecipe, Strategy, Unit, to_dict
from mammo_core.errors import CheckpointError
from mammo_core.evaluation.bootstrap import Estimate
from mammo_core.labels import BENIGN, CLASS_NAMES, MALIGNANT
from mammo_core.privacy.statements.card import statement_from_dict
from mammo_core.reading.models import NUM_QUANTILES, CaseModel, CaseModels, ClassScores
from mammo_core.storage.tensors import read_sealed, write_sealed

FORMAT = "mammo-heads/1"
SHIPPED_HEADS = Path("heads/cbis-ddsm")  # in models/, apart from the generators


@dataclass(frozen=True, kw_only=True)
class HeadFacts:
    """One head.

    Attributes:
        epsilon: Spent at the card's δ; infinity without DP.
        threshold: With a specificity of 90 % on validation masses.
        auroc: By test set.
    """

    target_epsilon: float
    epsilon: float
    noise_multiplier: float
    seed: int
    threshold: float
    auroc: dict[str, Estimate]


@dataclass(frozen=True, kw_only=True)
class SampledMasses:
    """Synthetic masses that a generator samples again from seeds 0, 1, …, benign and malignant in turn.

    Attributes:
        generator: Its name.
        sha256: Of its weights.
    """

    generator: str
    sha256: str
    count: int


@dataclass(frozen=True, kw_only=True)
class HeadsCard:
    """Describes a file of heads and its privacy guarantees.

    Attributes:
        feature_space: Of network and preprocessing, see `features.feature_space_id`.
        test_masses: By test set and class, how many.
        statements: By target ε ("inf" without DP), the guarantee of one head, see `privacy.statement`.
        composed_private_epsilon: What all private heads together spend, at `delta`, by whom they hide.
        together: The same in words, with the head that guarantees nothing.
        without_noise: What else was computed from patients and no ε covers.
        unlike_above: An unlikeness that 99 % of training and validation masses stay below, see `outlier_distance`.
        flat_below: A standard deviation of grey levels, of 255, that 99 % of these stay above.
        drawn: Synthetic masses whose upright features are in the file.
        sha256: Of the file.
    """

    notice: str
    training_data: str
    licence: str
    command: str
    strategy: Strategy
    unit: Unit
    delta: float
    recipe: HeadRecipe
    backbone: BackboneConfig
    feature_space: str
    test_masses: dict[str, dict[str, int]]
    heads: tuple[HeadFacts, ...]
    statements: dict[str, dict[str, Any]]
    composed_private_epsilon: float
    together: str
    without_noise: str
    unlike_above: float
    flat_below: float
    drawn: SampledMasses
    sha256: str = ""

    @property
    def uses_float_noise(self) -> bool:
        """Whether a private head got its noise in single precision, as all did before noise was rounded to a grid."""
        said = (statement_from_dict(values) for values in self.statements.values())
        return any(statement.uses_float_noise for statement in said)


@dataclass(frozen=True, eq=False)
class ShippedHeads:
    """A file of heads and its card.

    Attributes:
        synthetic_features: (M, D) float16, of the synthetic masses that the card names, upright.
    """

    card: HeadsCard
    models: CaseModels
    synthetic_features: Tensor


def save_heads(shipped: ShippedHeads, path: Path) -> HeadsCard:
    """Writes PATH.safetensors and PATH.json; returns the card with the hash of the file."""
    projection = shipped.models.heads.projection
    tested = list(shipped.card.test_masses)
    quantiles = np.stack(
        [
            [[model.test_scores[name].benign, model.test_scores[name].malignant] for name in tested]
            for model in shipped.models.models
        ]
    )  # (R, T, 2, Q)
    sha256 = write_sealed(
        path.with_suffix(".safetensors"),
        projection_tensors(projection)
        | {
            "weights": shipped.models.heads.weights,
            "quantiles": torch.from_numpy(quantiles).float(),
            "drawn_features": shipped.synthetic_features.half(),
        },
        path.with_suffix(".json"),
        to_dict(shipped.card),
        facts={"format": FORMAT},
    )
    return replace(shipped.card, sha256=sha256)


def load_heads(path: Path) -> ShippedHeads:
    """Reads PATH.safetensors and PATH.json.

    Raises:
        CheckpointError: If a file is missing, or the heads are not those of the card.
    """
    card, file = load_heads_card(path), path.with_suffix(".safetensors")
    tensors = read_sealed(file, card.sha256, FORMAT)
    _require_shapes(tensors, card, file)
    projection = Projection(mean=tensors["mean"], matrix=tensors["matrix"], bias=card.recipe.bias)
    quantiles = tensors["quantiles"].double().numpy()
    return ShippedHeads(
        card=card,
        models=CaseModels(
            backbone=card.backbone,
            feature_space=card.feature_space,
            heads=LinearHeads(projection, tensors["weights"]),
            models=tuple(
                _model(facts, list(card.test_masses), quantiles[row])
                for row, facts in enumerate(card.heads)
            ),
            trained_on=card.training_data,
        ),
        synthetic_features=tensors["drawn_features"],
    )


def load_heads_card(path: Path) -> HeadsCard:
    """Reads PATH.json.

    Raises:
        CheckpointError: If it is missing or no such card.
    """
    card = path.with_suffix(".json")
    try:
        return from_dict(HeadsCard, json.loads(card.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"Expected a card of heads at {card}; found none. Get the file again, or make heads: "
            "python -m mammo_core heads make."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"Expected a card of heads at {card}; got something else ({error}). Get the file again."
        ) from error


def _model(facts: HeadFacts, tested: list[str], quantiles: np.ndarray) -> CaseModel:
    """One head with its score quantiles (T, 2, Q), by label."""
    return CaseModel(
        name=f"seed {facts.seed}",
        trained_alike=f"ε = {facts.target_epsilon:g}",
        target_epsilon=facts.target_epsilon,
        threshold=facts.threshold,
        test_scores={
            name: ClassScores(quantiles[row, BENIGN], quantiles[row, MALIGNANT])
            for row, name in enumerate(tested)
        },
    )


def _require_shapes(tensors: dict[str, Tensor], card: HeadsCard, file: Path) -> None:
    """Raises CheckpointError unless every tensor is there, of a shape that fits the card and the others."""
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    dims, directions = found.get("matrix", (0, 0)) if len(found.get("matrix", ())) == 2 else (0, 0)
    expected = {
        "mean": (dims,),
        "matrix": (dims, directions),
        "weights": (len(card.heads), directions + 1),
        "quantiles": (len(card.heads), len(card.test_masses), len(CLASS_NAMES), NUM_QUANTILES),
        "drawn_features": (card.drawn.count, dims),
    }
    if not dims or found != expected:
        raise CheckpointError(
            f"Expected {file} to hold tensors that fit its card, {expected}; got {found}. "
            "Card and heads do not belong together."
        )
