"""Synthetic masses in a real browser: browse, open, select by mouse and keyboard, window, download, deep links."""

import csv
import io
import re
import time
import zipfile

import numpy as np
import pydicom
import pytest
from PIL import Image
from playwright.sync_api import expect

from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import DEFAULT_GENERATOR
from pages.ui.masses import drawing
from tests.app.browser import (
    expect_above_the_fold,
    expect_heading,
    expect_no_sideways_scrolling,
    settle,
)

pytestmark = pytest.mark.browser
SEED_3 = "Synthetic malignant mass, seed 3"


def open_masses(page, address, query="count=6"):
    page.goto(f"{address}/synthetic?{query}")
    expect(tile(page, "seed 0")).to_be_visible(timeout=60_000)  # a fresh server imports torch
    settle(page)


def tile(page, name):
    return page.get_by_role("button", name=name, exact=False)


def pixels(locator):
    """What a tile's canvas shows: (H * W,) grey levels."""
    return np.array(
        locator.locator("canvas").evaluate(
            """canvas => Array.from(canvas.getContext('2d')
               .getImageData(0, 0, canvas.width, canvas.height).data.filter((_, i) => i % 4 == 0))"""
        )
    )


def expect_pixels(locator, expected, atol=0.0):
    """Wait until the tile shows `expected`: a click is answered by the page a moment later."""
    deadline = time.monotonic() + 60
    while (
        not np.allclose(pixels(locator), expected, rtol=0, atol=atol)
        and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    np.testing.assert_allclose(pixels(locator), expected, rtol=0, atol=atol)


def drawn(label, seed):
    return drawing.draw(DEFAULT_GENERATOR, [MassId(label, seed)])[0]


def downloaded(page, button):
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return zipfile.ZipFile(download.value.path())


def test_sixty_four_new_masses_are_drawn(page, address):
    open_masses(page, address)
    count = page.get_by_role("spinbutton", name="How many")
    count.fill("64")
    count.press("Enter")
    expect(tile(page, "seed 63")).to_be_visible(timeout=30_000)
    assert len(set(pixels(tile(page, "seed 63")))) > 30


def test_board_shows_the_drawn_pixels_until_the_window_is_changed(page, address):
    open_masses(page, address)
    expect_pixels(tile(page, SEED_3), drawn(1, 3).ravel())

    page.get_by_role("button", name="Invert").click()
    expect_pixels(tile(page, SEED_3), 255 - drawn(1, 3).ravel())
    page.get_by_role("combobox", name="Window preset").select_option("More contrast")

    expect(page).to_have_url(re.compile("window=128-128-inverted"))
    expected = 255 - (((drawn(1, 3).ravel() - 127.5) / 127 + 0.5) * 255).clip(0, 255)
    expect_pixels(tile(page, SEED_3), expected, atol=1)
    page.get_by_role("button", name="Reset").click()
    expect_pixels(tile(page, SEED_3), drawn(1, 3).ravel())


def test_dragging_on_a_mass_changes_the_window_and_opens_nothing(page, address):
    open_masses(page, address)
    box = tile(page, SEED_3).bounding_box()

    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] + 70, steps=4)
    page.mouse.up()

    expect(page).to_have_url(re.compile("window=158-236"))  # 30 px down, 20 px to the left
    settle(page)
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_back_closes_a_mass_at_once_and_focus_returns_to_its_tile(page, address):
    open_masses(page, address, "count=6&class=both")
    opened, dialog = tile(page, SEED_3), page.get_by_role("dialog")
    link = page.url

    opened.click()
    expect(dialog).to_be_visible()
    settle(page)
    page.go_back()
    expect(dialog).to_have_count(0)
    expect(page).to_have_url(link)
    expect(opened).to_be_focused()

    settle(page)
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    settle(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("mass="))
    expect(opened).to_be_focused()

    settle(page)
    page.go_forward()
    expect(dialog).to_be_visible()


@pytest.mark.parametrize("mass_view", ["Twins", "Directions"])
def test_laptop_shows_what_judges_and_moves_an_opened_mass_without_scrolling(
    page, address, mass_view
):
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{address}/synthetic?mass=3&mass_view={mass_view}")
    dialog = page.get_by_role("dialog")
    sliders = dialog.get_by_test_id("stSlider")
    if mass_view == "Directions":
        expect(sliders).to_have_count(7, timeout=60_000)
    expect(dialog.get_by_role("img").first).to_be_visible(timeout=60_000)
    settle(page)

    judgements = dialog.get_by_role("radio", name=re.compile("^(1|5|benign|cannot tell)$"))
    expect(judgements).to_have_count(4)
    pictures = dialog.get_by_role("img")
    expect(pictures).to_have_count(2 if mass_view == "Twins" else 3 + 2 * 7)
    expect_above_the_fold(page, *judgements.all(), *pictures.all(), *sliders.all())


