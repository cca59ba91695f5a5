"""Read a case in a real browser: upload a crop, draw a box on a mammogram, by pointer, keys and numbers."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.app.browser import expect_heading, expect_no_sideways_scrolling, settle
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
    page.goto(f"{served[1]}/read_case?case_source=Your+own+image")
    expect_heading(page, "Read a case", timeout=60_000)
    settle(page)
    return page


def give(page, name, *contents):
    page.locator("input[type=file]").set_input_files(
        [
            {"name": name, "mimeType": "application/octet-stream", "buffer": content}
            for content in contents
        ]
    )


def marked():
    """1200 × 900 pixels with tissue on the left and a bright square in rows 500 to 620, columns 300 to 420."""
    image = np.zeros((1200, 900), np.uint8)
    image[:, :700] = 60
    image[500:620, 300:420] = 240
    return image


# Edges of the square and of the box on the canvas, in its pixels: top, left, bottom, right
_EDGES = """stage => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(() => {
    const canvas = stage.querySelector("canvas"), { width, height } = canvas;
    const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
    const square = [height, width, 0, 0];
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
        if (pixels[4 * (y * width + x)] < 150) continue;
        square[0] = Math.min(square[0], y); square[1] = Math.min(square[1], x);
        square[2] = Math.max(square[2], y + 1); square[3] = Math.max(square[3], x + 1);
    }
    const frame = canvas.getBoundingClientRect(), mark = stage.querySelector(".mark").getBoundingClientRect();
    const scale = width / frame.width;
    const box = [mark.top - frame.top, mark.left - frame.left, mark.bottom - frame.top, mark.right - frame.left];
    resolve({ square, box: box.map(edge => edge * scale) });
})))"""


def expect_box_on_picture(stage, box, *, mirrored=False):
    """The box (top, left, height, width) is drawn where its pixels are seen: found by the bright square."""
    edges = stage.evaluate(_EDGES)
    top, left, bottom, right = edges["square"]
    start, end = (420, 300) if mirrored else (300, 420)

    def seen(row, column):
        return (
            top + (row - 500) * (bottom - top) / 120,
            left + (column - start) * (right - left) / (end - start),
        )

    corners = [seen(box[0], box[1]), seen(box[0] + box[2], box[1] + box[3])]
    (upper, lower), sides = zip(*corners, strict=True)
    assert right - left >= 20  # pixels: else nothing is measured
    np.testing.assert_allclose(edges["box"], [upper, min(sides), lower, max(sides)], atol=3)


def drag(page, start, end, button="left"):
    page.mouse.move(*start)
    page.mouse.down(button=button)
    page.mouse.move(*end, steps=3)
    page.mouse.up(button=button)


def expect_zoom(page, percent):
    expect(page.get_by_label("Zoom", exact=True)).to_have_text(f"{percent} %")


def shown_stage(page):
    """The picture to draw on, once the page has come to rest."""
    stage = page.get_by_role("application")
    expect(stage).to_be_visible(timeout=60_000)  # another process decodes the upload
    settle(page)
    return stage


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
    stage = shown_stage(page)
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


def test_box_is_right_to_the_pixel_under_zoom_and_pan(open_case):
    page = open_case
    give(page, "IM0001", png(marked()))
    stage = shown_stage(page)
    stage.scroll_into_view_if_needed()
    stage.focus()
    for _ in range(4):
        page.keyboard.press("+")
    expect_zoom(page, 244)  # 1.25 ** 4

    frame = stage.bounding_box()
    scale = 900 / 1.25**4 / frame["width"]  # pixels of the mammogram per pixel of the screen
    corner = (600 - 600 / 1.25**4, 450 - 450 / 1.25**4)  # around the middle of 1200 × 900
    x, y = round(frame["x"]) + 20, round(frame["y"]) + 30
    drag(page, (x, y), (x + 150, y + 110))
    top, left = (
        round(low + (at - start) * scale)
        for low, at, start in zip(corner, (y, x), (frame["y"], frame["x"]), strict=True)
    )
    bottom, right = (
        round(low + (at - start) * scale)
        for low, at, start in zip(corner, (y + 110, x + 150), (frame["y"], frame["x"]), strict=True)
    )
    box = (top, left, bottom - top, right - left)
    sides = ("top", "left", "height", "width")
    expect_numbers(page, **{side: [number] for side, number in zip(sides, box, strict=True)})
    expect_box_on_picture(stage, box)

    page.keyboard.press("-")
    page.keyboard.press("-")
    expect_box_on_picture(stage, box)
    page.mouse.move(frame["x"] + 0.3 * frame["width"], frame["y"] + 0.5 * frame["height"])
    page.mouse.wheel(0, -100)
    expect(page.get_by_label("Zoom", exact=True)).not_to_have_text("156 %")
    expect_box_on_picture(stage, box)
    before = stage.evaluate(_EDGES)["square"]
    middle = (frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    page.keyboard.down(" ")
    drag(page, middle, (middle[0] + 12, middle[1] + 18))
    page.keyboard.up(" ")
    drag(page, middle, (middle[0] + 5, middle[1]), button="middle")
    after = stage.evaluate(_EDGES)["square"]
    np.testing.assert_allclose([after[0] - before[0], after[1] - before[1]], [18, 17], atol=1.5)
    expect_box_on_picture(stage, box)
    page.get_by_role("button", name="Reset").first.click()
    expect_zoom(page, 100)
    expect_box_on_picture(stage, box)
    expect_numbers(page, **{side: [number] for side, number in zip(sides, box, strict=True)})


def test_two_views_hang_back_to_back_and_a_mirrored_one_keeps_its_pixels(open_case):
    page = open_case
    views = [
        dicom_bytes(image, ImageLaterality=side, ViewPosition="CC", SOPInstanceUID=uid)
        for side, uid, image in (("L", "1.2.3", marked()), ("R", "1.2.4", marked() + 5))
    ]
    give(page, "IM", *views)
    stages = page.get_by_role("application")
    expect(stages).to_have_count(2, timeout=60_000)
    settle(page)
    expect(page.get_by_text("right CC, mirrored", exact=True)).to_be_visible()
    stages.first.scroll_into_view_if_needed()
    frames = [stage.bounding_box() for stage in stages.all()]
    assert frames[0]["x"] + frames[0]["width"] == pytest.approx(frames[1]["x"], abs=1)

    frame = frames[0]
    scale = 900 / frame["width"]
    x, y = round(frame["x"]) + 60, round(frame["y"]) + 50
    drag(page, (x, y), (x + 90, y + 70))
    left_edge, right_edge = (900 - round((at - frame["x"]) * scale) for at in (x + 90, x))
    top, bottom = (round((at - frame["y"]) * scale) for at in (y, y + 70))
    box = {"Top": top, "Left": left_edge, "Height": bottom - top, "Width": right_edge - left_edge}

    for side, number in box.items():
        expect(page.get_by_label(f"{side} (pixels), right CC")).to_have_value(str(number))
    expect_box_on_picture(stages.first, tuple(box.values()), mirrored=True)
    stages.first.press("+")
    expect_zoom(page, 125)
    expect_box_on_picture(stages.first, tuple(box.values()), mirrored=True)
    expect(page.get_by_label("Left (pixels), left CC")).to_have_value("")


def test_keyboard_alone_is_enough(open_case):
    page = open_case
    give(page, "IM0001", dicom_bytes())
    stage = shown_stage(page)

    stage.focus()
    page.keyboard.press("Enter")

    expect_numbers(page, top=[510], left=[360], height=[180], width=[180])  # in the middle
    expect(page.get_by_text(ANSWER)).to_be_visible(timeout=60_000)


def test_phone_shows_the_whole_mammogram_and_two_fingers_zoom(open_case):
    page = open_case
    page.set_viewport_size({"width": 390, "height": 844})
    give(page, "IM0001", png(marked()))
    stage = shown_stage(page)

    frame = stage.bounding_box()
    assert frame["width"] <= 390
    assert frame["height"] / frame["width"] == pytest.approx(1200 / 900, rel=0.02)
    square = stage.evaluate(_EDGES)["square"]
    expected = [edge * frame["width"] / 900 for edge in (500, 300, 620, 420)]
    np.testing.assert_allclose(square, expected, atol=1.5)

    touch = page.context.new_cdp_session(page)
    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
    stage.scroll_into_view_if_needed()
    frame = stage.bounding_box()
    x, y = frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2
    for kind, apart in (("touchStart", 20), ("touchMove", 30), ("touchMove", 40)):
        fingers = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect_zoom(page, 200)
    expect_no_sideways_scrolling(page)
