"""The page of synthetic masses in process: links, bad links, the large view, quality, talk mode, nothing installed."""

import dataclasses

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mammo_core.synthesis.cards import load_card
from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import home_dir, models_dir
from pages.ui.components.image_grid import window_of
from pages.ui.masses import drawing, nearest
from pages.ui.state import resources
from tests.app.helpers import ROOT
from tests.cohorts.test_folders import name, write_png
from tests.conftest import make_cohort


def open_synthetic(**query):
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    app.query_params.update({"count": "2", **query})
    app = app.switch_page("pages/synthetic.py").run()
    assert not app.exception
    return app


def texts(app):
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.success, *app.subheader]
    return " ".join(part.value for part in parts)


QUALITY_FILES = [
    "synthetic_quality_cascade.csv",
    "synthetic_quality_cascade.parquet",
    "All of these, with a README (ZIP)",
]


def labels(app):
    return [button.label for button in app.get("download_button")]


def test_page_says_what_it_shows_and_what_the_generator_promises():
    app = open_synthetic()

    assert "Research use only, not for diagnosis" in texts(app)
    assert "cascade guarantees nothing" in texts(app)
    assert labels(app) == [
        "Download all 2 as PNG (ZIP)",
        "Download all 2 as DICOM (ZIP)",
        "Contact sheet of all 2 (PNG)",
        *QUALITY_FILES,
    ]
    assert "--count 2 --seed 0 --class both --truncation 1" in app.code[0].value


def test_private_generator_states_epsilon_delta_and_unit():
    app = open_synthetic(generator="cascade_private")

    assert "guarantees (10, 0.0001)-differential privacy to each patient" in texts(app)
    assert "guarantees nothing" not in texts(app)


def test_link_opens_a_mass_with_its_twin():
    app = open_synthetic(mass="7", mass_class="malignant")

    assert app.number_input(key="mass").value == 7
    assert app.get_by_key("mass_class").value == "malignant"
    assert "Twins" in texts(app)


def test_field_opens_a_mass_without_the_board():
    app = open_synthetic()
    assert "Twins" not in texts(app)

    app.number_input(key="mass").set_value(3).run()

    assert not app.exception
    assert "Twins" in texts(app)


def test_next_and_twin_lead_on():
    app = open_synthetic(count="3", mass="1", mass_class="malignant")

    app.button(key="mass_go_right").click().run()
    assert (app.number_input(key="mass").value, app.get_by_key("mass_class").value) == (2, "benign")
    assert app.button(key="mass_go_right").disabled
    app.button(key="mass_go_t").click().run()

    assert not app.exception
    assert app.get_by_key("mass_class").value == "malignant"


def test_links_with_values_that_cannot_be_used_say_so():
    bad = {"count": "9999", "generator": "nope", "mass": "-3", "class": "cyst", "window": "1-x"}

    app = open_synthetic(**bad)

    (warning,) = app.warning
    for said in (
        "count = 9999: cannot be used. Shown instead: 32.",
        "generator = nope: cannot be used. Shown instead: cascade.",
        "mass = -3: cannot be used. Shown instead: nothing.",
        "class = cyst: cannot be used. Shown instead: both.",
        "window = 1-x: cannot be used. Shown instead: the full window.",
    ):
        assert said in warning.value
    assert labels(app)


def test_good_links_get_no_warning():
    query = {"count": "3", "first": "9", "truncation": "0.5", "class": "benign"}

    app = open_synthetic(**query, generator="cascade_private", window="90-120-inverted")

    assert not app.warning
    assert "--count 3 --seed 9 --class benign --truncation 0.5" in app.code[0].value


@pytest.mark.parametrize("text", ["", "nonsense", "12", "-5-9", "1-2-3", "99999-3", "²-5", "5-²"])
def test_texts_of_no_sense_are_no_window(text):
    assert window_of(text) is None


def test_windows_are_kept_within_what_can_be_shown():
    assert window_of("999-0-inverted") == {"level": 255, "width": 2, "invert": True}


def test_way_to_another_seed_is_in_the_link():
    app = open_synthetic(mass="1", mass_view="To another seed", towards="5")

    assert app.number_input(key="towards").value == 5
    assert "arc through the latent space" in texts(app)
    assert "Twins" not in texts(app)  # only the open tab is drawn


def test_directions_are_found_once_and_sliders_come_from_the_link(monkeypatch):
    finds = []
    monkeypatch.setattr(
        drawing, "_find_directions", lambda name: finds.append(name) or unit_vectors()
    )

    app = open_synthetic(mass="1", mass_view="Directions", direction2="1.5")
    drawing.directions.clear()
    app.slider(key="direction3").set_value(-2.0).run()

    assert not app.exception
    assert app.slider(key="direction2").value == 1.5
    assert finds == ["cascade"]  # then read from disk
    assert list((home_dir() / "directions").glob("*.safetensors"))
    app.button(key="reset_directions").click().run()
    assert {app.slider(key=f"direction{i}").value for i in range(1, 7)} == {0.0}


def unit_vectors():
    import torch

    return torch.eye(load_card(models_dir() / "cascade").config.latent_dim)[:7].contiguous()


def test_moving_changes_the_mass_and_not_moving_does_not(monkeypatch):
    monkeypatch.setattr(drawing, "_find_directions", lambda name: unit_vectors())
    mass = MassId(1, 4)
    drawn, twin = drawing.draw("cascade", [mass, mass.twin])

    still = drawing.moved_twins("cascade", mass, (0.0,) * 7)
    moved = drawing.moved_twins("cascade", mass, (2.0,) + (0.0,) * 6)

    np.testing.assert_array_equal(still, [drawn, twin])
    assert np.abs(moved[0].astype(int) - drawn).mean() > 1


