"""Describes the coarse structure of a mass by few numbers: its lowest spatial frequencies.

The basis is the discrete cosine transform: it depends on no data, so it tells nothing about patients,
and it nearly decorrelates natural images.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.fft import dct
from torch import Tensor, nn

from mammo_core.errors import InvalidRequestError


class LowFrequencies(nn.Module):
    """Extracts the coarse structure of images and reconstructs it.

    Args:
        image_size_px: Side of the square images.
        count: Coefficients kept: those with the lowest radial frequency.

    Raises:
        InvalidRequestError: If there are not so many coefficients below a quarter of the sampling rate.
    """

    waves: Tensor
    index: Tensor

    def __init__(self, image_size_px: int, count: int) -> None:
        super().__init__()
        side = image_size_px // 2
        rows, columns = np.mgrid[:side, :side]
        radius = np.hypot(rows, columns).ravel()
        if count >= (radius < side).sum():
            raise InvalidRequestError(
                f"Expected fewer than {(radius < side).sum()} coefficients of {image_size_px} px images; "
                f"got {count}. Use a smaller latent_dim."
            )
        kept = np.argsort(radius, kind="stable")[:count]  # the mean grey first
        band = int(max(rows.ravel()[kept].max(), columns.ravel()[kept].max())) + 1
        waves = dct(np.eye(image_size_px), axis=0, norm="ortho")[:band]  # (B, H)
        index = rows.ravel()[kept] * band + columns.ravel()[kept]  # (K,) into (B, B)
        self.register_buffer("waves", torch.from_numpy(waves).float(), persistent=False)
        self.register_buffer("index", torch.from_numpy(index), persistent=False)

    def analyse(self, images: Tensor) -> Tensor:
        """Computes orthonormal coefficients, lowest frequency first: (N, 1, H, W) -> (N, K)."""
        bands = self.waves @ images[:, 0].float() @ self.waves.T  # (N, B, B)
        return bands.flatten(1)[:, self.index]

    def reconstruct(self, coefficients: Tensor) -> Tensor:
        """Reconstructs the smooth images with these coefficients only: (N, K) -> (N, 1, H, W)."""
        band = len(self.waves)
        bands = coefficients.new_zeros(len(coefficients), band * band)
        bands[:, self.index] = coefficients
        return (self.waves.T @ bands.unflatten(1, (band, band)) @ self.waves)[:, None]

    def remove(self, images: Tensor) -> Tensor:
        """Removes the low frequencies: (N, 1, H, W) -> (N, 1, H, W)."""
        return images - self.reconstruct(self.analyse(images))
