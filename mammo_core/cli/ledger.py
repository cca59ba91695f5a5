"""`ledger`: everything that was released from a cohort on this machine, what it costs together, and budgets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.config.runs import UNITS
from mammo_core.text.numbers import counted

if TYPE_CHECKING:
    from mammo_core.ledger.book import LedgerBook
    from mammo_core.ledger.releases import CohortIdentity, Release


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `ledger` and its parts."""
    parser = commands.add_parser(
        "ledger",
        help="what was released from each cohort, what it costs together, and budgets",
        description="Every training is written down before it begins, and stays when its run is deleted. Totals "
        "are composed by mechanism, for a whole patient, over all cohorts that share one.",
    )
    parts = parser.add_subparsers(required=True, metavar="PART")
    _add_show(parts)
    _add_what_if(parts)
    _add_budget(parts)


def _add_show(parts: argparse._SubParsersAction) -> None:
    show = parts.add_parser("show", help="all cohorts, or every release from one")
    _add_cohort_options(show)
    show.add_argument("--out", type=Path, metavar="CSV", help="write the releases there, too")
    show.set_defaults(run=run_show)


def _add_what_if(parts: argparse._SubParsersAction) -> None:
    what_if = parts.add_parser("what-if", help="what the total would be after some more runs")
    _add_cohort_options(what_if)
    what_if.add_argument(
        "--epsilon", type=float, required=True, help="of each run, 0.05 to 1000, or inf"
    )
    what_if.add_argument("--unit", choices=UNITS, default="patient", help="default: %(default)s")
    what_if.add_argument("--runs", type=int, default=1, help="how many; default: %(default)s")
    what_if.set_defaults(run=run_what_if)


def _add_budget(parts: argparse._SubParsersAction) -> None:
    budget = parts.add_parser(
        "budget",
        help="set, change or remove the budget of a cohort",
        description="From 80 %% of the budget on, there is a warning. A training that would exceed the budget is refused "
        "before it starts, unless --beyond-budget gives a reason. Changes stay on record.",
    )
    _add_cohort_options(budget)
    ways = budget.add_mutually_exclusive_group(required=True)
    ways.add_argument("--epsilon", type=float, help="the most that all releases may cost together")
    ways.add_argument("--remove", action="store_true", help="take the budget away")
    budget.set_defaults(run=run_budget)


def _add_cohort_options(parser: argparse.ArgumentParser) -> None:
    from mammo_core.cli.options import add_data_options, add_delta_option

    parser.add_argument(
        "--cohort",
        metavar="KEY",
        help="first digits of its key, as `ledger show` prints it; or name the data with --data",
    )
    add_data_options(parser)
    add_delta_option(parser)


def run_show(options: argparse.Namespace) -> int:
    """Prints all cohorts, or one with its releases."""
    from mammo_core.cli.tables import print_table
    from mammo_core.ledger.ledger import open_ledger
    from mammo_core.ledger.table import ledger_table
    from mammo_core.ledger.words import total_sentences
    from mammo_core.storage.atomic import write_text
    from mammo_core.storage.tables import safe_csv
    from mammo_core.system.paths import home_dir

    ledger = open_ledger(home_dir())
    book = ledger.book()
    if options.cohort is None and options.data is None:
        _print_warnings(ledger.warnings(book))
        print_table([_summary(book, cohort, options.delta) for cohort in book.cohorts.values()])
        print(
            f"{counted(len(book.cohorts), 'cohort')}, {counted(len(book.entries), 'release')}. --cohort KEY lists those of one."
        )
        return 0
    cohort = _cohort(book, options)
    _print_warnings(ledger.warnings(book, cohort))
    table = ledger_table(book, cohort.members, options.delta)
    shown = table.assign(
        made=table["made"].dt.strftime("%Y-%m-%d %H:%M"),
        epsilon_alone=table["epsilon_alone"].map("{:.4g}".format),
        epsilon_total=table["epsilon_total"].map("{:.4g}".format),
    )
    columns = ["made", "release", "unit", "epsilon_alone", "epsilon_total", "noise", "origin"]
    rows = shown[[*columns, "reason"]].to_dict("records")
    print_table([{str(name): cell for name, cell in row.items()} for row in rows])
    if options.out:
        write_text(options.out, safe_csv(table))
    for sentence in total_sentences(book.total(cohort.members, options.delta), options.delta):
        print(sentence)
    _print_budgets(book, cohort)
    return 0


