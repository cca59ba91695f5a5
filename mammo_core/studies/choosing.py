"""Chooses the cases of a study at random: real masses, the paper's synthetic ones, and masses of generators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mammo_core.cohorts.cohort import Cohort
from mammo_core.cohorts.installed import LoadedData
from mammo_core.config import validate
from mammo_core.errors import CheckpointError, CohortError, InvalidRequestError
from mammo_core.labels import BENIGN, CLASS_NAMES, MALIGNANT
from mammo_core.studies.study import (
    ANSWERS,
    PAPER,
    REAL,
    AnswerForm,
    Mode,
    Question,
    Study,
    StudyCase,
)
from mammo_core.synthesis.cards import GeneratorCard

_SEEDS = 1_000_000  # that masses of generators are chosen among
_Cell = tuple[str, int]  # source and class


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """What a study should be; see `Study`.

    Attributes:
        sources: "real", "paper", and names of generators.
        num_cases, num_training: Half of each answer. Sources and classes take equal shares.
    """

    name: str
    question: Question
    sources: tuple[str, ...]
    form: AnswerForm = "scale"
    mode: Mode = "research"
    num_cases: int = 40
    num_training: int = 4
    repeats: int = 8
    aid_epsilon: float | None = None
    seed: int = 0


def make_study(
    plan: StudyPlan, cards: Mapping[str, GeneratorCard], data: LoadedData | None
) -> Study:
    """Chooses the cases and freezes them.

    Real masses are of the test splits, one of each patient.

    Args:
        cards: Of the installed generators, by name.
        data: The installed cohort; None or the demo if there is none.

    Raises:
        InvalidRequestError: If the plan is impossible.
        CohortError: If there are too few masses of a source.
        CheckpointError: If a generator is not installed.
    """
    validate.at_least(4, num_cases=plan.num_cases)
    validate.at_least(0, num_training=plan.num_training, seed=plan.seed)
    rng = np.random.default_rng(plan.seed)
    cells = _cells(plan)
    total = plan.num_cases + plan.num_training
    shares = [cells[i % 2][(i // 2) % len(cells[i % 2])] for i in range(total)]
    keys = {
        cell: _keys(cell, shares.count(cell), rng, cards, data) for cell in dict.fromkeys(shares)
    }
    drawn = [(cell, keys[cell].pop()) for cell in shares]
    cases = [
        StudyCase(id=f"case{number:03}", source=source, label=label, key=key)
        for number, place in enumerate(_mixed(plan.num_cases, total, rng), start=1)
        for (source, label), key in [drawn[place]]
    ]
    return Study(
        name=plan.name,
        question=plan.question,
        form=plan.form,
        mode=plan.mode,
        seed=plan.seed,
        cases=tuple(cases[: plan.num_cases]),
        training=tuple(cases[plan.num_cases :]),
        repeats=plan.repeats,
        aid_epsilon=plan.aid_epsilon,
        generators={name: cards[name].sha256 for name in plan.sources if name in cards},
    )


def make_example(cards: Mapping[str, GeneratorCard], data: LoadedData | None) -> Study:
    """Makes a short study for a first visitor, in teaching mode.

    With a cohort it asks which masses are real. Without one, or with one of too few test patients, it asks for the class
    that a generator was asked for, and shows the score of a private model in a second pass.

    Args:
        cards: Of the installed generators, the default first.
    """
    short = StudyPlan(
        name="Example",
        question="origin",
        sources=(REAL, *list(cards)[:1]),
        mode="teaching",
        num_cases=10,
        num_training=0,
        repeats=0,
        seed=1,
    )
    try:
        return make_study(short, cards, data)
    except CohortError:
        sources = tuple(cards)[:2]
        return make_study(
            replace(short, question="class", sources=sources, aid_epsilon=6.0), cards, data
        )


def _cells(plan: StudyPlan) -> tuple[list[_Cell], list[_Cell]]:
    """The sources and classes of either truth, 0 and 1."""
    every = [
        (source, label) for source in dict.fromkeys(plan.sources) for label in sorted(CLASS_NAMES)
    ]
    if plan.question == "class":
        sides = [[cell for cell in every if cell[1] == label] for label in (BENIGN, MALIGNANT)]
    else:
        sides = [
            [cell for cell in every if (cell[0] == REAL) == is_real] for is_real in (False, True)
        ]
    if not all(sides):
        raise InvalidRequestError(
            f"Expected sources for both answers ({', '.join(ANSWERS[plan.question])}); got "
            f"{', '.join(plan.sources) or 'none'}. Name a source more: real, paper or a generator."
        )
    return sides[0], sides[1]


def _mixed(num_cases: int, total: int, rng: np.random.Generator) -> list[int]:
    """Places in a random order, in which ids are given; those of training cases come last."""
    return [*rng.permutation(num_cases), *(num_cases + rng.permutation(total - num_cases))]


def _keys(
    cell: _Cell,
    count: int,
    rng: np.random.Generator,
    cards: Mapping[str, GeneratorCard],
    data: LoadedData | None,
) -> list[str]:
    """Chooses masses of a source and class: seeds, or hashes of pixels."""
    source, label = cell
    if source not in (REAL, PAPER):
        if source not in cards:
            raise CheckpointError(
                f"Expected an installed generator; got {source!r}. Choose of: {', '.join(cards) or 'none'}, {REAL}, {PAPER}."
            )
        return [str(seed) for seed in rng.choice(_SEEDS, count, replace=False)]
    known = _usable(source, label, data)
    if len(known) < count:
        raise CohortError(
            f"Expected {count} {CLASS_NAMES[label]} masses of {source}, one of each patient; found "
            f"{len(known)}. Use fewer cases, or install a cohort: `data fetch` gets the paper's."
        )
    return [known[place] for place in rng.permutation(len(known))[:count]]


def _usable(source: str, label: int, data: LoadedData | None) -> list[str]:
    """Hashes of the masses that can be chosen: one of each patient, and no pixels that are there twice."""
    if data is None or data.is_demonstration:
        return []
    cohort = _test_masses(data.real) if source == REAL else data.synthetic
    if cohort is None:
        return []
    times = Counter(cohort.image_hashes)
    of_patient: dict[str, int] = {}
    for row, hash in enumerate(cohort.image_hashes):
        if times[hash] == 1:
            of_patient.setdefault(f"{cohort.sites[row]} {cohort.patient_ids[row]}", row)
    rows = [row for row in of_patient.values() if cohort.labels[row] == label]
    return [cohort.image_hashes[row] for row in rows]


def _test_masses(real: Cohort) -> Cohort:
    """Of the sites that models are trained on; of all, where there is no such site."""
    test = real.select(split="test")
    trained = np.isin(test.sites, real.sites_with("train"))
    return test.where(trained) if trained.any() else test
