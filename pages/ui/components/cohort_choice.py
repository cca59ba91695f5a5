"""Chooses what to train on: a cohort, and one of its sites where several can be trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from mammo_core.cohorts.installed import DataSource
from pages.ui.components.links import linked
from pages.ui.state import resources


def choose_source(
    key: str, *, among: Sequence[DataSource] = (), in_link: bool = True, **selectbox: Any
) -> DataSource:
    """The cohort; asks only where there are several.

    Args:
        key: Of the widget.
        among: What to choose from; all that can be trained on, if empty.
        in_link: Whether the choice stands in the link.
        selectbox: Other arguments of `st.selectbox`.
    """
    sources = among or list(resources.sources_of_visit())
    if len(sources) == 1:
        return sources[0]
    draw = linked(st.selectbox) if in_link else st.selectbox
    return draw("Cohort", sources, format_func=lambda source: source.name, key=key, **selectbox)


def choose_site(
    source: DataSource,
    key: str,
    *,
    default: str | None = None,
    in_link: bool = True,
    **selectbox: Any,
) -> DataSource:
    """The cohort with the site to train on; asks only where several sites have a train split.

    Args:
        key: Of the widget.
        default: The site chosen at first, if it is there.
        in_link: Whether the choice stands in the link.
        selectbox: Other arguments of `st.selectbox`.
    """
    sites = resources.sources_of_visit().get(source, [])
    if len(sites) < 2:
        return source
    draw = linked(st.selectbox) if in_link else st.selectbox
    site = draw(
        "Training site",
        sites,
        index=sites.index(default) if default in sites else 0,
        key=key,
        help="The train split of this site is used for training. The test splits of all sites are "
        "used for testing.",
        **selectbox,
    )
    return replace(source, site=site)
