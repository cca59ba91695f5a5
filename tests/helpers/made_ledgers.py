"""A ledger in memory, and the functions that want one with a ledger that nobody looks at."""

import time
from contextlib import nullcontext
from functools import partial

from mammo_core.config.runs import BackboneConfig
from mammo_core.generators import quality
from mammo_core.ledger.chain import LedgerRecord
from mammo_core.ledger.ledger import PrivacyLedger
from mammo_core.results import plans
from mammo_core.training.heads.sweep import run_plan

TINY_JUDGE = BackboneConfig(name="test_resnet", weights="random", image_size_px=48, views=1)


class MemoryRecords:
    """Records that are gone with the test."""

    num_missing = 0

    def __init__(self):
        self._records = ()

    def read(self):
        return self._records

    def add(self, kind, title, content):
        number = len(self._records)
        self._records = (*self._records, LedgerRecord(kind, time.time(), number, content))
        return self._records


def memory_ledger():
    """An empty ledger."""
    return PrivacyLedger(MemoryRecords(), nullcontext(), b"key")


class FreeLedger:
    """Takes every charge and keeps it in a list."""

    def __init__(self):
        self.releases = []
        self.generators = []

    def require_room(self, cohort, releases):
        pass

    def record(self, cohort, releases):
        self.releases += releases

    def note_generator(self, sha256):
        self.generators.append(sha256)


def run_many(dataset, configs, *, ledger=None, **options):
    """The results of runs, one after the other, as a plan of which nothing is recorded trains them."""
    for _, result in run_plan(dataset, configs, ledger=ledger or FreeLedger(), **options):
        yield result


run_sweep_into_file = partial(plans.run_sweep_into_file, ledger=FreeLedger())
evaluate_synthetic = partial(quality.evaluate_synthetic, judge=TINY_JUDGE, ledger=FreeLedger())
judge_synthetic = partial(quality.judge_synthetic, judge=TINY_JUDGE, ledger=FreeLedger())
