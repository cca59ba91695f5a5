"""Whether a folder of synthetic masses proves which generator drew them, and what is taken for the worst."""

import zipfile
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from mammo_core.cohorts.demo import DEMO_GENERATOR
from mammo_core.cohorts.folders import read_real
from mammo_core.cohorts.installed import DataSource, load_source, read_training_data
from mammo_core.cohorts.origins import PAPER_ORIGIN, origin_of_card, origin_of_folder, training_data
from mammo_core.generators.files import SyntheticMass, png_zip
from mammo_core.labels import BENIGN, MALIGNANT
from mammo_core.privacy.statements.training_data import UNKNOWN_ORIGIN
from mammo_core.synthesis.cards import load_card, write_card
from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import models_dir
from mammo_core.system.secret_key import hash_patients

CARD = load_card(models_dir() / "cascade_private")


@pytest.fixture
def folder(tmp_path):
    """A ZIP file as the app gives it, unpacked."""
    rng = np.random.default_rng(0)
    ids = [MassId(BENIGN, 3), MassId(MALIGNANT, 3)]
    masses = [SyntheticMass(id, rng.integers(0, 256, (16, 16)).astype(np.uint8)) for id in ids]
    zipfile.ZipFile(BytesIO(png_zip(masses, CARD, "cascade_private"))).extractall(tmp_path)
    return tmp_path


def test_unpacked_zip_proves_its_generator(folder):
    origin = origin_of_folder(folder)

    assert origin == origin_of_card("cascade_private", CARD)
    assert origin.generator == "cascade_private"
    assert origin.patients == CARD.possible_patients
    assert origin.guarantee == CARD.guarantee


def test_other_files_beside_the_masses_do_not_matter(folder):
    (folder / "notes.json").write_text("[1, 2]")
    (folder / "broken.json").write_text("{")

    assert origin_of_folder(folder).generator == "cascade_private"


def swap(folder):
    first, second = sorted(folder.glob("*.png"))
    first.write_bytes(second.read_bytes())


def add(folder):
    (first, _) = sorted(folder.glob("*.png"))
    (folder / "seed9_benign.png").write_bytes(first.read_bytes())


def other_generator(folder):
    write_card(replace(CARD, sha256="0" * 64), folder / "cascade_private.json")


def second_card(folder):
    write_card(CARD, folder / "another.json")


def unsigned_card(folder):
    write_card(replace(CARD, sha256=""), folder / "cascade_private.json")
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(CARD.sha256, ""))


def no_card(folder):
    (folder / "cascade_private.json").unlink()


def no_manifest(folder):
    (folder / "manifest.csv").unlink()


def old_manifest(folder):
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("file_sha256", "something"))


def no_masses(folder):
    for path in folder.glob("*.png"):
        path.unlink()


@pytest.mark.parametrize(
    "spoil",
    [
        *(swap, add, other_generator, second_card, unsigned_card, no_card),
        *(no_manifest, old_manifest, no_masses),
    ],
)
def test_anything_that_does_not_fit_is_of_unknown_origin(folder, spoil):
    spoil(folder)

    assert origin_of_folder(folder) == UNKNOWN_ORIGIN


def test_the_papers_masses_are_known_by_their_names(tmp_path):
    for name in ("batch_0_1_benign", "batch_23_9_malignant"):
        (tmp_path / f"{name}.png").touch()

    assert origin_of_folder(tmp_path) == PAPER_ORIGIN
    assert PAPER_ORIGIN.guarantee is None

    (tmp_path / "mine_benign.png").touch()
    assert origin_of_folder(tmp_path) == UNKNOWN_ORIGIN


def test_training_data_counts_patients_and_the_one_with_most_masses():
    data = training_data(np.array(["a", "b", "a", "c", "a"]), 7, UNKNOWN_ORIGIN)

    assert (data.num_patients, data.num_images, data.num_synthetic) == (3, 5, 7)
    assert data.largest_patient == 3
    assert data.patients == hash_patients("abc")
    assert data.num_units("real", "patient") == 3
    assert data.num_units("pretrain", "image") == 5
    assert data.num_units("synthetic", "patient") == 7


def test_demo_is_a_demonstration_drawn_from_the_shipped_generator():
    described = read_training_data(DataSource())

    assert described.is_demonstration
    assert described.origin.generator == DEMO_GENERATOR
    assert not described.origin.patients & described.patients
    assert described.largest_patient == 3


@pytest.mark.real_data
def test_real_data_are_described_as_the_shipped_results_say(real_data):
    from mammo_core.results.shipped_statement import shipped_training_data

    source = DataSource(real_data / "dataset16062024", real_data / "synthetic_mcgan")

    described = read_training_data(source)

    assert described.origin == load_source(source).origin == PAPER_ORIGIN
    assert replace(described, patients=frozenset()) == shipped_training_data()
    assert described.patients < load_card(models_dir() / "cascade").possible_patients
    assert read_real(source.real).cohort.num_patients > described.num_patients
