"""Attacks generators with a cohort's real masses: which of them were in the training data?

Members are the training site's train split; non-members its val and test splits, whose patients the
generator never saw. Masses of another split can differ for other reasons, too. Each attack therefore also runs
between val and test, neither of which took part: what it finds there is the shift between splits and no leak.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mammo_core import __version__
from mammo_core.classifiers.backbones import load_backbone
from mammo_core.classifiers.features import FeatureStore
from mammo_core.cohorts.cohort import Cohort, join
from mammo_core.cohorts.origins import saw_these_only
from mammo_core.cohorts.sampled import synthetic_cohort
from mammo_core.config.runs import BackboneConfig, identity_of, to_dict
from mammo_core.errors import CohortError, InvalidRequestError
from mammo_core.evaluation.attack_rates import AttackRates
from mammo_core.ledger.releases import (
    Release,
    ReleaseLedger,
    cohort_identity,
    release_of_measures,
)
from mammo_core.privacy.accounting.guarantee import Guarantee
from mammo_core.privacy.accounting.risk import attacker_tpr, tpr_from_epsilon_alone
from mammo_core.synthesis.cards import GeneratorCard
from mammo_core.synthesis.coarse_views import coarse_views, scaled_like
from mammo_core.synthesis.config import teachers
from mammo_core.synthesis.discriminator_scores import discriminator_scores
from mammo_core.synthesis.membership import (
    LEVELS,
    Level,
    Suspects,
    calibrated_scores,
    judge_attack,
    nearest_scores,
)
from mammo_core.synthesis.sampling import MassGenerator
from mammo_core.synthesis.structure_scores import HasStructure, structure_scores

NEAREST, CALIBRATED = "nearest", "nearest, calibrated"
COARSE, COARSE_CALIBRATED = "nearest in shape", "nearest in shape, calibrated"
WEIGHTS, DISCRIMINATOR = "published weights", "discriminator"
PLANTED = "planted copies"
_COPIED = 10  # one training mass in so many
_SHAKEN_BY = 10.0  # grey levels
COMPARISONS = (("train", "val"), ("train", "test"), ("train", "val+test"), ("val", "test"))
CONTROL = ("val", "test")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class AttackTarget:
    """A generator to attack.

    Attributes:
        name: To show.
        masses: Sampled from it.
        card: None if it has none; it is then assumed to have seen exactly the train split.
        generator: Its network, for attacks by whoever has the weights; None if they are not published.
        state: Of its training, with a discriminator; None if there is none.
    """

    name: str
    masses: Cohort
    card: GeneratorCard | None = None
    generator: MassGenerator | None = None
    state: Path | None = None


@dataclass(frozen=True)
class GeneratorAttack:
    """One attack on one generator.

    Attributes:
        generator: Its name.
        attack: NEAREST or CALIBRATED in the backbone's features, COARSE or COARSE_CALIBRATED in the lowest
            frequencies, which other film grain leaves alone, WEIGHTS or DISCRIMINATOR.
        level: Whether single masses or patients are told apart.
        members: The split of the members; val in the control.
        non_members: The split or splits of the others.
        num_members, num_non_members: Masses or patients, as the level says.
        bound_tpr_at_1pct: What the generator's guarantee allows any attack; None without one.
    """

    generator: str
    attack: str
    level: Level
    members: str
    non_members: str
    num_members: int
    num_non_members: int
    rates: AttackRates
    bound_tpr_at_1pct: float | None

    @property
    def is_control(self) -> bool:
        """Whether nobody took part, so that all it finds is a shift between splits."""
        return (self.members, self.non_members) == CONTROL

    def to_row(self) -> dict[str, Any]:
        """Writes a row of a table, with the rates as NAME, NAME_low and NAME_high."""
        row = dataclasses.asdict(self)
        rates, bound = row.pop("rates"), row.pop("bound_tpr_at_1pct")
        for name, estimate in rates.items():
            row[name] = f"{estimate['value']:.4f}"
            row |= {f"{name}_{end}": f"{estimate[end]:.4f}" for end in ("low", "high")}
        return row | {"bound_tpr_at_1pct": "" if bound is None else f"{bound:.4f}"}


def planted_copies(target: AttackTarget, train: Cohort) -> AttackTarget:
    """Makes a control that did copy, to see that attacks find it: one member in ten, rotated and with noise.

    The copies replace as many of the target's masses. Choice and noise are random with a fixed seed.

    Raises:
        InvalidRequestError: If the target has fewer masses.
    """
    rng = np.random.default_rng(0)
    rows = rng.choice(len(train), size=-(-len(train) // _COPIED), replace=False)
    kept = len(target.masses) - len(rows)
    if kept < 0:
        raise InvalidRequestError(
            f"Expected {len(rows)} synthetic masses or more, to hide as many copies among; got "
            f"{len(target.masses)}. Draw more."
        )
    turned = np.rot90(train.images[rows], axes=(1, 2)).astype(np.float64)
    shaken = (turned + rng.normal(0, _SHAKEN_BY, turned.shape)).clip(0, 255).astype(np.uint8)
    copies = synthetic_cohort(shaken, train.labels[rows], [f"copy{row}" for row in rows])
    return AttackTarget(PLANTED, join([copies, target.masses.where(np.arange(kept))]))


def attack_generators(
    real: Cohort,
    targets: Sequence[AttackTarget],
    backbone: BackboneConfig,
    store_root: Path | str,
    *,
    ledger: ReleaseLedger,
    is_demonstration: bool = False,
    site: str | None = None,
    on_progress: Progress | None = None,
) -> Iterator[GeneratorAttack]:
    """Attacks each target by nearest masses, and by weights and discriminator where they are known.

    Args:
        real: With the training site's train, val and test splits.
        backbone: In whose feature space masses are compared.
        ledger: The results are computed from training masses without noise: written to before, as a release without DP.
        is_demonstration: Whether synthetic masses stand in for real ones.
        on_progress: Called with (masses done, masses to do) while features are computed, set by set.

    Raises:
        CohortError: If a split is missing, or a patient is in two.
        InvalidRequestError: If a card names other patients than those of the train split, or the generator saw nobody.
        CheckpointError: If a state does not fit its card.
        BudgetExceededError: If the training site has a budget and the ledger was given no reason to exceed it.
    """
    splits = _splits(real, site)
    _require_disjoint(splits)
    for target in targets:
        _require_trained_on(splits, target)
    ledger.record(
        cohort_identity(splits["train"], is_demonstration=is_demonstration),
        [_release(splits, targets, backbone)],
    )
    masses = join(list(splits.values()))
    store = FeatureStore(store_root)
    views = torch.from_numpy(store.features(masses.images, backbone, on_progress=on_progress))
    heldout = torch.from_numpy(masses.splits != "train")
    coarse = coarse_views(masses.images)
    shapes = scaled_like(coarse, coarse[heldout])
    for target in targets:
        upright = dataclasses.replace(backbone, views=1)
        synthetic = store.features(target.masses.images, upright, on_progress=on_progress)
        synthetic_shapes = scaled_like(coarse_views(target.masses.images)[:, 0], coarse[heldout])
        scores = {
            **_scores((NEAREST, CALIBRATED), masses, views, torch.from_numpy(synthetic)[:, 0]),
            **_scores((COARSE, COARSE_CALIBRATED), masses, shapes, synthetic_shapes),
        }
        if isinstance(target.generator, HasStructure):
            scores[WEIGHTS] = structure_scores(
                target.generator, masses.images, masses.labels, heldout.numpy()
            )
        if target.state is not None and target.card is not None:
            scores[DISCRIMINATOR] = discriminator_scores(
                target.state,
                target.card.config,
                masses.images,
                masses.labels,
                is_private=target.card.guarantee is not None,
                networks=[
                    load_backbone(teacher).network
                    for teacher in teachers(target.card.config.architecture, backbone)
                ],
            )
        yield from _judged(target, masses, scores)


def _release(
    splits: dict[str, Cohort], targets: Sequence[AttackTarget], backbone: BackboneConfig
) -> Release:
    return release_of_measures(
        f"attacks on {', '.join(target.name for target in targets)}",
        data=[part.content_hash for part in splits.values()],
        targets=[[target.masses.content_hash, str(target.state or "")] for target in targets],
        backbone=identity_of(backbone),
    )


def write_attacks(
    attacks: Sequence[GeneratorAttack],
    path: Path,
    *,
    real: Cohort,
    targets: Sequence[AttackTarget],
    backbone: BackboneConfig,
    command: str,
    site: str | None = None,
) -> None:
    """Writes PATH as CSV, one row an attack, and beside it as JSON how it was made."""
    rows = [attack.to_row() for attack in attacks]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    provenance = {
        "made": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": command,
        "version": __version__,
        "backbone": to_dict(backbone),
        "splits": {
            name: {"masses": len(part), "patients": part.num_patients}
            for name, part in _splits(real, site).items()
        },
        "generators": {
            target.name: {
                "masses": len(target.masses),
                "sha256": target.card.sha256 if target.card else None,
                "patients_checked": target.card is not None,
            }
            for target in targets
        },
        "non_members": "weighted to the members' shares of benign and malignant masses",
        "intervals": "95 %, percentile bootstrap over patients, 1000 resamples",
        "python": platform.python_version(),
    }
    text = json.dumps(provenance, indent=2, ensure_ascii=False) + "\n"
    path.with_suffix(".json").write_text(text, encoding="utf-8")


def guaranteed_tpr(guarantee: Guarantee | None, fpr: float) -> float | None:
    """Bounds the true positive rate of any attack on a generator at a false positive rate.

    None without a guarantee, or with one for single images only: a member's other masses took part as well.
    """
    if guarantee is None or guarantee.unit != "patient":
        return None
    if guarantee.mu is not None:
        return attacker_tpr(guarantee.mu, fpr)
    return tpr_from_epsilon_alone(guarantee.epsilon, guarantee.delta, fpr)


def _splits(real: Cohort, site: str | None) -> dict[str, Cohort]:
    own = real.training_site(site)
    splits = {name: real.select(site=own, split=name) for name in ("train", "val", "test")}
    for name, part in splits.items():
        part.require_both_classes(f"the {name} split of {own}")
    return splits


def _require_disjoint(splits: dict[str, Cohort]) -> None:
    patients = np.concatenate([np.unique(part.patient_ids) for part in splits.values()])
    names, counts = np.unique(patients, return_counts=True)
    if (counts > 1).any():
        raise CohortError(
            f"Expected every patient in one split; got {', '.join(names[counts > 1][:5])} in several. "
            "Who is a member would be undecided: mend the folders first (`data check` lists them)."
        )


def _require_trained_on(splits: dict[str, Cohort], target: AttackTarget) -> None:
    if target.card and not target.card.saw_patients:
        raise InvalidRequestError(
            f"Expected {target.name} to have learned from patients; it learned from nobody, so there is nobody to attack. "
            "Attack a generator that saw patients."
        )
    if target.card and not saw_these_only(
        target.card, splits["train"], [splits["val"], splits["test"]]
    ):
        raise InvalidRequestError(
            f"Expected {target.name} to have seen all patients of the train split and no other here; what this "
            "installation knows of its patients says otherwise, or it knows nothing of them. Attack it where it was "
            "trained, with the cohort that it was trained on."
        )


def _scores(
    names: tuple[str, str], masses: Cohort, views: Tensor, synthetic: Tensor
) -> dict[str, np.ndarray]:
    """Scores both attacks in one space: views (N, V, D) of the real masses, (M, D) of the synthetic ones."""
    heldout = masses.splits != "train"
    calibrated = calibrated_scores(
        views,
        masses.patient_ids,
        synthetic,
        views[torch.from_numpy(heldout)],
        masses.patient_ids[heldout],
    )
    return dict(zip(names, (nearest_scores(views, synthetic), calibrated), strict=True))


def _judged(
    target: AttackTarget, masses: Cohort, scores: dict[str, np.ndarray]
) -> Iterator[GeneratorAttack]:
    bound = guaranteed_tpr(target.card and target.card.guarantee, 0.01)
    for attack, values in scores.items():
        for members, non_members in COMPARISONS:
            is_member = masses.splits == members
            chosen = is_member | np.isin(masses.splits, non_members.split("+"))
            suspects = Suspects(
                is_member[chosen], masses.labels[chosen], masses.patient_ids[chosen]
            )
            for level in LEVELS:
                num_members, num_non_members = (
                    len(part if level == "mass" else np.unique(part))
                    for part in (
                        suspects.patient_ids[suspects.is_member],
                        suspects.patient_ids[~suspects.is_member],
                    )
                )
                yield GeneratorAttack(
                    generator=target.name,
                    attack=attack,
                    level=level,
                    members=members,
                    non_members=non_members,
                    num_members=num_members,
                    num_non_members=num_non_members,
                    rates=judge_attack(suspects, values[chosen], level),
                    bound_tpr_at_1pct=None if (members, non_members) == CONTROL else bound,
                )
