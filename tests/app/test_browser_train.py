"""Start, watch, reload, cancel and continue a job in a real browser, on real worker processes."""

import re

import pytest
from playwright.sync_api import expect

from tests.app.browser import settle

pytestmark = pytest.mark.browser
STARTED = 120_000  # the first job waits for workers to start


def panel(page):
    return page.locator("[class*='st-key-job_']")


def choose_backbone(page, name):
    """A network for which the demo's features do not ship: the job takes a while."""
    page.get_by_text("Advanced settings").click()
    choice = page.get_by_role("combobox", name=re.compile("Backbone"))
    choice.fill(name)
    choice.press("Enter")
    settle(page)
    expect(choice).to_have_value(name)


@pytest.mark.slow
def test_job_is_started_watched_reloaded_cancelled_continued_and_its_run_exported(
    page, own_address
):
    page.goto(f"{own_address}/train")
    expect(page.get_by_text("Nothing was trained here yet")).to_be_visible(timeout=60_000)

    choose_backbone(page, "tf_efficientnet_lite1")
    page.get_by_role("button", name="Start training").click()
    expect(panel(page).get_by_text(re.compile("Waiting|Running"))).to_be_visible()
    expect(page).to_have_url(re.compile(r"job=[0-9a-f]{32}"))
    expect(panel(page).get_by_text("Running")).to_be_visible(timeout=STARTED)
    expect(panel(page).get_by_text("Computing features")).to_be_visible(timeout=60_000)

    page.reload()
    settle(page)
    expect(panel(page)).to_have_count(1)
    expect(panel(page).get_by_text("Running")).to_be_visible(timeout=30_000)

    panel(page).get_by_role("button", name="Cancel").click()
    expect(panel(page).get_by_text("Cancelled")).to_be_visible(timeout=10_000)
    expect(panel(page).get_by_role("button", name="Cancel")).to_have_count(0)

    panel(page).get_by_role("button", name="Continue").click()
    expect(panel(page).get_by_text("Finished")).to_be_visible(timeout=180_000)
    settle(page)
    expect(page.get_by_text("AUROC, demo", exact=True)).to_be_visible()
    expect(page.get_by_test_id("stPlotlyChart").first).to_be_visible()

    page.goto(f"{own_address}/runs")
    settle(page)

    expect(page.get_by_text("1 of 1 run.")).to_be_visible()
    box = page.get_by_test_id("stDataFrame").bounding_box()
    page.mouse.click(box["x"] + 17, box["y"] + 53)  # the table is drawn on a canvas
    settle(page)

    expect(page.get_by_text("Repeat at another ε")).to_be_visible()
    page.get_by_role("button", name="Export 1 run").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Run cards only").click()
    assert download.value.suggested_filename == "run_cards.zip"
