import pytest

from mammo_core.errors import IngestionError
from mammo_core.ingestion.imports.patients import Owned, decide_patients, is_placeholder


def owned(table=(), files=(), studies=(), uids=()):
    """Images with ids by the table, by the files, and with studies."""
    count = max(map(len, (table, files, studies, uids)))

    def cells(values):
        return [*values, *[""] * (count - len(values))]

    return [
        Owned(by_table=one, by_file=two, study=study, uid=uid)
        for one, two, study, uid in zip(*map(cells, (table, files, studies, uids)), strict=True)
    ]


def test_ids_of_the_table_or_of_the_files_are_taken():
    table = decide_patients(owned(["P1", "P1", "P2"]), "")
    files = decide_patients(owned(files=["P1", "P1", "P2"]), "")

    assert table.ids == files.ids == ("P1", "P1", "P2")
    assert (table.record.as_in, table.record.by_table, table.record.by_files) == ("table", 2, 0)
    assert (files.record.as_in, files.record.by_table, files.record.by_files) == ("files", 0, 2)
    assert not table.record.confirmed
    assert table.record.doubts == ()


def test_table_with_other_names_for_the_same_patients_is_taken():
    found = decide_patients(owned(["w1", "w1", "w2", "", ""], ["P1", "P1", "P2", "P1", "P3"]), "")

    assert found.ids == ("w1", "w1", "w2", "w1", "P3")
    assert found.record.as_in == "table and files"


@pytest.mark.pitfall("One patient under two names")
@pytest.mark.parametrize(
    ("table", "files", "counts"),
    [
        (["a", "b", "c", "d"], ["P1", "P1", "P2", "P2"], ("4 patients", "2 patients")),
        (["a", "a", "a", "b"], ["P1", "P2", "P3", "P4"], ("2 patients", "4 patients")),
        (["a", "b", "b"], ["P1", "P1", "P2"], ("2 patients", "2 patients")),
    ],
)
def test_table_that_groups_images_otherwise_than_files_is_asked_about(table, files, counts):
    images = owned(table, files)

    with pytest.raises(IngestionError) as error:
        decide_patients(images, "")

    assert f"the table names {counts[0]}, the files' own PatientIDs {counts[1]}" in str(error.value)
    assert "--patients-as-in table, or files" in str(error.value)
    assert decide_patients(images, "table").ids == tuple(table)
    confirmed = decide_patients(images, "files")
    assert confirmed.ids == tuple(files)
    assert confirmed.record.confirmed
    assert confirmed.record.as_in == "files"
    assert len(confirmed.record.doubts) == 1
    assert (confirmed.record.by_table, confirmed.record.by_files) == (
        len(set(table)),
        len(set(files)),
    )


def test_ids_in_the_table_here_and_in_the_files_there_are_asked_about():
    with pytest.raises(IngestionError, match="nothing links the two"):
        decide_patients(owned(["a", "b", "", ""], ["", "", "P1", "P2"]), "")


@pytest.mark.parametrize(
    "identifier",
    [
        "removed",
        "ANONYMOUS",
        "Anonymized",
        "unknown",
        "Not Available",
        "n/a",
        "De-identified",
        "XXX",
    ],
)
def test_placeholders_of_several_images_are_asked_about(identifier):
    assert is_placeholder(identifier)
    for images in (owned([identifier] * 8), owned(files=["P1", "P2", identifier, identifier])):
        with pytest.raises(IngestionError, match="images have the patient id .*, a placeholder"):
            decide_patients(images, "")
    assert set(decide_patients(owned([identifier] * 8), "table").ids) == {identifier}


@pytest.mark.parametrize(
    "identifier", ["P1", "0", "anon-0007", "patient 3", "W", "ID4711", "Nan Li"]
)
def test_names_of_somebody_are_no_placeholders(identifier):
    assert not is_placeholder(identifier)


def test_placeholders_in_one_place_leave_it_to_the_other():
    for table, files in (
        (["P1", "P1", "P2"], ["ANONYMOUS"] * 3),
        (["removed"] * 3, ["P1", "P1", "P2"]),
    ):
        found = decide_patients(owned(table, files), "")

        assert found.ids == ("P1", "P1", "P2")
        assert found.record.as_in in ("table", "files")


def test_one_id_for_everything_is_asked_about():
    for images in (
        owned(["4711"] * 8),
        owned(files=["4711"] * 3, studies=["1.1", "1.2", "1.3"]),
        owned([*("P1", "P2", "P3"), *["4711"] * 10]),
        owned(files=["P1", "P2", *["4711"] * 6], studies=[f"1.{number}" for number in range(8)]),
    ):
        with pytest.raises(IngestionError, match="have one and the same patient id"):
            decide_patients(images, "")


