"""Weights of torchvision's Swin transformers under timm's names.

The paper starts from torchvision's `swin_t`, whose checkpoint holds the network of timm's
`swin_tiny_patch4_window7_224` under other names. The positions within a window, which timm computes, are dropped.
"""

from __future__ import annotations

import re

from torch import Tensor

_MARK = "features.0.0.weight"  # the patch embedding; no network of timm names a tensor so
_POSITIONS = "relative_position_index"
_RENAMED = (
    (r"^features\.0\.0\.", "patch_embed.proj."),
    (r"^features\.0\.2\.", "patch_embed.norm."),
    (r"\.mlp\.0\.", ".mlp.fc1."),
    (r"\.mlp\.3\.", ".mlp.fc2."),
    (r"^head\.", "head.fc."),
)


def is_torchvision_swin(weights: dict[str, Tensor]) -> bool:
    """Checks whether a state dict has the names of torchvision's Swin transformers."""
    return _MARK in weights and any(name.endswith(_POSITIONS) for name in weights)


def timm_names(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Renames a state dict of torchvision's Swin transformer to timm's names."""
    return {
        _timm_name(name): tensor
        for name, tensor in weights.items()
        if not name.endswith(_POSITIONS)
    }


def _timm_name(name: str) -> str:
    """Blocks alternate with patch merging, which timm counts to the next stage: features.1, 2, 3 … 7."""
    for pattern, replacement in _RENAMED:
        name = re.sub(pattern, replacement, name)
    matched = re.match(r"features\.(\d+)\.(.+)", name)
    if matched is None:
        return name
    place, rest = int(matched[1]), matched[2]
    if place % 2:
        return f"layers.{place // 2}.blocks.{rest}"
    return f"layers.{place // 2}.downsample.{rest}"
