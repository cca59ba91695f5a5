"""Finds what tables say of the masses of a cohort: density, shape, margins and other facts for subgroups."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mammo_core.cohorts.cohort import Cohort
from mammo_core.errors import IngestionError
from mammo_core.ingestion.imports.cbis import case_details, has_tables
from mammo_core.ingestion.imports.cohort_writer import METADATA
from mammo_core.ingestion.imports.details import FIELDS, tidy_details
from mammo_core.storage.tables import read_csv

# patient, image, and label or mass
_Key = tuple[str, str, Any]
_KEPT = tuple(name for name in FIELDS if name != "pathology")  # which is the label


def mass_details(
    folder: Path | None, cohort: Cohort, tables: Path | None = None
) -> dict[str, np.ndarray]:
    """Joins masses with what is known of them, in the fixed vocabularies of `details`.

    The case descriptions of CBIS-DDSM are joined by patient, series number of the image and label: the paper's
    files are named by the last part of the series' UID. An imported cohort is joined with its own metadata.csv
    by patient, image and mass. Age is not among the facts: an import leaves it behind.

    Args:
        folder: Of the cohort, where case descriptions or metadata.csv are looked for; None of the demo.
        cohort: Its masses.
        tables: A case description, or a folder with some; None takes what the cohort's folder holds.

    Returns:
        By field, (N,) str, "" where nothing is known of a mass. Fields that nothing is known of are left out.

    Raises:
        IngestionError: If `tables` are no case descriptions, or a table joins to no mass.
    """
    if tables is not None or (folder is not None and has_tables(folder)):
        source = tables or folder
        assert source is not None
        keys = _keys(cohort, cohort.labels)
        found, columns = _look_up(keys, case_details(source)), "patient, series number and label"
    elif folder is not None and (folder / METADATA).is_file():
        source = folder / METADATA
        keys = _keys(cohort, cohort.mass_ids)
        found, columns = _look_up(keys, _imported(source)), "patient, image and mass"
    else:
        return {}
    if not any(found):
        raise IngestionError(
            f"Expected {source.name} to describe some of these {len(cohort)} masses; none of its rows has the "
            f"{columns} of one. Check that the table belongs to this cohort."
        )
    words = {
        name: np.array([facts.get(name, "") for facts in found], dtype=np.str_) for name in _KEPT
    }
    return {name: column for name, column in words.items() if np.any(column != "")}


def _keys(cohort: Cohort, last: np.ndarray) -> list[_Key]:
    return list(
        zip(cohort.patient_ids.tolist(), cohort.image_ids.tolist(), last.tolist(), strict=True)
    )


def _look_up(keys: list[_Key], known: Mapping[_Key, dict[str, str]]) -> list[dict[str, str]]:
    return [known.get(key, {}) for key in keys]


def _imported(path: Path) -> dict[_Key, dict[str, str]]:
    """Reads the facts in the metadata.csv of an import, by patient, image and mass."""
    table = read_csv(path, dtype=str, keep_default_na=False)
    lacking = [name for name in ("patient", "image", "mass") if name not in table.columns]
    if lacking:
        raise IngestionError(
            f"Expected the columns patient, image and mass in {path.name}; got none called {', '.join(lacking)}. "
            "Import the cohort again, or take the file away."
        )
    ids = zip(*(table[name] for name in ("patient", "image", "mass")), strict=True)
    rows = table.reindex(columns=list(FIELDS), fill_value="")
    facts = (
        dict(zip(list[str](FIELDS), cells, strict=True)) for cells in rows.itertuples(index=False)
    )
    return {key: tidy_details(cells) for key, cells in zip(ids, facts, strict=True)}
