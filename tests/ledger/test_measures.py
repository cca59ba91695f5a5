"""One rule: what is computed from training patients without noise is a release without DP, and recorded before."""

import math
from dataclasses import replace

import pytest

from mammo_core.auditing.generators import AttackTarget, attack_generators
from mammo_core.auditing.heads import AuditPlan, AuditTables, run_audit
from mammo_core.classifiers.features import FeatureStore
from mammo_core.cohorts.cohort import join
from mammo_core.errors import BudgetExceededError
from mammo_core.generators.nearest_real import open_neighbourhood
from mammo_core.generators.quality import evaluate_synthetic, judge_synthetic
from mammo_core.ledger.book import Budget
from mammo_core.ledger.releases import cohort_identity
from tests.classifiers.test_features import TINY
from tests.conftest import make_cohort
from tests.helpers.heads import make_small_heads, small_bench
from tests.helpers.ledgers import DELTA
from tests.helpers.made_ledgers import TINY_JUDGE, memory_ledger

REAL = join(
    [make_cohort(16, split=split, seed=seed) for seed, split in enumerate(("train", "val", "test"))]
)
MADE = make_cohort(40, 1, site="made", source="synthetic", seed=5)


def audit(folder, ledger, epsilon=math.inf):
    dataset = small_bench()
    plan = AuditPlan(strategy="real", epsilons=(epsilon,), delta=DELTA, backbone=dataset.backbone)
    run_audit(dataset, plan, AuditTables(), ledger=ledger)


def private_audit(folder, ledger):
    """Its models are private; that they were attacked with the patients is not."""
    audit(folder, ledger, epsilon=1.0)


def attack(folder, ledger):
    list(attack_generators(REAL, [AttackTarget("g", MADE)], TINY, folder, ledger=ledger))


def evaluate(folder, ledger):
    evaluate_synthetic(REAL, MADE, TINY, folder, judge=TINY_JUDGE, ledger=ledger)


def judge(folder, ledger):
    judge_synthetic(REAL, MADE, folder, judge=TINY_JUDGE, ledger=ledger)


def search(folder, ledger):
    store = FeatureStore(folder)
    for split in ("train", "test"):
        store.features(REAL.select(split=split).images, replace(TINY, views=8))
    open_neighbourhood(REAL, replace(TINY, views=8), store, ledger=ledger)


def heads(folder, ledger):
    make_small_heads(small_bench(), ledger)


@pytest.mark.parametrize("measure", [audit, private_audit, attack, evaluate, judge, search, heads])
def test_measures_of_patients_run_past_no_budget(measure, tmp_path):
    ledger = memory_ledger()
    is_on_features = measure in (audit, private_audit, heads)
    cohort = (
        small_bench().cohort_identity
        if is_on_features
        else cohort_identity(REAL.select(split="train"), is_demonstration=False)
    )
    ledger.set_budget(cohort, Budget(epsilon=1000.0, delta=DELTA))

    with pytest.raises(BudgetExceededError, match="without DP, which no ε covers"):
        measure(tmp_path, ledger.on_behalf_of("audit"))
    assert ledger.book().entries == ()


@pytest.mark.parametrize("measure", [attack, evaluate, judge, search])
def test_same_measures_again_are_no_new_release(measure, tmp_path):
    ledger = memory_ledger()
    for _ in range(2):
        measure(tmp_path, ledger.on_behalf_of("attack"))

    (entry,) = ledger.book().entries

    assert entry.release.kind == "measures"
    assert not entry.release.spending.is_private
