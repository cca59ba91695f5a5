"""Sweeps: every combination of strategy, unit, ε and seed, each run tracked as it finishes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import (
    BackboneConfig,
    HeadRecipe,
    Noise,
    PrivacyConfig,
    RunConfig,
    Strategy,
    Unit,
    run_key,
    to_dict,
)
from mammo_core.ledger.releases import Ledger, releases_of_runs
from mammo_core.training.heads.feature_dataset import FeatureDataset
from mammo_core.training.heads.runs import OnStep, RunResult, TrainingBackend, run_many


@dataclass(frozen=True, kw_only=True)
class RecipeChanges:
    """What to do otherwise than each strategy's own recipe, see `recipes`; None keeps it."""

    steps: int | None = None
    learning_rate: float | None = None
    max_grad_norm: float | None = None

    def applied_to(self, recipe: HeadRecipe) -> HeadRecipe:
        """The recipe with these changes."""
        changed = {name: value for name, value in vars(self).items() if value is not None}
        return replace(recipe, **changed)


@dataclass(frozen=True, kw_only=True)
class SweepPlan:
    """What to combine. A head trained without DP is the same for every seed; it is run for each all the same.

    Attributes:
        noise: Secret, or reproducible for demonstration.
        changes: To each strategy's own recipe.
        engine: Which code trains; results are the same up to rounding.
    """

    strategies: tuple[Strategy, ...]
    units: tuple[Unit, ...]
    epsilons: tuple[float, ...]
    seeds: tuple[int, ...]
    delta: float
    backbone: BackboneConfig
    noise: Noise = "secret"
    changes: RecipeChanges = RecipeChanges()
    engine: TrainingBackend = "vectorised"

    def groups(self) -> Iterator[list[RunConfig]]:
        """Runs that can be trained together: one list per strategy and unit."""
        for strategy in self.strategies:
            for unit in self.units:
                yield [
                    RunConfig(
                        strategy=strategy,
                        privacy=PrivacyConfig(
                            target_epsilon=epsilon,
                            target_delta=self.delta,
                            unit=unit,
                            noise=self.noise,
                        ),
                        recipe=self.changes.applied_to(RECIPES[strategy]),
                        backbone=self.backbone,
                        seed=seed,
                    )
                    for epsilon in self.epsilons
                    for seed in self.seeds
                ]

    @property
    def num_runs(self) -> int:
        """Number of runs in all."""
        return len(self.strategies) * len(self.units) * len(self.epsilons) * len(self.seeds)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready values, see `plan_from_dict`."""
        return to_dict(self)


def plan_like(config: RunConfig, epsilons: tuple[float, ...]) -> SweepPlan:
    """The same run at other budgets."""
    recipe, usual = config.recipe, RECIPES[config.strategy]
    changes = {
        name: getattr(recipe, name)
        for name in vars(RecipeChanges())
        if getattr(recipe, name) != getattr(usual, name)
    }
    return SweepPlan(
        strategies=(config.strategy,),
        units=(config.privacy.unit,),
        epsilons=epsilons,
        seeds=(config.seed,),
        delta=config.privacy.target_delta,
        backbone=config.backbone,
        noise=config.privacy.noise,
        changes=RecipeChanges(**changes),
    )


def plan_from_dict(values: dict[str, Any]) -> SweepPlan:
    """The inverse of `SweepPlan.to_dict`."""
    return SweepPlan(
        strategies=tuple(values["strategies"]),
        units=tuple(values["units"]),
        epsilons=tuple(float(epsilon) for epsilon in values["epsilons"]),
        seeds=tuple(values["seeds"]),
        delta=values["delta"],
        backbone=BackboneConfig(**values["backbone"]),
        noise=values.get(
            "noise", "reproducible"
        ),  # of jobs asked for before there was secret noise
        changes=RecipeChanges(**values["changes"]),
        engine=values["engine"],
    )


def run_sweep(
    dataset: FeatureDataset,
    plan: SweepPlan,
    *,
    ledger: Ledger,
    finished: Collection[str],
    on_result: Callable[[RunResult | None], None],
    on_step: OnStep | None = None,
) -> None:
    """Runs what is not finished yet.

    Args:
        ledger: As of `run_many`. The whole plan must fit into a budget, or nothing of it is run.
        finished: Keys (`results_file.run_key`) of the runs to leave out.
        on_result: Called after each run, with None for one that was left out.
        on_step: As of `run_many`.

    Raises:
        MammoError: As `run_many`.
    """
    groups = [
        (group, [run for run in group if run_key(run, dataset.data_hash) not in finished])
        for group in plan.groups()
    ]
    all_missing = [config for _, missing in groups for config in missing]
    charges = releases_of_runs(all_missing, dataset.train, dataset.synthetic)
    ledger.require_room(dataset.cohort_identity, charges)
    for group, missing in groups:
        for _ in range(len(group) - len(missing)):
            on_result(None)
        if missing:
            results = run_many(dataset, missing, ledger=ledger, engine=plan.engine, on_step=on_step)
            for result in results:
                on_result(result)
