"""Turns your own mammograms into a cohort of masses: choose, try without writing, then import as a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.ingestion.images.crops import RECIPES
from mammo_core.ingestion.imports.plan import ImportPlan
from mammo_core.ingestion.imports.splitting import SplitPlan
from pages.ui.components.inputs import choose_one, number_input
from pages.ui.components.messages import shown_errors
from pages.ui.data.import_preview import show_preview
from pages.ui.data.import_source import choose_files
from pages.ui.data.jobs import newest_job, show_newest

if TYPE_CHECKING:
    from mammo_core.ingestion.imports.patients import PatientsAsIn
    from mammo_core.ingestion.imports.plan import ImportKind
    from mammo_core.ingestion.imports.splitting import SplitBy
    from mammo_core.jobs.store import JobView

_KIND_NAMES: dict[ImportKind, str] = {
    "pictures": "Pictures (PNG, JPEG, TIFF)",
    "dicom": "DICOM",
    "cbis-ddsm": "CBIS-DDSM as downloaded",
}
_NEEDS = {
    "pictures": "Grey images, and a table (CSV) with one row per mass: `file`, `patient_id`, `label` (benign "
    "or malignant), and the position of the mass. The position is a box (`x`, `y`, `width`, `height` in "
    "pixels) or the file of a `mask`. Other usual spellings are read, too. Without a position, each image "
    "counts as one mass that is already cut out.",
    "dicom": "Mammograms (MG, DX, CR, SC), and a table (CSV) with one row per mass: `file` or "
    "`sop_instance_uid`, `label`, and a box as `x`, `y`, `width`, `height`. A DICOM segmentation "
    "among the files can replace the box. Names and dates of patients are not copied. Keyed "
    "hashes replace identifiers.",
    "cbis-ddsm": "The folder of the archive's download, with its tables of case descriptions (CSV). The "
    "import finds mammograms, masks and the official test set by itself.",
}
_RECIPE_NAMES = {
    "standard": "around the middle of the mass",
    "paper": "as in the paper",
    "whole": "the whole box, for masses already cut out",
}
_PATIENT_NAMES: dict[PatientsAsIn, str] = {
    "": "as the ids say; stop if they are in doubt",
    "table": "as the table says; I checked its ids",
    "files": "as the DICOM files say; I checked their ids",
}
_SPLIT_NAMES = {
    "random": "drawn at random, by patient",
    "column": "from the column `split`",
    "official": "the official test set; validation drawn at random",
}


def show_import() -> None:
    """Draws the form, its trial, and the newest import."""
    kinds: tuple[ImportKind, ...] = ("pictures", "dicom", "cbis-ddsm")
    kind = choose_one("Kind of images", kinds, "data_kind", shown=lambda kind: _KIND_NAMES[kind])
    st.markdown(_NEEDS[kind])
    with shown_errors("These files cannot be imported"):
        plan = _choose_plan(kind)
        if plan is None:
            st.info(
                "Give the files above. Nothing is imported before you have seen the result.",
                icon=":material/touch_app:",
            )
        else:
            job = newest_job("import")
            show_preview(plan, can_start=job is None or job.is_over)
    show_newest("import", cohort=_cohort_of, finished="The masses are installed.")


def _cohort_of(job: JobView) -> str:
    from mammo_core.jobs.requests import ImportRequest

    assert isinstance(job.request, ImportRequest)
    return job.request.plan.name


def _choose_plan(kind: ImportKind) -> ImportPlan | None:
    """Reads the inputs as a plan; None until there are files.

    Raises:
        MammoError: If the inputs do not make one.
    """
    files = choose_files(kind)
    left, right = st.columns(2)
    name = left.text_input(
        "Name of the new cohort",
        "cbis-ddsm" if kind == "cbis-ddsm" else "own",
        key=f"data_name_{kind}",
        persist_state="session",
        max_chars=64,
        help=(
            "Letters, digits, dots, hyphens and underscores. A folder of this name appears in the "
            "data folder."
        ),
    )
    recipe = right.selectbox(
        "Cut masses",
        list(RECIPES),
        format_func=lambda name: _RECIPE_NAMES[name],
        key="data_recipe",
        persist_state="session",
    )
    split = _choose_split(kind)
    one_each = kind == "pictures" and st.checkbox(
        "The table names no patients, and every image shows a different patient",
        key="data_one_patient_per_file",
        help="If two images do show one patient, the stated privacy guarantees are better than the "
        "true ones. One patient may then be in both training and testing.",
    )
    as_in = "" if one_each else _choose_patients(kind)
    if files is None:
        return None
    return ImportPlan(
        kind=kind,
        source=files.source,
        name=name,
        labels=files.labels,
        boxes=files.boxes,
        masks=files.masks,
        recipe=RECIPES[recipe],
        split=split,
        one_patient_per_file=one_each,
        patients_as_in=as_in,
    )


def _choose_patients(kind: ImportKind) -> PatientsAsIn:
    """Asks whose ids of patients are right where they are in doubt."""
    if kind == "cbis-ddsm":
        return ""
    return st.selectbox(
        "Whose image it is",
        ("", "table", "files") if kind == "dicom" else ("", "table"),
        format_func=lambda where: _PATIENT_NAMES[where],
        key=f"data_patients_{kind}",
        help="Privacy is guaranteed to patients. If ids are placeholders, differ by view only, or if the table "
        "and the files group images differently, the import stops. Choose here which ids are right.",
    )


def _choose_split(kind: ImportKind) -> SplitPlan:
    ways: tuple[SplitBy, ...] = (
        ("official", "random") if kind == "cbis-ddsm" else ("random", "column")
    )
    by = st.selectbox(
        "Split into train, validation and test",
        ways,
        format_func=lambda way: _SPLIT_NAMES[way],
        key=f"data_split_{kind}",
        persist_state="session",
        help="No patient is in more than one of them.",
    )
    if by == "column":
        return SplitPlan(by=by)
    with st.container(horizontal=True):
        val = number_input(
            "Validation, %", 0, 90, 15, key="data_val_share", persist_state="session", width=150
        )
        test = (
            number_input(
                "Test, %",
                0,
                100,
                20,
                key="data_test_share",
                persist_state="session",
                width=150,
                help="100 makes a cohort for testing only.",
            )
            if by == "random"
            else 0
        )
        seed = number_input(
            "Seed of the draw",
            0,
            10**6,
            0,
            key="data_split_seed",
            persist_state="session",
            width=150,
        )
    if by == "random" and test == 100:
        val = 0
    return SplitPlan(by=by, seed=seed, val_share=val / 100, test_share=test / 100)
