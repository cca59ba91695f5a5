"""`study`: blinded reader studies: made, analysed and exported. The page *Reader study* of the app is where they are read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mammo_core.cohorts.installed import LoadedData
    from mammo_core.studies.store import ReaderAnswers
    from mammo_core.studies.study import Study


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `study` and its parts."""
    parser = commands.add_parser(
        "study",
        help="blinded reader studies: make, analyse, export",
        description="Readers say how malignant, or how real, masses look to them, without knowing what they are. They read "
        "in the app, on the page Reader study. Research use only, not for diagnosis.",
    )
    parts = parser.add_subparsers(required=True, metavar="PART")
    _add_create(parts)
    for name, run, told in (
        ("analyse", run_analyse, "print AUC, agreement and times of the readers"),
        ("export", run_export, "write all answers as CSV, and for iMRMC"),
    ):
        part = parts.add_parser(
            name,
            help=told,
            description="Results and answers tell the truth about the cases: keep them from readers who have not "
            "finished.",
        )
        part.add_argument("study", metavar="KEY", help="first digits of the study's key")
        part.set_defaults(run=run)
    part.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")


def _add_create(parts: argparse._SubParsersAction) -> None:
    from mammo_core.cli.options import add_data_options
    from mammo_core.studies.study import FORMS, MODES, QUESTIONS
    from mammo_core.system.paths import DEFAULT_GENERATOR

    create = parts.add_parser(
        "create",
        help="choose cases at random and freeze them",
        description="Writes a study file, whose key seals all that is in it. It names real masses by a hash of their "
        "pixels: they are shown only where their cohort is installed.",
    )
    create.add_argument("--name", default="Reader study", help="default: %(default)s")
    create.add_argument(
        "--question",
        choices=QUESTIONS,
        default="class",
        help="class: benign or malignant? origin: generated or real? Default: %(default)s",
    )
    create.add_argument(
        "--form",
        choices=FORMS,
        default="scale",
        help="scale: 0 to 100. forced choice: which of two? Default: %(default)s",
    )
    create.add_argument(
        "--source",
        action="append",
        metavar="NAME",
        help="where masses are from: real (test masses of the cohort), paper (its synthetic masses) or a generator; can "
        f"be given several times. Default: {DEFAULT_GENERATOR}, and real for the question origin",
    )
    create.add_argument(
        "--cases", type=int, default=40, help="half of each answer; default: %(default)s"
    )
    create.add_argument(
        "--training",
        type=int,
        default=4,
        help="cases to begin with, which do not count; default: %(default)s",
    )
    create.add_argument(
        "--repeats",
        type=int,
        help="cases that each reader sees twice; default: a fifth of the cases, none with forced choice",
    )
    create.add_argument(
        "--mode",
        choices=MODES,
        default="research",
        help="teaching tells the truth after each answer; default: %(default)s",
    )
    create.add_argument(
        "--aid-epsilon",
        type=float,
        metavar="EPSILON",
        help="adds a second pass with the score of a shipped model at this ε, or inf for one without privacy",
    )
    create.add_argument(
        "--seed", type=int, default=0, help="of the cases and the orders; default: %(default)s"
    )
    add_data_options(create)
    create.set_defaults(run=run_create)


def run_create(options: argparse.Namespace) -> int:
    """Makes a study and prints its key."""
    from mammo_core.reading.shipped_heads import SHIPPED_HEADS, load_heads
    from mammo_core.studies.aid import require_budget
    from mammo_core.studies.choosing import StudyPlan, make_study
    from mammo_core.studies.store import StudyStore
    from mammo_core.studies.study import REAL
    from mammo_core.synthesis.cards import find_generators, load_card
    from mammo_core.system.paths import DEFAULT_GENERATOR, home_dir, models_dir

    first = (REAL, DEFAULT_GENERATOR) if options.question == "origin" else (DEFAULT_GENERATOR,)
    is_scale = options.form == "scale"
    plan = StudyPlan(
        name=options.name,
        question=options.question,
        sources=tuple(options.source or first),
        form=options.form,
        mode=options.mode,
        num_cases=options.cases,
        num_training=options.training,
        repeats=options.cases // 5 * is_scale if options.repeats is None else options.repeats,
        aid_epsilon=options.aid_epsilon,
        seed=options.seed,
    )
    if plan.aid_epsilon is not None:
        require_budget(plan.aid_epsilon, load_heads(models_dir() / SHIPPED_HEADS))
    cards = {name: load_card(models_dir() / name) for name in find_generators(models_dir())}
    study = make_study(plan, cards, _data(plan.sources, options))
    path = StudyStore(home_dir()).save(study)
    print(f"Study {study.key}: {len(study.cases)} cases of {', '.join(plan.sources)}, in {path}.")
    print(f"Readers open the app at {study.link}")
    return 0


def run_analyse(options: argparse.Namespace) -> int:
    """Prints the results of a study."""
    from mammo_core.cli.tables import print_table
    from mammo_core.studies.analysis import agreement_words, analyse, comparison_words, result_rows

    study, readers = _read(options.study)
    result = analyse(study, readers)
    print(f"{study.name}, {study.key}: {' or '.join(study.answers)}, {len(study.cases)} cases")
    print_table(result_rows(result))
    for sentence in filter(None, (*comparison_words(result), agreement_words(result))):
        print(sentence)
    if not readers:
        print("Nobody has read this study yet.")
    return 0


def run_export(options: argparse.Namespace) -> int:
    """Writes the answers into a folder."""
    from mammo_core.storage.atomic import disk_errors_explained, write_text
    from mammo_core.storage.tables import safe_csv
    from mammo_core.studies.export import answers_table, imrmc_name, imrmc_text

    study, readers = _read(options.study)
    texts = {f"study_{study.key}.csv": safe_csv(answers_table(study, readers))}
    if study.form == "scale":
        texts[imrmc_name(study)] = imrmc_text(study, readers)
    with disk_errors_explained(options.out):
        options.out.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_text(options.out / name, text)
        print(options.out / name)
    return 0


def _read(key: str) -> tuple[Study, list[ReaderAnswers]]:
    from mammo_core.studies.store import StudyStore
    from mammo_core.system.paths import home_dir

    store = StudyStore(home_dir())
    study = store.find(key)
    return study, store.read_all(study)


def _data(sources: tuple[str, ...], options: argparse.Namespace) -> LoadedData | None:
    """The cohort that the options name; None where only generators are asked for."""
    from mammo_core.cli.options import data_from
    from mammo_core.studies.study import PAPER, REAL

    return data_from(options) if {REAL, PAPER} & set(sources) else None
