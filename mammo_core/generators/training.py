"""Trains a generator: evaluates by KID to held-out masses, keeps the best, resumes, writes the card."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.classifiers.features import compute_features
from mammo_core.cohorts.cohort import Cohort
from mammo_core.cohorts.origins import words_for
from mammo_core.config import runs, validate
from mammo_core.config.runs import (
    BackboneConfig,
    PrivacyConfig,
    identity_of,
    short_hash,
    to_dict,
)
from mammo_core.errors import CohortError, InvalidRequestError
from mammo_core.generators.recording import Evaluation, GeneratorRecord
from mammo_core.labels import CLASS_NAMES
from mammo_core.ledger.releases import Release, ReleaseLedger, cohort_identity
from mammo_core.privacy.accounting.cost import PrivacyCost
from mammo_core.privacy.accounting.gaussian import require_meaningful_delta
from mammo_core.privacy.heads.problem import rows_of_units
from mammo_core.synthesis.cards import GeneratorCard, load_card
from mammo_core.synthesis.cascade_training import CascadeTrainer
from mammo_core.synthesis.checkpoints import save_generator
from mammo_core.synthesis.config import (
    MECHANISMS,
    GanConfig,
    Mechanism,
    mechanism_of,
    teachers,
)
from mammo_core.synthesis.flow_gan.trainer import FlowGanTrainer
from mammo_core.synthesis.mcgan_training import McganTrainer
from mammo_core.synthesis.members import keep_members, public_data_of
from mammo_core.synthesis.quality import kernel_distance
from mammo_core.synthesis.sampling import MassGenerator, sample_masses
from mammo_core.synthesis.training import GanStep, GanTrainer
from mammo_core.system.device import choose_device, device_name
from mammo_core.system.secret_key import hash_patients

_GRID = 8  # masses of each class in a sample grid
_JUDGED = 256  # synthetic masses in a KID


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """Length, evaluation interval and guarantee of a training.

    Attributes:
        images: Real masses to show in all, repeats counted; of a simulator, masses to simulate for patients to vote for.
        eval_every: Masses between two evaluations: KID, sample grid, checkpoint, metrics.
        out: The generator to write: OUT.safetensors and OUT.json.
        command: Goes into the card.
        licence: Of the training data, with attribution; goes into the card.
        privacy: The guarantee to give; None trains without differential privacy.
        mechanism: How the guarantee is reached, see `synthesis.private_training` and
            `synthesis.private_evolution`.
    """

    images: int
    eval_every: int
    out: Path
    command: str
    licence: str
    privacy: PrivacyConfig | None = None
    mechanism: Mechanism = "moments"

    def __post_init__(self) -> None:
        validate.at_least(1, images=self.images, eval_every=self.eval_every)
        validate.one_of(MECHANISMS, mechanism=self.mechanism)


def train_generator(
    real: Cohort,
    config: GanConfig,
    plan: TrainingPlan,
    home: Path,
    backbone: BackboneConfig,
    *,
    ledger: ReleaseLedger,
    is_demonstration: bool = False,
    site: str | None = None,
    on_step: Callable[[int], None] | None = None,
) -> GeneratorCard:
    """Trains on the train split only and keeps the generator with the lowest KID to held-out masses.

    The held-out masses are the validation split, whose patients the generator never sees. Choosing by
    them is a use of their images; the card says so. With differential privacy nothing is chosen: the
    last generator is kept. A training that was killed resumes at its last evaluation when called again
    with the same data, configuration and plan.

    Args:
        home: Of the installation: its MLflow store records evaluations, its folder gan keeps the state of unfinished
            trainings.
        ledger: Records the release, with all steps to the end, before the first step and before anything is
            written. A resumed training is not counted again.
        is_demonstration: Whether synthetic masses stand in for real ones.
        on_step: Called after each step with the number of masses seen. What the step computed leaves only after the
            state is saved: a kill repeats steps, with other noise.

    Returns:
        The card of the generator kept.

    Raises:
        CohortError: If there is no train or no validation split.
        InvalidRequestError: If the masses are not square of the configured size, or it would learn through the judge.
        BudgetExceededError: If the ledger has no room for it; nothing is kept then.
    """
    if backbone.name == runs.JUDGE_BACKBONE.name:
        raise InvalidRequestError(
            f"Expected another network to learn through than {backbone.name}, which judges the masses of generators: it "
            "would flatter this one. Choose another --backbone."
        )
    own = real.training_site(site)
    train, heldout = (real.select(site=own, split=split) for split in ("train", "val"))
    train.require_both_classes("the train split")
    if not len(heldout):
        raise CohortError(
            f"Expected a val split at {own} to choose the generator by; found none. Add {own}/val."
        )
    side = config.image_size_px
    if train.images.shape[1:] != (side, side):
        raise InvalidRequestError(
            f"Expected masses of {side}×{side} px; got {train.images.shape[1:]}. "
            "Choose another --size or other data."
        )
    training = _Training(train, config, plan, home, backbone)
    ledger.record(cohort_identity(train, is_demonstration=is_demonstration), [training.release()])
    training.begin(heldout)
    while not training.is_done:
        training.step(on_step)
    card = training.finish()
    ledger.note_generator(card.sha256)
    return card


class _Training:
    """A generator in training: each step ends with an evaluation and a saved state."""

    def __init__(
        self,
        train: Cohort,
        config: GanConfig,
        plan: TrainingPlan,
        home: Path,
        backbone: BackboneConfig,
    ) -> None:
        self._train, self._config, self._plan, self._backbone = train, config, plan, backbone
        self._home = home
        self._device = choose_device()
        self._trainer = _open_trainer(config, plan, train, self._device, backbone)
        identity = {
            "config": dataclasses.asdict(config),
            "data": train.content_hash,
            "out": str(plan.out.resolve()),
            "privacy": plan.privacy and [to_dict(plan.privacy), plan.mechanism, plan.images],
        }
        if backbone != BackboneConfig():  # else left out, so that trainings of version 0.2 resume
            identity["backbone"] = identity_of(backbone)
        self._identity = short_hash(identity)
        self._state_file = home / "gan" / f"{self._identity}.pt"
        self._is_resumed = self._state_file.exists()
        if self._is_resumed:
            self._trainer.load(self._state_file)

    @property
    def is_done(self) -> bool:
        return self._trainer.images_seen >= self._plan.images

    def release(self) -> Release:
        """Describes the generator, with all steps to the end, for the ledger."""
        privacy = self._plan.privacy
        promised = (
            f"ε = {privacy.target_epsilon:g}, {self._plan.mechanism}" if privacy else "without DP"
        )
        return Release(
            kind="generator",
            title=f"generator {self._plan.out.name}, {promised}",
            strategy=self._config.architecture,
            target_epsilon=privacy.target_epsilon if privacy else math.inf,
            spending=PrivacyCost(
                steps=self._trainer.noisy_steps,
                unit=privacy.unit if privacy else "patient",
                largest_patient=self._train.largest_patient,
            ),
            noise="secret",
            noise_seed="",
            release=self._identity,
            is_counted_once=self._is_resumed,
        )

    def begin(self, heldout: Cohort) -> None:
        """Prepares the evaluation by held-out masses and opens the log."""
        train, plan = self._train, self._plan
        patients = hash_patients(train.patient_ids.tolist())
        self._judge = _Judge(heldout.images, self._backbone, self._device)
        self._card = GeneratorCard(
            config=self._trainer.config,
            training_data=words_for(train),
            licence=plan.licence,
            public_data=public_data_of(train.patient_ids.tolist()),
            members=keep_members(patients, self._identity),
            patients=patients,
            images_seen=0,
            device=device_name(self._device),
            command=plan.command,
            notes=(
                "The last one, whatever its quality; metrics are computed from real masses without noise."
                if plan.privacy
                else f"Kept for its lowest KID to {len(heldout)} validation masses; not private."
            ),
        )
        self._log = GeneratorRecord(self._home, self._identity, self._config)
        self._best = self._log.best_kid()
        self._started, self._seen_before = time.perf_counter(), self._trainer.images_seen
        was_killed_before_evaluation = self._log.last_evaluated() < self._trainer.images_seen
        if was_killed_before_evaluation:
            self._evaluate([])

    def step(self, on_step: Callable[[int], None] | None) -> None:
        """Trains up to the next evaluation, saves the state, and only then lets anything out.

        A kill between would otherwise take the same steps again, with other noise, after the first had left.
        """
        trainer, losses = self._trainer, list[GanStep]()

        def watch(report: GanStep) -> None:
            losses.append(report)
            if on_step:
                on_step(report.images_seen)

        trainer.train(min(trainer.images_seen + self._plan.eval_every, self._plan.images), watch)
        trainer.save(self._state_file)
        self._evaluate(losses)

    def _evaluate(self, losses: Sequence[GanStep]) -> None:
        """Evaluates the state, and keeps the generator if it is the one to keep.

        Args:
            losses: Of the steps since the evaluation before; empty if they are not known any more.
        """
        trainer = self._trainer
        kid = self._judge.distance(trainer.averaged)
        if kid < self._best or self._plan.privacy:
            self._keep(kid)
        self._best = min(self._best, kid)
        seconds = time.perf_counter() - self._started
        self._log.write(
            Evaluation(
                images_seen=trainer.images_seen,
                generator_loss=_mean([loss.generator_loss for loss in losses]),
                discriminator_loss=_mean([loss.discriminator_loss for loss in losses]),
                masses_per_second=(trainer.images_seen - self._seen_before) / seconds,
                best_kid=self._best,
                kid=kid,
                grid=sample_grid(trainer.averaged),
            )
        )

    def _keep(self, kid: float) -> None:
        guarantee = self._trainer.guarantee
        if guarantee is not None:
            guarantee = dataclasses.replace(guarantee, largest_patient=self._train.largest_patient)
        self._card = dataclasses.replace(
            self._card,
            images_seen=self._trainer.images_seen,
            metrics={"kid_to_validation": kid},
            guarantee=guarantee,
        )
        save_generator(self._trainer.averaged, self._card, self._plan.out)

    def finish(self) -> GeneratorCard:
        """Closes the log and returns the card of the generator kept."""
        self._log.finish(self._plan.out)
        return load_card(self._plan.out)


def _open_trainer(
    config: GanConfig,
    plan: TrainingPlan,
    train: Cohort,
    device: torch.device,
    backbone: BackboneConfig,
) -> GanTrainer:
    images, labels = torch.from_numpy(train.images), torch.from_numpy(train.labels)
    if config.architecture == "simulator" and plan.privacy is None:
        raise InvalidRequestError(
            "Expected an ε to fit a simulator with; got none. Add --epsilon, or use models/simulated, which is fitted to "
            "nobody."
        )
    if plan.privacy and (config.architecture == "simulator") != (plan.mechanism == "evolution"):
        raise InvalidRequestError(
            f"Expected evolution for a simulator and only for one; got {plan.mechanism} for {config.architecture}. "
            f"Use --private-by {mechanism_of(config.architecture)}, or leave it out."
        )
    if config.architecture == "mcgan":
        if plan.privacy:
            raise InvalidRequestError(
                "Expected architecture cascade for training with differential privacy; got mcgan, "
                "whose batch norm mixes patients. Use --architecture simulator or cascade."
            )
        return McganTrainer(config, images, labels, device)
    networks = [load_backbone(part).network for part in teachers(config.architecture, backbone)]
    if config.architecture == "flow_gan":
        if plan.privacy:
            raise InvalidRequestError(
                "Expected architecture cascade for training with differential privacy; got flow_gan, "
                "whose flow sees masses without noise. Use --architecture simulator or cascade."
            )
        return FlowGanTrainer(config, images, labels, device, networks)
    (network,) = networks
    if plan.privacy is None:
        return CascadeTrainer(config, images, labels, device, network)
    from mammo_core.synthesis.private_training import (
        NoisyMomentsTrainer,
        PrivateDiscriminatorTrainer,
        PrivateMasses,
    )

    unit_rows = rows_of_units(train.patient_ids, plan.privacy.unit)
    require_meaningful_delta(plan.privacy.target_delta, len(unit_rows))
    masses = PrivateMasses(images=images, labels=labels, unit_rows=unit_rows)
    if plan.mechanism == "evolution":
        from mammo_core.synthesis.private_evolution import PrivateEvolutionTrainer

        return PrivateEvolutionTrainer(config, masses, plan.privacy, device, network, plan.images)
    if plan.mechanism == "moments":
        return NoisyMomentsTrainer(config, masses, plan.privacy, device, network)
    steps = math.ceil(plan.images / config.batch_size)
    return PrivateDiscriminatorTrainer(config, masses, plan.privacy, device, network, steps)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def sample_grid(generator: MassGenerator) -> np.ndarray:
    """Samples a row of masses of each class from the same seeds: (2 H, 8 W) uint8."""
    labels = [label for label in sorted(CLASS_NAMES) for _ in range(_GRID)]
    masses = sample_masses(generator, labels, [*range(_GRID)] * len(CLASS_NAMES)).numpy()
    rows = [
        np.concatenate(list(masses[i : i + _GRID]), axis=1) for i in range(0, len(masses), _GRID)
    ]
    return np.concatenate(rows)


class _Judge:
    """KID of a generator to fixed held-out masses, from the same seeds every time."""

    def __init__(self, heldout: np.ndarray, backbone: BackboneConfig, device: torch.device) -> None:
        self._config = dataclasses.replace(backbone, views=1)
        self._backbone = load_backbone(self._config, device)
        self._heldout = self._features(heldout)

    def distance(self, generator: MassGenerator) -> float:
        labels = [index % 2 for index in range(_JUDGED)]
        masses = sample_masses(generator, labels, range(_JUDGED)).numpy()
        return kernel_distance(self._heldout, self._features(masses)).value

    def _features(self, images: np.ndarray) -> Tensor:
        return torch.from_numpy(compute_features(images, self._backbone, self._config))[:, 0]
