"""The one talk of Home: slides of every page, and a presenter's keys."""

import math
import re

import pandas as pd
import pytest
from playwright.sync_api import expect

from pages.ui.home import deck
from pages.ui.trade_off.slides import STEPS, slide
from tests.app.browser import settle
from tests.app.helpers import open_page


def go_to(app, step):
    app.query_params.update({"talk": "1", "step": str(step)})
    return app.run()


def texts(app):
    return " ".join(element.value for element in [*app.markdown, *app.caption])


def test_every_slide_of_the_deck_can_be_opened_by_its_link():
    count = len(deck.slides())
    assert 12 <= count <= 15

    app, told = open_page("home"), []
    for step in range(1, count + 1):
        go_to(app, step)
        assert not app.exception and not app.error, step
        assert f"**{step} of {count}: " in texts(app)
        assert "Research use only" in texts(app)
        told.append(next(text.value for text in app.markdown if text.value.startswith("## ")))

    assert len(set(told)) == count


def test_first_and_last_slide_are_a_key_away():
    app = go_to(open_page("home"), 3)

    app.button(key="remote_deck_last").click().run()
    assert app.query_params["step"] == str(len(deck.slides()))
    app.button(key="remote_deck_first").click().run()
    assert app.query_params["step"] == "1"


def test_slide_says_from_which_budget_on_privacy_is_cheap():
    points = pd.DataFrame(
        [
            {
                "strategy": "pretrain",
                "target_epsilon": epsilon,
                "epsilon": epsilon,
                "mean": value,
                "low": value - 0.02,
                "high": value + 0.02,
                "seed_low": value,
                "seed_high": value,
                "num_seeds": 3,
                "unit": "patient",
                "test_set": "bcdr",
            }
            for epsilon, value in ((1, 0.70), (3, 0.745), (6, 0.72), (20, 0.741), (math.inf, 0.75))
        ]
    )
    cheap = STEPS.index("where privacy is cheap")
    choices = {"metric": "auroc", "unit": "patient", "num_units": 9, "test_set": "BCDR"}

    told = slide(cheap, points, **choices).sentence
    assert told.startswith("From ε = 20 on, privacy costs almost nothing")

    points.loc[points["target_epsilon"] == 20, "mean"] = 0.7
    assert slide(cheap, points, **choices).sentence.startswith("No budget measured here")


@pytest.mark.browser
def test_presenter_keys_step_end_and_darken_the_screen(page, address):
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.goto(f"{address}/?talk=1&step=3")
    expect(page.get_by_text(re.compile("^3 of "))).to_be_visible(timeout=60_000)
    settle(page)

    curtain = page.locator("#talk-curtain")
    for _ in range(100):  # until the browser has the part that listens
        page.keyboard.press("b")
        if curtain.count():
            break
        page.wait_for_timeout(200)
    expect(curtain).to_be_visible()
    page.keyboard.press(".")
    expect(curtain).to_have_count(0)
    page.keyboard.press("Space")
    expect(page.get_by_text(re.compile("^4 of "))).to_be_visible()
    page.keyboard.press("Home")
    expect(page.get_by_text(re.compile("^1 of "))).to_be_visible()
    settle(page)
    page.keyboard.press("End")
    expect(page.get_by_text(re.compile(f"^{len(deck.slides())} of "))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stSidebar")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("size", [pytest.param((1920, 1080), marks=pytest.mark.slow), (1024, 768)])
def test_no_slide_is_cut_on_a_projector(page, address, size):
    width, height = size
    page.set_viewport_size({"width": width, "height": height})
    for step in range(1, len(deck.slides()) + 1):
        page.goto(f"{address}/?talk=1&step={step}")
        expect(page.get_by_text(re.compile(f"^{step} of "))).to_be_visible(timeout=60_000)
        settle(page)
        scrolled = page.get_by_test_id("stMain").evaluate(
            "main => [main.scrollHeight - main.clientHeight, main.scrollWidth - main.clientWidth]"
        )
        assert scrolled == [0, 0], step
