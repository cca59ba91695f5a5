"""Scores real masses by a training's discriminator, which rates the masses it was shown as more real.

The discriminator is in the state of an unfinished or finished training, which is not published with a
generator. Whoever gets hold of it attacks better than from synthetic masses alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
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
from mammo_core.synthesis.flow_gan.discriminator import FlowGanDiscriminator
from mammo_core.synthesis.mcgan import McganDiscriminator
from mammo_core.synthesis.sampling import from_uint8

_AT_ONCE = 8


def discriminator_scores(
    state_file: Path,
    config: GanConfig,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    is_private: bool = False,
    networks: Sequence[nn.Module] = (),
) -> np.ndarray:
    """Computes the mean logit of each real mass over its eight turns, given its true class.

    Args:
        state_file: Written by a trainer's `save`.
        config: Of that training.
        images: (N, H, W) uint8.
        labels: (N,) int64.
        is_private: Whether the discriminator was trained with DP-SGD; it is then smaller.
        networks: The teachers of the training (`config.teachers`), in eval mode; they are changed and must not be used
            elsewhere.

    Returns:
        (N,) float64, higher for likelier members.

    Raises:
        CheckpointError: If the file is missing or holds no discriminator that fits.
    """
    weights = _weights(state_file)
    with torch.inference_mode():
        score = _scorer(config, weights, is_private, networks, state_file)
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
    networks: Sequence[nn.Module],
    state_file: Path,
) -> Callable[[Tensor, Tensor], Tensor]:
    """Returns a function of turns (n, 8, 1, H, W) and labels (n,) that gives scores (n,)."""
    features = [seeded_features(config, network, "cpu") for network in networks]
    if config.architecture == "mcgan":
        discriminator: nn.Module = McganDiscriminator(config)
    elif config.architecture == "flow_gan":
        discriminator = FlowGanDiscriminator(config, features)
    else:
        width = HEAD_WIDTH
        if is_private:
            from mammo_core.synthesis.private_training import PRIVATE_HEAD_WIDTH as width
        discriminator = seeded_heads(config, features[0], width, normalise=not is_private)
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
        maps = [[part.float() for part in network(flat)] for network in features]
        if config.architecture == "mcgan":
            logits = discriminator(flat, claimed)
        elif config.architecture == "flow_gan":
            logits = _summed(discriminator(maps, flat, claimed))
        else:
            logits = _summed(discriminator(maps[0], claimed))
        return logits.view(len(turns), -1).mean(dim=1)

    return score


def _summed(judged: list[Tensor]) -> Tensor:
    """Sums the mean logits of several heads: (N, positions) each -> (N,)."""
    return reduce(operator.add, [part.mean(dim=1) for part in judged])
