import pytest

from mammo_core.cli.gan_sample import _requests
from mammo_core.errors import InvalidRequestError
from mammo_core.labels import BENIGN, MALIGNANT
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.synthesis.mass_id import MAX_SEED, MassId, masses_in_order
from mammo_core.system.paths import models_dir


@pytest.mark.parametrize("values", [(2, 0), (0, -1), (0, MAX_SEED + 1), (0, 0, 0.0), (0, 0, 1.5)])
def test_impossible_masses_are_refused(values):
    with pytest.raises(InvalidRequestError, match="Expected"):
        MassId(*values)


@pytest.mark.parametrize("key", ["", "7", "7-", "-malignant", "-1-benign", "7-cyst", "²-benign"])
def test_keys_that_name_no_mass_are_refused(key):
    with pytest.raises(InvalidRequestError, match="Write for example 7-malignant"):
        MassId.from_key(key)


def test_twin_differs_in_class_only():
    mass = MassId(BENIGN, 5, 0.7)

    assert mass.twin == MassId(MALIGNANT, 5, 0.7)
    assert mass.twin.twin == mass


@pytest.mark.parametrize(
    ("name", "classes"), [("both", (0, 1)), ("malignant", (1,)), ("benign", (0,))]
)
def test_order_is_that_of_the_command(name, classes):
    from argparse import Namespace

    generator, _ = load_generator(models_dir() / "cascade_private")
    options = Namespace(
        truncation=0.5, mass_class=name, seed=3, count=5, twins=False, towards=None, along=None
    )

    drawn = [(item.name, item.label) for item in _requests(generator, options)]

    ours = list(masses_in_order(classes, 5, 3, 0.5))
    assert drawn == [(f"seed{mass.seed}", mass.label) for mass in ours]
