"""A small file of heads, made once in a second of made-up masses and a network with random weights."""

import math
import tempfile
from functools import lru_cache
from pathlib import Path
from unittest import mock

from mammo_core.cohorts.cohort import join
from mammo_core.cohorts.installed import LoadedData
from mammo_core.config.runs import BackboneConfig
from mammo_core.reading import make_heads
from mammo_core.training.heads.feature_dataset import load_feature_dataset
from tests.conftest import make_cohort
from tests.helpers.made_ledgers import FreeLedger

TINY = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=8)
NUM_DRAWN = 6


@lru_cache(maxsize=1)
def small_bench():
    """Train, val and test masses at one site, test masses at another, and synthetic ones."""
    real = join(
        [
            make_cohort(20, split="train"),
            make_cohort(16, split="val", seed=1),
            make_cohort(16, split="test", seed=2),
            make_cohort(16, split="test", site="elsewhere", seed=3),
        ]
    )
    synthetic = make_cohort(40, 1, site="made", source="synthetic", seed=4)
    with tempfile.TemporaryDirectory() as folder:
        return load_feature_dataset(LoadedData(real, synthetic, []), TINY, Path(folder))


def make_small_heads(dataset, ledger, epsilons=(2.0, math.inf), repeats=3):
    """Heads of a bench, with few synthetic masses beside them."""
    with mock.patch.object(make_heads, "_DRAWN", NUM_DRAWN):
        return make_heads.make_heads(
            dataset,
            epsilons,
            repeats,
            ledger=ledger,
            licence="made up, free for all",
            command="python -m mammo_core heads make",
            generator="cascade_private",
            delta=1e-4,
        )


@lru_cache(maxsize=1)
def small_heads():
    """Three heads at ε = 2 and one without DP."""
    return make_small_heads(small_bench(), FreeLedger())
