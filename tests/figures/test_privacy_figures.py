import math

import numpy as np
import pandas as pd
import pytest

from mammo_core.figures.attacker import LOWEST_RATE, attacker_region_figure
from mammo_core.figures.audit import audit_figure
from mammo_core.figures.budget_curves import budget_curves_figure
from mammo_core.figures.gradients import norms_figure, signal_noise_figure
from mammo_core.figures.odds import odds_figure, women_figure
from mammo_core.figures.style import log_axis
from mammo_core.figures.unit_sizes import unit_sizes_figure
from mammo_core.privacy.accounting.risk import attacker_curve


def traces(figure):
    return {trace.name: trace for trace in figure.data}


def audits(*rows):
    columns = ["epsilon", "method", "audited_epsilon", "confidence"]
    return pd.DataFrame(rows, columns=columns)


@pytest.mark.parametrize(("named", "accused"), [(58, 42), (100, 0), (50, 50)])
def test_odds_fill_as_many_of_a_hundred_dots_as_said(named, accused):
    figure = odds_figure(named, accused)

    counts = [(trace.fill, trace.customdata[0]) for trace in figure.data]
    assert counts == [
        ("toself", named),
        ("none", 100 - named),
        ("toself", accused),
        ("none", 100 - accused),
    ]
    for trace, (_, count) in zip(figure.data, counts, strict=True):
        assert list(trace.x).count(None) == count
    assert f"at most {named} identified" in figure.layout.annotations[0].text
    assert f"{accused} wrongly flagged" in figure.layout.annotations[1].text


def test_attackers_region_is_shaded_below_the_bound_and_holds_the_attacks():
    bound = attacker_curve(1.0)
    figure = attacker_region_figure(bound, {"measured: loss": attacker_curve(0.3)})

    drawn = traces(figure)
    assert drawn["possible"].fill == "toself"
    assert drawn["possible"].x[-2:] == (1.0, 0.0) and drawn["possible"].y[-2:] == (0.0, 0.0)
    assert np.array_equal(drawn["no attack rises above"].y, bound[1])
    assert drawn["measured: loss"].line.dash != drawn["no attack rises above"].line.dash


@pytest.mark.parametrize("mu", [0.5, math.inf])
def test_logarithmic_attackers_region_has_no_zeros(mu):
    attack = (np.array([0.0, 1e-5, 0.01, 1.0]), np.array([0.0, 0.0, 0.02, 1.0]))
    figure = attacker_region_figure(attacker_curve(mu), {"a": attack}, logarithmic=True)

    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    for trace in figure.data:
        assert min(trace.x) >= LOWEST_RATE and min(trace.y) >= LOWEST_RATE
    assert list(traces(figure)["a"].x) == [0.01, 1.0]
    if math.isinf(mu):
        assert set(traces(figure)["no attack rises above"].y) == {1.0}


def test_more_attacks_make_the_figure_taller_not_the_plot_smaller():
    curve = attacker_curve(1.0)
    few, many = (
        attacker_region_figure(curve, dict.fromkeys(names, curve)) for names in ("a", "abcd")
    )

    assert many.layout.height > few.layout.height
    assert many.layout.legend.y == few.layout.legend.y < 0


def test_audits_lie_under_the_claim_with_infinity_apart_and_nothing_found_at_the_bottom():
    figure = audit_figure(
        audits(
            (1.0, "one run", 0.0, 0.95),
            (6.0, "one run", 3.0, 0.95),
            (math.inf, "one run", 9.0, 0.95),
            (6.0, "many runs", 1.0, 0.95),
        ),
        chosen=6.0,
    )

    claimed = traces(figure)["claimed: never above"]
    assert list(claimed.x) == list(claimed.y)
    finite, apart = (trace for trace in figure.data if trace.name == "audited: one run")
    assert list(finite.x) == [1.0, 6.0] and finite.y[0] > 0
    assert finite.marker.symbol[0].endswith("-open") and finite.marker.symbol[1] == "square"
    assert (apart.xaxis, list(apart.y)) == ("x2", [9.0])
    assert figure.layout.yaxis.ticktext[0] == "0"
    assert any(shape.x0 == 6.0 for shape in figure.layout.shapes)


def test_audits_only_without_privacy_are_drawn():
    figure = audit_figure(audits((math.inf, "one run", 4.0, 0.95)), chosen=math.inf)

    assert traces(figure)["audited: one run"].xaxis == "x2"
    assert not figure.layout.shapes


def test_budget_curves_mark_points_and_write_plain_ticks():
    figure = budget_curves_figure(
        {"a": ([1, 2], [0.5, 20.0]), "b": ([1, 2], [1.0, 2.0])},
        x_title="n",
        marks=[(2, 20.0, "here")],
        log_y=True,
    )

    assert traces(figure)["a"].line.dash != traces(figure)["b"].line.dash
    assert traces(figure)["here"].marker.symbol == "circle-open"
    assert figure.layout.yaxis.ticktext == ("0.1", "0.3", "1", "3", "10", "30", "100")


def test_log_axis_over_many_decades_has_powers_of_ten_only():
    assert log_axis([1e-9, 1e-2])["ticktext"] == [f"{10.0**power:g}" for power in range(-9, -1)]


@pytest.mark.parametrize(("clip", "kept"), [(0.01, 0), (1.0, 3), (100.0, 5)])
def test_norms_are_counted_on_their_side_of_the_clipping_norm(clip, kept):
    norms = np.array([0.0, 0.2, 0.9, 1.1, 3.0])
    kept = min(kept, 5) if clip > 0.01 else 1  # a gradient of length 0 is never clipped

    whole, clipped = norms_figure(norms, clip, unit="mass", units="masses").data

    assert (sum(whole.y), sum(clipped.y)) == (kept, 5 - kept)
    assert whole.name == f"kept whole ({kept})"


def test_signal_and_noise_have_an_axis_each():
    figure = signal_noise_figure([0.1, 1.0], [2.0, 1.0], [-0.5, 1.0], chosen=0.1)

    assert [trace.yaxis for trace in figure.data] == [None, "y2"]
    assert figure.layout.yaxis2.range[0] < -0.5


def test_unit_sizes_count_patients():
    (bars,) = unit_sizes_figure([5, 0, 2]).data

    assert list(bars.x) == [1, 2, 3] and list(bars.y) == [5, 0, 2]
    assert list(bars.text) == ["5", "", "2"]


@pytest.mark.parametrize("values", [[0.2, 4], [4.8, 8.5], [1e-9, 1e-2], [30, 100_000], [1, 1000]])
def test_log_axis_has_two_ticks_or_more_among_what_is_drawn(values):
    ticks = [tick for tick in log_axis(values)["tickvals"] if min(values) <= tick <= max(values)]

    assert 2 <= len(ticks) <= 9


def test_thousand_women_are_drawn_by_kind():
    figure = women_figure(30, 10, 96)

    drawn = [int(np.nansum(trace.z)) for trace in figure.data if trace.type == "heatmap"]
    assert drawn == [30, 10, 96, 864]
    legend = [trace.name for trace in figure.data if trace.type == "scatter"]
    assert legend == [
        "30 cancers found",
        "10 cancers missed",
        "96 false alarms",
        "864 cleared, without cancer",
    ]
    squares = sum(np.isfinite(trace.z).sum() for trace in figure.data if trace.type == "heatmap")
    assert squares == 1000


@pytest.mark.parametrize("counts", [(600, 300, 200), (-1, 5, 10)])
def test_more_or_fewer_than_a_thousand_women_are_refused(counts):
    with pytest.raises(ValueError, match="1000 women"):
        women_figure(*counts)
