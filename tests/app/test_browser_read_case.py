"""Read a case in a real browser: upload a crop, draw a box on a mammogram, by pointer, keys and numbers."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.app.browser import settle
from tests.app.helpers import served_app
from tests.app.test_read_case_page import dicom_bytes, mass, png

pytestmark = pytest.mark.browser
ANSWER = "What the models would decide"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server whose every file would be found: its folder, and its address."""
    folder = tmp_path_factory.mktemp("case")
    for name in ("home", "data", "temporary"):
        (folder / name).mkdir()
    places = {"MAMMO_HOME": "home", "MAMMO_DATA": "data", "TMPDIR": "temporary"}
    with served_app(folder, **{name: str(folder / place) for name, place in places.items()}) as url:
        yield folder, url
    assert "Traceback" not in (folder / "server.log").read_text()


@pytest.fixture
def open_case(page, served):
    page.goto(f"{served[1]}/read_case")
    expect(page.get_by_role("heading", name="Read a case")).to_be_visible(timeout=60_000)
    settle(page)
    return page


def give(page, name, content):
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    )


def expect_numbers(page, **numbers):
    for name, value in numbers.items():
        field = page.get_by_label(f"{name.capitalize()} (pixels)")
        expect(field).to_have_value(re.compile(rf"^({'|'.join(map(str, value))})$"))


def files_of(folder):
    return {
        str(path): path.stat().st_mtime_ns
        for place in ("home", "data", "temporary")
        for path in Path(folder / place).rglob("*")
        if path.is_file()
    }


def test_crop_is_answered_and_leaves_nothing_behind(open_case, served):
    page, (folder, _) = open_case, served
    page.get_by_text("An example (synthetic)").click()
    expect(page.get_by_text(ANSWER)).to_be_visible(timeout=60_000)  # networks are loaded now
    page.get_by_text("Your own image").click()
    settle(page)
    before = files_of(folder)

    give(page, "Doe_Jane.png", png(mass()))

    expect(page.get_by_text(ANSWER)).to_be_visible(timeout=60_000)
    expect(page.get_by_text("no privacy (ε = ∞, not DP)").first).to_be_visible()
    assert files_of(folder) == before
    assert "Doe" not in (folder / "server.log").read_text()


def test_box_is_drawn_on_a_mammogram_then_moved_by_keys_and_numbers(open_case):
    page = open_case
    give(page, "IM0001", dicom_bytes())
    stage = page.get_by_role("application")
    expect(stage).to_be_visible()
    settle(page)
    expect(page.get_by_text(ANSWER)).to_have_count(0)

    stage.scroll_into_view_if_needed()
    frame = stage.bounding_box()
    scale = (
        frame["width"] / 900
    )  # the mammogram has 1200 × 900 pixels, the mass is at row 500, column 300
    x, y = frame["x"] + 300 * scale, frame["y"] + 500 * scale
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60 * scale, y + 40 * scale)
    page.mouse.move(x + 120 * scale, y + 120 * scale)
    page.mouse.up()
    near = {"top": range(498, 503), "left": range(298, 303), "height": range(117, 124)}
    expect_numbers(page, **near)
    expect(page.get_by_text(ANSWER)).to_be_visible(timeout=60_000)

    stage.press("ArrowDown")  # one per cent of the longer side: 12 pixels
    expect_numbers(page, top=range(510, 515), left=range(298, 303), height=range(117, 124))
    stage.press("Shift+ArrowRight")
    expect_numbers(page, width=range(129, 136), left=range(298, 303))

    left = page.get_by_label("Left (pixels)")
    left.fill("100")
    left.press("Enter")
    expect(page.get_by_text(re.compile("Box: .* at column 100, row 51"))).to_be_visible()

    stage.press("Escape")
    expect(page.get_by_text(ANSWER)).to_have_count(0)
    expect(page.get_by_text("Draw a box around the mass to have it read")).to_be_visible()


def test_keyboard_alone_is_enough(open_case):
    page = open_case
    give(page, "IM0001", dicom_bytes())
    stage = page.get_by_role("application")
    expect(stage).to_be_visible()
    settle(page)

    stage.focus()
    page.keyboard.press("Enter")

    expect_numbers(page, top=[510], left=[360], height=[180], width=[180])  # in the middle
    expect(page.get_by_text(ANSWER)).to_be_visible(timeout=60_000)


def test_stage_shows_the_whole_mammogram_on_a_narrow_screen(open_case):
    page = open_case
    page.set_viewport_size({"width": 390, "height": 844})
    give(page, "IM0001", dicom_bytes())
    picture = page.get_by_role("application").locator("img")
    expect(picture).to_be_visible()

    frame = picture.bounding_box()

    assert frame["width"] <= 390
    assert frame["height"] / frame["width"] == pytest.approx(1200 / 900, rel=0.02)
    sent = picture.evaluate("image => image.src.split(',')[1]")
    assert sent.startswith("/9j/")  # a JPEG, whose pixels are those of the upload
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(sent))))
    assert shown.shape == (1200, 900)
    assert shown[560, 360] > 150 > shown[100, 100]
