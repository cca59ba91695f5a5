"""Describes a reader study: which cases, which question, and in which order each reader sees them.

A study is frozen when it is made. Its key is a hash of all that is in it, and answers count for this key alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args
from urllib.parse import quote_plus

import numpy as np

from mammo_core.config import validate
from mammo_core.config.from_dict import from_dict
from mammo_core.config.runs import short_hash, to_dict
from mammo_core.errors import InvalidRequestError
from mammo_core.labels import CLASS_NAMES
from mammo_core.text.untrusted import single_line

Question = Literal["class", "origin"]
AnswerForm = Literal["scale", "forced choice"]
Mode = Literal["research", "teaching"]
Purpose = Literal["training", "first", "repeat"]
QUESTIONS: tuple[Question, ...] = get_args(Question)
FORMS: tuple[AnswerForm, ...] = get_args(AnswerForm)
MODES: tuple[Mode, ...] = get_args(Mode)
# by truth, 0 and 1
ANSWERS: dict[Question, tuple[str, str]] = {
    "class": ("benign", "malignant"),
    "origin": ("generated", "real"),
}
REAL, PAPER = "real", "paper"  # sources that are no generators
HIGHEST, MIDDLE = 100, 50  # of the scale, which begins at 0
FORMAT = "mammo-study/1"


@dataclass(frozen=True, kw_only=True)
class StudyCase:
    """One mass.

    Attributes:
        id: Tells nothing about the mass; all that answers name it by.
        source: "real", "paper" (the paper's synthetic masses), or the name of a generator.
        label: BENIGN or MALIGNANT; of a generated mass, the class that was asked for.
        key: The seed of a generator's mass; of others, the hash of its pixels, see `image_hash`.
    """

    id: str
    source: str
    label: int
    key: str

    def __post_init__(self) -> None:
        validate.one_of(CLASS_NAMES, label=self.label)


@dataclass(frozen=True, kw_only=True)
class Study:
    """A reader study.

    Attributes:
        question: "class": benign or malignant? "origin": generated or real?
        form: "scale": 0 to 100. "forced choice": which of two masses, one of each truth?
        mode: "teaching" tells the truth after each answer, "research" never.
        seed: Of every reader's order, with the reader's name.
        training: Cases before the others, which do not count.
        repeats: How many cases each reader sees twice without knowing, to compare readers with themselves.
        aid_epsilon: ε of the model whose score is shown in a second pass; None for no such pass.
        generators: The sha256 of the weights of each, by name.
    """

    name: str
    question: Question
    form: AnswerForm
    mode: Mode
    seed: int
    cases: tuple[StudyCase, ...]
    training: tuple[StudyCase, ...] = ()
    repeats: int = 0
    aid_epsilon: float | None = None
    generators: dict[str, str]

    def __post_init__(self) -> None:
        validate.one_of(QUESTIONS, question=self.question)
        validate.one_of(FORMS, form=self.form)
        validate.one_of(MODES, mode=self.mode)
        validate.at_least(0, seed=self.seed, repeats=self.repeats)
        validate.at_most(len(self.cases) // 2, repeats=self.repeats)
        ids = [case.id for case in (*self.cases, *self.training)]
        if len(set(ids)) != len(ids):
            raise InvalidRequestError(
                f"Expected an id of its own for each case; got {len(ids)} cases with {len(set(ids))} ids. Make the "
                "study again."
            )
        counts = np.bincount([self.truth(case) for case in self.cases], minlength=2)
        if min(counts) < 2:
            raise InvalidRequestError(
                f"Expected two cases or more of each answer ({', '.join(ANSWERS[self.question])}); got {counts[0]} and "
                f"{counts[1]}. Use more cases."
            )
        if self.aid_epsilon is not None and (self.question, self.form) != ("class", "scale"):
            raise InvalidRequestError(
                "Expected a model's help with the question benign or malignant on a scale; got another question or form. "
                "Leave the help out: the models score malignancy only."
            )
        if self.form == "forced choice" and (self.repeats or counts[0] != counts[1]):
            raise InvalidRequestError(
                f"Expected as many cases of both answers and no repeats with forced choice; got {counts[0]}, {counts[1]} "
                f"and {self.repeats} repeats. Use an even number of cases."
            )

    @cached_property
    def key(self) -> str:
        """16 hex digits that identify all that is in the study."""
        return short_hash(to_dict(self))

    @property
    def title(self) -> str:
        """Name and first digits of the key: what a link names the study by."""
        return f"{single_line(self.name, 60)} ({self.key[:8]})"

    @property
    def link(self) -> str:
        """The end of the address where readers find it in the app."""
        return f"reader_study?study={quote_plus(self.title)}"

    @property
    def answers(self) -> tuple[str, str]:
        """What truth 0 and truth 1 are called."""
        return ANSWERS[self.question]

    @cached_property
    def by_id(self) -> dict[str, StudyCase]:
        """All cases, those for training as well."""
        return {case.id: case for case in (*self.cases, *self.training)}

    def truth(self, case: StudyCase) -> int:
        """The right answer: 1 for malignant, or for real."""
        return case.label if self.question == "class" else int(case.source == REAL)


@dataclass(frozen=True)
class Reading:
    """One step of a reader.

    Attributes:
        number: From 0.
        cases: Ids: one, or with forced choice two.
        purpose: A "repeat" shows a case of this pass again.
        aided: Whether the score of a model is shown.
    """

    number: int
    cases: tuple[str, ...]
    purpose: Purpose
    aided: bool


def readings(study: Study, reader: str) -> tuple[Reading, ...]:
    """Lists all steps of a reader in their order, which follows from the study's seed and the reader's name.

    First come the training cases, then all cases without a model's help, then those of the repeats; and then, if the study
    has it, the same with the model's help. A repeat is a case from the first half of its pass, so that at least half of
    the cases lie between.
    """
    steps: list[Reading] = []

    def add(orders: Sequence[tuple[str, ...]], purpose: Purpose, aided: bool) -> None:
        for cases in orders:
            steps.append(Reading(len(steps), cases, purpose, aided))

    for aided in (False, True) if study.aid_epsilon is not None else (False,):
        rng = np.random.default_rng(_seed(study.seed, reader, aided))
        if not aided:
            add(_order(study, study.training, rng), "training", aided)
        first = _order(study, study.cases, rng)
        again = rng.permutation(len(first) // 2)[: study.repeats]
        add(first, "first", aided)
        add([first[place] for place in again], "repeat", aided)
    return tuple(steps)


def reader_key(reader: str) -> str:
    """16 hex digits that stand for a reader's name, however it is spaced and capitalised.

    Raises:
        InvalidRequestError: If the name is empty.

    Example:
        >>> reader_key(" Ada  L.") == reader_key("ada l.")
        True
    """
    name = single_line(reader)
    if not name:
        raise InvalidRequestError("Expected the name of a reader; got none. Type a name.")
    return hashlib.sha256(name.casefold().encode()).hexdigest()[:16]


def study_values(study: Study) -> dict[str, Any]:
    """Writes a study as JSON-ready values, with the key that seals it."""
    return {"format": FORMAT, "key": study.key, "study": to_dict(study)}


def study_from(values: Mapping[str, Any], where: object) -> Study:
    """Reads what `study_values` wrote.

    Args:
        where: It was read from, for messages.

    Raises:
        InvalidRequestError: If it is no study, or was changed.
    """
    try:
        if values["format"] != FORMAT:
            raise ValueError(f"format {values['format']!r}")
        study, key = from_dict(Study, values["study"]), values["key"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidRequestError(
            f"Expected a reader study of the format {FORMAT} in {where}; got something else ({error}). Get the file "
            "again, or make the study again."
        ) from error
    if study.key != key:
        raise InvalidRequestError(
            f"Expected the study {key} in {where}; its content is that of {study.key}. It was changed after it was made. "
            "Get the file again, or make a new study."
        )
    return study


def _seed(seed: int, reader: str, aided: bool) -> list[int]:
    digest = hashlib.sha256(f"{seed} {reader_key(reader)} {aided}".encode()).digest()
    return [int.from_bytes(digest[start : start + 4]) for start in range(0, 32, 4)]


def _order(
    study: Study, cases: Sequence[StudyCase], rng: np.random.Generator
) -> list[tuple[str, ...]]:
    """The cases in a random order; with forced choice, pairs of one of each truth, in random places."""
    shuffled = [cases[place] for place in rng.permutation(len(cases))]
    if study.form == "scale":
        return [(case.id,) for case in shuffled]
    sides = ([case.id for case in shuffled if study.truth(case) == truth] for truth in (0, 1))
    pairs = list(zip(*sides, strict=False))
    turned = rng.random(len(pairs)) < 0.5
    return [pair[::-1] if turn else pair for pair, turn in zip(pairs, turned, strict=True)]
