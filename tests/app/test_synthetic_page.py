"""The page of synthetic masses in process: links, bad links, the large view, quality, talk mode, nothing installed."""

import dataclasses

import numpy as np
import pytest
import torch

from mammo_core.synthesis.cards import GeneratorCard, load_card
from mammo_core.synthesis.checkpoints import save_generator
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.latent import directions
from mammo_core.synthesis.latent.directions import REACH, Directions
from mammo_core.synthesis.mass_id import MassId
from mammo_core.synthesis.sampling import build_generator
from mammo_core.system.paths import home_dir, models_dir
from pages.ui.components.grey_window import window_of
from pages.ui.masses import drawing, latent, nearest
from pages.ui.state import resources
from tests.app.helpers import open_page
from tests.cohorts.test_folders import name, write_png
from tests.conftest import make_cohort


def open_synthetic(**query):
    app = open_page("synthetic", **{"count": "2", **query})
    assert not app.exception
    return app


def texts(app):
    parts = [*app.markdown, *app.caption, *app.info, *app.warning, *app.success, *app.header]
    return " ".join(part.value for part in parts)


QUALITY_FILES = [
    "synthetic_quality.csv",
    "synthetic_quality.parquet",
    "All of these, with a README (ZIP)",
]


def labels(app):
    return [button.label for button in app.get("download_button")]


def test_page_says_what_it_shows_and_what_the_generator_promises():
    app = open_synthetic()

    assert "Research use only, not for diagnosis" in texts(app)
    assert "flow_gan gives no privacy guarantee" in texts(app)
    assert labels(app) == [
        "Download all 2 as PNG (ZIP)",
        "Download all 2 as DICOM (ZIP)",
        "Contact sheet of all 2 (PNG)",
        *QUALITY_FILES,
        "mammo_synthetic.py",
    ]
    assert "--count 2 --seed 0 --class both --truncation 1" in app.code[0].value


def test_private_generator_states_epsilon_delta_and_unit():
    app = open_synthetic(generator="cascade_private")

    assert "guarantees (10, 0.0001)-differential privacy to each patient" in texts(app)
    assert "gives no privacy guarantee" not in texts(app)


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
        "generator = nope: cannot be used. Shown instead: flow_gan.",
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


def test_directions_of_a_shipped_generator_are_named_and_never_searched_for(monkeypatch):
    monkeypatch.setattr(directions, "find_directions", None)  # finding them anew would fail

    app = open_synthetic(generator="cascade", mass="1", mass_view="Directions", direction2="1.5")
    app.slider(key="direction3").set_value(-2.0).run()

    assert not app.exception
    assert app.slider(key="direction2").value == 1.5
    assert app.slider(key="to_malignant").label.startswith("Towards malignant (")
    assert "brightness (mean grey):" in app.slider(key="direction1").help
    app.button(key="reset_directions").click().run()
    assert {app.slider(key=f"direction{i}").value for i in range(1, 7)} == {0.0}


def install(folder, name, **config):
    """Writes a small untrained generator."""
    config = GanConfig(architecture="mcgan", image_size_px=16, width=2, **config)
    card = GeneratorCard(
        config=config, training_data="", licence="", images_seen=1, device="CPU", command=""
    )
    return save_generator(build_generator(config), card, folder / name)


def test_directions_of_another_generator_are_found_once_and_kept(monkeypatch, tmp_path):
    install(tmp_path, "own", latent_dim=6)
    monkeypatch.setattr(drawing, "models_dir", lambda: tmp_path)

    found = drawing.directions("own")
    monkeypatch.setattr(directions, "find_directions", None)  # finding them anew would fail
    drawing.directions.clear()

    assert np.array_equal(drawing.directions("own").vectors, found.vectors)
    assert list((home_dir() / "directions").glob("*.safetensors"))


def test_a_generator_without_directions_says_so(monkeypatch, tmp_path):
    install(tmp_path, "short", latent_dim=5)
    monkeypatch.setattr(drawing, "models_dir", lambda: tmp_path)

    app = open_synthetic(mass="1", mass_view="Directions")

    assert "short has no directions to move along" in texts(app).replace("*", "")
    assert not [slider for slider in app.slider if "direction" in slider.key]


def slider_words(changes):
    words = latent._measured_sliders(Directions(torch.eye(len(changes)), torch.tensor(changes)))
    return [(slider.label, slider.left, slider.right) for slider in words]


