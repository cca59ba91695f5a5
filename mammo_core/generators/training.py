"""One training of a generator: resumes, watches KID on held-out masses, keeps the best, writes the card."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.classifiers.features import compute_features
from mammo_core.cohorts.cohort import Cohort
from mammo_core.config import validate
from mammo_core.config.runs import BackboneConfig, PrivacyConfig, short_hash, to_dict
from mammo_core.errors import CohortError, InvalidRequestError
from mammo_core.labels import CLASS_NAMES
from mammo_core.ledger.releases import Ledger, Release, cohort_identity
from mammo_core.privacy.accounting.cost import PrivacyCost
from mammo_core.privacy.accounting.gaussian import require_meaningful_delta
from mammo_core.privacy.accounting.guarantee import Guarantee
from mammo_core.privacy.heads.problem import rows_of_units
from mammo_core.synthesis.cards import GeneratorCard, hash_patient, load_card
from mammo_core.synthesis.cascade_training import CascadeTrainer
from mammo_core.synthesis.checkpoints import save_generator
from mammo_core.synthesis.config import MECHANISMS, GanConfig, Mechanism
from mammo_core.synthesis.mcgan_training import McganTrainer
from mammo_core.synthesis.quality import kernel_distance
from mammo_core.synthesis.sampling import sample_masses
from mammo_core.synthesis.training import GanStep, GanTrainer
from mammo_core.system.device import choose_device, device_name

_GRID = 8  # masses of each class in a sample grid
_JUDGED = 256  # synthetic masses in a KID


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """How long to train and how often to look.

    Attributes:
        images: Real masses to show in all, repeats counted.
        look_every: Masses between two looks: KID, sample grid, checkpoint, metrics.
        out: The generator to write: OUT.safetensors and OUT.json.
        command: Goes into the card.
        licence: Of the training data, with attribution; goes into the card.
        privacy: What to promise; None trains without differential privacy.
        mechanism: How the promise is kept, see `synthesis.private_training`.
    """

    images: int
    look_every: int
    out: Path
    command: str
    licence: str
    privacy: PrivacyConfig | None = None
    mechanism: Mechanism = "moments"

    def __post_init__(self) -> None:
        validate.at_least(1, images=self.images, look_every=self.look_every)
        validate.one_of(MECHANISMS, mechanism=self.mechanism)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What one look at a running training saw; losses are means since the last look.

    Attributes:
        grid: (2 H, 8 W) uint8, masses of each class from the same seeds at every look.
    """

    images_seen: int
    generator_loss: float
    discriminator_loss: float
    kid: float
    best_kid: float
    masses_per_second: float
    grid: np.ndarray


class TrainingLog(Protocol):
    """Where a training writes what it sees; a resumed training goes on in the same one."""

    def best_kid(self) -> float:
        """The lowest KID so far, infinity for a new training."""

    def look(self, look: Evaluation) -> None:
        """Writes one look."""

    def finish(self, out: Path) -> None:
        """Keeps the generator OUT.safetensors and OUT.json and closes the record."""


