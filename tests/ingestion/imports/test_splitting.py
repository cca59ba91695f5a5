import pytest

from mammo_core.errors import InvalidRequestError
from mammo_core.ingestion.imports.details import tidy_details
from mammo_core.ingestion.imports.splitting import SplitPlan, assign_splits

PATIENTS = {f"p{number}": int(number % 4 == 0) for number in range(400)}
SHARES = {"val": 0.15, "test": 0.25}


def test_shares_hold_for_patients_with_and_without_a_malignant_mass():
    drawn = assign_splits(PATIENTS, SHARES, seed=0)

    assert drawn.keys() == PATIENTS.keys()
    for label, count in ((0, 300), (1, 100)):
        group = [split for patient, split in drawn.items() if PATIENTS[patient] == label]
        assert group.count("test") == count // 4
        assert group.count("val") == round(0.15 * count)


def test_a_draw_depends_on_seed_and_names_alone():
    backwards = dict(reversed(PATIENTS.items()))

    assert assign_splits(backwards, SHARES, 0) == assign_splits(PATIENTS, SHARES, 0)
    assert assign_splits(PATIENTS, SHARES, 1) != assign_splits(PATIENTS, SHARES, 0)


def test_everyone_may_test():
    assert set(assign_splits(PATIENTS, {"test": 1.0}, 0).values()) == {"test"}


@pytest.mark.parametrize(
    "settings",
    [{"by": "moon"}, {"val_share": 0.6, "test_share": 0.6}, {"val_share": -0.1}, {"seed": -1}],
)
def test_impossible_splits_are_refused(settings):
    with pytest.raises(InvalidRequestError, match="Expected"):
        SplitPlan(**settings)


def test_details_outside_the_vocabulary_are_left_behind():
    kept = tidy_details(
        {
            "side": "Right",
            "view": "mlo",
            "density": "2.0",
            "shape": "IRREGULAR-ARCHITECTURAL_DISTORTION",
            "margins": "SPICULATED, Jane Doe",
            "assessment": "4b",
            "pathology": "BENIGN_WITHOUT_CALLBACK",
            "subtlety": "17",
        }
    )

    assert kept == {
        "side": "R",
        "view": "MLO",
        "density": "2",
        "shape": "irregular-architectural_distortion",
        "margins": "",
        "assessment": "4b",
        "pathology": "benign_without_callback",
        "subtlety": "",
    }
