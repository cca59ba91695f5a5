"""The network whose training starts from somewhere: which one, from which weights, at which size of input."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from mammo_core.config.runs import INSTALLED_BACKBONES, BackboneConfig
from pages.ui.components.inputs import number_input
from pages.ui.components.messages import escape_markdown

_IMAGENET, _RANDOM = "ImageNet", "random"
_WEIGHTS = {_IMAGENET: "auto", _RANDOM: "random"}


def choose_start(default: BackboneConfig, key: str) -> BackboneConfig:
    """A network, its first weights and its input size.

    Args:
        default: Chosen at first; of other networks it gives everything but the name.
        key: Of the widgets, another for every default.
    """
    names = dict.fromkeys((default.name, *INSTALLED_BACKBONES))
    name = st.selectbox(
        "Network",
        list(names),
        key=f"network_name_{key}",
        accept_new_options=True,
        persist_state="session",
        help="Type the name of any timm model. The listed EfficientNets are installed with their weights.",
    )
    weights = st.selectbox(
        "First weights",
        (_IMAGENET, _RANDOM),
        index=0 if default.weights == "auto" else 1,
        key=f"network_weights_{key}",
        accept_new_options=True,
        persist_state="session",
        help="ImageNet weights are installed, or fetched from timm's hub. Random weights are for trying things out. You "
        "can also type the path of a file on this computer, with timm's weights or torchvision's weights of a Swin.",
    )
    size = number_input(
        "Input size (pixels)",
        *(32, 512, default.image_size_px),
        key=f"network_size_{key}",
        persist_state="session",
        help="Masses are resized to this side. The time grows with its square.",
    )
    return replace(
        default, name=name, weights=_WEIGHTS.get(weights, weights), image_size_px=int(size)
    )


def show_where_weights_come_from(backbone: BackboneConfig) -> None:
    """Says that weights must be fetched, where they are not installed."""
    if backbone.weights == "auto" and backbone.name not in INSTALLED_BACKBONES:
        st.caption(
            f"The ImageNet weights of {escape_markdown(backbone.name)} are not installed. They are fetched from timm's hub "
            "once, before anything is trained or released. Without a connection, type the path of a file under *First weights*."
        )
