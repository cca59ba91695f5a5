"""Links the records of a ledger, so that one that is deleted or changed leaves a gap that stays.

Each record names those before it by number and hash, as commits do. Two machines that write at the same time both
name the same one; the next record then names both. So a fork is told from a deletion: in a fork nothing named is
missing. Records up to version 0.2 name none; they are only counted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_HASH_DIGITS = 32


@dataclass(frozen=True)
class LedgerRecord:
    """One line of the ledger.

    Attributes:
        kind: "cohort", "charges", "budget" or "generator".
        made: Seconds since 1970.
        number: Given once, also after deletions. Machines that write at the same time may give the same one.
        content: JSON-ready values.
        previous: Links of the records before it that no other had named; None up to version 0.2.
    """

    kind: str
    made: float
    number: int
    content: dict[str, Any]
    previous: tuple[str, ...] | None = None

    @cached_property
    def link(self) -> str:
        """Names this record with all that is in it: its number and a hash."""
        values = [self.kind, round(self.made * 1000), self.number, self.content, self.previous]
        digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
        return f"{self.number} {digest[:_HASH_DIGITS]}"


@dataclass(frozen=True)
class LedgerEnd:
    """What the next record will be told: kept outside of the store as well, so that a missing end is noticed.

    Attributes:
        count: The number of the next record.
        links: Of the last record, or of several after a fork.
    """

    count: int = 0
    links: tuple[str, ...] = ()


def end_of(records: Sequence[LedgerRecord], noted: LedgerEnd) -> LedgerEnd:
    """Finds the end of records.

    Args:
        records: In order.
        noted: The end that was noted before. What it names stays named, whether it is there or not.
    """
    linked = [record for record in records if record.previous is not None]
    named = {link for record in linked for link in record.previous or ()}
    last = [record.link for record in linked or records[-1:]]
    links = dict.fromkeys([*last, *noted.links])
    highest = max((record.number for record in records), default=-1)
    count = max(highest + 1, len(records) - len(linked), noted.count)
    return LedgerEnd(count, tuple(link for link in links if link not in named))


def count_missing(records: Sequence[LedgerRecord], noted: LedgerEnd) -> int:
    """Counts the records that were deleted or changed, as far as those left and the noted end tell."""
    linked = [record for record in records if record.previous is not None]
    count = end_of(records, noted).count
    start = min((record.number for record in linked), default=count)
    numbers = {record.number for record in records if record.number >= start}
    named = {link for record in linked for link in record.previous or ()}.union(noted.links)
    gone = [int(link.split()[0]) for link in named - {record.link for record in records}]
    num_old = sum(record.number < start for record in records)
    old = max(0, start - num_old, sum(number < start for number in gone))
    return old + sum(max(gone.count(n), n not in numbers) for n in range(start, count))
