"""A real Chromium on a real server: deep links, the curve, the slider that retrains, no data installed."""

import re

import pytest
from playwright.sync_api import expect

from tests.app.browser import expect_heading, expect_no_sideways_scrolling, settle
from tests.app.helpers import ROOT, served_app

pytestmark = pytest.mark.browser
PAGES = (
    *("Home", "Trade-off", "Live", "Privacy", "Lessons", "Synthetic masses", "Read a case"),
    "Reader study",
    *("Train", "Runs", "Data"),
)


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("trade_off?unit=image", "Trade-off · "),
        ("", ""),
        pytest.param("train?train_epsilon=1", "Train · ", marks=pytest.mark.slow),
        pytest.param("read_case", "Read a case · ", marks=pytest.mark.slow),
    ],
)
def test_first_link_to_a_fresh_server_has_the_whole_navigation(page, tmp_path, path, title):
    home = {"MAMMO_HOME": str(tmp_path / "home"), "MAMMO_DATA": str(tmp_path / "data")}
    with served_app(tmp_path, **home) as address:
        page.goto(f"{address}/{path}")
        expect(page.get_by_text("Research use only, not for diagnosis.")).to_be_visible()

        links = page.get_by_test_id("stSidebarNavLink")
        expect(links).to_have_text([re.compile(name) for name in PAGES])
        expect(page).to_have_title(f"{title}Mammo Privacy Explorer")
        expect(page.get_by_role("dialog")).to_have_count(0)
        if "unit=image" in path:
            chosen = page.get_by_role("radio", name="image")
            expect(chosen).to_be_checked()
            page.get_by_text("patient", exact=True).click()  # the next run goes by app.py
            expect_heading(page, "Trade-off")
            expect(links).to_have_count(len(PAGES))
    assert "Traceback" not in (tmp_path / "server.log").read_text()


@pytest.mark.slow
def test_narrow_window_has_no_sideways_scrolling(phone, address):
    for file in sorted((ROOT / "pages").glob("*.py")):
        phone.goto(f"{address}/{'' if file.stem == 'home' else file.stem}")
        settle(phone)
        expect_no_sideways_scrolling(phone)


def chosen_on_trade_off(page):
    expect(page.get_by_role("radio", name="image")).to_be_checked()
    page.get_by_role("button", name="More", exact=True).click()
    expect(page.get_by_role("radio", name="every seed")).to_be_checked()
    expect(page.get_by_role("switch", name="Show the paper's results")).not_to_be_checked()
    page.keyboard.press("Escape")


def open_by_menu(page, name):
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
    expect_heading(page, name)
    settle(page)


def test_menu_and_back_show_the_view_that_one_left(page, address):
    page.goto(f"{address}/trade_off?unit=image&paper=false")
    settle(page)
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_text("every seed").click()
    expect(page).to_have_url(re.compile("spread=every"))
    settle(page)
    link = page.url

    open_by_menu(page, "Data")
    page.go_back()
    expect(page).to_have_url(link)
    chosen_on_trade_off(page)

    settle(page)
    open_by_menu(page, "Data")
    open_by_menu(page, "Trade-off")
    chosen_on_trade_off(page)
    page.go_back()
    expect_heading(page, "Data")


def test_link_that_is_not_understood_says_so_above_the_page(page, address):
    page.goto(f"{address}/trade_off?unit=hospital&paper=false&colour=red")

    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("unit = hospital: cannot be used. Shown instead: patient.")
    expect(notice).to_contain_text("colour = red: has no effect here.")
    expect(notice).not_to_contain_text("paper")
    settle(page)

    page.get_by_text("image", exact=True).click()
    expect(notice).not_to_contain_text("hospital")
