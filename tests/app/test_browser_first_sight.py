"""What a laptop shows of each page before anything is scrolled, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.app.browser import (
    expect_above_the_fold,
    expect_heading,
    expect_no_sideways_scrolling,
    settle,
)
from tests.app.helpers import ROOT

pytestmark = pytest.mark.browser
_NARROW_MENU = """() => document.querySelector("[data-testid='stSidebar']").clientWidth <= 220"""
PATHS = sorted(path.stem.removeprefix("home") for path in (ROOT / "pages").glob("*.py"))


@pytest.fixture
def laptop(page):
    """A new page as large as the window of a small laptop."""
    page.set_viewport_size({"width": 1280, "height": 800})
    return page


def test_two_full_rows_of_masses_are_seen(laptop, address):
    laptop.goto(f"{address}/synthetic")
    masses = laptop.get_by_role("button", name=re.compile("^Synthetic (benign|malignant) mass"))
    expect(masses).to_have_count(32, timeout=60_000)
    settle(laptop)
    tops = [mass.bounding_box()["y"] for mass in masses.all()]
    in_a_row = tops.count(tops[0])

    assert in_a_row >= 4
    expect_above_the_fold(laptop, masses.first, masses.nth(2 * in_a_row - 1))


def test_both_curves_are_seen_to_their_ends(laptop, address):
    laptop.goto(f"{address}/trade_off")
    charts = laptop.locator("[class*=st-key-curve_]").get_by_test_id("stPlotlyChart")
    expect(charts).to_have_count(2, timeout=60_000)
    settle(laptop)

    for chart in charts.all():
        curve = chart.locator(".scatterlayer path.point")
        expect_above_the_fold(laptop, chart, curve.first, curve.last)
        expect_above_the_fold(laptop, chart.get_by_text("privacy budget ε (log scale)"))
    expect_above_the_fold(laptop, laptop.locator("div.legend"))


def test_slider_numbers_and_figures_of_live_are_seen_together(laptop, own_address):
    laptop.goto(f"{own_address}/live")
    # the demo's features are computed once per server
    expect(laptop.get_by_text("Retrained and tested in")).to_be_visible(timeout=300_000)
    settle(laptop)

    slider = laptop.get_by_role("slider", name=re.compile("Privacy budget"))
    numbers = laptop.get_by_test_id("stMetric")
    charts = laptop.get_by_test_id("stPlotlyChart")
    expect(numbers).to_have_count(4)
    expect_above_the_fold(laptop, slider, *numbers.all(), *charts.all()[:3])


def test_answer_about_an_example_is_seen_beside_its_picture(laptop, address):
    laptop.goto(f"{address}/read_case")
    picture = laptop.get_by_role("img", name=re.compile("The mass that is read: synthetic"))
    answer = laptop.get_by_role("heading", name=re.compile(r"of \d+ models say malignant"))
    chart = laptop.get_by_test_id("stPlotlyChart").first
    expect(chart).to_be_visible(timeout=60_000)
    settle(laptop)

    expect_above_the_fold(laptop, picture, answer, chart)
    assert picture.bounding_box()["x"] < answer.bounding_box()["x"]


def test_start_of_a_training_is_seen(laptop, address):
    laptop.goto(f"{address}/train")
    expect(laptop.get_by_role("button", name="Start training")).to_be_visible(timeout=60_000)
    settle(laptop)

    expect_above_the_fold(laptop, laptop.get_by_role("button", name="Start training"))


@pytest.mark.slow
def test_pages_begin_with_their_title_and_have_titles_of_their_own(laptop, address):
    titles = set()
    for path in PATHS:
        laptop.goto(f"{address}/{path}")
        heading = laptop.get_by_role("heading", level=1)
        expect(heading).to_be_visible()
        settle(laptop)
        titles.add(laptop.title())
        assert heading.bounding_box()["y"] < 40
        laptop.wait_for_function(_NARROW_MENU)
    assert len(titles) == len(PATHS)


def test_bar_over_the_title_hides_nothing_and_its_own_buttons_work(laptop, address):
    laptop.goto(f"{address}/trade_off")
    settle(laptop)

    laptop.get_by_test_id("stMainMenu").get_by_role("button").click()
    expect(laptop.get_by_text("About", exact=True)).to_be_visible()
    laptop.keyboard.press("Escape")
    laptop.get_by_role("link", name="Glossary").click()
    expect_heading(laptop, "Glossary")


def test_menu_is_in_groups(laptop, address):
    laptop.goto(address)

    menu = laptop.get_by_test_id("stSidebarNav")
    expect(menu.get_by_test_id("stNavSectionHeader")).to_have_text(
        [re.compile(name) for name in ("Understand", "Look", "Do")]
    )


@pytest.mark.parametrize("width", [1024, 1920])
@pytest.mark.slow
def test_no_width_needs_sideways_scrolling(page, address, width):
    page.set_viewport_size({"width": width, "height": 900})
    for path in PATHS:
        page.goto(f"{address}/{path}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        settle(page)
        expect_no_sideways_scrolling(page)


def test_choices_that_are_folded_away_follow_the_link_and_stay_in_it(laptop, address):
    laptop.goto(f"{address}/trade_off?metric=Brier+score+(lower+is+better)&paper=false")
    chart = laptop.get_by_test_id("stPlotlyChart").first
    expect(chart).to_contain_text("Brier score", timeout=60_000)
    settle(laptop)
    expect(laptop.get_by_role("alert")).to_have_count(0)

    laptop.get_by_text("image", exact=True).click()

    expect(laptop).to_have_url(re.compile("metric=Brier.*paper=false.*unit=image"))
    expect(chart).to_contain_text("Brier score")
