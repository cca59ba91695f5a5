"""Trains without privacy on synthetic masses, before private training on real ones.

It sees no real mass, so it costs no ε itself. That says nothing of the generator: where it learned from real patients,
the masses carry what its own guarantee allows, and without one they may carry anything
(`SyntheticOrigin`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from mammo_core.classifiers.networks.adapters import LowRankLayer
from mammo_core.classifiers.networks.building import AUTOCAST, MassNetwork
from mammo_core.config.network_recipe import NetworkRecipe, PretrainingPart
from mammo_core.privacy.networks.network_training import NetworkStep, NetworkTraining, train_network
from mammo_core.privacy.networks.training_state import TrainingState, load_weights
from mammo_core.privacy.networks.unit_source import UnitSource
from mammo_core.privacy.noise.sources import ReproducibleNoise

BATCH_MASSES = 128  # in a step on average, as in the paper


def pretrain(
    network: MassNetwork,
    synthetic: UnitSource,
    recipe: NetworkRecipe,
    *,
    device: torch.device,
    seed: int,
    micro_batch: int | None = None,
    state: TrainingState | None = None,
    on_step: Callable[[NetworkStep], None] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainingState:
    """Trains the whole network or its head, as the recipe says, for `recipe.pretraining_steps` steps.

    "network" trains also what private training cannot, such as tables of positions; adapters stay at zero. The statistics
    of frozen batch normalisation stay as they are.

    Args:
        network: Left on the device with the result's weights; what requires gradients is as before.
        synthetic: Masses of a generator, each a unit.
        seed: Of batches and views: the same seed gives the same weights.
        micro_batch, on_step, should_stop: See `train_network`.
        state: To resume from. A state of all steps is only loaded into the network.

    Returns:
        The last state.

    Raises:
        CheckpointError: If the state belongs to another training.
        InvalidRequestError: If not even one mass fits into memory.
    """
    training = NetworkTraining(
        steps=recipe.pretraining_steps,
        sample_rate=min(1.0, BATCH_MASSES / synthetic.num_units),
        noise_multiplier=None,
        optimizer=recipe.optimizer,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        label_smoothing=recipe.label_smoothing,
        ema_decay=recipe.ema_decay,
        autocast=AUTOCAST[recipe.precision],
    )
    with _training_only(network, recipe.pretraining_part):
        last = train_network(
            network,
            synthetic,
            training,
            noise=ReproducibleNoise(seed),  # samples batches; nothing is hidden here
            device=device,
            seed=seed,
            micro_batch=micro_batch,
            state=state,
            on_step=on_step,
            should_stop=should_stop,
        )
        load_weights(network, last.weights)
    return last


@contextmanager
def _training_only(network: MassNetwork, part: PretrainingPart) -> Iterator[None]:
    """Makes only one part require gradients for a while."""
    before = {name: own.requires_grad for name, own in network.named_parameters()}
    network.requires_grad_(False)
    trained: nn.Module = network if part == "network" else network.head
    trained.requires_grad_(True)
    for layer in network.modules():
        if isinstance(layer, LowRankLayer):
            layer.down.requires_grad_(False)
            layer.up.requires_grad_(False)
    try:
        yield
    finally:
        for name, own in network.named_parameters():
            own.requires_grad_(before[name])
