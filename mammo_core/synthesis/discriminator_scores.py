"""Scores real masses by a training's discriminator, which rates the masses it was shown as more real.

The discriminator is in the state of an unfinished or finished training, which is not published with a
generator. Whoever gets hold of it attacks better than from synthetic masses alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import reduce
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mammo_core.errors import CheckpointError
from mammo_core.storage.tensors import read_torch
from mammo_core.synthesis.augment import all_turns
from mammo_core.synthesis.cascade_training import HEAD_WIDTH, seeded_features, seeded_heads
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.mcgan import McganDiscriminator
from mammo_core.synthesis.projected import PublicFeatures
from mammo_core.synthesis.sampling import from_uint8

_AT_ONCE = 8


def discriminator_scores(
    state_file: Path,
    config: GanConfig,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    is_private: bool = False,
    network: nn.Module | None = None,
) -> np.ndarray:
    """Computes the mean logit of each real mass over its eight turns, given its true class.

    Args:
        state_file: Written by a trainer's `save`.
        config: Of that training.
        images: (N, H, W) uint8.
        labels: (N,) int64.
        is_private: Whether the discriminator was trained with DP-SGD; it is then smaller.
        network: The backbone of a cascade's training, in eval mode; it is changed and must not be used
            elsewhere.

    Returns:
        (N,) float64, higher for likelier members.

    Raises:
        CheckpointError: If the file is missing or holds no discriminator that fits.
    """
    weights = _weights(state_file)
    with torch.inference_mode():
        score = _scorer(config, weights, is_private, network, state_file)
        parts = zip(_turned(images), torch.from_numpy(labels).split(_AT_ONCE), strict=True)
        return torch.cat([score(*part) for part in parts]).double().numpy()


def _turned(images: np.ndarray) -> list[Tensor]:
    """Splits masses in all turns into chunks, each (n, 8, 1, H, W)."""
    return [all_turns(from_uint8(part)) for part in torch.from_numpy(images).split(_AT_ONCE)]


def _weights(state_file: Path) -> dict[str, Tensor]:
    if not state_file.is_file():
        raise CheckpointError(
            f"Expected the state of a training at {state_file}; found none. It lies in the folder gan of "
            "the program's home on the computer that trained."
        )
    state = read_torch(state_file, CheckpointError)
    if "discriminator" not in state:
        raise CheckpointError(
            f"Expected a discriminator in {state_file}; this training had none. "
            "Leave --state out: synthetic masses are all that there is to attack."
        )
    return state["discriminator"]


def _scorer(
    config: GanConfig,
    weights: dict[str, Tensor],
    is_private: bool,
    network: nn.Module | None,
    state_file: Path,
) -> Callable[[Tensor, Tensor], Tensor]:
    """Returns a function of turns (n, 8, 1, H, W) and labels (n,) that gives scores (n,)."""
    features: PublicFeatures | None = None
    if config.architecture == "mcgan":
        discriminator: nn.Module = McganDiscriminator(config)
    else:
        assert network is not None  # the caller brings it for a cascade
        features = seeded_features(config, network, "cpu")
        width = HEAD_WIDTH
        if is_private:
            from mammo_core.synthesis.private_training import PRIVATE_HEAD_WIDTH as width
        discriminator = seeded_heads(config, features, width, normalise=not is_private)
    try:
        discriminator.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"Expected {state_file} to fit the generator's card; it does not ({str(error)[:200]}). "
            "State and card are of different trainings."
        ) from error
    discriminator.eval()

    def score(turns: Tensor, labels: Tensor) -> Tensor:
        flat, claimed = turns.flatten(0, 1), labels.repeat_interleave(turns.shape[1])
        if features is None:
            logits = discriminator(flat, claimed)
        else:
            maps = [part.float() for part in features(flat)]
            logits = reduce(
                operator.add, [part.mean(dim=1) for part in discriminator(maps, claimed)]
            )
        return logits.view(len(turns), -1).mean(dim=1)

    return score
