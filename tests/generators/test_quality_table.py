from mammo_core import reference
from mammo_core.generators.quality_table import quality_table
from mammo_core.synthesis.cards import load_card
from mammo_core.system.paths import models_dir

METRICS = {
    name: load_card(models_dir() / name).metrics for name in ("cascade", "cascade_private")
} | {"the paper's": reference.paper_masses()}


def values(detail="full"):
    return {row.name: row.values for row in quality_table(METRICS, detail)}


def test_every_measure_has_a_value_for_every_set_and_a_sentence():
    for row in quality_table(METRICS):
        assert list(row.values) == ["cascade", "cascade_private", "the paper's", "held-out real"]
        assert row.sentence.endswith(".") and len(row.sentence) < 150
        assert "–" not in [row.values[name] for name in METRICS]


def test_values_are_those_of_the_card():
    kid = METRICS["cascade"]["comparisons"][0]["kid"]

    shown = values()

    assert shown["Distance to real masses (KID)"]["cascade"] == (
        f"{kid['value']:.3f} ± {kid['spread']:.3f}"
    )
    assert shown["Suspected copies"] == {
        "cascade": "0.50 %",
        "cascade_private": "0.90 %",
        "the paper's": "0.03 %",
        "held-out real": "1.00 %",
    }


def test_without_film_grain_only_feature_measures_change():
    full, blurred = values(), values("low-pass")

    changed = {name for name in full if full[name] != blurred[name]}
    assert len(changed) == 5
    assert "Realism (precision)" in changed and "Suspected copies" not in changed


def test_a_distance_below_zero_by_chance_is_shown_as_zero():
    shown = values("low-pass")["Distance to real masses (KID)"]["held-out real"]

    assert shown == "0.000 ± 0.000"


def test_measures_that_a_card_lacks_are_dashes():
    bare = METRICS["cascade"] | {"comparisons": []}

    (kid, *_) = quality_table({"bare": bare})

    assert kid.values == {"bare": "–", "held-out real": "–"}
