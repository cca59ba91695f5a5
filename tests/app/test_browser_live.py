"""The Live page in a real browser: features by a job, the slider that retrains, playing, talk mode, a phone."""

import operator
import re

import pytest
from playwright.sync_api import expect

from tests.app.browser import expect_no_sideways_scrolling, settle
from tests.helpers.jobs import wait_for

pytestmark = pytest.mark.browser
FEATURES_MS = 300_000  # the demo's features are computed once per server, by a job
TRAINED = re.compile(r"Retrained and tested in")


def open_live(page, own_address, query=""):
    page.goto(f"{own_address}/live{query}")
    expect(page.get_by_text(TRAINED)).to_be_visible(timeout=FEATURES_MS)
    settle(page)


def shown_epsilon(page):
    return page.get_by_test_id("stMetric").filter(has_text="ε of this model")


def counts(page):
    return page.locator(".st-key-live_confusion .annotation-text")


def bars(page):
    """The outlines of all histogram bars: they change when the scores do."""
    paths = page.locator(".st-key-live_scores .barlayer .point path")
    return paths.evaluate_all("found => found.map(path => path.getAttribute('d')).join()")


def curve(page):
    return page.locator(".st-key-live_roc .scatterlayer path.js-line").last.get_attribute("d")


def test_moving_the_slider_redraws_everything(page, own_address):
    open_live(page, own_address)
    slider = page.get_by_role("slider", name=re.compile("Privacy budget"))
    slider.focus()
    slider.press("ArrowLeft")
    expect(shown_epsilon(page)).to_contain_text("4")
    settle(page)
    expect(counts(page)).to_have_text([re.compile("%")] * 4)
    before = (curve(page), bars(page))

    slider.press("ArrowLeft")
    expect(page.get_by_text("ε spent 3")).to_be_visible()
    wait_for(lambda: (curve(page), bars(page)), lambda now: all(map(operator.ne, now, before)))
    expect(page.get_by_text("3 models of this session")).to_be_visible()
    expect(page).to_have_url(re.compile("live_epsilon=3"))


def test_playing_moves_the_budget_by_itself_and_stopping_puts_it_back(page, own_address):
    open_live(page, own_address, "?live_epsilon=8")

    page.get_by_role("button", name="Play").click()
    expect(shown_epsilon(page)).to_contain_text("0.1")
    expect(shown_epsilon(page)).to_contain_text("0.2")
    expect(shown_epsilon(page)).to_contain_text("0.3")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    settle(page)
    held = shown_epsilon(page).inner_text()
    page.wait_for_timeout(2500)  # longer than two frames: nothing may move any more
    assert shown_epsilon(page).inner_text() == held

    page.get_by_role("button", name="Stop").click()
    expect(shown_epsilon(page)).to_contain_text("8")
    expect(page).to_have_url(re.compile("live_epsilon=8"))


def test_talk_mode_steps_by_arrow_keys_and_a_remote_and_ends_by_escape(page, own_address):
    open_live(page, own_address, "?talk=1")
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    expect(page.get_by_test_id("stHeader")).to_be_hidden()
    expect(shown_epsilon(page)).to_contain_text("∞")

    page.keyboard.press("ArrowRight")
    expect(shown_epsilon(page)).to_contain_text("20")
    settle(page)
    page.keyboard.press("PageDown")
    expect(page.get_by_text("3 of 5: ε = 6")).to_be_visible()
    expect(page.get_by_text("ε spent 6")).to_be_visible()
    settle(page)
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("2 of 5: ε = 20")).to_be_visible()
    settle(page)
    page.keyboard.press("Escape")

    expect(page.get_by_test_id("stSidebar")).to_be_visible()
    expect(page).not_to_have_url(re.compile("talk="))


def test_keys_reach_the_talk_while_a_slider_has_the_focus_which_other_keys_move(page, own_address):
    open_live(page, own_address, "?talk=1&step=2")
    slider = page.get_by_role("slider", name=re.compile("Privacy budget"))
    expect(shown_epsilon(page)).to_contain_text("20")

    for step, key, epsilon in ((3, "PageDown", 6), (4, "ArrowRight", 2), (3, "ArrowLeft", 6)):
        slider.focus()
        page.keyboard.press(key)
        expect(page.get_by_text(f"{step} of 5: ε = {epsilon}")).to_be_visible()
        expect(page.get_by_text(f"ε spent {epsilon},")).to_be_visible()
        settle(page)
    slider.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_text("ε spent 4,")).to_be_visible()
    expect(page.get_by_text("3 of 5")).to_be_visible()
    settle(page)

    slider.focus()
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("s")
    expect(page.get_by_text("ε spent 4,")).to_be_visible()
    expect(page.get_by_role("button", name="Play")).to_be_visible()


@pytest.mark.parametrize("query", ["", "?talk=1"])
def test_live_on_a_phone_does_not_scroll_sideways(phone, own_address, query):
    open_live(phone, own_address, query)

    expect_no_sideways_scrolling(phone)
