"""What a run's ε promises and what it does not: computed from its configuration and what it was trained on.

A statement holds facts; what is promised follows from them. The words are in `statement_words` and
`statement_table`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from mammo_core.config.network_recipe import Kept, TrainedPart
from mammo_core.config.runs import (
    HEAD_ON_FEATURES,
    HeadOnFeatures,
    Noise,
    RunConfig,
    Strategy,
    Unit,
    to_dict,
)
from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.accounting.cost import NoisySteps, PrivacyCost, total_epsilon
from mammo_core.privacy.accounting.gaussian import mu_of_steps, spent_epsilon
from mammo_core.privacy.accounting.guarantee import (
    Guarantee,
    Promise,
    added,
    for_patient,
    promise_of,
    with_gaussian,
)
from mammo_core.privacy.accounting.risk import attacker_tpr, sampled_attacker_tpr
from mammo_core.privacy.statements import table as statement_table
from mammo_core.privacy.statements import words as statement_words
from mammo_core.privacy.statements.table import StatementRow
from mammo_core.privacy.statements.training_data import TrainingData

SCHEMA = "mammo-privacy-statement/1"
Overlap = Literal["same", "other", "unknown"]
Coverage = Literal[
    "end to end",
    "end to end, composed",
    "end to end, in parallel",
    "training step only, generator without DP",
    "training step only, unknown generator",
    "training step only, guarantees do not compose",
    "generator only",
    "no patient",
    "none",
]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What one released model promises to those it was trained on, for adding or removing one whole unit.

    Attributes:
        unit: Whose whole contribution is hidden. With the strategy `synthetic` a synthetic mass.
        num_units: In the training data; treated as public.
        noise_multiplier: Noise standard deviation over clipping norm; 0 without DP.
        largest_patient: Most masses of one patient; None if not recorded.
        is_demonstration: Whether synthetic masses play the real ones, with no patient behind.
        backbone_saw_no_patients: Whether the network's weights at the start are random or installed ones; of others
            it is not known whether they learned from the same patients.
        generator: Of the synthetic masses used; None if none were, empty if it is not known.
        generator_patients: Whether the generator learned from patients of this run ("same", also if some
            are), from "other" ones only by their hashed ids, or "unknown", which counts as the same.
        generator_guarantee: What it promises to its patients; None for nothing, or nothing known.
        trained_part: A head on cached features, or which part of a network on images.
        sample_rate: Chance of each unit to take part in a step; 1 if all take part in all.
        num_weights: That the noise was added to; None if not recorded.
        kept: Which step's weights are released; validation labels may have chosen it.
    """

    strategy: Strategy
    unit: Unit
    num_units: int
    target_epsilon: float
    delta: float
    steps: int
    noise_multiplier: float
    max_grad_norm: float
    noise: Noise
    largest_patient: int | None
    is_demonstration: bool
    backbone_saw_no_patients: bool
    generator: str | None
    generator_patients: Overlap | None
    generator_guarantee: Guarantee | None
    trained_part: TrainedPart | HeadOnFeatures = HEAD_ON_FEATURES
    sample_rate: float = 1.0
    num_weights: int | None = None
    kept: Kept = "last"

    @property
    def is_private(self) -> bool:
        """Whether the training step itself was differentially private."""
        return self.noise_multiplier > 0

    @property
    def is_sampled(self) -> bool:
        """Whether each step drew the units that took part."""
        return self.sample_rate < 1

    @property
    def mu(self) -> float | None:
        """Of the training step, as Gaussian DP: √steps / noise multiplier; infinity without DP.

        None if units were sampled: such steps are no Gaussian mechanism together.
        """
        if self.is_private and self.is_sampled:
            return None
        return mu_of_steps(self.noise_multiplier, self.steps)

    @property
    def epsilon(self) -> float:
        """Spent by the training step, at `delta`; infinity without DP."""
        if self.mu is None:
            return total_epsilon([self._spending], self.delta, self.unit)
        return spent_epsilon(self.mu, self.delta)

    def attacker_tpr(self, fpr: float) -> float:
        """The share of those who took part that no attacker on the training step names more of.

        Args:
            fpr: The share of those who did not that the attacker wrongly accuses, in (0, 1).
        """
        if self.mu is None:
            history = ((self.noise_multiplier, self.sample_rate, self.steps),)
            return sampled_attacker_tpr(history, fpr)
        return attacker_tpr(self.mu, fpr)

    @property
    def coverage(self) -> Coverage:
        """How much of what led to the model the guarantee covers."""
        if self.strategy == "synthetic":
            return "generator only" if self.generator_guarantee else "no patient"
        if not self.is_private:
            return "none"
        if self.generator is None:
            return "end to end"
        if self.generator_patients == "other":
            return "end to end, in parallel"
        if not self.generator:
            return "training step only, unknown generator"
        if self.generator_guarantee is None:
            return "training step only, generator without DP"
        if self._composed() is None:
            return "training step only, guarantees do not compose"
        return "end to end, composed"

    @property
    def step(self) -> Promise | None:
        """What the training step alone promises to one unit; None without DP."""
        if not self.is_private:
            return None
        return Promise(epsilon=self.epsilon, delta=self.delta, unit=self.unit, mu=self.mu)

    @property
    def step_for_patient(self) -> Promise | None:
        """What the training step alone promises to a patient; None for nothing, or nothing known.

        By group privacy, for any patient with no more masses than the one with most.
        """
        if self.step is None or self.strategy == "synthetic":
            return None
        if self.mu is None and self.unit == "image" and self.largest_patient is not None:
            epsilon = total_epsilon([self._spending], self.delta, "patient")
            return Promise(epsilon=epsilon, delta=self.delta, unit="patient")
        return for_patient(self.step, self.largest_patient)

    @property
    def end_to_end(self) -> Promise | None:
        """What everything that led to the model promises together to one unit; None for nothing.

        The unit is the run's. It is the patient where only the generator's is, and the generator's where
        the training step saw synthetic masses only.
        """
        match self.coverage:
            case "end to end" | "end to end, in parallel":
                return self.step
            case "end to end, composed":
                return self._composed()
            case "generator only":
                return promise_of(self.generator_guarantee)
        return None

    @property
    def end_to_end_for_patient(self) -> Promise | None:
        """The same for a whole patient; None for nothing, or nothing known."""
        match self.coverage:
            case "end to end" | "end to end, in parallel":
                return self.step_for_patient
            case "end to end, composed":
                return self._composed_for_patient()
            case "generator only":
                return self._generator_for_patient()
        return None

    @property
    def sentence(self) -> str:
        """All of it in one sentence, for a reader without statistics."""
        return statement_words.sentence(self)

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the guarantee rests on and what it does not cover, in sentences."""
        return statement_words.caveats(self)

    def table(self) -> list[StatementRow]:
        """All of it in rows: name, value, meaning."""
        return statement_table.table(self)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: the facts, from which `statement_from_dict` reads it back, and what follows from them."""
        follows = {
            "neighbouring": statement_table.NEIGHBOURING,
            "sampling": statement_table.sampling(self),
            "accountant": statement_table.accountant(self),
            "randomness": statement_table.randomness(self),
            "coverage": self.coverage,
            "step": self.step and to_dict(self.step),
            "step_for_patient": self.step_for_patient and to_dict(self.step_for_patient),
            "end_to_end": self.end_to_end and to_dict(self.end_to_end),
            "end_to_end_for_patient": self.end_to_end_for_patient
            and to_dict(self.end_to_end_for_patient),
        }
        return {
            "schema": SCHEMA,
            "sentence": self.sentence,
            "facts": to_dict(self),
            "follows": follows,
            "caveats": list(self.caveats),
        }

    def _generator_for_patient(self) -> Promise | None:
        guarantee = self.generator_guarantee
        return for_patient(promise_of(guarantee), guarantee.largest_patient)

    def _composed(self) -> Promise | None:
        """Generator and training step together, or None if that promises nothing."""
        if self.generator_guarantee.unit != self.unit:
            return self._composed_for_patient()
        generator = promise_of(self.generator_guarantee)
        return self._meaningful(self._together(generator, self.step))

    def _composed_for_patient(self) -> Promise | None:
        generator, step = self._generator_for_patient(), self.step_for_patient
        if generator is None or step is None:
            return None
        return self._meaningful(self._together(generator, step))

    def _together(self, generator: Promise, step: Promise) -> Promise:
        """Both for the same unit."""
        if step.mu is not None:
            return with_gaussian(generator, step)
        if generator.mu is None:
            return added(generator, step)
        gaussian = PrivacyCost(
            steps=(NoisySteps(1 / generator.mu, 1.0, 1),),
            unit=generator.unit,
            largest_patient=self._spending.largest_patient,
        )
        epsilon = total_epsilon([gaussian, self._spending], step.delta, step.unit)
        return Promise(epsilon=epsilon, delta=step.delta, unit=step.unit)

    @property
    def _spending(self) -> PrivacyCost:
        return PrivacyCost(
            steps=(NoisySteps(self.noise_multiplier, self.sample_rate, self.steps),),
            unit=self.unit,
            largest_patient=self.largest_patient or 1,
        )

    def _meaningful(self, promise: Promise) -> Promise | None:
        """None if δ would allow one unit to be published outright."""
        return promise if promise.delta * self.num_units < 1 else None