def test_sliders_are_named_by_what_changes_most_and_by_which_end_is_more():
    towards = [-2.0, 0.1, 0.2, 0.3]
    size, density, none = [0.1, 0.9, 0.2, 0.3], [0.0, 0.1, 0.2, 3.0], [0.1, 0.1, 0.1, 0.1]

    assert slider_words([towards, size, density, none]) == [
        ("Towards malignant (brightness)", "brighter", "darker"),
        ("Size", "smaller", "larger"),
        ("Density", "less dense", "denser"),
        ("Hardly a change", "at the left", "at the right"),
    ]


def test_sliders_of_one_name_are_numbered_and_those_of_a_simulator_are_its_parameters(monkeypatch):
    found = Directions(torch.eye(3), torch.tensor([[0.0, 2, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0]]))
    monkeypatch.setattr(drawing, "directions", lambda name: found)

    labels = [slider.label for slider in latent._sliders("cascade")]
    simulated = [slider.label for slider in latent._sliders("simulated")]

    assert labels == ["Towards malignant (size)", "Brightness 1", "Brightness 2"]
    assert simulated[:3] == ["Size", "Density", "Margin"] and len(simulated) == 7


def test_moving_changes_the_mass_and_not_moving_does_not():
    mass = MassId(1, 4)
    drawn, twin = drawing.draw("cascade", [mass, mass.twin])

    still = drawing.moved_twins("cascade", mass, (0.0,) * 7)
    moved = drawing.moved_twins("cascade", mass, (2.0,) + (0.0,) * 6)

    np.testing.assert_array_equal(still, [drawn, twin])
    assert np.abs(moved[0].astype(int) - drawn).mean() > 1


def test_pictures_of_the_ends_are_what_the_sliders_lead_to():
    mass = MassId(1, 4)

    ends = drawing.ends_of_directions("cascade", mass)

    assert ends.shape == (7, 2, 128, 128)
    left = drawing.moved_twins("cascade", mass, (0.0, -REACH, *(0.0,) * 5))
    np.testing.assert_array_equal(ends[1, 0], left[0])


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
    assert "Open a mass and say how real it looks" in texts(app)

    app.get_by_key("looks_real_flow_gan_1-malignant_1").set_value(4).run()
    app.get_by_key("looks_like_flow_gan_1-malignant_1").set_value("benign").run()
    app.number_input(key="mass").set_value(0).run()  # the answers stay

    assert not app.exception
    table = next(frame.value for frame in app.dataframe if "looks_real" in frame.value)
    assert table[["class", "seed", "looks_real", "looks_like"]].values.tolist() == [
        ["malignant", 1, 4, "benign"]
    ]
    assert "not a blind reading" in texts(app)
    app.number_input(key="mass").set_value(1).run()
    assert app.get_by_key("looks_real_flow_gan_1-malignant_1").value == 4
    app.get_by_key("looks_real_flow_gan_1-malignant_1").set_value(None).run()
    app.get_by_key("looks_like_flow_gan_1-malignant_1").set_value(None).run()
    app.number_input(key="mass").set_value(2).run()
    assert not app.dataframe


def test_quality_is_one_table_of_every_set_with_the_best_marked_and_a_sentence_for_each():
    app = open_synthetic()
    table = app.table[0].value

    assert {"the paper's", "cascade", "simulated", "held-out real"} <= set(table.index)
    assert table.loc["cascade", "KID ↓"] == "**0.012 ★**"
    assert table.loc["the paper's", "KID ↓"] == "0.045"
    assert "★" not in " ".join(table.loc["held-out real"])
    for masses in table.index:
        assert f"- **{masses}**: " in texts(app)
    assert "no privacy guarantee" in texts(app)

    app.get_by_key("quality_by").set_value("the network they learned through").run()

    assert app.table[0].value.loc["cascade", "KID ↓"] == "**0.015 ★**"
    assert "Real or generated? → 0.5" not in app.table[0].value
    assert "It flatters the generators" in texts(app)


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5])
def test_talk_mode_has_five_slides(step):
    app = open_synthetic(talk="1", step=str(step))

    assert f"{step} of 5" in texts(app)
    assert "not for diagnosis" in texts(app)
    assert not app.get("download_button")
    if step == 5:
        assert "**cascade**: no guarantee" in texts(app)
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
