"""The pages' data for tests: a demo small enough to be computed in a second, with a tiny backbone."""

import pytest
import streamlit as st

from mammo_core.cohorts import demo
from mammo_core.config import BackboneConfig
from pages.ui import resources


@pytest.fixture(autouse=True)
def small_demo(monkeypatch):
    monkeypatch.setattr(
        demo,
        "_PARTS",
        (("demo", "train", 24), ("demo", "test", 12), ("demo-external", "test", 12)),
    )
    tiny = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=1)
    monkeypatch.setattr(resources, "DEMO_BACKBONE", tiny)
    st.cache_data.clear()
    st.cache_resource.clear()
    yield
    st.cache_data.clear()
    st.cache_resource.clear()
