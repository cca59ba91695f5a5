"""A lesson in a real browser: predict, move the slider, check; what was predicted stays after going on."""

import pytest
from playwright.sync_api import expect

from tests.app.browser import expect_no_sideways_scrolling, settle

pytestmark = pytest.mark.browser


def open_lesson(page, address):
    page.goto(f"{address}/lessons")
    page.get_by_role("button", name="Open").nth(1).click()
    expect(page.get_by_role("button", name="Predict, then try it out")).to_be_visible()
    settle(page)


def test_lesson_is_predicted_tried_out_and_checked(page, address):
    open_lesson(page, address)
    figure = page.get_by_test_id("stPlotlyChart")
    expect(figure).to_have_count(0)

    prediction = page.get_by_role("spinbutton")
    prediction.fill("90")
    prediction.press("Tab")
    page.get_by_role("button", name="Predict, then try it out").click()
    expect(figure).to_be_visible()
    expect(page.get_by_text("57 of 100")).to_have_count(0)

    slider = page.get_by_role("slider")
    slider.focus()
    before = slider.get_attribute("aria-valuenow")
    page.keyboard.press("ArrowLeft")
    expect(slider).not_to_have_attribute("aria-valuenow", before)
    settle(page)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("Not right.")).to_be_visible()
    expect(page.get_by_text("57 of 100").first).to_be_visible()

    page.get_by_role("button", name="All lessons").click()
    expect(page.get_by_text("not right")).to_be_visible()


def test_phone_shows_a_lesson_without_sideways_scrolling(phone, address):
    open_lesson(phone, address)
    expect_no_sideways_scrolling(phone)
