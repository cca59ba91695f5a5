"""Imports mammograms as a cohort of masses: surveys them, cuts masses on all cores, names the cohort."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from mammo_core.cohorts.checks import Finding, check_cohort
from mammo_core.cohorts.folders import read_real
from mammo_core.errors import IngestionError
from mammo_core.ingestion.images.sandbox import map_safely
from mammo_core.ingestion.imports.cohort_writer import CutMass, open_cohort, require_free
from mammo_core.ingestion.imports.cutting import cut_task
from mammo_core.ingestion.imports.import_report import (
    ImportPreview,
    ImportReport,
    SampleCrop,
    count_splits,
)
from mammo_core.ingestion.imports.plan import ImportPlan
from mammo_core.ingestion.imports.pseudonyms import Pseudonyms
from mammo_core.ingestion.imports.source import (
    OnProgress,
    ShouldStop,
    nothing_left,
    survey_source,
    unpacked,
)
from mammo_core.ingestion.imports.survey import ImageToCut, MassToCut, Skipped, Survey, counted

_CUT = "mammo_core.ingestion.imports.cutting:cut"
_CHECKED_BYTES = 256 << 20  # of pixels; a larger cohort is checked on demand, not in passing
_LARGE_TIMES = 3  # as high as a mass: most likely a mammogram, and no mass that is cut out already
_ENOUGH = 3  # masses, to judge all of them by where they are
_FAR_LARGER_PX = 400  # than 100, which percentages end at
_NOT_CHECKED = "The cohort is too large to be checked in passing: run `data check` on it."


def preview_import(
    plan: ImportPlan,
    data_dir: Path,
    home: Path,
    *,
    num_samples: int = 8,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> ImportPreview:
    """Says what an import would do; keeps nothing but the salt of pseudonyms, if there was none.

    Args:
        data_dir: Where a ZIP file is unpacked meanwhile.
        home: Of the program, where the salt is.
        num_samples: Masses to cut and show, from images spread over the whole.
        on_progress: Called with (files read, files).

    Raises:
        IngestionError: If the tables cannot be used, or nothing can be imported.
    """
    workers = workers or _num_cores()
    with unpacked(plan, data_dir, should_stop) as source:
        survey = survey_source(
            plan,
            source,
            Pseudonyms(home),
            workers=workers,
            on_progress=on_progress,
            should_stop=should_stop,
        )
        if not survey.images and not (should_stop and should_stop()):
            raise nothing_left(survey.skipped, naming_files=True)
        chosen = _spread(survey.images, num_samples)
        cuts = [
            _Cut(image, result) for image, result in _cut_all(chosen, plan, workers, should_stop)
        ]
    masses = [
        {"split": image.split, "patient": image.patient, "label": mass.label}
        for image in survey.images
        for mass in image.masses
    ]
    return ImportPreview(
        num_images=len(survey.images),
        num_masses=len(masses),
        num_patients=len(survey.patients),
        counts=count_splits(masses),
        tables=survey.tables,
        notes=survey.notes,
        skipped=(*survey.skipped, *(one for cut in cuts for one in cut.skipped)),
        warnings=(
            *survey.warnings,
            *_odd_places(plan, survey, [place for cut in cuts for place in cut.places]),
            *counted(text for cut in cuts for text in cut.warnings),
        ),
        samples=tuple(sample for cut in cuts for sample in cut.samples)[:num_samples],
    )


def run_import(
    plan: ImportPlan,
    data_dir: Path,
    home: Path,
    *,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
) -> ImportReport:
    """Writes data_dir/NAME/SITE/SPLIT/is_benign_*/….png with metadata.csv, and import.json with the report.

    An interrupted import resumes when called again with the same plan on the same files. Images that are done are
    kept; skipped ones are tried again.

    Args:
        home: Of the program, where the salt of pseudonyms is.
        workers: Processes that read images; by default one for each core.
        on_progress: Called with (files read, files), then with (images done, images).
        should_stop: Asked about twenty times a second; what is done by then is kept.

    Returns:
        The report; its `folder` is None if it was stopped.

    Raises:
        IngestionError: If the name is taken, the tables cannot be used, nothing can be imported, or the disk is
            full or read-only.
    """
    started, workers = time.monotonic(), workers or _num_cores()
    require_free(data_dir, plan.name)
    pseudonyms = Pseudonyms(home)
    with unpacked(plan, data_dir, should_stop) as source:
        survey = survey_source(
            plan,
            source,
            pseudonyms,
            workers=workers,
            on_progress=on_progress,
            should_stop=should_stop,
        )
        if not survey.images and not (should_stop and should_stop()):
            raise nothing_left(survey.skipped, naming_files=False)
        skipped, warnings, done = list(survey.skipped), [], 0
        with open_cohort(data_dir, plan.name, _identity(plan, survey, pseudonyms)) as writer:
            left = [image for image in survey.images if image.key not in writer.done]
            total = len(survey.images)
            done = total - len(left)
            for image, result in _cut_all(left, plan, workers, should_stop):
                cut = _Cut(image, result)
                if cut.masses:
                    writer.add(image.key, cut.rows(plan))
                skipped += cut.skipped
                warnings += cut.warnings
                done += 1
                if on_progress:
                    on_progress(done, total)
            is_whole = done == total and not (should_stop and should_stop())
            if is_whole and not writer.rows:
                raise nothing_left(tuple(skipped), naming_files=False)
            findings = _checked(writer.folder, len(writer.rows), plan) if is_whole else ()
            report = ImportReport(
                folder=None,
                num_images=len({row["image"] for row in writer.rows}),
                num_masses=len(writer.rows),
                num_patients=len({row["patient"] for row in writer.rows}),
                counts=count_splits(writer.rows),
                notes=survey.notes,
                skipped=tuple(skipped),
                warnings=(
                    *survey.warnings,
                    *_odd_places(plan, survey, list(map(_place_of_row, writer.rows))),
                    *counted(warnings),
                ),
                patients_record=survey.patients_record,
                findings=findings,
                seconds=time.monotonic() - started,
            )
            if not is_whole:
                return report
            return replace(report, folder=writer.finish(report.for_record(plan, pseudonyms)))


class _Place(NamedTuple):
    """Where a mass is in its image, in pixels."""

    image_height: int
    image_width: int
    top: int
    left: int
    height: int
    width: int

    @property
    def may_be_percent(self) -> bool:
        """Whether the box, taken as percentages, would lie in the image as well, which is far larger."""
        end = max(self.top + self.height, self.left + self.width)
        return end <= 100 and min(self.image_height, self.image_width) > _FAR_LARGER_PX


class _Cut:
    """The masses cut from one image, or why there are none."""

    def __init__(self, image: ImageToCut, result: dict[str, Any] | IngestionError) -> None:
        self._image = image
        self.skipped: list[Skipped] = []
        self.warnings: list[str] = []
        self.masses: list[tuple[MassToCut, dict[str, Any]]] = []
        if isinstance(result, IngestionError):
            self._skip("image cannot be used", str(result))
            return
        self._result = result
        self.warnings += result["warnings"]
        for mass, found in zip(image.masses, result["masses"], strict=True):
            if isinstance(found, dict):
                self._skip(found["kind"], found["reason"])
            else:
                self.masses += [(mass, one) for one in found]
                self.warnings += [text for one in found[:1] for text in one["warnings"]]

    def _skip(self, kind: str, reason: str) -> None:
        self.skipped.append(Skipped(what=self._image.shown, kind=kind, reason=reason))

    @property
    def places(self) -> Iterator[_Place]:
        """Where the masses are."""
        for _, one in self.masses:
            yield _Place(*self._result["shape"], *one["box"])

    @property
    def samples(self) -> Iterator[SampleCrop]:
        """The masses as images."""
        for mass, one in self.masses:
            image = np.asarray(Image.open(io.BytesIO(one["png"])))
            yield SampleCrop(image=image, label=mass.label, split=self._image.split)

    def rows(self, plan: ImportPlan) -> list[CutMass]:
        """Converts the masses to files and rows of metadata.csv."""
        image, read = self._image, self._result
        height, width = read["shape"]
        rows = []
        for number, (mass, one) in enumerate(self.masses, start=1):
            facts = {
                "side": read["facts"].get("laterality", ""),
                "view": read["facts"].get("view", ""),
            }
            said = {name: value for name, value in mass.details.items() if value}
            row = {
                "patient": image.patient,
                "image": image.image,
                "mass": mass.mass_id or str(number),
                "label": mass.label,
                "split": image.split,
                "site": plan.site_name,
                **facts,
                **said,
                "spacing_mm": "" if read["spacing_mm"] is None else f"{read['spacing_mm']:.4f}",
                "image_height": height,
                "image_width": width,
                **dict(
                    zip(("box_top", "box_left", "box_height", "box_width"), one["box"], strict=True)
                ),
                "warnings": " ".join([*read["warnings"], *one["warnings"]]),
            }
            rows.append(CutMass(png=one["png"], row=row))
        return rows


def _place_of_row(row: Mapping[str, Any]) -> _Place:
    """Reads where a mass is from its row of metadata.csv."""
    columns = ("image_height", "image_width", "box_top", "box_left", "box_height", "box_width")
    return _Place(*(int(row[name]) for name in columns))


def _odd_places(plan: ImportPlan, survey: Survey, places: list[_Place]) -> Iterator[str]:
    """Warns where whole mammograms are taken for masses, or percentages for pixels."""
    largest = max((place.image_height for place in places), default=0)
    if survey.is_whole and largest > _LARGE_TIMES * plan.recipe.size_px:
        yield (
            f"Each image is taken whole as one mass, and images are up to {largest} pixels high, where a mass "
            f"becomes {plan.recipe.size_px}. If they are mammograms, say where the masses are."
        )
    if len(places) >= _ENOUGH and all(place.may_be_percent for place in places):
        yield (
            "All masses lie within the first 100 pixels of far larger images. If the boxes are percentages, "
            "multiply them by the image's width and height."
        )


def _cut_all(
    images: Sequence[ImageToCut], plan: ImportPlan, workers: int, should_stop: ShouldStop | None
) -> Iterator[tuple[ImageToCut, dict[str, Any] | IngestionError]]:
    """Cuts images in processes of their own, in no order."""
    by_key = {image.key: image for image in images}
    tasks = (cut_task(image, plan.recipe) for image in images)
    workers = max(1, min(workers, len(images)))
    for task, result in map_safely(_CUT, tasks, workers=workers, should_stop=should_stop):
        yield by_key[task["key"]], result


def _spread(images: Sequence[ImageToCut], count: int) -> list[ImageToCut]:
    """Picks a few images from the whole length of a list."""
    places = np.linspace(0, len(images) - 1, min(count, len(images))).astype(int)
    return [images[place] for place in dict.fromkeys(places.tolist())]


def _identity(plan: ImportPlan, survey: Survey, pseudonyms: Pseudonyms) -> str:
    """Hashes what an interrupted import needs to resume: settings, images, labels, boxes and splits."""
    settings = plan.without_paths()
    del settings["patients_as_in"]  # the images' patients say it
    images = [
        [
            image.key,
            image.patient,
            image.split,
            [[mass.label, str(mass.box)] for mass in image.masses],
        ]
        for image in survey.images
    ]
    return pseudonyms.image(json.dumps([settings, images]))


def _checked(folder: Path, num_masses: int, plan: ImportPlan) -> tuple[Finding, ...]:
    """Checks the cohort; of a large one, says only that it was not checked."""
    if num_masses * plan.recipe.size_px**2 > _CHECKED_BYTES:
        return (Finding("not checked", "warning", _NOT_CHECKED),)
    return tuple(replace(finding, files=()) for finding in check_cohort(read_real(folder)))


def _num_cores() -> int:
    return os.cpu_count() or 1
