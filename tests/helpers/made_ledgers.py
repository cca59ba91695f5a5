"""A ledger in memory, and the functions that want one with a ledger that nobody looks at."""

import time
from contextlib import nullcontext
from functools import partial

from mammo_core.generators import quality
from mammo_core.ledger.ledger import PrivacyLedger
from mammo_core.ledger.records import LedgerRecord
from mammo_core.results import table_file
from mammo_core.training.heads import runs


class MemoryRecords:
    """Records that are gone with the test."""

    def __init__(self):
        self._records = ()

    def read(self):
        return self._records

    def add(self, kind, title, content):
        number = len(self._records)
        self._records = (*self._records, LedgerRecord(kind, time.time(), number, content))


def memory_ledger():
    """An empty ledger."""
    return PrivacyLedger(MemoryRecords(), nullcontext())


class FreeLedger:
    """Takes every charge and keeps it in a list."""

    def __init__(self):
        self.charges = []
        self.generators = []

    def require_room(self, cohort, charges):
        pass

    def charge(self, cohort, charges):
        self.charges += charges

    def note_generator(self, sha256):
        self.generators.append(sha256)


run_many = partial(runs.run_many, ledger=FreeLedger())
run_sweep_into_file = partial(table_file.run_sweep_into_file, ledger=FreeLedger())
evaluate_synthetic = partial(quality.evaluate_synthetic, ledger=FreeLedger())
