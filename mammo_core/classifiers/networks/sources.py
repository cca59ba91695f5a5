"""Serves masses, or their cached features, in training batches of whole units of privacy.

The loss of a unit is the sum over its masses of the mean over their views, see `UnitBatch.weights`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mammo_core.classifiers.features import normalise, resize
from mammo_core.classifiers.networks.views import NUM_VIEWS, VIEWS, sample_views, show_views
from mammo_core.config.network_recipe import Augmentation
from mammo_core.config.runs import Unit
from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.heads.problem import rows_of_units
from mammo_core.privacy.networks.unit_source import UnitBatch


class _Units:
    """Masses grouped into units, each shown in so many random views.

    Args:
        labels: (N,) 0 or 1.
        patient_ids: (N,) str.
        unit: Whose whole contribution is one unit.
        augmentation: What a view may be.
        views: Random views of each mass in a batch.
        device: Where batches are made.

    Raises:
        PrivacyError: If there are fewer than ten units.
    """

    def __init__(
        self,
        labels: np.ndarray,
        patient_ids: np.ndarray,
        *,
        unit: Unit,
        augmentation: Augmentation,
        views: int,
        device: torch.device | str,
    ) -> None:
        self.device = torch.device(device)
        self._labels = torch.from_numpy(labels).to(self.device, torch.float32)
        self._unit_rows = rows_of_units(patient_ids, unit).to(self.device)  # (U, B)
        self._augmentation: Augmentation = augmentation
        self._views = views

    @property
    def num_units(self) -> int:
        """Number of units."""
        return len(self._unit_rows)

    def batch(self, units: Tensor, draw: torch.Generator) -> UnitBatch:
        """Returns all masses of some units, each in random views.

        Args:
            units: (M,) int64 numbers of units.
            draw: Samples views for all masses, so that none depends on who else takes part.

        Returns:
            K inputs per mass, those of a mass and those of a unit being neighbours.
        """
        unit_rows = self._unit_rows[units.to(self.device)]  # (M, B)
        taken = unit_rows >= 0
        rows = unit_rows[taken]  # (N,)
        sampled = sample_views(len(self._labels), self._views, self._augmentation, draw)
        chosen = sampled.to(self.device)[rows]  # (N, K)
        unit_of_row = torch.arange(len(unit_rows), device=self.device).repeat_interleave(
            taken.sum(dim=1)
        )
        labels = self._labels[rows].repeat_interleave(self._views)
        return UnitBatch(
            inputs=self._show(rows, chosen),
            labels=labels,
            weights=torch.full_like(labels, 1 / self._views),
            unit_of_input=unit_of_row.repeat_interleave(self._views),
        )

    def _show(self, rows: Tensor, chosen: Tensor) -> Tensor:
        """Returns the network's inputs for views of masses: (N,), (N, K) -> (N * K, ...)."""
        raise NotImplementedError


class MassSource(_Units):
    """Images, turned and resized on the device they are trained on.

    Args:
        images: (N, H, H) uint8.
        mean, std: Of the network's normalisation.
        image_size_px: Side of its inputs.
        labels, patient_ids, unit, augmentation, views, device: See `_Units`.

    Raises:
        InvalidRequestError: If the images are not square.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        patient_ids: np.ndarray,
        *,
        unit: Unit,
        augmentation: Augmentation,
        views: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        image_size_px: int,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(
            labels, patient_ids, unit=unit, augmentation=augmentation, views=views, device=device
        )
        if images.ndim != 3 or images.shape[1] != images.shape[2]:
            raise InvalidRequestError(
                f"Expected square masses (N, H, H), which can be turned; got {images.shape}. Cut them out "
                "square."
            )
        self._images = torch.from_numpy(images).to(self.device)
        self._mean, self._std, self._image_size_px = mean, std, image_size_px

    def _show(self, rows: Tensor, chosen: Tensor) -> Tensor:
        """(N * K, 3, S, S) float32."""
        shown = show_views(self._images[rows], chosen)  # (N * K, H, H)
        return normalise(resize(shown, self._image_size_px), self._mean, self._std)


class FeatureSource(_Units):
    """Cached features of the views of masses: a head alone is trained on them, much faster.

    Args:
        features: (N, 8, D), or (N, 1, D) of the upright view only, see `features.views_of`.
        labels, patient_ids, unit, augmentation, views, device: See `_Units`.

    Raises:
        InvalidRequestError: If the views that may be sampled are not among the features.
    """

    def __init__(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        patient_ids: np.ndarray,
        *,
        unit: Unit,
        augmentation: Augmentation,
        views: int,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__(
            labels, patient_ids, unit=unit, augmentation=augmentation, views=views, device=device
        )
        if features.shape[1] <= max(VIEWS[augmentation]):
            raise InvalidRequestError(
                f"Expected features of {NUM_VIEWS} views for the augmentation {augmentation!r}; got "
                f"{features.shape[1]}. Compute features with --views {NUM_VIEWS}, or train without "
                "augmentation."
            )
        self._features = torch.from_numpy(features).to(self.device)

    def _show(self, rows: Tensor, chosen: Tensor) -> Tensor:
        """(N * K, D) float32."""
        return self._features[rows[:, None], chosen].flatten(0, 1).float()
