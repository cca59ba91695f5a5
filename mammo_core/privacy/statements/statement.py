"""Holds the facts of a privacy statement and derives which guarantee follows from them.

`words` and `table` say it to readers, `card` writes and reads it as JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mammo_core.config.network_recipe import Kept, TrainedPart
from mammo_core.config.runs import (
    HEAD_ON_FEATURES,
    Arithmetic,
    HeadOnFeatures,
    Noise,
    RunConfig,
    Strategy,
    Unit,
)
from mammo_core.privacy.accounting.cost import NoisySteps, PrivacyCost, total_epsilon
from mammo_core.privacy.accounting.gaussian import mu_of_steps, spent_epsilon
from mammo_core.privacy.accounting.guarantee import (
    Guarantee,
    compose_basic,
    compose_gaussian,
    group_privacy,
)
from mammo_core.privacy.accounting.risk import attacker_tpr, sampled_attacker_tpr
from mammo_core.privacy.statements.training_data import TrainingData

Overlap = Literal["same", "other", "unknown", "nobody"]
Coverage = Literal[
    "end to end",
    "end to end, composed",
    "end to end, in parallel",
    "end to end, simulated masses",
    "training step only, generator without DP",
    "training step only, unknown generator",
    "training step only, guarantees do not compose",
    "generator only",
    "no patient",
    "nobody",
    "none",
]


@dataclass(frozen=True, kw_only=True)
class Statement:
    """The guarantee of one released model to those it was trained on, for emptying the records of one whole unit.

    Attributes:
        unit: Whose whole contribution is hidden. With the strategy `synthetic` a synthetic mass.
        num_units: In the training data; public.
        noise_multiplier: Noise standard deviation over clipping norm; 0 without DP.
        largest_patient: Most masses of one patient; None if not recorded.
        is_demonstration: Whether synthetic masses stand in for real ones, so that there are no patients.
        backbone_saw_no_patients: Whether the network's weights at the start are random or installed ones. Other
            weights may have learned from the same patients.
        generator: Of the synthetic masses used; None if none were, empty if it is not known.
        generator_patients: Whether the generator learned from patients of this run ("same", also if some
            are), from "other" ones only, as ids tell, from "nobody", or "unknown", which counts as the same.
        generator_guarantee: For its own patients; None if it has none, or if that is not known.
        trained_part: A head on cached features, or which part of a network on images.
        sample_rate: Chance of each unit to take part in a step; 1 if all take part in all.
        num_weights: How many weights got noise; None if not recorded.
        kept: Which step's weights are released; validation labels may have chosen it.
        arithmetic: How noise was added, see `PrivacyConfig`.
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
    arithmetic: Arithmetic = "float"

    @property
    def is_private(self) -> bool:
        """Whether the training step itself was differentially private."""
        return self.noise_multiplier > 0

    @property
    def uses_float_noise(self) -> bool:
        """Whether a guarantee here rests on noise in single precision: of the training step, or of the generator."""
        step = self.is_private and self.strategy != "synthetic" and self.arithmetic == "float"
        generator = self.generator_guarantee
        rests = self.coverage in ("end to end, composed", "generator only")
        return step or (rests and generator is not None and generator.arithmetic == "float")

    @property
    def is_sampled(self) -> bool:
        """Whether each step sampled the units that took part."""
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
            return total_epsilon([self._cost], self.delta, self.unit)
        return spent_epsilon(self.mu, self.delta)

    def attacker_tpr(self, fpr: float) -> float:
        """Bounds the true positive rate of any membership attacker on the training step.

        Args:
            fpr: False positive rate, in (0, 1).
        """
        if self.mu is None:
            history = ((self.noise_multiplier, self.sample_rate, self.steps),)
            return sampled_attacker_tpr(history, fpr)
        return attacker_tpr(self.mu, fpr)

    @property
    def coverage(self) -> Coverage:
        """How much of what led to the model the guarantee covers."""
        if self.strategy == "synthetic":
            if self.generator_patients == "nobody":
                return "nobody"
            return "generator only" if self.generator_guarantee else "no patient"
        if not self.is_private:
            return "none"
        if self.generator is None:
            return "end to end"
        if self.generator_patients == "nobody":
            return "end to end, simulated masses"
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
    def step(self) -> Guarantee | None:
        """The guarantee of the training step alone for one unit; None without DP."""
        if not self.is_private:
            return None
        return Guarantee(epsilon=self.epsilon, delta=self.delta, unit=self.unit, mu=self.mu)

    @property
    def step_for_patient(self) -> Guarantee | None:
        """The guarantee of the training step alone for a patient; None if there is none, or none known.

        By group privacy, for any patient with no more masses than the one with most.
        """
        if self.step is None or self.strategy == "synthetic":
            return None
        if self.mu is None and self.unit == "image" and self.largest_patient is not None:
            epsilon = total_epsilon([self._cost], self.delta, "patient")
            return Guarantee(epsilon=epsilon, delta=self.delta, unit="patient")
        return group_privacy(self.step, self.largest_patient)

    @property
    def end_to_end(self) -> Guarantee | None:
        """The guarantee of everything that led to the model for one unit; None if there is none.

        The unit is the run's. It is the patient where only the generator's is, and the generator's where
        the training step saw synthetic masses only.
        """
        match self.coverage:
            case "end to end" | "end to end, in parallel" | "end to end, simulated masses":
                return self.step
            case "end to end, composed":
                return self._composed()
            case "generator only":
                return self.generator_guarantee
            case _:
                return None

    @property
    def end_to_end_for_patient(self) -> Guarantee | None:
        """The same for a whole patient; None if there is none, or none known."""
        match self.coverage:
            case "end to end" | "end to end, in parallel" | "end to end, simulated masses":
                return self.step_for_patient
            case "end to end, composed":
                return self._composed_for_patient()
            case "generator only":
                return self._generator_for_patient()
            case _:
                return None

    def require_generator_guarantee(self) -> Guarantee:
        """Returns the generator's guarantee, which some coverages imply."""
        if self.generator_guarantee is None:
            raise ValueError(f"Expected a generator with a guarantee; got {self.coverage}.")
        return self.generator_guarantee

    def _generator_for_patient(self) -> Guarantee | None:
        guarantee = self.generator_guarantee
        return group_privacy(guarantee, guarantee.largest_patient) if guarantee else None

    def _composed(self) -> Guarantee | None:
        """Composes generator and training step; None if that guarantees nothing."""
        generator, step = self.generator_guarantee, self.step
        if generator and generator.unit != self.unit:
            return self._composed_for_patient()
        return self._together(generator, step)

    def _composed_for_patient(self) -> Guarantee | None:
        return self._together(self._generator_for_patient(), self.step_for_patient)

    def _together(self, generator: Guarantee | None, step: Guarantee | None) -> Guarantee | None:
        """Composes both for the same unit; None if one is missing, or if δ would allow one unit to be published."""
        if generator is None or step is None:
            return None
        if step.mu is not None:
            composed = compose_gaussian(generator, step.mu, step.delta)
        elif generator.mu is None:
            composed = compose_basic(generator, step)
        else:
            gaussian = PrivacyCost(
                steps=(NoisySteps(1 / generator.mu, 1.0, 1),),
                unit=generator.unit,
                largest_patient=self._cost.largest_patient,
            )
            epsilon = total_epsilon([gaussian, self._cost], step.delta, step.unit)
            composed = Guarantee(epsilon=epsilon, delta=step.delta, unit=step.unit)
        return composed if composed.delta * self.num_units < 1 else None

    @property
    def _cost(self) -> PrivacyCost:
        return PrivacyCost(
            steps=(NoisySteps(self.noise_multiplier, self.sample_rate, self.steps),),
            unit=self.unit,
            largest_patient=self.largest_patient or 1,
        )


def make_statement(
    config: RunConfig,
    data: TrainingData,
    noise_multiplier: float,
    *,
    num_weights: int | None = None,
) -> Statement:
    """Makes the statement of one run.

    Args:
        data: What it was, or will be, trained on.
        noise_multiplier: What was added, not what was asked for; 0 without DP.
        num_weights: How many weights get noise; None if not known.
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
        arithmetic=config.privacy.arithmetic,
    )


def _overlap(data: TrainingData) -> Overlap:
    if not data.origin.saw_patients:
        return "nobody"
    if not data.origin.patients or not data.patients:
        return "unknown"
    return "same" if data.origin.patients & data.patients else "other"
