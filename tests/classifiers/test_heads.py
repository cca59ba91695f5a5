import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save

from mammo_core.classifiers.heads import (
    LinearHeads,
    head_bytes,
    head_from_bytes,
    projection_bytes,
    projection_from_bytes,
    projection_id,
)
from mammo_core.classifiers.projection import Projection
from mammo_core.errors import CheckpointError


@pytest.fixture
def projection():
    rng = torch.Generator().manual_seed(0)
    return Projection(
        mean=torch.randn(6, generator=rng), matrix=torch.randn(6, 4, generator=rng), bias=0.3
    )


def test_heads_score_as_the_formula_says(projection):
    features = torch.randn(3, 2, 6, generator=torch.Generator().manual_seed(1))
    weights = torch.randn(2, 5, generator=torch.Generator().manual_seed(2))

    scores = LinearHeads(projection, weights).scores(features)

    expected = torch.sigmoid(projection(features) @ weights.T).T
    np.testing.assert_allclose(scores, expected.numpy(), rtol=1e-6)


@pytest.mark.parametrize("self_contained", [True, False])
def test_head_survives_its_file_and_names_or_holds_its_projection(projection, self_contained):
    weights = torch.arange(5.0)

    read = head_from_bytes(
        head_bytes(weights, projection, "space", self_contained=self_contained), "head"
    )

    assert torch.equal(read.weights, weights)
    assert read.feature_space == "space"
    if self_contained:
        assert torch.equal(read.projection.matrix, projection.matrix)
        assert read.projection_id == ""
    else:
        assert read.projection is None
        assert read.projection_id == projection_id(projection)


def test_head_without_projection_needs_no_store():
    plain = Projection(mean=None, matrix=None, bias=0.3)

    read = head_from_bytes(head_bytes(torch.ones(7), plain, "s", self_contained=False), "head")

    assert read.projection == plain


def test_projection_survives_its_file_and_another_one_has_another_id(projection):
    read = projection_from_bytes(projection_bytes(projection), "projection")

    assert projection_id(read) == projection_id(projection)
    other = Projection(mean=projection.mean + 1, matrix=projection.matrix, bias=0.3)
    assert projection_id(other) != projection_id(projection)


def damaged_files(projection):
    whole = head_bytes(torch.ones(5), projection, "space", self_contained=True)
    return {
        "truncated": (whole[:-9], "safetensors"),
        "empty": (b"", "safetensors"),
        "pickle": (pickle.dumps({"weights": [1.0]}), "a pickle, which may run code"),
        "mislabelled": (save({"weights": torch.ones(5)}, {"format": "pt"}), "format 'pt'"),
        "no metadata": (save({"weights": torch.ones(5)}), "mammo-head/1"),
        "a projection": (projection_bytes(projection), "mammo-projection/1"),
        "two heads": (
            head_bytes(torch.ones(2, 5), projection, "s", self_contained=True),
            "one head's weights",
        ),
        "NaN": (
            head_bytes(torch.full((5,), torch.nan), projection, "s", self_contained=True),
            "NaN or infinity in: weights",
        ),
        "projection of other shape": (
            head_bytes(
                torch.ones(5),
                Projection(mean=torch.ones(3), matrix=projection.matrix, bias=0.3),
                "s",
                self_contained=True,
            ),
            "mean \\(D,\\) and matrix \\(D, K\\)",
        ),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "truncated",
        "empty",
        "pickle",
        "mislabelled",
        "no metadata",
        "a projection",
        "two heads",
        "NaN",
        "projection of other shape",
    ],
)
def test_damaged_head_is_refused(projection, kind):
    content, message = damaged_files(projection)[kind]

    with pytest.raises(CheckpointError, match=message):
        head_from_bytes(content, "head.safetensors")


def test_heads_refuse_a_projection_or_features_of_another_size(projection):
    with pytest.raises(CheckpointError, match=r"weights \(heads, 5\)"):
        LinearHeads(projection, torch.ones(1, 9))
    with pytest.raises(CheckpointError, match="Expected 6 features per view"):
        LinearHeads(projection, torch.ones(1, 5)).scores(torch.ones(1, 1, 7))
