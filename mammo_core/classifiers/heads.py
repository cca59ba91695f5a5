"""A linear head with the map of features it was trained on, as safetensors: enough to score a new mass.

A projection is large and shared by all heads trained on the same synthetic masses, so a file may name it
instead of holding it. Nothing is unpickled.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mammo_core.classifiers.projection import Projection
from mammo_core.errors import CheckpointError
from mammo_core.storage.tensors import not_of_format, safetensors_bytes, tensors_of_format

HEAD_FORMAT = "mammo-head/1"
PROJECTION_FORMAT = "mammo-projection/1"


@dataclass(frozen=True, eq=False)
class LinearHeads:
    """R heads on one projection of one network's features.

    Attributes:
        weights: (R, K + 1) float32.
    """

    projection: Projection
    weights: Tensor

    def __post_init__(self) -> None:
        matrix = self.projection.matrix
        wanted = None if matrix is None else matrix.shape[1] + 1
        if self.weights.ndim != 2 or (wanted and self.weights.shape[1] != wanted):
            raise CheckpointError(
                f"Expected weights (heads, {wanted or 'features + 1'}) for this projection; got "
                f"{tuple(self.weights.shape)}. Heads and projection do not belong together."
            )

    def scores(self, features: Tensor) -> np.ndarray:
        """Computes P(malignant) of every mass under every head: (N, V, D) -> (R, N) float64.

        Raises:
            CheckpointError: If the features are not as many as the heads were trained on.
        """
        matrix = self.projection.matrix
        wanted = self.weights.shape[1] - 1 if matrix is None else matrix.shape[0]
        if features.shape[-1] != wanted:
            raise CheckpointError(
                f"Expected {wanted} features per view, as these heads were trained on; got "
                f"{features.shape[-1]}. Read with the network of the heads."
            )
        return torch.sigmoid(self.weights @ self.projection(features).T).double().numpy()


@dataclass(frozen=True)
class HeadFile:
    """A head as its file holds it.

    Attributes:
        weights: (K + 1,) float32.
        feature_space: Of the network and preprocessing, see `features.feature_space_id`.
        projection: None if it is kept elsewhere.
        projection_id: Of the projection that is kept elsewhere; else empty.
    """

    weights: Tensor
    feature_space: str
    projection: Projection | None
    projection_id: str = ""


def projection_id(projection: Projection) -> str:
    """Computes 16 hex digits that identify a projection; empty for one that projects nowhere."""
    if projection.mean is None or projection.matrix is None:
        return ""
    digest = hashlib.sha256()
    for tensor in (projection.mean, projection.matrix):
        digest.update(repr(tuple(tensor.shape)).encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def head_bytes(
    weights: Tensor, projection: Projection, feature_space: str, *, self_contained: bool
) -> bytes:
    """Encodes a head (K + 1,) as the content of a file.

    Args:
        self_contained: Puts the projection in; else the file names it.
    """
    tensors = {"weights": weights}
    named = projection_id(projection)
    if named and self_contained:
        tensors |= projection_tensors(projection)
    return safetensors_bytes(
        tensors,
        {
            "format": HEAD_FORMAT,
            "bias": repr(projection.bias),
            "feature_space": feature_space,
            "projection": named,
        },
    )


def head_from_bytes(content: bytes, name: str) -> HeadFile:
    """Decodes what `head_bytes` wrote.

    Args:
        name: Of the file, for messages.

    Raises:
        CheckpointError: If it is no such file, or damaged.
    """
    tensors, facts = tensors_of_format(content, name, HEAD_FORMAT)
    weights = tensors.get("weights")
    if weights is None or weights.ndim != 1:
        raise CheckpointError(
            f"Expected {name} to hold one head's weights (features + 1,); got "
            f"{None if weights is None else tuple(weights.shape)}. Train the run again."
        )
    try:
        bias, named = float(facts["bias"]), facts["projection"]
        space = facts["feature_space"]
    except (KeyError, ValueError) as error:
        raise not_of_format(name, HEAD_FORMAT, error) from error
    projection: Projection | None = None
    if not named:
        projection = Projection(mean=None, matrix=None, bias=bias)
    elif "matrix" in tensors:
        projection = _projection_of(tensors, bias, name)
        named = ""
    return HeadFile(weights.float(), space, projection, named)


def projection_bytes(projection: Projection) -> bytes:
    """Encodes a projection as the content of a file."""
    return safetensors_bytes(
        projection_tensors(projection),
        {"format": PROJECTION_FORMAT, "bias": repr(projection.bias)},
    )


def projection_from_bytes(content: bytes, name: str) -> Projection:
    """Decodes what `projection_bytes` wrote.

    Raises:
        CheckpointError: If it is no such file, or damaged.
    """
    tensors, facts = tensors_of_format(content, name, PROJECTION_FORMAT)
    return _projection_of(tensors, float(facts["bias"]), name)


def projection_tensors(projection: Projection) -> dict[str, Tensor]:
    """Names the tensors of a projection, as files hold them; none of one that projects nowhere."""
    if projection.mean is None or projection.matrix is None:
        return {}
    return {"mean": projection.mean, "matrix": projection.matrix}


def _projection_of(tensors: dict[str, Tensor], bias: float, name: str) -> Projection:
    mean, matrix = tensors.get("mean"), tensors.get("matrix")
    if mean is None or matrix is None or matrix.ndim != 2 or mean.shape != matrix.shape[:1]:
        found = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
        raise CheckpointError(
            f"Expected {name} to hold a projection, mean (D,) and matrix (D, K); got {found}. "
            "Get the file again."
        )
    return Projection(mean=mean, matrix=matrix, bias=bias)
