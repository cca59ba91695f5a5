"""Weights as attackers: a structure that fitted its masses closely gives them away, one that did not gives nobody."""

import numpy as np
import pytest
import torch

from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.membership import Suspects, judge_attack
from mammo_core.synthesis.sampling import build_generator, from_uint8
from mammo_core.synthesis.structure_scores import structure_scores
from tests.conftest import make_cohort

MEMBERS, OTHERS = make_cohort(20), make_cohort(20, split="val", seed=1)
IMAGES = np.concatenate([MEMBERS.images, OTHERS.images])
SUSPECTS = Suspects(
    np.repeat([True, False], len(MEMBERS)),
    np.concatenate([MEMBERS.labels, OTHERS.labels]),
    np.concatenate([MEMBERS.patient_ids, OTHERS.patient_ids]),
)


def trained(structure, steps):
    """A cascade whose structure alone saw the members."""
    torch.manual_seed(0)
    config = GanConfig(image_size_px=16, latent_dim=12, width=2, structure=structure)
    generator = build_generator(config)
    coefficients = generator.low_frequencies.analyse(from_uint8(torch.from_numpy(MEMBERS.images)))
    labels = torch.from_numpy(MEMBERS.labels)
    if structure == "normal":
        for label in (0, 1):
            own = coefficients[labels == label]
            generator.structure.mean[label] = own.mean(dim=0)
            generator.structure.deviation[label] = own.std(dim=0)
    else:
        generator.structure.fit_scale(coefficients)
        optimizer = torch.optim.Adam(generator.structure.parameters(), lr=2e-3)
        rng = torch.Generator().manual_seed(0)
        for _ in range(steps):
            optimizer.zero_grad()
            generator.structure.loss(coefficients, labels, rng).backward()
            optimizer.step()
    return generator.eval()


def attacked(generator):
    scores = structure_scores(generator, IMAGES, SUSPECTS.labels, ~SUSPECTS.is_member)
    return judge_attack(SUSPECTS, scores, "mass")


def test_flow_that_learned_its_masses_by_heart_is_found_out():
    assert attacked(trained("flow", 120)).auc.low > 0.55


def test_flow_that_learned_nothing_and_plain_moments_tell_next_to_nothing():
    for generator in (trained("flow", 0), trained("normal", 0)):
        assert attacked(generator).auc.value == pytest.approx(0.5, abs=0.15)


def test_a_mass_has_the_same_score_whichever_way_it_is_turned():
    generator = trained("flow", 5)
    turned = np.rot90(IMAGES, axes=(1, 2)).copy()

    here, there = (
        structure_scores(generator, images, SUSPECTS.labels, ~SUSPECTS.is_member)
        for images in (IMAGES, turned)
    )

    np.testing.assert_allclose(here, there, atol=1e-3)
