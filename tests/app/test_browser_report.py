"""The tab Report of a run's card in a real browser: read, switched, saved, and without faults of accessibility."""

import re

import docx
import pytest
from playwright.sync_api import expect

from tests.app.browser import expect_no_sideways_scrolling, settle
from tests.app.helpers import served_app
from tests.app.test_browser_accessibility import serious_faults
from tests.results.test_reporting import record

pytestmark = pytest.mark.browser


@pytest.fixture
def address(dataset, private_home, tmp_path):
    """An app with one recorded run."""
    record(private_home, dataset)
    with served_app(tmp_path, MAMMO_HOME=str(private_home)) as url:
        yield url


def test_reports_are_read_and_saved(page, address, tmp_path):
    page.goto(f"{address}/runs")
    expect(page.get_by_text("1 of 1 run.")).to_be_visible(timeout=60_000)
    settle(page)
    box = page.get_by_test_id("stDataFrame").bounding_box()
    page.mouse.click(box["x"] + 17, box["y"] + 53)  # the table is drawn on a canvas
    page.get_by_role("tab", name="Report").click()

    expect(page.get_by_text(re.compile("End to end, for a whole patient: ε = 6"))).to_be_visible()
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        expect(page.locator(".stApp")).to_have_css("color-scheme", theme)
        settle(page)
        assert serious_faults(page) == []

    page.get_by_role("radio", name="CLAIM 2024").click()
    expect(page.get_by_role("cell", name="sources of the data")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Word (DOCX)").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.suffix == ".docx"
    assert len(docx.Document(str(file)).tables[0].rows) == 45

    page.set_viewport_size({"width": 390, "height": 844})
    expect_no_sideways_scrolling(page)