def make_statement(
    config: RunConfig,
    data: TrainingData,
    noise_multiplier: float,
    *,
    num_weights: int | None = None,
) -> Statement:
    """The statement of one run.

    Args:
        data: What it was, or will be, trained on.
        noise_multiplier: What was added, not what was asked for; 0 without DP.
        num_weights: That the noise was, or will be, added to; None if not known.
    """
    uses_synthetic = config.strategy != "real"
    origin = data.origin
    return Statement(
        strategy=config.strategy,
        unit=config.privacy.unit,
        num_units=data.num_units(config.strategy, config.privacy.unit),
        target_epsilon=config.privacy.target_epsilon,
        delta=config.privacy.target_delta,
        steps=config.recipe.steps,
        noise_multiplier=noise_multiplier,
        max_grad_norm=config.recipe.max_grad_norm,
        noise=config.privacy.noise,
        largest_patient=data.largest_patient,
        is_demonstration=data.is_demonstration,
        backbone_saw_no_patients=config.backbone.saw_no_patients,
        generator=origin.generator if uses_synthetic else None,
        generator_patients=_overlap(data) if uses_synthetic else None,
        generator_guarantee=origin.guarantee if uses_synthetic else None,
        trained_part=config.trained_part,
        sample_rate=config.recipe.sample_rate,
        num_weights=num_weights,
        kept=config.recipe.kept,
    )


def statement_from_dict(values: dict[str, Any]) -> Statement:
    """The inverse of `Statement.to_dict`.

    Raises:
        InvalidRequestError: If it is of another schema.
    """
    if values.get("schema") != SCHEMA:
        raise InvalidRequestError(
            f"Expected a privacy statement of the schema {SCHEMA}; got {values.get('schema')!r}. "
            "Read it with the version that wrote it."
        )
    facts = dict(values["facts"])
    facts["target_epsilon"] = float(facts["target_epsilon"])
    if facts["generator_guarantee"] is not None:
        facts["generator_guarantee"] = Guarantee(**facts["generator_guarantee"])
    return Statement(**facts)


def _overlap(data: TrainingData) -> Overlap:
    if not data.origin.patients or not data.patients:
        return "unknown"
    return "same" if data.origin.patients & data.patients else "other"
