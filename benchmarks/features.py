"""Our extraction of features against the loop that anyone would write around the same timm model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from benchmarks.measuring import ratios, spread_of, take_turns
from benchmarks.report import Figure, Ratio, Report
from mammo_core.classifiers.backbones import Backbone, load_backbone
from mammo_core.classifiers.features import compute_features
from mammo_core.config.runs import BackboneConfig

_TARGET = 0.95
_BATCH = {"cpu": 32, "cuda": 512}


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        masses: In a round, each in eight views.
    """

    masses: int
    rounds: int
    backbone: BackboneConfig


FULL = Sizes(masses=48, rounds=7, backbone=BackboneConfig())
QUICK = replace(FULL, masses=12, rounds=3)
_ON_GPU = 16  # times as many masses


def measure(sizes: Sizes, device: torch.device) -> Report:
    """Times both on the same masses, in turns."""
    masses = sizes.masses * (_ON_GPU if device.type == "cuda" else 1)
    images = np.random.default_rng(0).integers(0, 256, (masses, 128, 128), np.uint8)
    backbone = load_backbone(sizes.backbone, device)
    seconds = take_turns(
        {
            "ours": lambda: compute_features(images, backbone, sizes.backbone),
            "bare": lambda: bare_loop(images, backbone, sizes.backbone, device),
        },
        rounds=sizes.rounds,
    )
    views = masses * sizes.backbone.views
    rate = {name: spread_of([views / second for second in own]) for name, own in seconds.items()}
    name = sizes.backbone.name
    return Report(
        name="features",
        question=f"How fast are features of masses computed ({name}, {sizes.backbone.image_size_px} px)?",
        ratios=(
            Ratio(
                "our rate over a bare timm loop's",
                ratios(seconds["bare"], seconds["ours"]),
                _TARGET,
            ),
        ),
        figures=(
            Figure("ours", rate["ours"], "views/s"),
            Figure("bare timm loop", rate["bare"], "views/s"),
        ),
        notes=(
            f"Each round takes {masses} masses of 128 px in eight views. Both ways resize, normalise, turn and flip. Both "
            "run the network in channels-last memory and inference mode.",
            "The bare loop keeps one float32 row for each view. Ours keeps float16 rows and, in use, writes them to "
            "files. That is not timed; 64 masses are written in milliseconds.",
        ),
    )


def bare_loop(
    images: np.ndarray, backbone: Backbone, config: BackboneConfig, device: torch.device
) -> torch.Tensor:
    """Features (N * views, D) float32 as a script would compute them, a batch after the other."""
    mean = torch.tensor(backbone.mean, device=device)[:, None, None]
    std = torch.tensor(backbone.std, device=device)[:, None, None]
    network, size = backbone.network, config.image_size_px
    rows = []
    with torch.inference_mode():
        for batch in torch.from_numpy(images).split(_BATCH[device.type] // config.views):
            grey = functional.interpolate(
                batch.to(device)[:, None].float() / 255, (size, size), mode="bicubic"
            )
            turned = [grey.rot90(turns, (2, 3)) for turns in range(4)]
            inputs = torch.cat(turned + [view.flip(3) for view in turned])  # (8 n, 1, S, S)
            inputs = ((inputs - mean) / std).contiguous(memory_format=torch.channels_last)
            maps = network.forward_features(inputs)
            rows.append(network.forward_head(maps, pre_logits=True).cpu())
    return torch.cat(rows)