def train_generator(
    real: Cohort,
    config: GanConfig,
    plan: TrainingPlan,
    state_folder: Path,
    backbone: BackboneConfig,
    open_record: Callable[[str, GanConfig], TrainingLog],
    *,
    ledger: Ledger,
    is_demonstration: bool = False,
    site: str | None = None,
    on_step: Callable[[GanStep], None] | None = None,
) -> GeneratorCard:
    """Trains on the train split only and keeps the generator with the lowest KID to held-out masses.

    The held-out masses are the validation split, whose patients the generator never sees; choosing by
    them is a use of their images, said in the card. With differential privacy nothing is chosen: the
    last generator is kept. A training that was killed goes on from its last look when called again with
    the same data, configuration and plan.

    Args:
        state_folder: Where the state of unfinished trainings is kept.
        open_record: Given the training's identity and configuration, returns where looks are written:
            `generator_tracking.GeneratorRecord` for MLflow.
        ledger: Charged before the first step and before anything is written, with all steps to the end. Going
            on with a training is not charged again.
        is_demonstration: Whether synthetic masses play the real ones.

    Returns:
        The card of the generator kept.

    Raises:
        CohortError: If there is no train or no validation split.
        InvalidRequestError: If the masses are not square of the configured size.
        BudgetExceededError: If the ledger has no room for it; nothing is kept then.
    """
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
    device = choose_device()
    trainer = _open_trainer(config, plan, train, device, backbone)
    identity = {
        "config": dataclasses.asdict(config),
        "data": train.content_hash,
        "out": str(plan.out.resolve()),
        "privacy": plan.privacy and [to_dict(plan.privacy), plan.mechanism, plan.images],
    }
    state_file = state_folder / f"{short_hash(identity)}.pt"
    goes_on = state_file.exists()
    if goes_on:
        trainer.load(state_file)
    charge = _charge(trainer, plan, train.largest_patient, short_hash(identity), goes_on)
    ledger.charge(cohort_identity(train, is_demonstration=is_demonstration), [charge])
    judge = _Judge(heldout.images, backbone, device)
    card = GeneratorCard(
        config=trainer.config,
        training_data=f"{own}, train split: {len(train)} masses of {train.num_patients} patients",
        licence=plan.licence,
        patients=tuple(sorted(hash_patient(name) for name in np.unique(train.patient_ids))),
        images_seen=0,
        device=device_name(device),
        command=plan.command,
        notes=(
            "The last one, whatever its quality; metrics are computed from real masses without noise."
            if plan.privacy
            else f"Kept for its lowest KID to {len(heldout)} validation masses; not private."
        ),
    )
    record = open_record(short_hash(identity), config)
    best = record.best_kid()
    started, seen_before = time.perf_counter(), trainer.images_seen
    losses: list[GanStep] = []

    def watch(report: GanStep) -> None:
        losses.append(report)
        if on_step:
            on_step(report)

    while trainer.images_seen < plan.images:
        trainer.train(min(trainer.images_seen + plan.look_every, plan.images), watch)
        kid = judge.distance(trainer.averaged)
        if kid < best or plan.privacy:
            card = dataclasses.replace(
                card,
                images_seen=trainer.images_seen,
                metrics={"kid_to_validation": kid},
                guarantee=_with_largest_patient(trainer.guarantee, train),
            )
            save_generator(trainer.averaged, card, plan.out)
        best = min(best, kid)
        rate = (trainer.images_seen - seen_before) / (time.perf_counter() - started)
        record.look(
            Evaluation(
                images_seen=trainer.images_seen,
                generator_loss=float(np.mean([loss.generator_loss for loss in losses])),
                discriminator_loss=float(np.mean([loss.discriminator_loss for loss in losses])),
                kid=kid,
                best_kid=best,
                masses_per_second=rate,
                grid=sample_grid(trainer.averaged),
            )
        )
        losses.clear()
        trainer.save(state_file)
    record.finish(plan.out)
    finished = load_card(plan.out)
    ledger.note_generator(finished.sha256)
    return finished


def _with_largest_patient(guarantee: Guarantee | None, train: Cohort) -> Guarantee | None:
    if guarantee is None:
        return None
    return dataclasses.replace(guarantee, largest_patient=train.largest_patient)


def _charge(
    trainer: GanTrainer, plan: TrainingPlan, largest_patient: int, identity: str, goes_on: bool
) -> Release:
    privacy = plan.privacy
    promised = f"ε = {privacy.target_epsilon:g}, {plan.mechanism}" if privacy else "without DP"
    return Release(
        kind="generator",
        title=f"generator {plan.out.name}, {promised}",
        strategy=trainer.config.architecture,
        target_epsilon=privacy.target_epsilon if privacy else math.inf,
        spending=PrivacyCost(
            steps=trainer.noisy_steps,
            unit=privacy.unit if privacy else "patient",
            largest_patient=largest_patient,
        ),
        noise="secret",
        noise_seed="",
        release=identity,
        is_counted_once=goes_on,
    )


def _open_trainer(
    config: GanConfig,
    plan: TrainingPlan,
    train: Cohort,
    device: torch.device,
    backbone: BackboneConfig,
) -> GanTrainer:
    images, labels = torch.from_numpy(train.images), torch.from_numpy(train.labels)
    if config.architecture == "mcgan":
        if plan.privacy:
            raise InvalidRequestError(
                "Expected architecture cascade for training with differential privacy; got mcgan, "
                "whose batch norm mixes patients. Use --architecture cascade."
            )
        return McganTrainer(config, images, labels, device)
    network = load_backbone(backbone).network
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
    if plan.mechanism == "moments":
        return NoisyMomentsTrainer(config, masses, plan.privacy, device, network)
    steps = math.ceil(plan.images / config.batch_size)
    return PrivateDiscriminatorTrainer(config, masses, plan.privacy, device, network, steps)


def sample_grid(generator: nn.Module) -> np.ndarray:
    """A row of masses of each class from the same seeds: (2 H, 8 W) uint8."""
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

    def distance(self, generator: nn.Module) -> float:
        labels = [index % 2 for index in range(_JUDGED)]
        masses = sample_masses(generator, labels, range(_JUDGED)).numpy()
        return kernel_distance(self._heldout, self._features(masses)).value

    def _features(self, images: np.ndarray) -> Tensor:
        return torch.from_numpy(compute_features(images, self._backbone, self._config))[:, 0]
