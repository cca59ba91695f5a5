"""Scores masses with a trained classifier."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from mammo_core.classifiers.features import FLIP_VIEWS, inputs_at_once, normalise, resize
from mammo_core.classifiers.networks.building import Classifier, malignancy
from mammo_core.classifiers.networks.views import NUM_VIEWS, show_views
from mammo_core.config import validate
from mammo_core.config.runs import BackboneConfig
from mammo_core.system.device import parts_that_fit

# places among the eight views of `features.views_of`, by how many are shown
_TEST_VIEWS = {1: (0,), len(FLIP_VIEWS): FLIP_VIEWS, NUM_VIEWS: tuple(range(NUM_VIEWS))}


@torch.inference_mode()
def score_masses(
    classifier: Classifier,
    images: np.ndarray,
    config: BackboneConfig,
    *,
    views: int = 1,
    device: torch.device | str = "cpu",
    autocast: torch.dtype | None = None,
    before_part: Callable[[], None] = lambda: None,
) -> np.ndarray:
    """Computes P(malignant) of every mass, the mean over its views.

    Args:
        classifier: Its network is moved to the device and stays there.
        images: (N, H, H) uint8.
        config: Of the size of the inputs.
        views: Of each mass: 1 (upright), 4 (flips) or 8 (flips and quarter turns).
        autocast: For example torch.bfloat16; None computes in float32.
        before_part: Called before each part that is computed at once; what it raises ends the scoring.

    Returns:
        (N,) float64 in [0, 1].

    Raises:
        InvalidRequestError: For another number of views, or if not even one mass fits into the GPU's memory.
    """
    validate.one_of(_TEST_VIEWS, views=views)
    device = torch.device(device)
    network = classifier.network.to(device)
    shown_views = torch.tensor(_TEST_VIEWS[views])

    def of_rows(rows: slice) -> np.ndarray:
        before_part()
        batch = torch.from_numpy(images[rows]).to(device)
        shown = show_views(batch, shown_views.expand(len(batch), views))  # (n * views, H, H)
        inputs = normalise(resize(shown, config.image_size_px), classifier.mean, classifier.std)
        with torch.autocast(device.type, dtype=autocast, enabled=autocast is not None):
            outputs = network(inputs)  # (n * views, outputs)
        return malignancy(outputs.double()).view(len(batch), views).mean(dim=1).cpu().numpy()

    masses_at_once = inputs_at_once(device, config) // views
    return np.concatenate([np.empty(0), *parts_that_fit(of_rows, len(images), masses_at_once)])
