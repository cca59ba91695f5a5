import json
import math

import numpy as np
import pandas as pd

from mammo_core import reference
from mammo_core.evaluation.curves import curve_points
from mammo_core.figures.provenance import Provenance
from mammo_core.figures.roc import roc_figure
from mammo_core.figures.standalone import standalone_html
from mammo_core.figures.trade_off import trade_off_figure
from mammo_core.figures.trade_off_marks import point_id
from tests.training.heads.test_sweep import make_rows


def points():
    rows = make_rows() + make_rows(target_epsilon=6.0) + make_rows(target_epsilon=math.inf)
    return curve_points(pd.DataFrame(rows))


def test_curve_has_a_log_axis_and_sets_no_privacy_apart():
    figure = json.loads(trade_off_figure(points()).to_json())

    assert figure["layout"]["xaxis"]["type"] == "log"
    assert figure["layout"]["xaxis2"]["ticktext"] == ["∞<br>no privacy<br>(not DP)"]
    line = next(trace for trace in figure["data"] if trace.get("name") == "real only")
    assert max(abs(x) for x in trade_off_figure(points()).data[1].x) == 6.0
    assert "spent 1" in line["text"][0]
    apart = [trace for trace in figure["data"] if trace.get("xaxis") == "x2"]
    assert [trace["name"] for trace in apart] == ["real only, no privacy"]


def test_non_private_level_is_a_horizontal_line():
    shapes = trade_off_figure(points()).layout.shapes

    assert [round(shape.y0, 3) for shape in shapes] == [0.72]


def test_paper_overlay_adds_its_points_only_when_given():
    paper = reference.paper_points()
    paper = paper[paper["test_set"] == "cbis-ddsm"]

    with_paper = trade_off_figure(points(), paper=paper).data
    without = trade_off_figure(points()).data

    described = " ".join(text for trace in with_paper for text in trace.text or ())
    for strategy in ("real only", "real + synthetic", "synthetic, then private on real"):
        assert f"paper, {strategy}" in described
    assert [trace.showlegend for trace in with_paper if "paper" in (trace.name or "")].count(
        True
    ) == 1
    assert not any("paper" in (trace.name or "") for trace in without)


def test_figure_without_non_private_runs_is_drawn():
    private = points()[points()["target_epsilon"] < math.inf]

    assert len(trade_off_figure(private).data) == 2


def test_roc_has_one_curve_per_test_set_and_chance():
    curve = (np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.9, 1.0]))

    assert [trace.name for trace in roc_figure({"a": curve, "b": curve}).data] == [
        "chance",
        "a",
        "b",
    ]


def test_own_runs_have_the_strategys_colour_and_another_mark_and_dash():
    figure = trade_off_figure(points(), own=points())

    shipped, own = (
        trace
        for trace in figure.data
        if (trace.name or "").startswith("real only") and trace.mode == "lines+markers"
    )
    assert shipped.line.color == own.line.color
    assert shipped.line.dash != own.line.dash
    assert shipped.marker.symbol != own.marker.symbol


def test_every_measured_point_carries_its_id_and_the_chosen_one_a_ring():
    made = points()
    drawn = trade_off_figure(made, chosen=point_id(made.iloc[0], "shipped"))

    ids = {name for trace in drawn.data for name in trace.customdata or ()}
    assert ids == {point_id(point, "shipped") for point in made.itertuples()}
    (ring,) = (trace for trace in drawn.data if trace.name == "chosen")
    assert ring.y[0] == made.iloc[0]["mean"]


def test_only_the_banded_curve_has_its_intervals_drawn():
    both = pd.concat([points(), points().assign(strategy="pretrain")])

    drawn = trade_off_figure(both, banded="pretrain")

    bands = [trace.meta["band_of"] for trace in drawn.data if trace.meta]
    assert bands == ["synthetic, then private on real"]
    assert len([trace for trace in trade_off_figure(both).data if trace.meta]) == 2


def test_seeds_are_drawn_in_place_of_the_band():
    rows = pd.DataFrame(make_rows() + make_rows(seed=43) + make_rows(target_epsilon=math.inf))

    figure = trade_off_figure(points(), seeds=rows)

    dots = [trace for trace in figure.data if (trace.name or "").endswith("every seed")]
    assert sum(len(trace.x) for trace in dots) == len(rows)
    assert not any(trace.fill for trace in figure.data)


def test_standalone_page_needs_no_network_and_escapes_what_it_is_told():
    page = standalone_html(
        {"AUROC <here>": trade_off_figure(points())},
        provenance=Provenance(title="A & B", notes=("ε < 1 </pre>",)),
        file_name="figure",
    )

    assert page.count("Plotly.newPlot(") >= 1
    assert 'src="http' not in page and "cdn.plot.ly" not in page.split("Plotly.newPlot(")[-1]
    assert (
        'aria-label="AUROC &lt;here&gt;"' in page
        and "A &amp; B" in page
        and "ε &lt; 1 &lt;/pre&gt;" in page
    )
    assert 'data-format="png"' in page and 'data-format="svg"' in page
