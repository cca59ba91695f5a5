"""The Privacy page in a real browser: slider, axes, links, tabs, saving, talk mode by keyboard, a phone."""

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.app.browser import expect_above, expect_no_sideways_scrolling, settle

pytestmark = pytest.mark.browser
ODDS = ".stMainBlockContainer h2"
SENTENCE = ".stMainBlockContainer h2"


def open_privacy(page, address, query=""):
    page.goto(f"{address}/privacy{query}")
    expect(page.locator(".js-plotly-plot .scatterlayer").first).to_be_visible(timeout=30_000)
    settle(page)


def slide(page, key, times):
    page.get_by_role("slider").first.focus()
    for _ in range(times):
        page.keyboard.press(key)
    settle(page)


def test_slider_moves_the_words_the_dots_and_the_link(page, address):
    open_privacy(page, address)
    expect(page.locator(ODDS).first).to_contain_text("at most 77")
    filled = page.locator(".st-key-odds .js-fill").first.get_attribute("d")

    slide(page, "ArrowLeft", 4)

    expect(page.locator(ODDS).first).to_contain_text("at most 59")
    expect(page.locator(".st-key-odds .js-fill").first).not_to_have_attribute("d", filled)
    expect(page).to_have_url(re.compile("privacy_epsilon=1.5"))


def test_link_reopens_budget_unit_and_axes(page, address):
    open_privacy(page, address, "?privacy_epsilon=1&privacy_unit=image&privacy_log=true")

    expect(page.locator(ODDS).first).to_contain_text("of 100 masses that took part")
    expect(page.locator(ODDS).first).to_contain_text("at most 57")
    expect(page.get_by_role("radio", name="image")).to_be_checked()
    expect(page.locator(".st-key-attacker_roc").first).to_contain_text("0.01%")


def test_switch_makes_the_axes_logarithmic(page, address):
    open_privacy(page, address)
    expect(page.locator(".st-key-attacker_roc").first).not_to_contain_text("0.01%")

    page.get_by_text("Logarithmic axes").click()

    expect(page.locator(".st-key-attacker_roc").first).to_contain_text("0.01%")


def test_limit_on_attackers_sets_the_slider(page, address):
    open_privacy(page, address)

    page.get_by_text("Ask the other way round").click()
    button = page.get_by_role("button", name="Set the slider to ε = 2")
    expect(button).to_be_visible()
    button.press("Enter")  # a click could miss it while its box unfolds

    expect(page.locator(ODDS).first).to_contain_text("at most 62")


def test_tabs_open_one_after_the_other_and_stand_in_the_link(page, address):
    open_privacy(page, address)

    for name, said in (
        ("Attacks and audit", "audit"),
        ("Composition", "Models released"),
        ("Accounting", "exactly one Gaussian mechanism"),
        ("Unit", "training patients"),
    ):
        page.get_by_role("tab", name=name, exact=True).click()
        expect(page.get_by_role("tabpanel").filter(visible=True)).to_contain_text(
            said, timeout=60_000
        )
    settle(page)
    expect(page).to_have_url(re.compile("privacy_tab=Unit"))


def test_choices_wait_while_a_tab_without_them_is_open(page, address):
    open_privacy(page, address, "?privacy_epsilon=1&privacy_unit=image")

    page.get_by_role("tab", name="Pitfalls", exact=True).click()
    expect(page.get_by_text("What you must take care of yourself")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("slider")).to_have_count(0)
    page.get_by_role("tab", name="Overview", exact=True).click()

    expect(page.locator(ODDS).first).to_contain_text("of 100 masses that took part", timeout=30_000)
    expect(page.locator(ODDS).first).to_contain_text("at most 57")


def test_curves_and_figures_can_be_saved(page, address):
    open_privacy(page, address)

    page.get_by_role("button", name="Export").nth(1).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="mammo_privacy_attacker_curves.csv").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert {"curve", "fpr", "tpr"} <= rows[0].keys() and rows[0]["curve"] == "bound"

    page.keyboard.press("Escape")
    chart = page.locator(".st-key-odds")
    chart.hover()
    with page.expect_download() as download:
        chart.locator("[data-title^='Download plot']").click()
    assert download.value.suggested_filename == "mammo_privacy_odds.png"
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")


def test_talk_mode_is_stepped_by_arrow_keys_without_any_chrome(page, address):
    open_privacy(page, address)
    page.get_by_role("button", name="Talk mode").click()
    expect(page.get_by_text(re.compile("^1 of [56]:"))).to_be_visible()
    settle(page)
    for part in ("stSidebar", "stHeader", "stToolbar"):
        expect(page.get_by_test_id(part).filter(visible=True)).to_have_count(0)
    told = [page.locator(SENTENCE).inner_text()]

    for step, key in ((2, "ArrowRight"), (3, "PageDown"), (4, "ArrowRight"), (5, "ArrowRight")):
        page.keyboard.press(key)
        expect(page.get_by_text(re.compile(f"^{step} of [56]:"))).to_be_visible()
        settle(page)
        expect(page.locator(SENTENCE)).not_to_have_text(told[-1])
        told.append(page.locator(SENTENCE).inner_text())

    assert len(set(told)) == 5
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text(re.compile("^4 of [56]:"))).to_be_visible()
    settle(page)
    expect_above(page, ".st-key-story", ".st-key-talk_steps_privacy")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stSidebar")).to_be_visible()


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "query",
    [
        "",
        "?privacy_log=true&privacy_strategy=synthetic,+then+private+on+real",
        "?privacy_tab=Composition",
        "?privacy_tab=Accounting",
        "?talk=1&step=3",
    ],
)
def test_privacy_never_scrolls_sideways(page, address, width, query):
    page.set_viewport_size({"width": width, "height": 844})
    open_privacy(page, address, query)

    expect_no_sideways_scrolling(page)
