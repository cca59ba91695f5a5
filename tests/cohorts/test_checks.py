from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mammo_core.cohorts.checks import check_cohort, summary_rows
from mammo_core.cohorts.cohort import join
from mammo_core.cohorts.folders import CohortReading, SkippedFile, read_real, read_synthetic
from tests.conftest import make_cohort


def reading_of(cohort, skipped=()):
    return CohortReading(cohort, [Path(f"{i}.png") for i in range(len(cohort))], list(skipped))


def kinds(cohort, skipped=()):
    return {finding.kind for finding in check_cohort(reading_of(cohort, skipped))}


def test_clean_cohort_has_no_findings():
    assert check_cohort(reading_of(make_cohort())) == []


def test_identical_images_are_found_and_conflicting_labels_are_an_error():
    cohort = make_cohort(20, 1)
    images = cohort.images.copy()
    images[2] = images[0]  # both benign
    images[5] = images[4]  # malignant and benign

    findings = check_cohort(reading_of(replace(cohort, images=images)))

    assert [(f.kind, f.severity) for f in findings] == [
        ("identical images with different labels", "error"),
        ("identical images", "warning"),
    ]
    assert findings[0].files == (Path("4.png"), Path("5.png"))


def test_patient_in_two_splits_is_an_error():
    train, test = make_cohort(), make_cohort(split="test", seed=1)
    leaked = test.patient_ids.copy()
    leaked[:2] = train.patient_ids[0]

    assert kinds(join([train, replace(test, patient_ids=leaked)])) == {"patient in two splits"}


def test_same_patient_name_at_two_sites_is_no_leak():
    train, test = make_cohort(), make_cohort(site="other", split="test", seed=1)

    assert kinds(join([train, replace(test, patient_ids=train.patient_ids)])) == set()


def test_patient_with_many_masses_is_named():
    cohort = make_cohort(10, 7)

    (finding,) = check_cohort(reading_of(cohort))

    assert finding.kind == "patients with many masses"
    assert "10 patients" in finding.message
    assert "up to 7" in finding.message


def test_empty_class_is_an_error():
    cohort = make_cohort()

    assert kinds(replace(cohort, labels=np.zeros_like(cohort.labels))) == {"empty class"}


def test_shifted_class_balance_is_a_warning():
    test = make_cohort(split="test", seed=1)
    labels = test.labels.copy()
    labels[:12] = 0

    assert kinds(join([make_cohort(), replace(test, labels=labels)])) == {"class balance differs"}


def test_files_left_out_are_listed_first():
    skipped = SkippedFile(Path("x.png"), "unreadable", "Expected a PNG image; got rubbish.")

    (finding,) = check_cohort(reading_of(make_cohort(), [skipped]))

    assert (finding.kind, finding.severity) == ("unreadable", "error")


@pytest.mark.real_data
def test_known_defects_of_the_real_data_are_found_and_nothing_else(real_data):
    reading = read_real(real_data / "dataset16062024")

    findings = check_cohort(reading)

    duplicates = [finding for finding in findings if finding.kind.startswith("identical images")]
    conflict = "bcdr__193, image 199, mass 1343: malignant; bcdr/test patient bcdr__193, image 199, mass 770"
    assert len(duplicates) == 8
    assert any(conflict in finding.message for finding in findings)
    assert any(
        "patient cbis-ddsm__P_00106" in f.message and "up to 14" in f.message for f in findings
    )
    assert any("patient bcdr__473" in f.message and "up to 12" in f.message for f in findings)
    assert any("39% malignant against 48%" in finding.message for finding in findings)
    assert {finding.kind for finding in findings} == {
        "identical images",
        "identical images with different labels",
        "patients with many masses",
        "class balance differs",
    }


@pytest.mark.real_data
def test_real_data_has_the_published_numbers_of_masses_and_patients(real_data):
    rows = {
        row["part"]: row for row in summary_rows(read_real(real_data / "dataset16062024").cohort)
    }

    counts = {part: (row["masses"], row["patients"]) for part, row in rows.items()}
    assert counts == {
        "cbis-ddsm/train": (1104, 578),
        "cbis-ddsm/val": (192, 102),
        "cbis-ddsm/test": (402, 212),
        "bcdr/test": (1106, 394),
    }


@pytest.mark.real_data
def test_published_synthetic_masses_are_half_malignant(real_data):
    cohort = read_synthetic(real_data / "synthetic_mcgan").cohort

    assert len(cohort) == 3000
    assert cohort.labels.sum() == 1500
