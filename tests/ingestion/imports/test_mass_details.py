import numpy as np
import pytest

from mammo_core.errors import IngestionError
from mammo_core.ingestion.imports.mass_details import mass_details
from tests.conftest import make_cohort
from tests.ingestion.imports.made_imports import CBIS_COLUMNS, UID, write_table

SERIES = ("1048", "2073", "3099")


def described(patient, series, *, density="3", shape="OVAL", pathology="BENIGN", number="1"):
    """A row of a case description as the archive writes it, with its line breaks inside paths."""
    case = f"Mass-Training_{patient}_LEFT_CC"
    paths = [
        f"{case}/{UID}.77/{UID}.{series}/000000.dcm",
        *[f"{case}_1/{UID}.5/{UID}.6/0.dcm\n"] * 2,
    ]
    return [
        *(patient, density, "LEFT", "CC", number, "mass", shape, "SPICULATED", "4"),
        *(pathology, "5", *paths),
    ]


def write_description(folder, rows, split="train", columns=CBIS_COLUMNS):
    return write_table(folder / f"mass_case_description_{split}_set.csv", columns, rows)


@pytest.fixture
def cohort():
    """Three masses as the paper's files name them: two on one image of one patient, one of another."""
    masses = make_cohort(3, 1)
    return masses.where(np.array([0, 2, 1])).__class__(
        images=masses.images,
        labels=np.array([0, 0, 1]),
        patient_ids=np.array(["cbis-ddsm__P_00001"] * 2 + ["cbis-ddsm__P_00002"]),
        image_ids=np.array([SERIES[0], SERIES[0], SERIES[1]]),
        mass_ids=np.array(["0", "1", "2"]),
        sites=np.full(3, "cbis-ddsm"),
        splits=np.full(3, "train"),
        source="real",
    )


def test_case_descriptions_are_joined_by_patient_series_and_label(tmp_path, cohort):
    write_description(
        tmp_path,
        [
            described("P_00001", SERIES[0], density="2"),
            described("P_00001", SERIES[0], density="2", shape="ROUND", number="2"),
            described("P_00001", SERIES[0], density="2", shape="LYMPH_NODE", pathology="MALIGNANT"),
            described("P_00002", SERIES[2], density="1", pathology="MALIGNANT"),
        ],
    )
    write_description(
        tmp_path,
        [described("P_00002", SERIES[1], density="4", shape="IRREGULAR", pathology="MALIGNANT")],
        split="test",
    )

    details = mass_details(None, cohort, tmp_path)

    assert details["density"].tolist() == ["2", "2", "4"]
    assert details["shape"].tolist() == ["", "", "irregular"]  # no row tells oval from round
    assert details["margins"].tolist() == ["spiculated"] * 3
    assert details["side"].tolist() == ["L"] * 3
    assert "pathology" not in details


def test_one_table_is_enough_and_others_are_unknown(tmp_path, cohort):
    path = write_description(tmp_path, [described("P_00002", SERIES[1], pathology="MALIGNANT")])

    details = mass_details(None, cohort, path)

    assert details["density"].tolist() == ["", "", "3"]


def test_descriptions_in_the_cohorts_folder_are_found(tmp_path, cohort):
    write_description(tmp_path, [described("P_00001", SERIES[0])])

    assert mass_details(tmp_path, cohort)["density"].tolist() == ["3", "3", ""]


def test_a_cohort_without_tables_and_the_demo_have_no_details(tmp_path, cohort):
    assert mass_details(tmp_path, cohort) == {}
    assert mass_details(None, cohort) == {}


@pytest.mark.parametrize(
    ("patient", "series", "pathology"),
    [
        ("P_00009", SERIES[1], "MALIGNANT"),
        ("P_00002", SERIES[2], "MALIGNANT"),
        ("P_00002", SERIES[1], "BENIGN"),
    ],
)
def test_a_table_that_joins_to_nothing_is_refused(tmp_path, cohort, patient, series, pathology):
    write_description(tmp_path, [described(patient, series, pathology=pathology)])

    with pytest.raises(IngestionError, match="none of its rows has the patient, series number"):
        mass_details(None, cohort, tmp_path)


def test_a_folder_without_descriptions_and_a_table_without_columns_are_refused(tmp_path, cohort):
    with pytest.raises(IngestionError, match=r"Expected mass_case_description_train_set\.csv"):
        mass_details(None, cohort, tmp_path)

    write_description(tmp_path, [["P_00001", "x"]], columns=("patient_id", "pathology"))
    with pytest.raises(IngestionError, match="Expected a column abnormality_id"):
        mass_details(None, cohort, tmp_path)


def test_an_imported_cohort_is_joined_with_its_own_table(tmp_path, cohort):
    columns = ("file", "patient", "image", "mass", "label", "density", "margins")
    rows = [
        ["a.png", "cbis-ddsm__P_00001", SERIES[0], "0", "0", "1", "obscured"],
        ["b.png", "cbis-ddsm__P_00002", SERIES[1], "2", "1", "4", "told her name"],
    ]
    write_table(tmp_path / "metadata.csv", columns, rows)

    details = mass_details(tmp_path, cohort)

    assert details["density"].tolist() == ["1", "", "4"]
    assert details["margins"].tolist() == ["obscured", "", ""]
    assert set(details) == {"density", "margins"}


def test_metadata_of_another_cohort_is_refused(tmp_path, cohort):
    path = tmp_path / "metadata.csv"
    write_table(path, ("patient", "image", "mass", "density"), [["x", "y", "z", "1"]])
    with pytest.raises(IngestionError, match="the patient, image and mass of one"):
        mass_details(tmp_path, cohort)

    write_table(path, ("patient", "density"), [["x", "1"]])
    with pytest.raises(IngestionError, match="none called image, mass"):
        mass_details(tmp_path, cohort)
