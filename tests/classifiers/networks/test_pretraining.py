import dataclasses

import pytest
import torch
from sklearn.metrics import roc_auc_score

from mammo_core.classifiers.networks.building import build_classifier
from mammo_core.classifiers.networks.pretraining import pretrain
from mammo_core.classifiers.networks.scoring import score_masses
from mammo_core.classifiers.networks.sources import MassSource
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import CheckpointError
from mammo_core.privacy.networks.training_state import TrainingState
from tests.conftest import make_cohort

TINY = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=1)
RECIPE = NetworkRecipe(pretraining_steps=4, learning_rate=3e-3)
CPU = torch.device("cpu")


def source_of(cohort, classifier, views=1):
    return MassSource(
        cohort.images,
        cohort.labels,
        cohort.patient_ids,
        unit="image",
        augmentation="turns",
        views=views,
        mean=classifier.mean,
        std=classifier.std,
        image_size_px=TINY.image_size_px,
    )


def synthetic(count=24, seed=5):
    return make_cohort(count, 1, source="synthetic", seed=seed)


def pretrained(recipe, *, seed=1, **overrides):
    """The network after pre-training, its weights before, and the last state."""
    classifier = build_classifier(TINY, recipe, seed=0)
    before = {name: tensor.clone() for name, tensor in classifier.network.state_dict().items()}
    state = pretrain(
        classifier.network,
        source_of(synthetic(), classifier),
        recipe,
        device=CPU,
        seed=seed,
        **overrides,
    )
    return classifier.network, before, state


def changed(network, before):
    return {
        name
        for name, tensor in network.state_dict().items()
        if not torch.equal(tensor, before[name])
    }


def test_whole_network_learns_a_made_up_task_from_other_masses():
    recipe = dataclasses.replace(RECIPE, pretraining_steps=20, label_smoothing=0.1)
    classifier = build_classifier(TINY, recipe, seed=0)
    new = make_cohort(60, 1, seed=9)
    before = roc_auc_score(new.labels, score_masses(classifier, new.images, TINY))
    losses = []

    pretrain(
        classifier.network,
        source_of(synthetic(80), classifier),
        recipe,
        device=CPU,
        seed=0,
        on_step=lambda step: losses.append(step.loss),
    )

    assert before < 0.9
    assert roc_auc_score(new.labels, score_masses(classifier, new.images, TINY, views=8)) > 0.95
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("trained_part", ["head", "adapters", "network"])
def test_all_but_adapters_and_statistics_change_whatever_is_trained_later(trained_part):
    recipe = dataclasses.replace(RECIPE, trained_part=trained_part)

    network, before, state = pretrained(recipe)

    moved = changed(network, before)
    own = {name for name, _ in network.named_parameters()}
    adapters = {name for name in own if ".down." in name or ".up." in name}
    assert moved == own - adapters
    assert not state.history  # nothing for an accountant


def test_head_alone_can_be_pretrained():
    network, before, _ = pretrained(dataclasses.replace(RECIPE, pretraining_part="head"))

    assert changed(network, before) == {"head.weight", "head.bias"}


def test_what_trains_afterwards_is_what_the_recipe_says():
    network, _, _ = pretrained(NetworkRecipe(trained_part="head", pretraining_steps=1))

    trained = {name for name, own in network.named_parameters() if own.requires_grad}
    assert trained == {"head.weight", "head.bias"}


def test_same_seed_gives_the_same_weights_with_and_without_a_stop():
    recipe = dataclasses.replace(RECIPE, ema_decay=0.5)
    whole, _, last = pretrained(recipe)
    _, _, stopped = pretrained(dataclasses.replace(recipe, pretraining_steps=2))
    other, _, _ = pretrained(recipe, seed=2)

    stored = TrainingState.from_tensors(stopped.to_tensors())
    resumed, _, _ = pretrained(recipe, state=stored)
    finished, _, _ = pretrained(recipe, state=TrainingState.from_tensors(last.to_tensors()))

    assert stopped.step == 2
    for network in (resumed, finished):
        for name, tensor in whole.state_dict().items():
            assert torch.equal(network.state_dict()[name], tensor), name
    assert not torch.equal(other.head.weight, whole.head.weight)


def test_moving_average_is_what_remains():
    network, _, state = pretrained(dataclasses.replace(RECIPE, ema_decay=0.9))

    assert torch.equal(network.head.weight, state.ema["head.weight"])
    assert not torch.equal(state.ema["head.weight"], state.network["head.weight"])


def test_state_of_another_training_is_refused():
    _, _, state = pretrained(dataclasses.replace(RECIPE, pretraining_part="head"))

    with pytest.raises(CheckpointError, match="Expected weights of the"):
        pretrained(RECIPE, state=state)