def run_what_if(options: argparse.Namespace) -> int:
    """Prints the total before and after some runs."""
    from mammo_core.config import validate
    from mammo_core.ledger.ledger import open_ledger
    from mammo_core.ledger.releases import cost_of_budget, planned_releases
    from mammo_core.ledger.words import short_total
    from mammo_core.system.paths import home_dir

    validate.at_least(1, runs=options.runs)
    ledger = open_ledger(home_dir())
    book = ledger.book()
    cohort = _cohort(book, options)
    _print_warnings(ledger.warnings(book, cohort))
    cost = cost_of_budget(options.epsilon, options.delta, options.unit, cohort.largest_patient)
    planned = planned_releases(cost, options.runs)
    before, after = (
        short_total(book.total(cohort.members, options.delta, more)) for more in ((), planned)
    )
    print(
        f"{counted(options.runs, 'more run')} with ε = {options.epsilon:g} each, by {options.unit}: the total of {cohort.name} "
        f"goes from {before} to {after}, per patient at δ = {options.delta:g}."
    )
    _print_budgets(book, cohort, planned)
    return 0


def run_budget(options: argparse.Namespace) -> int:
    """Sets or removes a budget and prints how much of it is used."""
    from mammo_core.ledger.book import Budget
    from mammo_core.ledger.ledger import open_ledger
    from mammo_core.system.paths import home_dir

    ledger = open_ledger(home_dir())
    book = ledger.book()
    cohort = _cohort(book, options)
    _print_warnings(ledger.warnings(book, cohort))
    budget = None if options.remove else Budget(epsilon=options.epsilon, delta=options.delta)
    ledger.set_budget(cohort, budget)
    print(
        f"{cohort.name} ({cohort.key[:6]}): "
        + ("no budget any more." if budget is None else f"budget ε = {budget.epsilon:g}.")
    )
    _print_budgets(ledger.book(), cohort)
    return 0


def _cohort(book: LedgerBook, options: argparse.Namespace) -> CohortIdentity:
    """The cohort named by key, by data, or the only one there is."""
    from mammo_core.errors import InvalidRequestError

    if options.data is not None:
        return _cohort_of_data(options)
    found = [cohort for key, cohort in book.cohorts.items() if key.startswith(options.cohort or "")]
    if len(found) != 1:
        known = ", ".join(f"{cohort.key[:6]} ({cohort.name})" for cohort in book.cohorts.values())
        raise InvalidRequestError(
            f"Expected one cohort; {len(found)} have a key beginning with {options.cohort or ''!r}. Known are: "
            f"{known or 'none'}. Give --cohort KEY, or --data DIR for one that nothing was released from."
        )
    return found[0]


def _cohort_of_data(options: argparse.Namespace) -> CohortIdentity:
    from mammo_core.cli.options import data_from
    from mammo_core.ledger.releases import cohort_identity

    data = data_from(options)
    train = data.real.select(site=data.real.training_site(options.site), split="train")
    return cohort_identity(train, is_demonstration=data.is_demonstration)


def _summary(book: LedgerBook, cohort: CohortIdentity, delta: float) -> dict[str, object]:
    total = book.total(cohort.members, delta)
    budget = book.budget_of(cohort.key)
    return {
        "cohort": cohort.key[:6],
        "site": cohort.name + (" (demonstration)" if cohort.is_demonstration else ""),
        "patients": len(cohort.patients),
        "releases": total.num_releases,
        "without DP": total.num_without_dp,
        "ε of the others": f"{total.covered_epsilon:.4g}",
        "budget": "" if budget is None else f"{budget.epsilon:g}",
    }


def _print_budgets(book: LedgerBook, cohort: CohortIdentity, more: Sequence[Release] = ()) -> None:
    from mammo_core.ledger.words import budget_sentence

    for state in book.budget_states(cohort.members, more):
        print(budget_sentence(state))


def _print_warnings(warnings: list[str]) -> None:
    for warning in warnings:
        print(warning, file=sys.stderr)
