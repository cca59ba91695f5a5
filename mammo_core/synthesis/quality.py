"""Measures how close synthetic masses come to real ones in the feature space of a frozen network.

Pure functions of feature matrices. `generators.quality` decides which features, and of which masses.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from mammo_core.errors import InvalidRequestError

_SUBSETS, _SUBSET_SIZE = 100, 500  # of masses of each side, for the spread of KID
_NEIGHBOURS = 5
_FOLDS = 5
_INVERSE_PENALTY = (
    0.01  # of the classifier that tells sets apart: with a weaker one it learns rows by heart
)


@dataclass(frozen=True)
class KernelDistance:
    """Kernel inception distance with its spread.

    Attributes:
        value: Unbiased estimate over all masses; near 0, also slightly below, for equal distributions.
        spread: Standard deviation over random subsets of `subset_size` masses of each side.
    """

    value: float
    spread: float
    subset_size: int


@dataclass(frozen=True)
class Neighbourhood:
    """Overlap of two sets by their nearest neighbours.

    Attributes:
        precision: Share of synthetic masses inside the real manifold, in [0, 1]: realism.
        recall: Share of real masses inside the synthetic manifold, in [0, 1]: variety.
        density: Real neighbourhoods a synthetic mass lies in, over k; can exceed 1.
        coverage: Share of real masses with a synthetic one in their neighbourhood, in [0, 1].
    """

    precision: float
    recall: float
    density: float
    coverage: float


def kernel_distance(real: Tensor, synthetic: Tensor) -> KernelDistance:
    """Estimates KID, the squared maximum mean discrepancy under the kernel (x·y / D + 1)³.

    Args:
        real: (N, D) features, N >= 4.
        synthetic: (M, D), M >= 4.

    Raises:
        InvalidRequestError: If a side has fewer than four masses or the widths differ.

    Source: Bińkowski et al. 2018, Demystifying MMD GANs, arXiv:1801.01401, section 3.
    """
    _require_features(real, synthetic, at_least=4)
    real, synthetic = real.double(), synthetic.double()
    within_real, within_synthetic = _kernel(real, real), _kernel(synthetic, synthetic)
    between = _kernel(real, synthetic)  # (N, M)
    size = min(_SUBSET_SIZE, len(real) // 2, len(synthetic) // 2)  # subsets differ
    rng = torch.Generator().manual_seed(0)
    values = []
    for _ in range(_SUBSETS):
        rows = torch.randperm(len(real), generator=rng)[:size]
        columns = torch.randperm(len(synthetic), generator=rng)[:size]
        values.append(
            _unbiased(
                within_real[rows][:, rows],
                within_synthetic[columns][:, columns],
                between[rows][:, columns],
            )
        )
    return KernelDistance(
        value=_unbiased(within_real, within_synthetic, between),
        spread=float(torch.tensor(values).std()),
        subset_size=size,
    )


def neighbourhood(real: Tensor, synthetic: Tensor) -> Neighbourhood:
    """Computes precision, recall, density and coverage with neighbourhoods of k = 5 nearest neighbours.

    Args:
        real: (N, D) features, N > k.
        synthetic: (M, D), M > k.

    Raises:
        InvalidRequestError: If a side has k masses or fewer, or the widths differ.

    Source: Kynkäänniemi et al. 2019, arXiv:1904.06991 (precision, recall); Naeem et al. 2020,
    arXiv:2002.09797 (density, coverage).
    """
    _require_features(real, synthetic, at_least=_NEIGHBOURS + 1)
    real_radius, synthetic_radius = _radius(real), _radius(synthetic)  # (N,), (M,)
    distances = _distances(real, synthetic)  # (N, M)
    inside_real = distances < real_radius[:, None]
    inside_synthetic = distances < synthetic_radius[None]
    return Neighbourhood(
        precision=inside_real.any(dim=0).float().mean().item(),
        recall=inside_synthetic.any(dim=1).float().mean().item(),
        density=inside_real.sum(dim=0).float().mean().item() / _NEIGHBOURS,
        coverage=inside_real.any(dim=1).float().mean().item(),
    )


def told_apart(
    real: Tensor, synthetic: Tensor, real_groups: np.ndarray, synthetic_groups: np.ndarray
) -> float:
    """Measures how well a linear classifier tells two sets apart that it did not see: AUROC, 0.5 if it can't.

    Logistic regression on standardised features, in five folds. A group is never in two folds, since a classifier could
    know a patient again. Folds and classifier are the same every time.

    Args:
        real: (N, D) features.
        synthetic: (M, D).
        real_groups: (N,) patients.
        synthetic_groups: (M,) of its own patients, or a group for each mass.

    Returns:
        At chance also slightly below 0.5.

    Raises:
        InvalidRequestError: If a side has fewer than five groups, or the widths differ.

    Source: Lopez-Paz and Oquab 2017, Revisiting Classifier Two-Sample Tests, arXiv:1610.06545.
    """
    _require_features(real, synthetic, at_least=_FOLDS)
    sides = {"real": real_groups, "synthetic": synthetic_groups}
    found = {name: len(np.unique(groups)) for name, groups in sides.items()}
    if min(found.values()) < _FOLDS:
        raise InvalidRequestError(
            f"Expected at least {_FOLDS} patients on each side, one for each fold; got {found['real']} real and "
            f"{found['synthetic']} synthetic. Use more."
        )
    features = torch.cat([real, synthetic]).double().numpy()  # (N + M, D)
    is_synthetic = np.repeat([0, 1], [len(real), len(synthetic)])
    groups = np.concatenate([[f"{name} {one}" for one in of] for name, of in sides.items()])
    scores = cross_val_predict(
        make_pipeline(StandardScaler(), LogisticRegression(C=_INVERSE_PENALTY, max_iter=1000)),
        features,
        is_synthetic,
        groups=groups,
        cv=StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=0),
        method="decision_function",
    )
    return float(roc_auc_score(is_synthetic, scores))


def _require_features(real: Tensor, synthetic: Tensor, *, at_least: int) -> None:
    if min(len(real), len(synthetic)) < at_least:
        raise InvalidRequestError(
            f"Expected at least {at_least} masses on each side; got {len(real)} real and "
            f"{len(synthetic)} synthetic. Use more."
        )
    if real.shape[1:] != synthetic.shape[1:]:
        raise InvalidRequestError(
            f"Expected features of one width; got {tuple(real.shape)} and {tuple(synthetic.shape)}. "
            "Use the same backbone for both."
        )


def _kernel(left: Tensor, right: Tensor) -> Tensor:
    return (left @ right.T / left.shape[1] + 1) ** 3


def _unbiased(within_left: Tensor, within_right: Tensor, between: Tensor) -> float:
    """Estimates the squared discrepancy without each mass' similarity with itself."""
    left, right = len(within_left), len(within_right)
    left_mean = (within_left.sum() - within_left.trace()) / (left * (left - 1))
    right_mean = (within_right.sum() - within_right.trace()) / (right * (right - 1))
    return float(left_mean + right_mean - 2 * between.mean())


def _radius(features: Tensor) -> Tensor:
    """Computes the distance of each mass to its k-th nearest other mass: (N,)."""
    return (
        _distances(features, features).kthvalue(_NEIGHBOURS + 1, dim=1).values
    )  # the nearest is itself


def _distances(left: Tensor, right: Tensor) -> Tensor:
    """Computes Euclidean distances (N, M), without the rounding of the matrix-product shortcut."""
    return torch.cdist(left.float(), right.float(), compute_mode="donot_use_mm_for_euclid_dist")
