"""Reporting checklists as tables: what the program knows of an item, and what authors complete.

The items are in TOML files beside this one. They give number, topic and the fields of `fields.FIELDS` that answer an item;
topics are paraphrases. Numbers and topics come from the papers that each file names.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from mammo_core.config.names import name_of_run
from mammo_core.results.reporting.context import RunFacts
from mammo_core.results.reporting.document import Document, Paragraph, Table
from mammo_core.results.reporting.fields import FIELDS

UNKNOWN = "—"
_REST = "All of it."
_COLUMNS = ("item", "section", "topic", "from the program", "authors to complete", "page")


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item of a checklist.

    Attributes:
        number: As the checklist numbers it, for example "12" or "3a".
        section: Part of the paper.
        topic: What it asks for, in short.
        fields: Names in `FIELDS` that answer it, wholly or in part; may be none.
        authors: What is left to the authors; empty if the fields say all.
    """

    number: str
    section: str
    topic: str
    fields: tuple[str, ...] = ()
    authors: str = ""


@dataclass(frozen=True, kw_only=True)
class Checklist:
    """A reporting guideline.

    Attributes:
        title: Its name.
        source: The paper that publishes it.
        items: In its order.
    """

    title: str
    source: str
    items: tuple[Item, ...]


@cache
def read_checklist(name: str) -> Checklist:
    """Reads one that ships: "claim_2024" or "tripod_ai"."""
    text = files("mammo_core.results.reporting").joinpath(f"{name}.toml").read_text("utf-8")
    values = tomllib.loads(text)
    items = tuple(
        Item(**(item | {"fields": tuple(item.get("fields", ()))})) for item in values["item"]
    )
    return Checklist(title=values["title"], source=values["source"], items=items)


def filled_checklist(facts: RunFacts, checklist: Checklist) -> Document:
    """Fills the table of a checklist; its last column, for page numbers, stays empty."""
    known = {name: field(facts) for name, field in FIELDS.items()}
    rows = tuple(_row(item, known) for item in checklist.items)
    answered = sum(said != UNKNOWN for _, _, _, said, *_ in rows)
    return Document(
        title=f"{checklist.title}: {name_of_run(facts.run.config)}, seed {facts.run.config.seed}",
        blocks=(
            Paragraph(f"Source: {checklist.source} Topics are paraphrased here."),
            Paragraph(
                f"The program answers {answered} of {len(rows)} rows, most of them in part. Check every answer, and "
                "complete what is named for authors."
            ),
            Table(columns=_COLUMNS, rows=rows, widths=(0.06, 0.14, 0.18, 0.34, 0.21, 0.07)),
        ),
    )


def _row(item: Item, known: dict[str, str]) -> tuple[str, ...]:
    said = " ".join(filter(None, (known[name] for name in item.fields)))
    left = item.authors or (UNKNOWN if said else _REST)
    return item.number, item.section, item.topic, said or UNKNOWN, left, ""
