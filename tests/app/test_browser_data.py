"""The paper's data fetched through the page from a server, looked at and removed, in a real browser."""

import re
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from mammo_core.ingestion.download.paper_files import ROOTS
from tests.app.browser import settle

pytestmark = [pytest.mark.browser, pytest.mark.real_data]
STARTED = 120_000  # the first job waits for workers to start


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def repository(real_data, tmp_path_factory):
    """The address of the public repository as a ZIP file, on this computer."""
    if not (real_data / "synthetic_mcgan").is_dir():
        pytest.skip("the synthetic masses are elsewhere")
    folder = tmp_path_factory.mktemp("repository")
    places = {ROOTS[0]: real_data / ROOTS[0], ROOTS[1]: real_data / "synthetic_mcgan"}
    with zipfile.ZipFile(folder / "mammo_dp.zip", "w") as archive:
        for root, place in places.items():
            for path in place.rglob("*.png"):
                archive.write(path, f"mammo_dp-1/{root}{path.relative_to(place).as_posix()}")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/mammo_dp.zip"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
def test_paper_data_are_fetched_looked_at_and_removed(page, own_address, repository):
    page.goto(f"{own_address}/data")
    expect(page.get_by_text("No masses are installed yet")).to_be_visible(timeout=60_000)

    page.get_by_role("tab", name="The paper's data").click()
    fetch = page.get_by_role("button", name="Fetch the paper's data")
    expect(page.get_by_text("Creative Commons Attribution 3.0")).to_be_visible()
    expect(fetch).to_be_disabled()
    page.get_by_text("I have read these terms").click()
    page.get_by_text("No network here, or another source").click()
    page.get_by_label("Path of the ZIP file").fill(repository)
    page.get_by_label("Path of the ZIP file").press("Enter")
    settle(page)
    expect(fetch).to_be_enabled()
    fetch.click()
    expect(page.get_by_text("are in place, every file as published")).to_be_visible(timeout=STARTED)

    page.get_by_role("button", name="Look at the masses").click()
    settle(page)
    card = page.locator("[class*='st-key-cohort_mammo_dp-dataset16062024']")
    expect(card.get_by_text("2,804 masses of 1,286 patients")).to_be_visible(timeout=60_000)
    expect(page.get_by_text(re.compile(r"\d+ errors?, \d+ warnings?"))).to_be_visible(
        timeout=60_000
    )
    expect(page.locator(".st-key-data_masses canvas").first).to_be_visible()

    card.get_by_role("button", name="Remove").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("the ledger keeps every release")).to_be_visible()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No masses are installed yet")).to_be_visible(timeout=60_000)
    expect(page.get_by_text(re.compile("MB are free again"))).to_be_visible()
