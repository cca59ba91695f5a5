"""Figures as files: drawn by Chrome where there is one, in bounded time, with where they are from inside."""

import html
import io
import re
import subprocess

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from PIL import Image

from mammo_core.errors import InvalidRequestError
from mammo_core.figures import images
from mammo_core.figures.confusion import confusion_figure
from mammo_core.figures.figure_table import figure_table
from mammo_core.figures.images import can_draw_images, figure_image, titled
from mammo_core.figures.odds import odds_figure
from mammo_core.figures.progress import training_figure
from mammo_core.figures.provenance import Provenance, with_png_facts, with_svg_facts
from mammo_core.figures.roc import roc_band_figure, roc_figure
from mammo_core.figures.standalone import standalone_html
from mammo_core.figures.style import band, diagonal
from mammo_core.figures.trade_off import trade_off_figure

TOLD = Provenance(title="ROC of <b>site</b> & co", notes=("ε = 6 per patient.", "Data 0123."))
CURVE = (np.array([0.0, 0.2, 1.0]), np.array([0.0, 0.7, 1.0]))


@pytest.fixture(scope="module")
def chrome():
    if not can_draw_images():
        pytest.skip("no Chrome on this computer")
    yield
    images.end_worker()


def test_png_is_a_picture_that_carries_its_facts(chrome):
    content = figure_image(roc_figure({"site": CURVE}), "png", TOLD)

    with Image.open(io.BytesIO(content)) as image:
        pixels = np.asarray(image.convert("L"))
        facts = image.text
    assert pixels.shape[1] == 2200 and pixels.min() < 100
    assert facts["Title"] == TOLD.title
    assert facts["Description"] == "ε = 6 per patient.\nData 0123."
    assert facts["Disclaimer"] == "Research use only, not for diagnosis."
    assert facts["Software"].startswith("Mammo Privacy Explorer")


def test_svg_says_what_it_is_and_shows_it(chrome):
    text = figure_image(roc_figure({"site": CURVE}), "svg", TOLD).decode()

    assert text.startswith("<svg")
    assert "<title>ROC of &lt;b&gt;site&lt;/b&gt; &amp; co</title>" in text
    assert "ε = 6 per patient." in text.split("</desc>")[0]
    drawn = text.split("</desc>")[1]
    assert "Research use only, not for diagnosis." in drawn
    assert "ROC of <b>site</b> & co" in html.unescape(drawn)  # as it is, not as bold type


def test_one_chrome_draws_one_figure_after_the_other_and_is_started_anew_when_it_died(chrome):
    first = figure_image(roc_figure({"site": CURVE}), "svg", TOLD)
    worker = images._worker

    second = figure_image(roc_figure({"other": CURVE}), "svg", TOLD)
    assert images._worker is worker and first != second

    worker.kill()
    worker.wait()
    figure_image(roc_figure({"site": CURVE}), "svg", TOLD)
    assert images._worker is not worker
    images._worker.stdin.close()  # as when the server ends
    assert images._worker.wait(60) == 0
    images.end_worker()


def test_without_chrome_the_message_names_the_other_way(monkeypatch):
    monkeypatch.setattr(images, "can_draw_images", lambda: False)

    with pytest.raises(InvalidRequestError, match="found none. Take the HTML file"):
        figure_image(go.Figure(), "png", TOLD)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import time; time.sleep(60)", "took longer and was stopped"),
        ("raise SystemExit('no display')", "it failed .no display."),
        ("", "it failed"),
    ],
)
def test_a_chrome_that_hangs_or_fails_is_ended_with_a_message(monkeypatch, program, said):
    started = []

    def other_program(command, **options):
        started.append(real([command[0], "-c", program], **options))
        return started[-1]

    images.end_worker()
    real = subprocess.Popen
    monkeypatch.setattr(images.subprocess, "Popen", other_program)
    monkeypatch.setattr(images, "can_draw_images", lambda: True)
    monkeypatch.setattr(images, "SECONDS", 2)

    with pytest.raises(InvalidRequestError, match=said):
        figure_image(go.Figure(), "svg", TOLD)

    assert started[0].poll() is not None
    assert not images._ONE_AT_A_TIME.locked()


def test_title_and_use_stand_above_the_axes_and_the_figure_stays_as_it_was():
    figure = roc_figure({"site": CURVE})
    before = figure.to_json()

    drawn = titled(figure, TOLD)

    assert figure.to_json() == before
    assert drawn.layout.height == 440 + 75 + 24 and drawn.layout.margin.t == 10 + 75 + 24
    assert drawn.layout.title.text == "ROC of &lt;b&gt;site&lt;/b&gt; &amp; co"
    assert drawn.layout.title.subtitle.text == "Research use only, not for diagnosis."


