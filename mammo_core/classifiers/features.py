"""Features of masses, computed once and kept on disk under a hash of what they depend on.

A mass' features depend on its pixels, the backbone's weights and the preprocessing, so those make the
address: `ROOT/SPACE/SHARD.safetensors`, where SPACE identifies backbone and preprocessing and every row
of a shard carries the hash of its image. A changed or added image is computed alone; an interrupted
computation loses at most one shard.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from torch import Tensor
from torch.nn import functional

from mammo_core.classifiers.backbones import Backbone, load_backbone, weights_identity
from mammo_core.config.runs import BackboneConfig, short_hash
from mammo_core.errors import BackboneError
from mammo_core.storage.atomic import disk_errors_explained, write_bytes, write_text
from mammo_core.storage.hashing import image_hash
from mammo_core.system.device import choose_device, parts_that_fit
from mammo_core.system.paths import models_dir

SHARD_ROWS = 64
_CPU_INPUTS = 8  # at once; more of them do not stay in the caches of a processor, and are slower
_MOST_GPU_INPUTS = 512
_GPU_BYTES = 64 * 2**20  # that one input of 224 px is allowed for; networks in use need less
SHIPPED_FEATURES = models_dir() / "demo" / "features"
_RECIPE_VERSION = 1  # raise when preprocessing changes meaning
FLIP_VIEWS = (0, 4, 6, 2)  # upright, left-right, up-down, both: their places among the eight views
Progress = Callable[[int, int], None]


class FeatureStore:
    """A folder of cached features, beside those that ship; what was read stays in memory as long as the store does."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        self._rows: dict[Path, dict[str, np.ndarray]] = {}

    def features(
        self,
        images: np.ndarray,
        config: BackboneConfig,
        *,
        on_progress: Progress | None = None,
    ) -> np.ndarray:
        """Returns features of every view of every mass; computes and stores the missing ones.

        Args:
            images: (N, H, W) uint8.
            config: Backbone and preprocessing.
            on_progress: Called with (images done, images to do) while computing.

        Returns:
            (N, views, D) float16.

        Raises:
            BackboneError: If the backbone or its weights cannot be had.
        """
        keys = [image_hash(image) for image in images]
        known = self._load(config)
        missing = list(dict.fromkeys(key for key in keys if key not in known))
        if missing:
            row_of = {key: row for row, key in enumerate(keys)}
            backbone = load_backbone(config, choose_device())
            for start in range(0, len(missing), SHARD_ROWS):
                shard = missing[start : start + SHARD_ROWS]
                computed = compute_features(
                    images[[row_of[key] for key in shard]],
                    backbone,
                    config,
                    on_progress=on_progress and shifted(on_progress, start, len(missing)),
                )
                self._save(config, shard, computed)
                known.update(zip(shard, computed, strict=True))
        return np.stack([known[key] for key in keys])

    def count_missing(self, images: np.ndarray, config: BackboneConfig) -> int:
        """Counts the images that have no features yet."""
        known = self._load(config)
        return len({image_hash(image) for image in images} - set(known))

    def _space(self, config: BackboneConfig) -> Path:
        return self.root / f"{config.name}-{feature_space_id(config)}"

    def _load(self, config: BackboneConfig) -> dict[str, np.ndarray]:
        """Reads all rows stored for this backbone and preprocessing, once."""
        space = self._space(config)
        if space not in self._rows:
            rows: dict[str, np.ndarray] = {}
            shipped = SHIPPED_FEATURES / space.name
            for path in [*shipped.glob("*.safetensors"), *sorted(space.glob("*.safetensors"))]:
                try:
                    shard = load_file(path)
                except SafetensorError as error:
                    warnings.warn(f"{path} is damaged ({error}); computing anew.", stacklevel=2)
                    continue
                keys = (key.tobytes().hex() for key in shard["keys"])
                rows.update(zip(keys, shard["features"], strict=True))
            self._rows[space] = rows
        return self._rows[space]

    def _save(self, config: BackboneConfig, keys: list[str], rows: np.ndarray) -> None:
        space = self._space(config)
        with disk_errors_explained(space):
            space.mkdir(parents=True, exist_ok=True)
        description = space / "space.json"
        write_text(description, json.dumps(_space_description(config), indent=2))
        tensors = {
            "keys": np.stack([np.frombuffer(bytes.fromhex(key), np.uint8) for key in keys]),
            "features": np.ascontiguousarray(rows),
        }
        write_bytes(space / f"{short_hash(keys)}.safetensors", save(tensors))


