"""Reader study in a real browser: read by keyboard, resumed after a reload, and nothing told over the wire."""

import re

import pytest
from playwright.sync_api import expect

from tests.app.browser import expect_above_the_fold, expect_heading, settle

pytestmark = pytest.mark.browser
QUESTION = "Benign or malignant?"


def answer_button(page, score):
    return page.get_by_role("button", name=f"Answer {score}")


def test_example_is_read_by_keyboard_at_first_sight_and_resumed(page, own_address):
    page.set_viewport_size({"width": 1280, "height": 800})
    sent = []
    page.on(
        "websocket",
        lambda socket: socket.on("framereceived", lambda frame: sent.append(_bytes(frame))),
    )
    page.goto(f"{own_address}/reader_study")
    expect_heading(page, QUESTION, timeout=60_000)
    settle(page)
    slider = page.locator("[class*=st-key-study_score] input")
    picture = page.get_by_role("img", name="The mass to judge")
    expect_above_the_fold(page, picture, answer_button(page, 50))
    assert any(b"mass to judge" in one for one in sent)  # else the next line could not fail
    assert not any(re.search(rb"flow_gan|cascade|case0\d\d", one) for one in sent)

    slider.focus()
    for score in (51, 52):
        page.keyboard.press("ArrowRight")
        expect(answer_button(page, score)).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_role("heading", name=re.compile("^(Right|Not right)$"))).to_be_visible()
    page.keyboard.press("a")
    expect(answer_button(page, 50)).to_be_visible()
    expect(page.get_by_text("2 of 20, without help.")).to_be_visible()
    expect(slider).to_be_focused()  # goes on with the arrows at once

    page.keyboard.press("b")
    expect(page.get_by_text("A break. The time stands still.")).to_be_visible()
    expect(picture).to_have_count(0)

    page.reload()
    expect(page.get_by_text("has answered 1 of 20")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("2 of 20, without help.")).to_be_visible()


def _bytes(frame):
    return frame.encode() if isinstance(frame, str) else frame
