"""The shipped numbers are what the README and docs/reference say; should a new sweep be worse, this fails."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from mammo_core import reference
from mammo_core.auditing.heads import best_attacks, headline_audits
from mammo_core.evaluation.curves import curve_points
from mammo_core.evaluation.grouping import MIN_PATIENTS
from mammo_core.results.subgroups import TABLE_COLUMNS
from mammo_core.results.table_file import COLUMNS
from mammo_core.synthesis.cards import load_card
from mammo_core.system.paths import models_dir
from mammo_core.text.numbers import with_interval
from tests.docs.documents import DOCS, README


def provenance(name):
    """How shipped numbers were made."""
    return json.loads((Path(reference.__file__).parent / name).read_text(encoding="utf-8"))


GENERATORS = DOCS / "reference" / "generators.md"

# AUROC on CBIS-DDSM test and BCDR to reach within the noise of ten seeds, by unit and ε; at ε = 1 per
# patient 200 seeds put pretrain at .660 on BCDR, below its floor, and real+synthetic at .673, above it
FLOORS = {
    "image": {1: (0.71, 0.68), 6: (0.76, 0.71), 12: (0.765, 0.715), 60: (0.768, 0.725)},
    "patient": {1: (0.695, 0.67), 6: (0.755, 0.705), 12: (0.76, 0.71), 60: (0.765, 0.715)},
}
REAL_FLOORS = {1: (0.67, 0.62), 6: (0.71, 0.67), 12: (0.715, 0.67), 60: (0.72, 0.675)}


@pytest.fixture(scope="module")
def means():
    points = curve_points(reference.measured_results())
    keys = ["strategy", "unit", "target_epsilon", "test_set"]
    return points.set_index(keys)["mean"]


@pytest.fixture(scope="module")
def upper_means():
    """Means over seeds plus two of their standard errors: what more seeds could still show."""
    keys = ["strategy", "unit", "target_epsilon", "test_set"]
    aurocs = reference.measured_results().groupby(keys)["auroc"]
    return aurocs.mean() + 2 * aurocs.std() / aurocs.size() ** 0.5


@pytest.mark.parametrize("strategy", ["pretrain", "real+synthetic"])
@pytest.mark.parametrize("unit", FLOORS)
@pytest.mark.parametrize("epsilon", [1, 6, 12, 60])
def test_synthetic_strategies_reach_the_floors_on_both_sites(upper_means, strategy, unit, epsilon):
    cbis, bcdr = FLOORS[unit][epsilon]

    assert upper_means[strategy, unit, epsilon, "cbis-ddsm"] >= cbis
    assert upper_means[strategy, unit, epsilon, "bcdr"] >= bcdr


@pytest.mark.parametrize("epsilon", [1, 6, 12, 60])
def test_real_masses_alone_reach_their_floors(upper_means, epsilon):
    cbis, bcdr = REAL_FLOORS[epsilon]

    assert upper_means["real", "patient", epsilon, "cbis-ddsm"] >= cbis
    assert upper_means["real", "patient", epsilon, "bcdr"] >= bcdr


@pytest.mark.parametrize("strategy", ["real", "real+synthetic", "pretrain"])
def test_every_row_is_well_above_the_papers_same_row(means, strategy):
    paper = reference.paper_points()
    paper = paper[(paper["strategy"] == strategy) & (paper["target_epsilon"] < math.inf)]

    assert len(paper) == 10
    for row in paper.itertuples():
        ours = means[strategy, "image", row.target_epsilon, row.test_set]
        assert ours >= row.mean + 0.03, (strategy, row.target_epsilon, row.test_set)


def test_shipped_table_is_complete_and_never_overspends():
    rows = reference.measured_results()

    assert tuple(rows.columns) == COLUMNS
    assert set(rows["strategy"]) == {"real", "real+synthetic", "synthetic", "pretrain"}
    assert set(rows["unit"]) == {"patient", "image"}
    assert rows.groupby(["strategy", "unit", "target_epsilon"])["seed"].nunique().min() >= 5
    assert (rows["epsilon"] <= rows["target_epsilon"]).all()
    assert ((rows["auroc_low"] <= rows["auroc"]) & (rows["auroc"] <= rows["auroc_high"])).all()


def test_provenance_names_command_date_backbone_and_data():
    made = reference.measured_provenance()

    assert made["command"].startswith("python -m mammo_core sweep")
    assert made["backbone"]["name"] == "tf_efficientnet_lite2"
    assert made["train"] == {"masses": 1104, "patients": 578, "largest_patient": 14}
    assert made["made"] >= "2026-11-22"


@pytest.mark.parametrize(
    ("strategy", "epsilon", "test_set", "published"),
    [
        ("pretrain", 1, "cbis-ddsm", 0.661),
        ("pretrain", 60, "bcdr", 0.671),
        ("real", math.inf, "cbis-ddsm", 0.778),
        ("real+synthetic", 6, "bcdr", 0.609),
    ],
)
def test_paper_points_equal_the_published_means(strategy, epsilon, test_set, published):
    points = reference.paper_points()
    (row,) = points[
        (points["strategy"] == strategy)
        & (points["target_epsilon"] == epsilon)
        & (points["test_set"] == test_set)
    ].itertuples()

    assert row.mean == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize("document", [README, DOCS / "reference" / "results.md"])
def test_tables_of_results_quote_the_shipped_numbers(means, document):
    text = document.read_text(encoding="utf-8")
    quoted = re.findall(r"^\| `([a-z+]+)`, (patient|image) \| (.*) \|$", text, re.M)

    assert len(quoted) == 6
    for strategy, unit, cells in quoted:
        for epsilon, cell in zip((1, 6, 12, 60, math.inf), cells.split(" | "), strict=True):
            cbis, bcdr = map(float, cell.split(" / "))
            assert cbis == pytest.approx(means[strategy, unit, epsilon, "cbis-ddsm"], abs=6e-4)
            assert bcdr == pytest.approx(means[strategy, unit, epsilon, "bcdr"], abs=6e-4)


def test_sweeps_with_other_masses_share_the_runs_on_real_masses():
    assert list(reference.synthetic_sets()) == ["paper", "simulated"]
    papers, simulated = (reference.measured_results(key) for key in reference.synthetic_sets())
    real = [rows[rows["strategy"] == "real"].reset_index(drop=True) for rows in (papers, simulated)]

    assert real[0].equals(real[1])
    assert set(papers["strategy"]) == set(simulated["strategy"])
    assert list(papers.columns) == list(simulated.columns)


def test_masses_of_no_sweep_are_refused_with_those_there_are():
    with pytest.raises(ValueError, match="of paper, simulated; got 'drawn'"):
        reference.measured_results("drawn")


def test_document_quotes_what_simulated_masses_gave():
    rows = reference.measured_results("simulated")
    points = curve_points(rows).set_index(["strategy", "unit", "target_epsilon", "test_set"])[
        "mean"
    ]
    text = (DOCS / "reference" / "results.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^\| with `([a-z+]+)`, (patient|image) \| (.*) \|$", text, re.M)

    assert len(quoted) == 4
    assert set(rows["seed"]) == set(range(42, 52))
    for strategy, unit, cells in quoted:
        for epsilon, cell in zip((1, 6, 12, 60, math.inf), cells.split(" | "), strict=True):
            for test_set, value in zip(("cbis-ddsm", "bcdr"), cell.split(" / "), strict=True):
                mean = points[strategy, unit, epsilon, test_set]
                assert float(value) == pytest.approx(mean, abs=6e-4)
    alone = rows[(rows["strategy"] == "synthetic") & np.isinf(rows["target_epsilon"])]
    best = alone.groupby("test_set")["auroc"].mean()
    assert f"| {best['cbis-ddsm']:.3f} / {best['bcdr']:.3f} |".replace(" 0.", " .") in text
    assert provenance("simulated_results.json")["synthetic"].startswith("python -m mammo_core gan")


def test_papers_masses_have_the_documents_numbers():
    document = GENERATORS.read_text(encoding="utf-8")
    measures = reference.paper_masses()

    for row in measures["comparisons"]:
        kid, around = row["kid"], row["around"]
        shown = f"| {kid['value']:.3f} ± {kid['spread']:.3f} | " + " | ".join(
            f"{around[name]:.2f}" for name in ("precision", "recall", "density", "coverage")
        )
        assert f"| the paper's {shown} |".replace(" 0.", " .") in document
    rest = f"| {measures['radiomics']['synthetic']} | {measures['class_auroc']:.3f} | "
    rest += " / ".join(f"{auroc:.3f}" for auroc in measures["transfer_auroc"].values())
    assert rest.replace(" 0.", " .") in document
    assert "gan evaluate" in measures["provenance"]


def test_judged_sets_have_the_documents_numbers():
    document = GENERATORS.read_text(encoding="utf-8")
    papers, held_out = reference.paper_masses()["judge"]["sets"]
    found = {"the paper's": papers, "held-out real": held_out}
    for name in ("flow_gan", "cascade", "simulated"):
        found[f"`{name}`"] = load_card(models_dir() / name).metrics["judge"]["sets"][0]

    for name, judged in found.items():
        kid, around = judged["kid"], judged["around"]
        shown = f"| {name} ({judged['num_masses']}) | {kid['value']:.4f} ± {kid['spread']:.4f} | "
        shown += " / ".join(f"{around[one]:.2f}" for one in ("precision", "recall", "coverage"))
        shown += f" | {judged['told_apart']:.3f} | {judged['class_auroc']:.3f} | "
        shown += " / ".join(f"{auroc:.3f}" for auroc in judged["transfer_auroc"].values())
        shown = re.sub(r" 0\.", " .", shown)
        assert shown in document, shown


def test_shipped_roc_curves_have_the_area_of_the_shipped_results():
    roc, results = reference.measured_roc(), reference.measured_results()
    keys = ["strategy", "unit", "target_epsilon", "test_set"]
    measured = results.groupby(keys)["auroc"].mean()

    areas = roc.groupby(keys)[["fpr", "tpr"]].apply(
        lambda curve: np.trapezoid(curve["tpr"], curve["fpr"])
    )

    assert set(areas.index) == set(measured.index)
    assert (areas - measured).abs().max() < 0.01  # the grid is coarse


def test_attacks_on_generators_are_shipped_whole_with_how_they_were_made():
    attacks = reference.measured_generator_attacks()
    made = provenance("measured_generator_attacks.json")

    assert made["command"].startswith("python -m mammo_core gan attack --data data/")
    assert made["splits"]["train"] == {"masses": 1104, "patients": 578}
    assert set(attacks["generator"]) == {*made["generators"]}
    ours = ("flow_gan", "cascade", "cascade_private")
    assert {"synthetic_mcgan", *ours, "planted copies"} == {*attacks["generator"]}
    for name in ours:
        assert made["generators"][name]["sha256"] == load_card(models_dir() / name).sha256
    for measure in ("auc", "tpr_at_1pct", "tpr_at_01pct"):
        assert (attacks[f"{measure}_low"] <= attacks[measure]).all()
        assert (attacks[measure] <= attacks[f"{measure}_high"]).all()
    bounded = attacks[attacks["bound_tpr_at_1pct"].notna()]
    assert set(bounded["generator"]) == {"cascade_private"}
    assert (bounded["tpr_at_1pct_low"] <= bounded["bound_tpr_at_1pct"]).all()


def test_attacks_find_planted_copies_by_shape_and_nobody_in_the_control():
    attacks = reference.measured_generator_attacks().set_index(
        ["generator", "attack", "level", "members", "non_members"]
    )
    planted = attacks.loc["planted copies", "nearest in shape", "mass", "train", "val+test"]
    control = attacks.xs("val", level="members")

    assert 0.08 < planted["tpr_at_1pct"] < 0.15  # one in ten was copied
    assert ((control["auc_low"] <= 0.5) & (control["auc_high"] >= 0.5)).mean() >= 0.9


def test_document_quotes_the_attacks_on_generators():
    document = GENERATORS.read_text(encoding="utf-8")
    attacks = reference.measured_generator_attacks()
    of_patients = attacks[
        (attacks["level"] == "patient")
        & (attacks["members"] == "train")
        & (attacks["non_members"] == "val")
    ]
    for row in of_patients.itertuples():
        shown = f"{row.auc:.3f} ({row.auc_low:.3f} to {row.auc_high:.3f})".replace("0.", ".")
        (line,) = re.findall(rf"^\| {row.attack} \|.*$", document, re.M)
        assert shown in line


@pytest.fixture(scope="module")
def subgroups():
    return reference.measured_subgroups()


def test_shipped_subgroups_are_whole_and_of_the_shipped_runs(means, subgroups):
    made = reference.subgroups_provenance()

    assert tuple(subgroups.columns) == TABLE_COLUMNS
    assert set(subgroups["test_set"]) == set(made["test_sets"])
    assert made["test_sets"].items() <= reference.measured_provenance()["test_sets"].items()
    assert made["train"] == {"masses": 1104, "patients": 578, "largest_patient": 14}
    assert made["sweep"].startswith("python -m mammo_core sweep")
    assert made["command"].startswith("python -m mammo_core runs subgroups")
    shown = subgroups[subgroups["value"].notna()]
    assert set(shown["num_seeds"]) == {10} and shown["num_patients"].min() >= MIN_PATIENTS
    assert subgroups[subgroups["value"].isna()]["num_patients"].isna().all()
    assert ((shown["low"] <= shown["value"]) & (shown["value"] <= shown["high"])).all()
    for test_set in made["test_sets"]:  # views part all masses, so their mean is near that of all
        part = shown[(shown["test_set"] == test_set) & (shown["measure"] == "auroc")]
        at = part[(part["property"] == "size") & (part["target_epsilon"] == 6)]
        near = np.average(at["value"], weights=at["num_masses"])
        assert near == pytest.approx(means["real", "patient", 6, test_set], abs=0.03)


def test_document_quotes_the_shipped_subgroups(subgroups):
    document = (DOCS / "reference" / "results.md").read_text(encoding="utf-8")
    at_one = subgroups[(subgroups["measure"] == "auroc") & (subgroups["target_epsilon"] == 1)]
    lines = dict(re.findall(r"^\| ([a-z ]+: [A-Za-z0-9_ ]+) \| (.*) \|$", document, re.M))

    told = 0
    for row in at_one[at_one["value"].notna()].itertuples():
        change = with_interval(row.change, row.change_low, row.change_high, signed=True)
        if row.test_set == "bcdr" or f"{row.property}: {row.group}" in lines:
            assert change in lines[f"{row.property}: {row.group}"]
            told += 1
    assert told >= 12 * at_one["test_set"].nunique()
    for test_set in set(at_one["test_set"]):
        part = subgroups[(subgroups["test_set"] == test_set) & (subgroups["measure"] == "auroc")]
        compared = part[part["excess"].notna()]
        assert f"{len(compared)} on {_SITES[test_set]}" in document
        assert ((compared["excess_low"] < 0) & (compared["excess_high"] > 0)).all()


_SITES = {"cbis-ddsm": "CBIS-DDSM", "bcdr": "BCDR"}


@pytest.fixture(scope="module")
def attack_tables():
    attacks, audits = reference.measured_attacks(), reference.measured_audits()
    keys = ["strategy", "unit", "target_epsilon"]
    headline = headline_audits(audits).set_index(keys)["audited_epsilon"]
    return attacks, audits, best_attacks(attacks).set_index(keys), headline


def test_shipped_audits_never_refute_a_claim_and_attacks_keep_to_their_bounds(attack_tables):
    attacks, audits, *_ = attack_tables

    assert {1.0, 6.0, 60.0, math.inf} <= set(audits["target_epsilon"])
    assert (audits["audited_epsilon"] <= audits["epsilon"]).all()
    for measure in ("auc", "tpr_at_1pct", "tpr_at_01pct"):
        assert (attacks[f"{measure}_low"] <= attacks[measure]).all()
        assert (attacks[measure] <= attacks[f"{measure}_high"]).all()
        assert (attacks[f"{measure}_low"] <= attacks[f"bound_{measure}"]).all()


def test_shipped_attacks_are_strong_enough_to_mean_something(attack_tables):
    """Without privacy most patients are found; with more privacy fewer are; audits come near the claim."""
    *_, best, headline = attack_tables

    for strategy in ("real", "real+synthetic", "pretrain"):
        at = best.loc[strategy, "patient"]
        assert at.loc[math.inf, "auc_low"] > 0.9
        assert at["auc"].is_monotonic_increasing
        assert headline[strategy, "patient", 6.0] > 3


def test_shipped_attacks_say_how_they_were_made():
    made = provenance("attacks/provenance.json")

    assert made["command"].startswith("python -m mammo_core audit --data data/")
    assert made["train"] == {"masses": 1104, "patients": 578, "largest_patient": 14}
    assert made["data_hash"] == reference.measured_provenance()["data_hash"]


def test_document_quotes_the_shipped_attacks(attack_tables):
    *_, best, headline = attack_tables
    document = (DOCS / "reference" / "audits.md").read_text(encoding="utf-8")

    for strategy in ("real", "pretrain"):
        for epsilon in (1.0, 6.0, 60.0, math.inf):
            row = best.loc[strategy, "patient", epsilon]
            claimed = "no privacy (not DP)" if math.isinf(epsilon) else f"{epsilon:g}"
            found = f"{headline[strategy, 'patient', epsilon]:.3g}"
            auc = f"{row['auc']:.3f}".removeprefix("0")
            assert f"| `{strategy}` | {claimed} | {found} | {auc} (" in document
            assert f"| {100 * row['tpr_at_1pct']:.1f} % (" in document
