"""The Trade-off page in a real browser: links, clicking a point, saving, talk mode by keyboard, a phone."""

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.app.browser import expect_above, expect_heading, expect_no_sideways_scrolling, settle

pytestmark = pytest.mark.browser
SENTENCE = ".stMainBlockContainer h2"


def open_trade_off(page, address, query=""):
    page.goto(f"{address}/trade_off{query}")
    expect(page.locator(".js-plotly-plot .point").first).to_be_visible(timeout=90_000)
    settle(page)


def charts(page):
    return page.locator("[class*=st-key-curve_]").get_by_test_id("stPlotlyChart")


def click_point(page, chart, index):
    """Clicks the mark of the n-th point of a chart's first curve; no other curve may pass there."""
    mark = charts(page).nth(chart).locator(".scatterlayer .points path.point").nth(index)
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def save_image(page):
    charts(page).first.hover()
    with page.expect_download() as download:
        charts(page).first.locator("[data-title^='Download plot']").click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes()


def save_file(page, name):
    with page.expect_download(timeout=180_000) as download:  # a Chrome is started for images
        page.get_by_role("button", name=name).click()
    return Path(download.value.path())


def test_deep_link_opens_the_curve_with_its_choices(page, address):
    open_trade_off(page, address, "?unit=image&paper=false")

    expect_heading(page, "Trade-off")
    expect(charts(page)).to_have_count(2)
    expect(charts(page).first.locator(".scatterlayer .trace path.js-line").first).to_be_visible()
    expect(charts(page).first).to_contain_text("privacy budget ε")
    expect(page.locator("div.legend")).to_contain_text("real only")
    expect(page.locator("div.legend")).not_to_contain_text("paper")


def test_paper_switch_adds_the_papers_points(page, address):
    open_trade_off(page, address, "?paper=false")

    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_text("Show the paper's results").click()

    expect(page.locator("div.legend")).to_contain_text("the paper, same colours")


def test_clicked_point_opens_its_card_and_stands_in_the_link(page, address):
    open_trade_off(page, address)

    click_point(page, chart=1, index=6)

    card = page.locator(".st-key-shipped_card")
    expect(card).to_contain_text("real only, ε 12 per patient, on BCDR")
    expect(card).to_contain_text("ε = 12 per patient, δ = 0.0001, end to end")
    expect(page).to_have_url(re.compile("point=real"))
    settle(page)

    link = page.url
    page.goto("about:blank")
    page.goto(link)
    expect(card).to_contain_text("real only, ε 12 per patient, on BCDR")
    page.get_by_role("button", name="Clear value").last.click()
    expect(card).to_have_count(0)


def test_point_can_be_chosen_by_keyboard(page, address):
    open_trade_off(page, address)

    box = page.get_by_role("combobox", name=re.compile("Look into a point"))
    box.focus()
    page.keyboard.type("ε 20 per patient, on bcdr")
    page.keyboard.press("Enter")

    expect(page.locator(".st-key-shipped_card")).to_contain_text("ε 20 per patient, on BCDR")


def test_camera_button_saves_png_and_svg(page, address):
    open_trade_off(page, address)
    name, content = save_image(page)
    assert name == "mammo_privacy_auroc_cbis-ddsm.png"
    assert content.startswith(b"\x89PNG\r\n\x1a\n") and len(content) > 20_000

    open_trade_off(page, address, "?image_format=SVG")
    name, content = save_image(page)
    assert name.endswith(".svg")
    assert content.startswith(b"<svg") and b"privacy budget" in content


def test_downloads_are_csv_and_a_page_that_works_offline(page, address, browser):
    open_trade_off(page, address, "?test_sets=BCDR+(another+site)&paper=false")
    page.get_by_text("Download and cite").click()
    page.get_by_role("button", name="Figures and visible points").click()

    saved = save_file(page, "mammo_privacy_auroc_patient.csv")
    table = list(csv.DictReader(io.StringIO(saved.read_text())))
    assert {row["test_set"] for row in table} == {"bcdr"}
    assert {row["origin"] for row in table} == {"shipped"}
    expect(page.get_by_text("arXiv:2407.12669")).to_be_visible()

    saved = save_file(page, "mammo_privacy_auroc_patient.html")
    offline = browser.new_context(offline=True, accept_downloads=True)
    copy = offline.new_page()
    copy.set_content(saved.read_text(encoding="utf-8"))
    expect(copy.locator(".js-plotly-plot .point").first).to_be_visible()
    expect(copy.get_by_text("Research use only, not for diagnosis.").last).to_be_visible()
    for kind, start in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        assert save_file(copy, f"Save as {kind}").read_bytes().startswith(start)
    offline.close()


