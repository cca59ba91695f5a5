"""Attacks and audits of a whole plan: tables that say what they should, from data where there is something to find."""

import math

import pytest

from mammo_core.auditing.heads import (
    HEADLINE_METHOD,
    AuditPlan,
    AuditTables,
    best_attacks,
    headline_audits,
    run_audit,
)
from mammo_core.errors import CohortError, InvalidRequestError, PrivacyError
from tests.helpers.made_ledgers import FreeLedger

SMALL = {"shadows": 48, "trainings": 64, "canaries": 4}


def make_plan(dataset, **changed):
    values = {
        "strategy": "pretrain",
        "epsilons": (2.0, math.inf),
        "delta": 1e-3,
        "backbone": dataset.backbone,
    }
    return AuditPlan(**values | SMALL | changed)


def audited(dataset, **changed):
    tables = AuditTables()
    run_audit(dataset, make_plan(dataset, **changed), tables, ledger=FreeLedger())
    return tables.frames()


def test_every_attack_level_and_method_is_in_the_tables(dataset):
    frames = audited(dataset)
    attacks, audits, roc = frames["attacks"], frames["audits"], frames["roc"]

    on_patients = attacks[attacks["level"] == "patient"]
    assert set(on_patients["attack"]) == {
        "loss threshold",
        "likelihood ratio",
        "likelihood ratio on weights",
    }
    assert len(on_patients) == 6 and len(attacks) == 10
    assert len(audits) == 2 * 6 and set(audits["target_epsilon"]) == {2.0, math.inf}
    points = roc.groupby(["target_epsilon", "attack", "level"]).size()
    assert len(points) == 10 and points.min() > 50


def test_numbers_stand_beside_their_bounds_and_below_them_where_privacy_is_promised(dataset):
    frames = audited(dataset)
    attacks, audits = frames["attacks"], frames["audits"]
    private = attacks[attacks["target_epsilon"] == 2.0]

    assert private["epsilon"].unique() == pytest.approx([2.0], rel=1e-4)
    assert (private["auc_low"] < private["bound_auc"]).all()
    assert (private["tpr_at_1pct_low"] < private["bound_tpr_at_1pct"]).all()
    assert (audits["audited_epsilon"] <= audits["epsilon"]).all()
    assert (attacks[attacks["target_epsilon"] == math.inf]["bound_auc"] == 1).all()
    assert (attacks["auc_low"] <= attacks["auc"]).all() and (
        attacks["auc"] <= attacks["auc_high"]
    ).all()


def test_without_privacy_the_best_attack_is_far_above_chance_and_the_audit_above_any_small_claim(
    dataset,
):
    frames = audited(dataset)
    best = best_attacks(frames["attacks"]).set_index("target_epsilon")
    bound = headline_audits(frames["audits"]).set_index("target_epsilon")["audited_epsilon"]

    assert best.loc[math.inf, "auc_low"] > 0.6
    assert best.loc[2.0, "auc"] < best.loc[math.inf, "auc"]
    assert bound[math.inf] > 4


def test_single_masses_as_units_are_attacked_as_masses(dataset):
    frames = audited(dataset, unit="image", strategy="real", epsilons=(2.0,))

    assert set(frames["attacks"]["level"]) == {"mass"}
    assert len(best_attacks(frames["attacks"])) == 1
    assert headline_audits(frames["audits"])["method"].tolist() == [HEADLINE_METHOD]


def test_same_seed_gives_the_same_tables_and_calls_back_after_each_budget(dataset):
    seen = []
    tables = AuditTables()
    run_audit(
        dataset,
        make_plan(dataset),
        tables,
        ledger=FreeLedger(),
        on_point=lambda: seen.append(len(tables.attacks)),
    )

    assert seen == [5, 10]
    assert tables.frames()["attacks"].equals(audited(dataset)["attacks"])


def test_what_cannot_be_attacked_is_refused(dataset):
    with pytest.raises(InvalidRequestError, match="trains on patients"):
        make_plan(dataset, strategy="synthetic")
    with pytest.raises(InvalidRequestError, match="shadows >= 16"):
        make_plan(dataset, shadows=4)
    with pytest.raises(PrivacyError, match="privacy budget"):
        make_plan(dataset, epsilons=(0.001,))
    with pytest.raises(PrivacyError, match="δ below"):
        audited(dataset, delta=0.5)


def test_other_backbone_or_missing_synthetic_masses_are_refused(dataset):
    from dataclasses import replace

    with pytest.raises(InvalidRequestError, match="loaded backbone"):
        run_audit(
            dataset,
            make_plan(dataset, backbone=replace(dataset.backbone, name="resnet18")),
            AuditTables(),
            ledger=FreeLedger(),
        )
    with pytest.raises(CohortError, match="synthetic masses"):
        audited(replace(dataset, synthetic=None, synthetic_features=None))
