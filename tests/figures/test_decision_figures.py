import math

import numpy as np
import plotly.graph_objects as go
import pytest

from mammo_core.figures.attacker import attacker_figure
from mammo_core.figures.big_screen import for_big_screen
from mammo_core.figures.confusion import confusion_figure
from mammo_core.figures.gradients import norms_figure
from mammo_core.figures.roc import roc_band_figure, roc_figure
from mammo_core.figures.running_total import running_total_figure
from mammo_core.figures.scores import score_figure
from mammo_core.figures.style import CLASS_COLOURS


def test_score_histograms_hold_every_mass_once_per_class():
    labels = np.array([0, 0, 0, 1, 1])
    scores = np.array([0.0, 0.1, 0.5, 0.5, 1.0])

    benign, malignant = score_figure(labels, scores, 0.5).data

    assert (benign.name, malignant.name) == ("benign (3)", "malignant (2)")
    assert sum(benign.customdata) == 3 and sum(malignant.customdata) == 2
    assert sum(benign.y) == pytest.approx(100) and sum(malignant.y) == pytest.approx(100)
    assert malignant.marker.line.color == CLASS_COLOURS["malignant"]
    assert malignant.marker.pattern.shape != benign.marker.pattern.shape  # not by colour alone


@pytest.mark.parametrize("threshold", [0.2, 0.9, 1.0 + 1e-12])
def test_threshold_is_drawn_inside_the_axes(threshold):
    figure = score_figure(np.array([0, 1]), np.array([0.1, 0.9]), threshold)

    (line,) = figure.layout.shapes
    assert line.x0 == line.x1 == min(threshold, 1.0)


def test_confusion_shows_four_counts_with_shares_of_their_row():
    figure = confusion_figure(
        true_positives=3, false_negatives=1, false_positives=2, true_negatives=8
    )

    texts = [note.text for note in figure.layout.annotations]
    assert texts == [
        "<b>3</b><br>true positives<br>75%",
        "<b>1</b><br>false negatives<br>25%",
        "<b>2</b><br>false positives<br>20%",
        "<b>8</b><br>true negatives<br>80%",
    ]
    assert len(figure.layout.shapes) == 4


def test_confusion_of_no_malignant_mass_is_drawn():
    figure = confusion_figure(
        true_positives=0, false_negatives=0, false_positives=2, true_negatives=8
    )

    assert figure.layout.annotations[0].text == "<b>0</b><br>true positives<br>0%"


def test_attacker_bounds_are_drawn_above_guessing_each_with_its_own_dash():
    curve = (np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.7, 1.0]))

    guessing, *bounds = attacker_figure({"ε = 1": curve, "ε = 6": curve}).data

    assert guessing.name == "guessing"
    assert [trace.name for trace in bounds] == ["ε = 1", "ε = 6"]
    assert len({trace.line.dash for trace in bounds}) == 2


def test_running_total_stops_at_a_model_without_privacy_and_says_so():
    figure = running_total_figure([1.0, 2.0, math.inf], [1.0, 2.4, math.inf])

    bars, line = figure.data
    assert list(bars.y) == [1.0, 2.0] and list(line.y) == [1.0, 2.4]
    assert "model 3: no privacy" in figure.layout.annotations[0].text


def test_roc_marks_the_operating_point_of_its_test_set():
    curve = (np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.9, 1.0]))

    figure = roc_figure({"a": curve, "b": curve}, operating_points={"b": (0.1, 0.6)})

    (ring,) = [trace for trace in figure.data if trace.mode == "markers"]
    assert (ring.x[0], ring.y[0]) == (0.1, 0.6)
    assert ring.marker.color == figure.data[2].line.color


def test_roc_band_runs_along_the_highest_and_back_along_the_lowest():
    figure = roc_band_figure(
        [0, 0.5, 1], [0, 0.8, 1], [0, 0.7, 1], [0, 0.9, 1], name="mean", colour="#0072B2"
    )

    band = next(trace for trace in figure.data if trace.fill)
    assert list(band.y) == [0, 0.9, 1, 1, 0.7, 0]


def test_big_screen_enlarges_type_lines_and_marks():
    figure = go.Figure(
        go.Scatter(x=[1], y=[1], mode="lines+markers", line={"width": 2}, marker={"size": 8})
    )
    figure.add_annotation(text="note")

    for_big_screen(figure, height=700)

    assert figure.layout.height == 700
    assert figure.layout.font.size == figure.layout.annotations[0].font.size == 28
    assert figure.data[0].line.width > 3 and figure.data[0].marker.size > 10


@pytest.mark.parametrize(
    "figure",
    [
        score_figure(np.array([0, 0, 1]), np.array([0.1, 0.1, 0.9]), 0.3),
        running_total_figure([3.0, 4.0, math.inf], [3.0, 5.0, math.inf]),
        norms_figure(np.array([0.1, 0.1, 2.0]), 0.5, unit="patient", units="patients"),
        running_total_figure([math.inf], [math.inf]),
    ],
)
def test_words_at_the_top_of_a_figure_stand_above_every_bar_also_on_a_big_screen(figure):
    figure = for_big_screen(figure, height=470)
    (note,) = figure.layout.annotations
    assert note.yanchor == "top" and note.y > 0.97

    lowest, highest = figure.layout.yaxis.range
    drawn = max((max(trace.y, default=0) for trace in figure.data), default=0)
    words_px = 1.5 * note.font.size
    assert lowest == 0 and (1 - drawn / highest) * (470 - 200) > words_px