def test_control_under_a_figure_saves_images_drawn_on_the_server(page, address):
    open_trade_off(page, address, "?test_sets=BCDR+(another+site)&paper=false")

    page.get_by_role("button", name="Export").click()

    assert save_file(page, "mammo_privacy_auroc_bcdr.png").read_bytes().startswith(b"\x89PNG")
    assert b"privacy budget" in save_file(page, "mammo_privacy_auroc_bcdr.svg").read_bytes()


def test_subgroups_are_chosen_drawn_and_saved(page, address):
    open_trade_off(page, address, "?subgroups_property=contrast&subgroups_measure=sensitivity")
    part = page.get_by_test_id("stExpander").filter(has_text="Who pays for privacy?")

    part.locator("summary").click()

    figure = part.get_by_test_id("stPlotlyChart")
    expect(figure).to_contain_text("sensitivity at the overall threshold")
    for group in ("low", "medium", "high"):
        expect(figure.locator(".legend")).to_contain_text(group)
    expect(part).to_contain_text("No ε covers it")
    part.get_by_role("button", name="Export").click()
    saved = save_file(page, "mammo_privacy_subgroups.csv")
    rows = list(csv.DictReader(io.StringIO(saved.read_text())))
    assert {row["test_set"] for row in rows} == {"cbis-ddsm"}
    assert {"size", "contrast", "sharpness", "grey level"} <= {row["property"] for row in rows}


def test_talk_mode_is_stepped_by_arrow_keys_without_any_chrome(page, address):
    open_trade_off(page, address)
    page.get_by_role("button", name="Talk mode").click()
    expect(page.get_by_text("1 of 6:")).to_be_visible()
    settle(page)
    expect(page.locator(SENTENCE)).to_contain_text("Without privacy")
    for part in ("stSidebar", "stHeader", "stToolbar"):
        expect(page.get_by_test_id(part).filter(visible=True)).to_have_count(0)
    told = [page.locator(SENTENCE).inner_text()]

    for step, key in (
        (2, "ArrowRight"),
        (3, "PageDown"),
        (4, "ArrowRight"),
        (5, "ArrowRight"),
        (6, "ArrowRight"),
    ):
        page.keyboard.press(key)
        expect(page.get_by_text(f"{step} of 6:")).to_be_visible()
        settle(page)
        expect(page.locator(SENTENCE)).not_to_have_text(told[-1])
        told.append(page.locator(SENTENCE).inner_text())

    assert len(set(told)) == 6 and max(len(text.split()) for text in told) <= 25
    expect(page.locator(".js-plotly-plot")).to_contain_text("wrongly flagged")
    page.keyboard.press("ArrowRight")  # past the end: nothing happens
    expect(page.get_by_text("6 of 6:")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("5 of 6:")).to_be_visible()
    expect(page).to_have_url(re.compile("talk=1.*step=5|step=5.*talk=1"))
    settle(page)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stSidebar")).to_be_visible()


def test_talk_mode_fits_a_projector_without_scrolling_to_the_figures_end(page, address):
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto(f"{address}/trade_off?talk=1&step=4")
    expect(page.locator(".js-plotly-plot .point").first).to_be_visible(timeout=90_000)
    settle(page)

    expect_above(page, ".st-key-story", ".st-key-talk_steps_trade_off")


@pytest.mark.parametrize("query", ["", "?talk=1&step=3", "?talk=1&step=6"])
def test_trade_off_on_a_phone_does_not_scroll_sideways(phone, address, query):
    phone.goto(f"{address}/trade_off{query}")
    expect(phone.locator(".js-plotly-plot .xtick").first).to_be_visible(timeout=90_000)
    settle(phone)

    expect_no_sideways_scrolling(phone)
