"""Compares sets of masses by radiomics: grey-level statistics and texture, no neural network.

This check is independent of the network that a generator may have been trained against.

Sources: Haralick et al. 1973, doi:10.1109/TSMC.1973.4309314 (co-occurrence texture); Konz et al. 2025,
Fréchet Radiomic Distance, arXiv:2412.01496 (comparing image sets by them).
"""

from __future__ import annotations

import numpy as np
from scipy import linalg, stats
from skimage.feature import graycomatrix, graycoprops

from mammo_core.errors import InvalidRequestError

_LEVELS = 32
_DISTANCES_PX = (1, 2, 4, 8)
_ANGLES = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
_TEXTURES = ("contrast", "dissimilarity", "homogeneity", "energy", "correlation")
FEATURE_NAMES = (
    *("mean", "deviation", "skewness", "kurtosis", "entropy", "percentile 10", "percentile 90"),
    *(f"{texture} at {distance} px" for texture in _TEXTURES for distance in _DISTANCES_PX),
)


def radiomics(images: np.ndarray) -> np.ndarray:
    """Computes first-order and co-occurrence features of each mass.

    Args:
        images: (N, H, W) uint8.

    Returns:
        (N, F) float64, in the order of FEATURE_NAMES; textures are means over four directions.
    """
    return np.stack([_of_one(image) for image in images])


def frechet_distance(real: np.ndarray, synthetic: np.ndarray) -> float:
    """Computes the Fréchet distance of two sets of features, each in units of the real ones' deviation.

    Args:
        real: (N, F), N > F.
        synthetic: (M, F), M > F.

    Returns:
        0 for equal means and covariances; grows without bound.

    Raises:
        InvalidRequestError: If a side has too few masses for a covariance.

    Source: Dowson and Landau 1982, doi:10.1016/0047-259X(82)90077-X.
    """
    if min(len(real), len(synthetic)) <= real.shape[1]:
        raise InvalidRequestError(
            f"Expected more than {real.shape[1]} masses on each side; got {len(real)} real and "
            f"{len(synthetic)} synthetic. Use more."
        )
    deviation = np.maximum(real.std(axis=0), 1e-12)
    left, right = real / deviation, synthetic / deviation
    difference = left.mean(axis=0) - right.mean(axis=0)
    left_spread, right_spread = np.cov(left.T), np.cov(right.T)
    # the trace of sqrt(A B) by the eigenvalues of A B, real and >= 0 but for rounding
    eigenvalues = np.asarray(linalg.eigvals(left_spread @ right_spread))
    roots = np.sqrt(np.maximum(np.real(eigenvalues), 0)).sum()
    squared = difference @ difference + np.trace(left_spread) + np.trace(right_spread) - 2 * roots
    return float(np.sqrt(max(squared, 0.0)))


def _of_one(image: np.ndarray) -> list[float]:
    grey = image.astype(np.float64).ravel()
    varied = grey.std() > 0
    histogram = np.bincount(image.ravel(), minlength=256) / image.size
    pairs = graycomatrix(
        image // (256 // _LEVELS), _DISTANCES_PX, _ANGLES, _LEVELS, symmetric=True, normed=True
    )
    textures = [graycoprops(pairs, texture).mean(axis=1) for texture in _TEXTURES]
    return [
        grey.mean(),
        grey.std(),
        float(stats.skew(grey)) if varied else 0.0,
        float(stats.kurtosis(grey)) if varied else 0.0,
        float(stats.entropy(histogram)),
        *np.percentile(grey, [10, 90]),
        *np.concatenate(textures),
    ]