def test_masses_are_drawn_once(monkeypatch):
    ids = [MassId(0, 1), MassId(1, 1)]
    first = drawing.draw("cascade", ids)
    monkeypatch.setattr(drawing, "generator", None)  # drawing anew would fail

    again = drawing.draw("cascade", ids[::-1])

    np.testing.assert_array_equal(again, first[::-1])


def test_nearest_without_real_masses_says_how_to_get_them():
    app = open_synthetic(mass="1", mass_view="Nearest real masses")

    assert "the real masses that this one is nearest to" in app.info[0].value
    assert "RichardObi/mammo_dp" in app.info[0].value


class FoundNearby:
    """What a search finds, made up."""

    def __init__(self, *, ratio, trained):
        self.ratio, self._trained = ratio, trained
        self.train = self.heldout = make_cohort(2)

    def trained(self, card):
        return self._trained

    def search(self, image, count):
        from mammo_core.generators.nearest_real import NearestReal, Neighbour

        near = [Neighbour(image, 1, 2.5, True)] * count
        return NearestReal(near, near, self.ratio, 0.77, 0.01)


@pytest.mark.parametrize(
    ("ratio", "trained", "verdict"),
    [
        (0.5, True, "Suspiciously near to a training mass"),
        (0.9, True, "No sign of a copy"),
        (0.5, False, "says nothing about copying"),
    ],
)
def test_verdict_tells_a_copy_from_chance_and_from_another_cohort(
    monkeypatch, tmp_path, ratio, trained, verdict
):
    source = resources.DataSource(tmp_path / "real")
    source.real.mkdir()
    monkeypatch.setattr(resources, "installed_sources", lambda: [source])
    monkeypatch.setattr(nearest, "_missing", lambda source: 0)
    found = FoundNearby(ratio=ratio, trained=trained)
    monkeypatch.setattr(nearest, "_neighbourhood", lambda *_: found)

    app = open_synthetic(mass="1", mass_view="Nearest real masses")

    assert verdict in texts(app)
    assert "Below 0.770 counts as suspicious: 1 % of unseen real masses are" in texts(app)


def test_nearest_with_features_missing_offers_to_compute_them(tmp_path):
    for split in ("train", "test"):
        for flag, folder in ((0, "is_benign_false"), (1, "is_benign_true")):
            write_png(tmp_path / "data/cohort/site" / split / folder / name(flag=flag))

    app = open_synthetic(mass="1", mass_view="Nearest real masses")

    assert "masses have no features yet" in app.warning[0].value
    assert app.button(key="compute_features").label == "Compute features now"


def test_judgements_gather_and_can_be_taken_back():
    app = open_synthetic(mass="1", mass_class="malignant")
    assert "Open a mass and say below it" in texts(app)

    app.get_by_key("looks_real_cascade_1-malignant_1").set_value(4).run()
    app.get_by_key("looks_like_cascade_1-malignant_1").set_value("benign").run()
    app.number_input(key="mass").set_value(0).run()  # the answers stay

    assert not app.exception
    (table,) = (frame.value for frame in app.dataframe)
    assert table[["class", "seed", "looks_real", "looks_like"]].values.tolist() == [
        ["malignant", 1, 4, "benign"]
    ]
    assert "not a blind reading" in texts(app)
    app.number_input(key="mass").set_value(1).run()
    assert app.get_by_key("looks_real_cascade_1-malignant_1").value == 4
    app.get_by_key("looks_real_cascade_1-malignant_1").set_value(None).run()
    app.get_by_key("looks_like_cascade_1-malignant_1").set_value(None).run()
    app.number_input(key="mass").set_value(2).run()
    assert not app.dataframe


def test_quality_shows_this_generator_the_papers_set_and_real_masses():
    shown = texts(open_synthetic())

    assert "cascade | the paper's | held-out real" in shown
    assert "**0.015 ± 0.001** | 0.076 ± 0.003 | 0.000 ± 0.000" in shown
    assert "no privacy guarantee" in shown


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_talk_mode_has_five_slides(step):
    app = open_synthetic(talk="1", step=str(step))

    assert f"{step} of 5" in texts(app)
    assert "not for diagnosis" in texts(app)
    assert not app.get("download_button")
    if step == 5:
        assert "cascade guarantees nothing" in texts(app)
        assert "(10, 0.0001)-differential privacy" in texts(app)


def test_without_a_generator_the_page_says_how_to_get_one(monkeypatch, tmp_path):
    monkeypatch.setattr(drawing, "models_dir", lambda: tmp_path)

    for query in ({}, {"talk": "1"}):
        app = open_synthetic(**query)

        assert "No generator is installed" in app.info[0].value
        assert "gan train" in app.info[0].value


def test_damaged_generator_is_an_error_to_read_and_no_traceback(monkeypatch, tmp_path):
    from mammo_core.synthesis.cards import write_card

    card = load_card(models_dir() / "cascade_private")
    write_card(dataclasses.replace(card, sha256="0" * 64), tmp_path / "broken")
    (tmp_path / "broken.safetensors").write_bytes(b"not these")
    monkeypatch.setattr(drawing, "models_dir", lambda: tmp_path)

    app = open_synthetic()

    assert "These masses cannot be drawn" in app.error[0].value
    assert "with sha256 0000" in app.error[0].value
