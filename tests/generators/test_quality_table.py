import pytest

from mammo_core import reference
from mammo_core.generators.quality_table import quality_table
from mammo_core.synthesis.cards import find_generators, load_card
from mammo_core.system.paths import models_dir

METRICS = {
    name: load_card(models_dir() / name).metrics for name in find_generators(models_dir())
} | {"the paper's": reference.paper_masses()}


def shown(metrics, seen_by="judge"):
    """What a reader sees: by set and column, and the columns marked as best."""
    table = quality_table(metrics, seen_by)
    texts = {
        row.name: {c.name: c.text(row.numbers.get(key)) for key, c in table.columns.items()}
        for row in table.rows
    }
    best = {row.name: {table.columns[key].name for key in row.best} for row in table.rows}
    return texts, best


def sentences(metrics, seen_by="judge"):
    return {row.name: row.sentence for row in quality_table(metrics, seen_by).rows}


def judged(told=0.9, shows=0.6, kid=0.01, recall=0.3, subject="synthetic"):
    return {
        "subject": subject,
        "num_masses": 1000,
        "kid": {"value": kid, "spread": 0.001},
        "around": {"precision": 0.8, "recall": recall, "density": 0.7, "coverage": 0.7},
        "told_apart": told,
        "class_auroc": shows,
        "transfer_auroc": {"cbis-ddsm": 0.6, "bcdr": 0.55},
    }


REAL_ONES = judged(0.52, 0.74, 0.0, 0.9, subject="held-out real")
SETS = {
    "near": {"judge": {"sets": [judged(0.55, 0.73, 0.002), REAL_ONES]}},
    "far": {"judge": {"sets": [judged(0.99, 0.51, recall=0.5), REAL_ONES]}},
}


@pytest.mark.parametrize("seen_by", ["judge", "full", "low-pass"])
def test_every_set_has_a_row_and_a_sentence_and_every_column_says_what_it_means(seen_by):
    table = quality_table(METRICS, seen_by)

    assert [row.name for row in table.rows] == [*METRICS, "held-out real"]
    assert all(row.sentence.endswith(".") and len(row.sentence) < 150 for row in table.rows)
    assert all(column.meaning.endswith(".") for column in table.columns.values())
    ranked = [column for column in table.columns.values() if column.ideal is not None]
    assert all(any(arrow in column.name for arrow in "↑↓→") for column in ranked)


def test_values_are_those_of_the_cards():
    kid = METRICS["cascade"]["comparisons"][0]["kid"]["value"]

    by_the_judge, _ = shown(METRICS)
    by_the_other, _ = shown(METRICS, "full")

    assert by_the_judge["cascade"]["KID ↓"] == "0.012"
    assert by_the_judge["the paper's"]["Masses measured"] == "3000"
    assert by_the_judge["the paper's"]["Real or generated? → 0.5"] == "1.00"
    assert by_the_other["cascade"]["KID ↓"] == f"{kid:.3f}"
    assert {name: row["Suspected copies (%)"] for name, row in by_the_other.items()} == {
        name: f"{100 * metrics['copies']['flagged_rate']:.2f}" for name, metrics in METRICS.items()
    } | {"held-out real": "1.00"}


def test_without_film_grain_only_what_film_grain_changes_is_shown():
    full, blurred = (quality_table(METRICS, seen_by) for seen_by in ("full", "low-pass"))

    measures = ["kid", "precision", "recall", "density", "coverage"]
    assert list(blurred.columns) == ["num_masses", *measures]
    for one, other in zip(full.rows, blurred.rows, strict=True):
        assert all(one.numbers[key] != other.numbers[key] for key in ("kid", "density"))


def test_a_distance_below_zero_by_chance_is_shown_as_zero():
    below = {"judge": {"sets": [judged(kid=-0.0004)]}}

    texts, _ = shown({"below": below})

    assert texts["below"]["KID ↓"] == "0.000"


def test_best_synthetic_set_of_each_column_is_marked_and_equal_ones_are_not():
    texts, best = shown(SETS)

    assert best["near"] == {"KID ↓", "Real or generated? → 0.5", "Class ↑"}
    assert best["far"] == {"Recall ↑"}
    assert best["held-out real"] == set()
    assert texts["near"]["KID ↓"] == "0.002"
    assert list(texts["near"])[-2:] == [
        "Train on it, test on cbis-ddsm ↑",
        "Train on it, test on bcdr ↑",
    ]


def test_a_set_hard_to_tell_apart_by_luck_is_not_better_than_guessing():
    below, half = judged(told=0.4), judged(told=0.52)

    _, best = shown({"below": {"judge": {"sets": [below]}}, "half": {"judge": {"sets": [half]}}})

    assert "Real or generated? → 0.5" in best["half"]


def test_any_number_of_sets_shares_the_best_value_where_some_are_worse():
    again = {f"near {i}": SETS["near"] for i in range(5)}

    _, best = shown(again | SETS)

    assert all("KID ↓" in best[name] for name in [*again, "near"])
    assert "KID ↓" not in best["far"]


def test_sentences_say_what_the_numbers_mean():
    said = sentences(SETS)

    assert said["near"] == (
        "Hardly told from real masses (55 times in 100), and whether they are malignant shows about as well as in real "
        "ones (73 times in 100)."
    )
    assert said["far"] == (
        "Almost always told from real masses (99 times in 100), and whether they are malignant hardly shows (51 times in "
        "100)."
    )
    assert said["held-out real"].startswith(
        "Real masses that no generator saw: told from other real ones 52"
    )
    too_plain = {"plain": {"judge": {"sets": [judged(0.55, 0.85), REAL_ONES]}}}
    assert "shows more plainly than in real ones (85 times" in sentences(too_plain)["plain"]
    assert sentences(METRICS, "full")["cascade"] == (
        "Of 100 of these masses, 81 lie among real ones. Of 100 real ones, 21 lie among these."
    )


def test_cards_from_before_there_was_a_judge_have_dashes():
    texts, best = shown({"old": {"class_auroc": 0.6}} | SETS)

    assert set(texts["old"].values()) == {"–"} and not best["old"]
    assert "KID ↓" in best["near"]
    assert sentences({"old": {}}) == {"old": "Not measured by this network."}
    assert quality_table({"old": {}}).columns == {}
