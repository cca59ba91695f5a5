"""The pages' data for tests, small enough to be computed in a second, and a real browser on a real server."""

import os
import shutil
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import streamlit as st
from playwright.sync_api import expect, sync_playwright
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import local_script_runner

from mammo_core.cohorts import demo
from mammo_core.config.runs import BackboneConfig
from pages.ui.state import jobs, resources
from tests.app.helpers import served_app
from tests.helpers.jobs import ThreadExecutors
from tests.helpers.small_demo import make_small_demo
from tests.helpers.stores import copy_template

expect.set_options(timeout=20_000)  # machines that run tests are slow at times


@pytest.fixture(scope="session", autouse=True)
def quick_page_tests():
    """Streamlit's tester looks for installed components once, not for every page, and asks less often whether one is done."""
    found = manifest_scanner.scan_component_manifests()
    clock = SimpleNamespace(time=time.time, sleep=lambda _: time.sleep(0.01))
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(manifest_scanner, "scan_component_manifests", lambda: found)
        changed.setattr(local_script_runner, "time", clock)
        yield


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory):
    return make_small_demo(tmp_path_factory.mktemp("demo") / "small")


@pytest.fixture(autouse=True)
def small_demo(monkeypatch, demo_folder):
    monkeypatch.setattr(demo, "DEMO_FOLDER", demo_folder)
    tiny = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=1)
    monkeypatch.setattr(resources, "DEMO_BACKBONE", tiny)
    monkeypatch.setattr(jobs, "make_executors", ThreadExecutors)  # starts no processes
    st.cache_data.clear()
    st.cache_resource.clear()
    resources.begin_visit()  # outside a page, tests share one session
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@contextmanager
def served_demo(folder, store_template):
    """An app on the demo, with an empty store."""
    home = folder / "home"
    copy_template(store_template, home)
    with served_app(folder, MAMMO_HOME=str(home), MAMMO_DATA=str(folder / "data")) as url:
        yield url
    assert "Traceback" not in (folder / "server.log").read_text()  # when it was told to stop, too


@pytest.fixture(scope="session")
def address(tmp_path_factory, store_template):
    """One app for all tests that leave nothing behind in it."""
    folder = tmp_path_factory.mktemp("served")
    with served_demo(folder, store_template) as url:
        yield url


@pytest.fixture(scope="module")
def own_address(tmp_path_factory, store_template):
    """An app for the tests of one file, which train or fetch something in it."""
    folder = tmp_path_factory.mktemp("served_alone")
    with served_demo(folder, store_template) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        message = "no Chromium found; install the system package chromium"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def window(browser):
    """What the tests of one file share: the page's scripts are fetched once."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900},
        reduced_motion="reduce",  # a spinner would be painted again and again, without a GPU
    )
    yield context
    context.close()


@pytest.fixture
def page(window):
    """A new page, which knows nothing of those before it."""
    page = window.new_page()
    page.set_default_timeout(30_000)
    yield page
    expect(page.get_by_test_id("stException")).to_have_count(0)
    page.evaluate("localStorage.clear()")
    window.clear_cookies()
    page.close()


@pytest.fixture
def phone(page):
    """A new page on a narrow screen."""
    page.set_viewport_size({"width": 390, "height": 844})
    return page
