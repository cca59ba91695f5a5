from dataclasses import replace

import numpy as np
import pytest
import torch

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.generators.nearest_real import turned
from mammo_core.reading.case import case_features
from mammo_core.reading.nearest_synthetic import nearest_synthetic
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.synthesis.sampling import sample_masses
from mammo_core.system.paths import models_dir
from tests.helpers.heads import TINY, small_heads


@pytest.fixture(scope="module")
def drawn():
    """The mass of seed 3, which the generator draws as malignant: (H, W) uint8."""
    generator, _ = load_generator(models_dir() / "cascade_private")
    return sample_masses(generator, [1], [3]).numpy()[0]


@pytest.mark.parametrize("view", range(8))
def test_drawn_mass_is_found_however_it_is_turned_and_turned_alike(drawn, view):
    case = np.ascontiguousarray(turned(drawn, view, 8))
    (features,) = case_features(case, [TINY], load_backbone).values()

    best, second = nearest_synthetic(small_heads(), features, 2)

    assert (best.seed, best.label) == (3, 1)
    assert best.distance < 0.1 * second.distance
    np.testing.assert_array_equal(turned(drawn, best.view, 8), case)


def test_no_more_are_found_than_there_are():
    shipped = replace(small_heads())

    found = nearest_synthetic(shipped, torch.zeros(1, 8, shipped.synthetic_features.shape[1]), 99)

    assert len(found) == shipped.card.drawn.count
    assert [one.distance for one in found] == sorted(one.distance for one in found)
