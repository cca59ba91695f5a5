"""Finds the pixels of a study's cases, where its cohort and its generators are installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from mammo_core.cohorts.cohort import Cohort
from mammo_core.errors import CheckpointError, CohortError, InvalidRequestError
from mammo_core.studies.study import PAPER, REAL, Study, StudyCase
from mammo_core.synthesis.cards import GeneratorCard
from mammo_core.synthesis.mass_id import MassId

Draw = Callable[[str, Sequence[MassId]], Sequence[np.ndarray]]  # of a generator, by name


def require_generators(study: Study, cards: Mapping[str, GeneratorCard]) -> None:
    """Raises CheckpointError unless the generators of a study are installed, the very ones it was made with."""
    for name, sha256 in study.generators.items():
        if name not in cards or cards[name].sha256 != sha256:
            raise CheckpointError(
                f"Expected the generator {name} with the weights {sha256[:8]}; "
                f"{'found others' if name in cards else 'found none'}. Get the generator that the study was made with."
            )


def study_images(study: Study, draw: Draw, cohorts: Iterable[Cohort]) -> dict[str, np.ndarray]:
    """Gets the pixels of all cases by id, (H, H) uint8 each.

    All at once: how long one takes would tell where it is from.

    Args:
        draw: Draws masses of a generator.
        cohorts: Installed ones, real and synthetic; read only if a case needs them.

    Raises:
        CohortError: If a mass is not installed here.
        InvalidRequestError: If masses are of several sizes, which would tell where they are from.
    """
    of_source: dict[str, list[StudyCase]] = {}
    for case in study.by_id.values():
        of_source.setdefault("" if case.source in (REAL, PAPER) else case.source, []).append(case)
    kept = of_source.pop("", [])
    pixels = _installed({case.key for case in kept}, cohorts) if kept else {}
    images = {case.id: pixels[case.key] for case in kept}
    for name, cases in of_source.items():
        drawn = draw(name, [MassId(case.label, int(case.key)) for case in cases])
        images |= {case.id: image for case, image in zip(cases, drawn, strict=True)}
    sizes = {image.shape for image in images.values()}
    if len(sizes) > 1:
        raise InvalidRequestError(
            f"Expected masses of one size in the study {study.key}; got {sorted(sizes)}. The size would tell where a "
            "mass is from. Make a study of sources of one size."
        )
    return images


def _installed(wanted: set[str], cohorts: Iterable[Cohort]) -> dict[str, np.ndarray]:
    """Pixels by their hash."""
    found: dict[str, np.ndarray] = {}
    for cohort in cohorts:
        rows = {hash: row for row, hash in enumerate(cohort.image_hashes) if hash in wanted}
        found |= {hash: cohort.images[row] for hash, row in rows.items()}
        if len(found) == len(wanted):
            return found
    raise CohortError(
        f"Expected the {len(wanted)} masses of this study that no generator draws; found {len(found)} of them here. "
        "Install the cohort that the study was made with. Masses of patients never travel with a study."
    )