def test_one_patient_with_a_usual_examination_is_no_doubt():
    images = owned(files=["4711"] * 4, studies=["1.1"] * 4)
    others = owned(files=[*["4711"] * 8, *["P1"] * 2], studies=["1.1", "1.2"] * 4 + ["1.3"] * 2)

    assert decide_patients(images, "").record.doubts == ()
    assert decide_patients(others, "").record.doubts == ()


@pytest.mark.pitfall("One patient under two names")
@pytest.mark.parametrize(
    ("ids", "without"),
    [
        (
            [
                "Mass-Training_P_00000_LEFT_CC",
                "Mass-Training_P_00000_LEFT_MLO",
                "Mass-Training_P_00001_LEFT_CC",
            ],
            2,
        ),
        (["P1_LEFT_CC_1", "P1_LEFT_CC_2", "P2_RIGHT_MLO_1"], 2),
        (["P01-L", "P01-R", "P02-L"], 2),
        (["12LCC", "12RMLO", "13LCC"], 2),
        (["P12CCL", "P12MLOL", "P13CCL"], 2),
        (["P1-LeftCC.dcm", "P1-RightMLO.dcm", "P2-LeftCC.dcm"], 2),
        (["P1_view1", "P1_view2"], 1),
        (["LCC_0007", "RCC_0007"], 1),
        (["a_left", "a_right", "b_left"], 2),
    ],
)
def test_ids_of_views_are_asked_about(ids, without):
    with pytest.raises(IngestionError) as error:
        decide_patients(owned(files=ids), "")

    assert (
        f"side or view (as 12_LEFT_CC and 12_LEFT_MLO do) only: {len(ids)} patients as written, {without} "
        in str(error.value)
    )
    assert decide_patients(owned(files=ids), "files").ids == tuple(ids)


@pytest.mark.pitfall("One patient under two names")
@pytest.mark.parametrize(
    "ids",
    [
        ["1", "0001"],
        ["P1", "P0001"],
        ["7", "7.0"],
        ["p12", "P12"],
        ["P 12", "P12"],
        ["A-01", "A_1"],
    ],
)
def test_ids_that_differ_by_zeros_or_case_are_asked_about(ids):
    with pytest.raises(
        IngestionError, match=r"leading zeros, case, .* 3 patients as written, 2 without"
    ):
        decide_patients(owned([*ids, "other"]), "")


@pytest.mark.parametrize(
    "ids",
    [
        ["0.0", "1.0", "2.0", "10.0"],
        ["P1", "P11", "P1_1"],
        ["L-001", "R-002"],
        ["1.2.3", "1.2.30"],
        ["CC", "MLO"],
        ["3f2a", "3f2b"],
    ],
)
def test_other_ids_are_no_doubt(ids):
    assert decide_patients(owned(ids), "").record.doubts == ()


@pytest.mark.pitfall("One patient under two names")
def test_ids_that_contradict_studies_or_are_uids_are_asked_about():
    with pytest.raises(
        IngestionError, match="one study have different patient ids: 3 patients as written, 2 by"
    ):
        decide_patients(owned(files=["a8f", "b7c", "c9d"], studies=["1.1", "1.1", "1.2"]), "")
    with pytest.raises(IngestionError, match="UIDs of images or series"):
        decide_patients(owned(["1.2.1", "1.2.2"], uids=["1.2.1", "1.2.2"]), "")


def test_one_patient_per_file_is_refused_where_ids_say_otherwise():
    alone = decide_patients(owned(["P1", "P2", ""]), "", one_per_file=True)

    assert (alone.ids, alone.record.as_in) == (("", "", ""), "each file")
    assert decide_patients(owned(["removed"] * 3), "", one_per_file=True).record.doubts == ()
    with pytest.raises(IngestionError, match="makes 3 patients of 3 files, but the table names 2"):
        decide_patients(owned(["P1", "P1", "P2"]), "", one_per_file=True)


def test_one_patient_per_file_is_doubted_where_files_are_called_as_views():
    names = ("12_L_CC", "12_R_CC", "13_L_CC", "14")
    found = decide_patients([Owned(name=name) for name in names], "", one_per_file=True)

    assert found.record.doubts == (
        "names of files differ by side or view only: one patient per file makes 4, without that there are 3.",
    )


def test_an_id_is_one_however_its_umlauts_are_written():
    assert set(decide_patients(owned(["Mu\u0308ller", "M\u00fcller "]), "").ids) == {"M\u00fcller"}


def test_doubts_name_nobody():
    images = owned(["DOE-JANE_LCC", "DOE-JANE_RCC", "DOE-JANE_LCC"], ["JANE-1", "JANE-1", "JANE-2"])

    with pytest.raises(IngestionError) as error:
        decide_patients(images, "")
    record = decide_patients(images, "table").record

    for text in (str(error.value), *record.doubts, record.said):
        assert "JANE" not in text.upper()
    assert len(record.doubts) == 2