def test_click_opens_a_mass_and_its_address_opens_it_again(page, address):
    open_masses(page, address)

    tile(page, SEED_3).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name=SEED_3)).to_be_visible()
    dialog.get_by_role("tab", name="To another seed").click()
    expect(dialog.get_by_role("img")).to_have_count(9)
    expect(page).to_have_url(re.compile("mass=3&mass_class=malignant.*mass_view=To"))
    settle(page)
    first = pixels(dialog.get_by_role("img").first)

    page.goto(page.url)
    expect(dialog.get_by_role("heading", name=SEED_3)).to_be_visible()
    expect(dialog.get_by_role("img")).to_have_count(9)
    expect_pixels(dialog.get_by_role("img").first, first)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("mass=3"))


def test_keyboard_alone_moves_selects_opens_and_goes_on(page, address):
    open_masses(page, address)
    page.get_by_role("button", name="Clear").focus()

    page.keyboard.press("Tab")  # one stop for the whole grid
    expect(tile(page, "seed 0")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(tile(page, "Synthetic malignant mass, seed 1, selected")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="benign mass, seed 2")).to_be_visible()
    expect(dialog.get_by_role("button", name="Next")).to_be_enabled()
    settle(page)
    page.keyboard.press("ArrowRight")

    expect(dialog.get_by_role("heading", name="malignant mass, seed 3")).to_be_visible()


def test_selected_masses_are_downloaded_as_drawn(page, address):
    open_masses(page, address, "count=6&window=60-40-inverted")
    page.get_by_role("checkbox", name=f"Select: {SEED_3}").check()
    tile(page, "seed 4").click(modifiers=["Control"])
    expect(page.get_by_role("button", name="Download 2 selected as PNG")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    settle(page)

    archive = downloaded(page, "Download 2 selected as PNG")
    page.get_by_role("button", name="DICOM", exact=True).click()
    dicoms = downloaded(page, "Download 2 selected as DICOM")

    rows = list(csv.DictReader(archive.read("manifest.csv").decode().splitlines()))
    assert [(row["class"], row["seed"]) for row in rows] == [("malignant", "3"), ("benign", "4")]
    picture = np.asarray(Image.open(io.BytesIO(archive.read("seed3_malignant.png"))))
    np.testing.assert_array_equal(picture, drawn(1, 3))
    dicom = pydicom.dcmread(io.BytesIO(dicoms.read("seed3_malignant.dcm")))
    np.testing.assert_array_equal(dicom.pixel_array, drawn(1, 3))
    assert str(dicom.PatientName) == "SYNTHETIC^NO PATIENT"


def test_shift_click_selects_a_range_which_other_seeds_and_pages_do_not_lose(page, address):
    open_masses(page, address)

    tile(page, "seed 1").click(modifiers=["Control"])
    tile(page, "seed 4").click(modifiers=["Shift"])

    expect(page.get_by_role("button", name="Download 4 selected as PNG")).to_be_visible()
    first = page.get_by_role("spinbutton", name="First seed")
    first.fill("50")
    first.press("Enter")
    expect(page.get_by_role("button", name="Download all 6 as PNG")).to_be_visible()
    settle(page)
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Home").click()
    expect_heading(page, "Mammo Privacy Explorer")
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Synthetic masses").click()
    expect(tile(page, "seed 50")).to_be_visible()  # the page remembers what it showed
    settle(page)
    first.fill("0")
    first.press("Enter")
    expect(page.get_by_role("button", name="Download 4 selected as PNG")).to_be_visible()
    expect(page.get_by_role("checkbox", name="seed 2")).to_be_checked()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("button", name="Download all 6 as PNG")).to_be_visible()


def test_link_with_a_window_shows_it(page, address):
    open_masses(page, address, "count=4&window=100-255-inverted")

    expected = 255 - ((drawn(1, 3).ravel() - 99.5) / 254 * 255 + 127.5).clip(0, 255)
    expect_pixels(tile(page, SEED_3), expected, atol=1)
    expect(page).to_have_url(re.compile("inverted"))


def test_escape_and_arrows_in_talk_mode(page, address):
    page.goto(f"{address}/synthetic?talk=1")
    heading = page.get_by_role("heading", name="A generator drew these benign masses")
    expect(heading).to_be_visible(timeout=60_000)
    expect(page.get_by_role("img")).to_have_count(8)
    settle(page)

    page.keyboard.press("ArrowRight")

    expect(page.get_by_role("heading", name="The same seeds, drawn as malignant")).to_be_visible()
    settle(page)
    page.keyboard.press("Escape")
    expect_heading(page, "Synthetic masses")


@pytest.mark.parametrize(
    "query", ["count=6", "mass=3", "mass=3&mass_view=To+another+seed", "talk=1"]
)
def test_narrow_window_has_no_sideways_scrolling(phone, address, query):
    phone.goto(f"{address}/synthetic?{query}")
    masses = phone.locator("canvas").filter(visible=True)  # a table in a hidden tab has one, too
    expect(masses.first).to_be_visible(timeout=30_000)
    settle(phone)

    expect_no_sideways_scrolling(phone)
    for mass in masses.all():
        box = mass.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
