"""Prints the points of the page Trade-off and writes its figures to trade_off.html."""

from pathlib import Path

from mammo_core import reference
from mammo_core.evaluation.curves import curve_points
from mammo_core.figures.provenance import Provenance
from mammo_core.figures.standalone import standalone_html
from mammo_core.figures.trade_off import trade_off_figure

MASSES = "paper"
STRATEGIES = ("real", "real+synthetic", "pretrain")
UNIT = "patient"
METRIC = "auroc"
EVALUATED_PER = "mass"
TEST_SETS = ("cbis-ddsm", "bcdr")
WITH_PAPER = True

points = curve_points(reference.measured_results(MASSES, EVALUATED_PER), METRIC)
points = points[(points["unit"] == UNIT) & points["strategy"].isin(STRATEGIES)]
points = points[points["test_set"].isin(TEST_SETS)]
columns = ["test_set", "strategy", "target_epsilon", "mean", "low", "high"]
print(points[columns].sort_values(columns[:3]).round(3).to_string(index=False))

paper = reference.paper_points()
paper = paper[paper["strategy"].isin(STRATEGIES)]
figures = {
    test_set: trade_off_figure(
        points[points["test_set"] == test_set],
        metric=METRIC,
        evaluated_per=EVALUATED_PER,
        paper=paper[paper["test_set"] == test_set] if WITH_PAPER else None,
    )
    for test_set in TEST_SETS
}
about = Provenance(title=f"Trade-off, unit {UNIT}", notes=(f"Synthetic masses: {MASSES}.",))
page = standalone_html(figures, provenance=about, file_name="trade_off")
Path("trade_off.html").write_text(page, encoding="utf-8")
