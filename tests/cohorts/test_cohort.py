import pytest

from mammo_core.cohorts.cohort import join
from mammo_core.cohorts.installed import DataSource, find_sources, load_source
from mammo_core.errors import CohortError, InvalidRequestError
from tests.cohorts.test_folders import name, write_png
from tests.conftest import make_cohort


def test_training_site_is_the_only_one_with_a_train_split():
    cohort = join([make_cohort(site="a"), make_cohort(site="b", split="test")])

    assert cohort.training_site() == "a"
    assert cohort.sites_with("test") == ["b"]


def test_several_training_sites_need_a_name():
    cohort = join([make_cohort(site="a"), make_cohort(site="b")])

    with pytest.raises(CohortError, match="found 2: a, b. Name one with --site"):
        cohort.training_site()
    assert cohort.training_site("b") == "b"
    with pytest.raises(CohortError, match="found train splits at: a, b"):
        cohort.training_site("c")


def test_no_training_site_says_what_to_add():
    with pytest.raises(CohortError, match="found 0. Add a folder SITE/train"):
        make_cohort(split="test").training_site()


def test_cohorts_of_different_sizes_cannot_be_joined():
    with pytest.raises(InvalidRequestError, match="one image size"):
        join([make_cohort(), make_cohort(size=8)])


def test_without_data_only_the_demo_is_found(tmp_path):
    assert find_sources(tmp_path) == [DataSource()]
    assert find_sources(tmp_path / "missing") == [DataSource()]


def test_the_public_repository_is_found_as_downloaded(tmp_path):
    data = tmp_path / "mammo_dp-main"
    real = data / "dataset16062024"
    for flag, folder in ((0, "is_benign_false"), (1, "is_benign_true")):
        write_png(real / "cbis-ddsm/train" / folder / name(flag=flag))
    synthetic = data / "extension/synthetic_data/cbis-ddsm/c-dcgan"
    write_png(synthetic / "batch_0_1_malignant.png")

    found = find_sources(tmp_path)

    assert found == [DataSource(real, synthetic), DataSource()]
    loaded = load_source(found[0])
    assert len(loaded.real) == 2
    assert loaded.synthetic is not None