def test_png_facts_leave_pixels_alone():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")

    with Image.open(io.BytesIO(with_png_facts(content.getvalue(), TOLD))) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_svg_facts_are_escaped():
    hostile = Provenance(title="</title><script>alert(1)</script>")

    text = with_svg_facts(b'<svg width="1"><g/></svg>', hostile).decode()

    assert "<script" not in text and text.endswith("</desc><g/></svg>")


def test_standalone_page_carries_every_note():
    page = standalone_html({"ROC": roc_figure({"s": CURVE})}, provenance=TOLD, file_name="f")

    for note in (*TOLD.notes, "Research use only, not for diagnosis."):
        assert f"<pre>{note}</pre>" in page
    assert re.search(r"Made with Mammo Privacy Explorer \d", page)


def test_figure_table_has_the_words_of_the_axes_as_columns_and_no_markup():
    figure = go.Figure(
        [
            go.Scatter(x=[1, 2], y=[3, 4], name="<b>a</b> &lt;b&gt;", text=["<i>p</i>", "q<br>r"]),
            go.Scatter(
                x=[5], y=[6], error_y={"type": "data", "array": [0.5], "arrayminus": [0.25]}
            ),
            go.Bar(x=["benign"], y=[7], name="bars"),
            go.Scatter(x=[], y=[], name="nothing"),
            diagonal("chance"),
        ]
    )
    figure.update_xaxes(title="steps (log scale)")
    figure.update_yaxes(title="AUROC", tickformat=".0%")

    table = figure_table(figure)

    named = ["series", "steps", "AUROC (share)", "AUROC (share), low", "AUROC (share), high"]
    assert list(table.columns) == named
    assert table["series"].tolist() == ["a <b>", "a <b>", "series 2", "bars"]
    assert table["steps"].tolist() == [1, 2, 5, "benign"]
    assert table["AUROC (share)"].tolist() == [3, 4, 6, 7]
    assert table.iloc[2, 3:].tolist() == [5.75, 6.5]
    assert table.iloc[[0, 1, 3], 3:].isna().all(axis=None)


def test_figure_table_puts_the_numbers_of_a_band_beside_its_line():
    low, high = np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.9, 1.0])
    figure = roc_band_figure(*CURVE, low, high, name="mean", colour="#0072B2")

    table = figure_table(figure)

    assert list(table.columns) == [
        *("series", "1 - specificity", "sensitivity", "sensitivity, low", "sensitivity, high"),
    ]
    assert table["series"].tolist() == ["mean"] * 3
    assert table["sensitivity, low"].tolist() == low.tolist()
    assert table["sensitivity, high"].tolist() == high.tolist()


def test_figure_table_of_two_vertical_axes_has_a_column_for_each():
    table = figure_table(training_figure([(0, 0.7), (10, 0.5)], [(10, 0.8)]))

    assert list(table.columns) == ["series", "training step", "loss", "AUROC"]
    assert table["AUROC"].tolist()[2] == 0.8 and table["loss"].isna().tolist() == [0, 0, 1]


def test_figure_table_tells_what_was_trained_without_privacy():
    point = {
        "strategy": "real",
        "unit": "patient",
        "test_set": "bcdr",
        "epsilon": 1.0,
        "mean": 0.7,
        "low": 0.6,
        "high": 0.8,
        "seed_low": 0.65,
        "seed_high": 0.75,
        "num_seeds": 3,
    }
    points = pd.DataFrame([point | {"target_epsilon": epsilon} for epsilon in (1.0, 6.0, np.inf)])

    table = figure_table(trade_off_figure(points))

    assert table["privacy budget ε"].tolist() == [1.0, 6.0, np.inf]
    assert table["AUROC, low"].round(9).tolist() == [0.6] * 3
    assert table["AUROC, high"].round(9).tolist() == [0.8] * 3


@pytest.mark.parametrize(
    ("figure", "rows"),
    [
        (
            confusion_figure(
                true_positives=4, false_negatives=1, false_positives=2, true_negatives=3
            ),
            [["malignant", "malignant", 4], ["malignant", "benign", 1], ["benign", "malignant", 2]],
        ),
        (odds_figure(12, 1), [[12, 1]]),
    ],
)
def test_figure_of_shapes_tabulates_what_they_mean(figure, rows):
    assert figure_table(figure).iloc[:3].to_numpy().tolist() == rows


def test_empty_figure_gives_an_empty_table():
    assert list(figure_table(go.Figure()).columns) == ["series"]


def test_bands_have_no_dots_at_their_corners():
    shaded = band([1, 2], [0, 0], [1, 1], of="a", colour="#0072B2", opacity=0.1)

    assert shaded.mode == "lines"
