"""Plans of runs of heads, and the one way to train them: skip what is recorded, write down what is released, train."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import (
    Arithmetic,
    BackboneConfig,
    HeadRecipe,
    Noise,
    PrivacyConfig,
    RunConfig,
    Strategy,
    Unit,
    run_key,
)
from mammo_core.errors import InvalidRequestError
from mammo_core.ledger.releases import Release, ReleaseLedger, releases_of_run
from mammo_core.privacy.accounting.gaussian import require_meaningful_delta
from mammo_core.privacy.heads.vectorised import HeadSettings
from mammo_core.training.heads.feature_dataset import FeatureDataset
from mammo_core.training.heads.runs import (
    OnStep,
    TrainingBackend,
    head_recipe,
    head_settings,
    train_together,
)
from mammo_core.training.outcome import FinishedRun


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
    """The combinations to train. A head without DP is the same for every seed; it is trained for each all the same.

    Attributes:
        noise: Secret, or reproducible for demonstration.
        changes: To each strategy's own recipe.
        engine: Which code trains; results are the same up to rounding.
        arithmetic: As of `PrivacyConfig`; "float" in plans from before noise was rounded to a grid.
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
    arithmetic: Arithmetic = "grid"
    UNWRITTEN: ClassVar = PrivacyConfig.UNWRITTEN

    def configs(self) -> list[RunConfig]:
        """Every run; those of one strategy and unit one after the other.

        Raises:
            InvalidRequestError: If a value is impossible.
        """
        return [
            RunConfig(
                strategy=strategy,
                privacy=PrivacyConfig(
                    target_epsilon=epsilon,
                    target_delta=self.delta,
                    unit=unit,
                    noise=self.noise,
                    arithmetic=self.arithmetic,
                ),
                recipe=self.changes.applied_to(RECIPES[strategy]),
                backbone=self.backbone,
                seed=seed,
            )
            for strategy in self.strategies
            for unit in self.units
            for epsilon in self.epsilons
            for seed in self.seeds
        ]

    @property
    def num_runs(self) -> int:
        """Number of runs in all."""
        return len(self.strategies) * len(self.units) * len(self.epsilons) * len(self.seeds)


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


def run_plan(
    dataset: FeatureDataset,
    plan: Sequence[RunConfig],
    *,
    ledger: ReleaseLedger,
    finished: Collection[str] = (),
    backend: TrainingBackend = "vectorised",
    on_step: OnStep | None = None,
) -> Iterator[tuple[RunConfig, FinishedRun | None]]:
    """Trains and evaluates the runs of a plan that are not recorded yet: the one way to train heads.

    A recorded run is never trained again: with secret noise that would be another release, and otherwise
    nothing new would come out. Another seed makes another run.

    Args:
        plan: Runs on the backbone that is loaded. Those that differ in ε, δ and seed only train together.
        ledger: Every run is recorded in it before it is trained, so a crash counts too much, never too little.
        finished: Keys (`run_key`) of the runs that are recorded.
        backend: "vectorised" trains many heads at once, "opacus" one after the other with Opacus. The update
            and the noise are the same; results agree up to rounding.
        on_step: Called after each training step; what it raises ends the training.

    Yields:
        Each configuration with its result as soon as it is evaluated, or with None if it is recorded.

    Raises:
        InvalidRequestError: If the plan is empty, of a network or of another backbone.
        PrivacyError: If a budget cannot be reached, δ is too large or there are too few units.
        BudgetExceededError: If the ledger has no room for the whole plan; then nothing is trained.
    """
    _require_plan(dataset, plan)
    recorded: list[RunConfig] = []
    missing: list[_PlannedRun] = []
    for config in plan:
        if run_key(config, dataset.data_hash) in finished:
            recorded.append(config)
        else:
            missing.append(_planned(dataset, config))
    batches = _batches(missing, backend)
    if len(batches) > 1:  # one alone is checked when it is recorded
        ledger.require_room(dataset.cohort_identity, _releases(missing))
    yield from ((config, None) for config in recorded)
    for batch in batches:
        configs = [each.config for each in batch]
        first = configs[0]
        inputs = dataset.prepare(first.strategy, head_recipe(first), first.privacy.unit)
        ledger.record(dataset.cohort_identity, _releases(batch))
        results = train_together(
            dataset,
            inputs,
            configs,
            [each.settings for each in batch],
            backend=backend,
            on_step=on_step,
        )
        yield from zip(configs, results, strict=True)


@dataclass(frozen=True)
class _PlannedRun:
    config: RunConfig
    settings: HeadSettings
    releases: list[Release]


def _planned(dataset: FeatureDataset, config: RunConfig) -> _PlannedRun:
    """A run with its noise, calibrated once, and with what it will release."""
    privacy = config.privacy
    if privacy.is_private:
        num_units = dataset.training_data.num_units(config.strategy, privacy.unit)
        require_meaningful_delta(privacy.target_delta, num_units)
    settings = head_settings(config)
    noise = settings.noise_multiplier or 0.0
    releases = releases_of_run(config, noise, dataset.train, dataset.synthetic)
    return _PlannedRun(config, settings, releases)


def _batches(runs: Sequence[_PlannedRun], backend: TrainingBackend) -> list[list[_PlannedRun]]:
    """The runs that train at once."""
    if backend == "opacus":
        return [[run] for run in runs]
    alike: dict[tuple[object, ...], list[_PlannedRun]] = {}
    for run in runs:
        config = run.config
        key = (config.strategy, config.privacy.unit, config.recipe)
        alike.setdefault(key, []).append(run)
    return list(alike.values())


def _releases(runs: Sequence[_PlannedRun]) -> list[Release]:
    return [release for run in runs for release in run.releases]


def _require_plan(dataset: FeatureDataset, plan: Sequence[RunConfig]) -> None:
    if not plan:
        raise InvalidRequestError(
            "Expected one run or more; got none. Name at least one ε and seed."
        )
    others = [config.backbone for config in plan if config.backbone != dataset.backbone]
    if others:
        raise InvalidRequestError(
            f"Expected runs on the loaded backbone {dataset.backbone}; got {others[0]}."
        )
