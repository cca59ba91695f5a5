"""Discriminators of trainings as attackers: they come back from the state as they were, and know what they saw."""

import numpy as np
import pytest
import torch

from mammo_core.config.runs import BackboneConfig, PrivacyConfig
from mammo_core.errors import CheckpointError
from mammo_core.privacy.heads.problem import rows_of_units
from mammo_core.synthesis.augment import all_turns
from mammo_core.synthesis.config import teachers
from mammo_core.synthesis.discriminator_scores import discriminator_scores
from mammo_core.synthesis.private_training import (
    NoisyMomentsTrainer,
    PrivateDiscriminatorTrainer,
    PrivateMasses,
)
from mammo_core.synthesis.sampling import from_uint8
from tests.conftest import make_cohort
from tests.synthesis.conftest import CPU, TINY, make_trainer, public_network

COHORT = make_cohort(12)
PRIVACY = PrivacyConfig(target_epsilon=8.0, target_delta=1e-3)


def private_masses():
    return PrivateMasses(
        images=torch.from_numpy(COHORT.images),
        labels=torch.from_numpy(COHORT.labels),
        unit_rows=rows_of_units(COHORT.patient_ids, "patient"),
    )


def scored(trainer, path, **options):
    trainer.save(path)
    count = len(teachers(trainer.config.architecture, BackboneConfig()))
    networks = [public_network() for _ in range(count)]
    return discriminator_scores(
        path, trainer.config, COHORT.images, COHORT.labels, networks=networks, **options
    )


def expected(trainer):
    """Mean logits of the trainer's own discriminator, mass by mass."""
    found = []
    trainer.discriminator.eval()
    with torch.no_grad():
        for image, label in zip(COHORT.images, COHORT.labels, strict=True):
            turns = all_turns(from_uint8(torch.from_numpy(image[None])))[0]
            labels = torch.full((8,), int(label))
            if trainer.config.architecture == "mcgan":
                found.append(trainer.discriminator(turns, labels).mean())
            elif trainer.config.architecture == "flow_gan":
                maps = [network(turns) for network in trainer.features]
                heads = trainer.discriminator(maps, turns, labels)
                found.append(sum(part.mean() for part in heads))
            else:
                maps = [part.float() for part in trainer.features(turns)]
                heads = trainer.discriminator(maps, labels)
                found.append(sum(part.mean() for part in heads))
    return torch.stack(found).numpy()


@pytest.mark.parametrize("architecture", TINY)
def test_scores_are_those_of_the_trainings_own_discriminator(architecture, tmp_path):
    trainer = make_trainer(TINY[architecture], COHORT)
    trainer.train(8)

    found = scored(trainer, tmp_path / "state.pt")

    assert found.shape == (len(COHORT),)
    np.testing.assert_allclose(found, expected(trainer), rtol=1e-3, atol=1e-4)
    assert found.std() > 0


def test_discriminator_trained_privately_is_read_as_well(tmp_path):
    trainer = PrivateDiscriminatorTrainer(
        TINY["cascade"], private_masses(), PRIVACY, CPU, public_network(), 2
    )
    trainer.train(4)

    found = scored(trainer, tmp_path / "state.pt", is_private=True)

    np.testing.assert_allclose(found, expected(trainer), rtol=1e-3, atol=1e-4)


def test_state_that_is_missing_or_without_or_of_another_discriminator_is_refused(tmp_path):
    trainer = NoisyMomentsTrainer(TINY["cascade"], private_masses(), PRIVACY, CPU, public_network())
    with pytest.raises(CheckpointError, match="this training had none"):
        scored(trainer, tmp_path / "moments.pt")
    with pytest.raises(CheckpointError, match="state of a training at"):
        discriminator_scores(tmp_path / "no.pt", TINY["mcgan"], COHORT.images, COHORT.labels)
    with pytest.raises(CheckpointError, match="of different trainings"):
        scored(make_trainer(TINY["cascade"], COHORT), tmp_path / "wide.pt", is_private=True)
