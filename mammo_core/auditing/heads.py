"""Attacks trained heads and bounds from below what they spend: three tables, by ε.

Shadow models are trained on the cohort's own patients. The tables are computed from real patients without
noise: no ε covers them, and the ledger records them as a release without DP.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from mammo_core.auditing import membership as attacks
from mammo_core.auditing.bounds import HEADLINE_METHOD
from mammo_core.auditing.canaries import CONFIDENCE, audit_bounds, score_canaries
from mammo_core.auditing.measures import measure_attack
from mammo_core.auditing.shadow_models import Trainer, train_batched, train_shadows
from mammo_core.config import validate
from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import (
    UNITS,
    BackboneConfig,
    HeadRecipe,
    PrivacyConfig,
    RunConfig,
    Strategy,
    Unit,
    identity_of,
)
from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.bootstrap import Estimate
from mammo_core.ledger.releases import Release, ReleaseLedger, release_of_measures
from mammo_core.privacy.accounting import gaussian, risk
from mammo_core.privacy.heads.problem import HeadTrainingData
from mammo_core.privacy.heads.vectorised import HeadSettings
from mammo_core.training.heads.feature_dataset import FeatureDataset
from mammo_core.training.heads.runs import head_settings

ATTACKED: tuple[Strategy, ...] = ("real", "real+synthetic", "pretrain")
_EFFECT_MODELS_PER_UNIT = 1.8
_LEAST_EFFECT_MODELS = 256


@dataclass(frozen=True, kw_only=True)
class AuditPlan:
    """The attacked runs and the number of models.

    Attributes:
        epsilons: Budgets, infinity for no privacy.
        shadows: Heads on random halves that are attacked, each with the others' help.
        trainings: Heads with canaries, independent of each other.
        canaries: In each of these, in or out by fair coins.
        seed: Of halves, coins and noise; noise is reproducible, since nothing here is released.
    """

    strategy: Strategy
    epsilons: tuple[float, ...]
    unit: Unit = "patient"
    delta: float
    backbone: BackboneConfig
    shadows: int = 256
    trainings: int = 1024
    canaries: int = 64
    seed: int = 1

    def __post_init__(self) -> None:
        if self.strategy not in ATTACKED:
            raise InvalidRequestError(
                f"Expected a strategy that trains on patients, one of {', '.join(ATTACKED)}; got "
                f"{self.strategy}. Attack the generator instead: gan attack."
            )
        validate.one_of(UNITS, unit=self.unit)
        validate.at_least(1, epsilons=len(self.epsilons))
        validate.at_least(16, shadows=self.shadows, trainings=self.trainings)
        validate.at_least(2, canaries=self.canaries)
        for epsilon in self.epsilons:
            self.run_config(epsilon)

    def run_config(self, epsilon: float) -> RunConfig:
        """Gives the configuration of the attacked runs."""
        return RunConfig(
            strategy=self.strategy,
            privacy=PrivacyConfig(
                target_epsilon=epsilon,
                target_delta=self.delta,
                unit=self.unit,
                noise="reproducible",
            ),
            recipe=RECIPES[self.strategy],
            backbone=self.backbone,
        )


@dataclass
class AuditTables:
    """Rows of all points so far.

    Attributes:
        attacks: One row per ε, attack and level.
        audits: One row per ε and method.
        roc: Points of the attacks' ROC curves.
    """

    attacks: list[dict[str, Any]] = field(default_factory=list)
    audits: list[dict[str, Any]] = field(default_factory=list)
    roc: list[dict[str, Any]] = field(default_factory=list)

    def frames(self) -> dict[str, pd.DataFrame]:
        """Gives the tables by name."""
        return {name: pd.DataFrame(rows) for name, rows in vars(self).items()}


def run_audit(
    dataset: FeatureDataset,
    plan: AuditPlan,
    tables: AuditTables,
    *,
    ledger: ReleaseLedger,
    on_point: Callable[[], None] | None = None,
    on_step: Callable[[], None] | None = None,
) -> None:
    """Attacks and audits one budget after the other.

    Args:
        tables: Rows are added to them.
        ledger: Written to before anything is computed.
        on_point: Called after each budget.
        on_step: Called after each step of each training; what it raises ends the audit.

    Raises:
        InvalidRequestError: If the plan's backbone is not the one loaded.
        PrivacyError: If δ is too large or there are too few units.
        CohortError: If the strategy needs synthetic masses and there are none.
        BudgetExceededError: If the cohort has a budget and the ledger was given no reason to exceed it.
    """
    if plan.backbone != dataset.backbone:
        raise InvalidRequestError(
            f"Expected an audit on the loaded backbone {dataset.backbone}; got {plan.backbone}."
        )
    recipe = RECIPES[plan.strategy]
    problem = dataset.prepare(plan.strategy, recipe, plan.unit)
    patients = dataset.trained_on(plan.strategy).patient_ids
    gaussian.require_meaningful_delta(plan.delta, problem.num_units)
    ledger.record(dataset.cohort_identity, [_release(dataset, plan)])
    train = partial(train_batched, on_step=on_step and (lambda *_: on_step()))
    effects: dict[tuple[bool, float], Tensor] = {}
    for epsilon in plan.epsilons:
        job = head_settings(plan.run_config(epsilon))
        known = (job.noise_multiplier is None, job.learning_rate)
        if known not in effects:
            effects[known] = attacks.unit_effects(
                problem, recipe, job, _effect_models(problem), seed=plan.seed + 1, train=train
            )
        point = _Point(plan, patients, problem, recipe, job, epsilon, effects[known], train)
        point.attack(tables)
        point.audit(tables)
        if on_point:
            on_point()


def _release(dataset: FeatureDataset, plan: AuditPlan) -> Release:
    data = [part.content_hash for part in (dataset.train, dataset.synthetic) if part is not None]
    budgets = ", ".join(f"{epsilon:g}" for epsilon in plan.epsilons)
    return release_of_measures(
        f"attacks on {STRATEGY_NAMES[plan.strategy]} at ε = {budgets}",
        plan=identity_of(plan),
        data=data,
    )


def _effect_models(problem: HeadTrainingData) -> int:
    return max(_LEAST_EFFECT_MODELS, round(_EFFECT_MODELS_PER_UNIT * problem.num_units))


@dataclass(frozen=True)
class _Point:
    """One budget under attack."""

    plan: AuditPlan
    patients: np.ndarray
    problem: HeadTrainingData
    recipe: HeadRecipe
    job: HeadSettings
    target_epsilon: float
    effects: Tensor
    train: Trainer

    @property
    def _mu(self) -> float:
        return gaussian.mu_of_steps(self.job.noise_multiplier or 0.0, self.recipe.steps)

    @property
    def _shared(self) -> dict[str, Any]:
        return {
            "strategy": self.plan.strategy,
            "backbone": self.plan.backbone.name,
            "unit": self.plan.unit,
            "target_epsilon": self.target_epsilon,
        }

    @property
    def _claim(self) -> dict[str, Any]:
        epsilon = gaussian.spent_epsilon(self._mu, self.plan.delta)
        return {"epsilon": epsilon, "delta": self.plan.delta, "mu": self._mu}

    def attack(self, tables: AuditTables) -> None:
        """Runs three attacks on every shadow model, on units and, where these are patients, on single masses."""
        shadows = train_shadows(
            self.problem,
            self.recipe,
            self.job,
            self.plan.shadows,
            seed=self.plan.seed,
            train=self.train,
        )
        unit_rows, took_part = self.problem.unit_rows, shadows.took_part
        margins = attacks.mass_margins(self.problem, shadows.weights)
        losses = attacks.loss_scores(margins)
        typical = attacks.unit_mean(margins, unit_rows)
        projections = attacks.weight_projections(shadows.weights, self.effects)
        joint = attacks.joint_likelihood_ratio([typical, projections], took_part)
        by_unit = {
            "loss threshold": attacks.unit_mean(losses, unit_rows),
            "likelihood ratio": attacks.likelihood_ratio(typical, took_part),
            "likelihood ratio on weights": joint,
        }
        patients, first_mass = self.patients, unit_rows[:, 0].numpy()
        level = "patient" if self.plan.unit == "patient" else "mass"
        for name, scores in by_unit.items():
            self._measure(tables, name, level, scores, took_part, patients[first_mass])
        if level == "patient":
            of_mass = took_part[:, self.problem.unit_of_row]
            by_mass = {
                "loss threshold": losses,
                "likelihood ratio": attacks.likelihood_ratio(margins, of_mass),
            }
            for name, scores in by_mass.items():
                self._measure(tables, name, "mass", scores, of_mass, patients)

    def _measure(
        self,
        tables: AuditTables,
        name: str,
        level: str,
        scores: Tensor,
        took_part: Tensor,
        patients: np.ndarray,
    ) -> None:
        measures = measure_attack(scores.numpy(), took_part.numpy(), patients, seed=self.plan.seed)
        identity = self._shared | {"attack": name, "level": level}
        row = identity | self._claim | {"models": self.plan.shadows}
        for column in ("auc", "tpr_at_1pct", "tpr_at_01pct"):
            row |= _with_interval(column, getattr(measures, column))
        row |= {
            "bound_auc": risk.attacker_auc(self._mu),
            "bound_tpr_at_1pct": risk.attacker_tpr(self._mu, 0.01),
            "bound_tpr_at_01pct": risk.attacker_tpr(self._mu, 0.001),
        }
        tables.attacks.append(row)
        tables.roc += [
            identity | {"fpr": fpr, "tpr": tpr}
            for fpr, tpr in zip(measures.fpr.tolist(), measures.tpr.tolist(), strict=True)
        ]

    def audit(self, tables: AuditTables) -> None:
        """Adds lower bounds from canaries."""
        seen = score_canaries(
            self.problem,
            self.recipe,
            self.job,
            trainings=self.plan.trainings,
            canaries=min(self.plan.canaries, self.problem.vectors.shape[1] // 2),
            seed=self.plan.seed,
            train=self.train,
        )
        for bound in audit_bounds(seen, self.plan.delta):
            tables.audits.append(
                self._shared
                | self._claim
                | {
                    "method": bound.method,
                    "trials": bound.trials,
                    "confidence": CONFIDENCE,
                    "audited_mu": math.nan if bound.mu is None else bound.mu,
                    "audited_epsilon": bound.epsilon,
                }
            )


def _with_interval(name: str, measured: Estimate) -> dict[str, float]:
    return {name: measured.value, f"{name}_low": measured.low, f"{name}_high": measured.high}


def best_attacks(attacks_table: pd.DataFrame) -> pd.DataFrame:
    """Selects the attack with the highest AUC on whole units, for each strategy, unit and ε."""
    keys = ["strategy", "unit", "target_epsilon"]
    level = attacks_table["unit"].map({"patient": "patient", "image": "mass"})
    on_units = attacks_table[attacks_table["level"] == level]
    return on_units.loc[on_units.groupby(keys)["auc"].idxmax()]


def headline_audits(audits_table: pd.DataFrame) -> pd.DataFrame:
    """Selects one lower bound for each strategy, unit and ε: that of `HEADLINE_METHOD`."""
    return audits_table[audits_table["method"] == HEADLINE_METHOD]