def compute_features(
    images: np.ndarray,
    backbone: Backbone,
    config: BackboneConfig,
    *,
    on_progress: Progress | None = None,
) -> np.ndarray:
    """Computes pooled features of every view of every mass, in batches, without any cache.

    A GPU preprocesses, too, in batches that fit its memory. What it computes differs from the processor's
    in the third digit, about as much as float16 rounds.

    Args:
        images: (N, H, W) uint8.
        backbone: Computes on the device where it lives.

    Returns:
        (N, views, D) float16.

    Raises:
        BackboneError: If a feature is infinite or undefined.
        InvalidRequestError: If not even one mass fits into the GPU's memory.
    """
    device = next(backbone.network.parameters()).device

    def of_rows(rows: slice) -> np.ndarray:
        batch = torch.from_numpy(images[rows]).to(device)
        pooled = backbone.extract(preprocess(batch, backbone, config))  # (n * views, D)
        rows_of_features = pooled.view(len(batch), config.views, -1).half().cpu()
        if not rows_of_features.isfinite().all():
            raise BackboneError(
                f"Expected finite features of {config.name}; got infinite or undefined ones at "
                f"{config.image_size_px} px. Choose a larger image size, another layer or another backbone."
            )
        return rows_of_features.numpy()

    masses_at_once = inputs_at_once(device, config) // config.views
    parts = []
    for part in parts_that_fit(of_rows, len(images), masses_at_once):
        parts.append(part)
        if on_progress:
            on_progress(sum(map(len, parts)), len(images))
    return np.concatenate(parts)


def inputs_at_once(device: torch.device, config: BackboneConfig) -> int:
    """Estimates the batch size: on a GPU, as many inputs as half of its free memory is likely to hold."""
    if device.type != "cuda":
        return _CPU_INPUTS
    free, _ = torch.cuda.mem_get_info(device)
    each = _GPU_BYTES * (config.image_size_px / 224) ** 2
    return int(min(_MOST_GPU_INPUTS, max(_CPU_INPUTS, free / 2 / each)))


def preprocess(images_uint8: Tensor, backbone: Backbone, config: BackboneConfig) -> Tensor:
    """Turns masses into network inputs: bicubic resize, all views, three equal channels, normalised.

    Args:
        images_uint8: (N, H, W) uint8.

    Returns:
        (N * views, 3, S, S) float32 on the masses' device, channels last; the views of a mass are neighbours.
    """
    resized = resize(images_uint8, config.image_size_px)  # (N, 1, S, S)
    viewed = torch.stack(views_of(resized, config.views), dim=1).flatten(
        0, 1
    )  # (N * views, 1, S, S)
    return normalise(viewed, backbone.mean, backbone.std)


def resize(images_uint8: Tensor, image_size_px: int) -> Tensor:
    """Resizes masses by bicubic interpolation: (N, H, W) uint8 -> (N, 1, S, S) float32 in [0, 1]."""
    grey = images_uint8[:, None].float() / 255  # (N, 1, H, W) in [0, 1]
    size = (image_size_px, image_size_px)
    return functional.interpolate(grey, size=size, mode="bicubic").clamp(0, 1)


def normalise(grey: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Repeats grey to three normalised channels: (N, 1, S, S) -> (N, 3, S, S), channels last."""
    means, stds = (
        torch.tensor(values, device=grey.device).view(1, 3, 1, 1) for values in (mean, std)
    )
    return ((grey - means) / stds).contiguous(memory_format=torch.channels_last)


def views_of(images: Tensor, views: int) -> list[Tensor]:
    """Returns the upright image, or all eight flips and quarter turns: each (N, 1, S, S)."""
    if views == 1:
        return [images]
    return [
        torch.rot90(mirrored, turns, dims=(-2, -1))
        for mirrored in (images, images.flip(-1))
        for turns in range(4)
    ]


def feature_space_id(config: BackboneConfig) -> str:
    """Hashes backbone, weights and preprocessing to 16 hex digits."""
    return short_hash(_space_description(config))


def _space_description(config: BackboneConfig) -> dict[str, object]:
    description: dict[str, object] = {
        "backbone": config.name,
        "weights": weights_identity(config),
        "image_size_px": config.image_size_px,
        "views": config.views,
        "resize": "bicubic",
        "channels": "grey repeated",
        "pooling": "the backbone's own, before its classifier",
        "version": _RECIPE_VERSION,
    }
    if config.normalisation != "backbone":  # else left out, so that older spaces keep their ids
        description["normalisation"] = config.normalisation
    if config.layer:
        description["pooling"] = f"mean and deviation over places of {config.layer}"
    return description


def shifted(on_progress: Progress, start: int, total: int) -> Progress:
    """Progress of a part, reported as that of the whole."""
    return lambda done, _: on_progress(start + done, total)
