"""Gives the paper's experiments as runs of ours, each with every way in which it differs from the paper's.

What an experiment did is read from its published configuration and from the code it names. Where the two, or
the results sheet, leave something open, the preset says what was inferred.

Source: Osuala et al. 2024, arXiv:2407.12669, and its repository RichardObi/mammo_dp (Apache-2.0).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import BackboneConfig, Noise, PrivacyConfig, RunConfig, Strategy
from mammo_core.errors import InvalidRequestError
from mammo_core.reference import paper_results
from mammo_core.training.paper.descriptions import differences_of, inferred_of, meaning_of

EPOCHS, BATCH_SIZE = 300, 128
NUM_REAL, NUM_SYNTHETIC = 1104, 3000  # training masses of the published data
PAPER_BACKBONE = BackboneConfig(
    name="swin_tiny_patch4_window7_224", image_size_px=224, normalisation="half"
)
_HEAD_REINITIALISED = "pretrain_head_reinitialised"  # a strategy in the results sheet only

Path = Literal["cached features", "network"]


@dataclass(frozen=True)
class PublishedAuroc:
    """What the paper reports of one experiment at one test set.

    Attributes:
        by_seed: (seed, AUROC) of each repetition.
    """

    test_set: str
    by_seed: tuple[tuple[int, float], ...]

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return sum(auroc for _, auroc in self.by_seed) / len(self.by_seed)


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One experiment of the paper.

    Attributes:
        name: The paper's, for example "dbr1".
        meaning: What was trained on what, in words.
        config: Our run on data of the published size. `for_data` makes it for other data.
        path: "cached features" where the backbone stays as it is, so that its features are computed once;
            "network" where images go through it at every step.
        published: By test set.
        differences: Every way in which our run is not the paper's to the bit.
        inferred: What the published files leave open or contradict, and what was taken.
    """

    name: str
    meaning: str
    config: RunConfig
    path: Path
    published: tuple[PublishedAuroc, ...]
    differences: tuple[str, ...]
    inferred: tuple[str, ...]

    def for_data(
        self,
        num_real: int,
        num_synthetic: int,
        *,
        seed: int = 42,
        noise: Noise = "secret",
        backbone: BackboneConfig | None = None,
    ) -> RunConfig:
        """Returns the run on so many training masses: 300 epochs of batches of 128, whatever the number.

        Args:
            num_synthetic: May be 0 for the strategy `real`.
            backbone: Another one than the paper's Swin-T; None keeps it.

        Raises:
            InvalidRequestError: If there are no masses of a kind that the strategy needs.
        """
        config = self.config
        batches = _batches(config.strategy, num_real, num_synthetic)
        recipe = replace(
            config.recipe,
            steps=EPOCHS * batches,
            sample_rate=1 / batches,
            pretraining_steps=EPOCHS * math.ceil(num_synthetic / BATCH_SIZE)
            if config.strategy == "pretrain"
            else 0,
        )
        return replace(
            config,
            recipe=recipe,
            privacy=replace(config.privacy, noise=noise),
            backbone=backbone or config.backbone,
            seed=seed,
        )


def paper_presets() -> dict[str, Preset]:
    """Reads all experiments of the results sheet by name, in its order of numbers."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in paper_results().to_dict("records"):
        rows.setdefault(str(row["experiment"]), []).append({str(key): row[key] for key in row})
    names = sorted(rows, key=lambda name: int(name.removeprefix("dbr")))
    return {name: _preset(name, rows[name]) for name in names}


def paper_preset(name: str) -> Preset:
    """Returns one experiment.

    Raises:
        InvalidRequestError: If there is none of this name.
    """
    presets = paper_presets()
    if name not in presets:
        raise InvalidRequestError(
            f"Expected an experiment of the paper: {', '.join(presets)}; got {name!r}. "
            "See docs/reference/paper-experiments.md for what each did."
        )
    return presets[name]


def is_on_features(config: RunConfig) -> bool:
    """Whether a run is an experiment of the paper that needs its images only once."""
    recipe = config.recipe
    return (
        isinstance(recipe, NetworkRecipe)
        and bool(recipe.preset)
        and paper_preset(recipe.preset).path == "cached features"
    )


def _preset(name: str, rows: Sequence[Mapping[str, Any]]) -> Preset:
    """One experiment, from its rows in the results sheet."""
    by_test_set: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        by_test_set.setdefault(row["test_set"], []).append((int(row["seed"]), float(row["auroc"])))
    sheet_strategy, trained_part = rows[0]["strategy"], rows[0]["trained_part"]
    is_reinitialised = sheet_strategy == _HEAD_REINITIALISED
    strategy: Strategy = "real" if is_reinitialised else sheet_strategy
    is_whole = trained_part == "full model"
    is_pretrained = strategy == "pretrain"
    path: Path = "network" if is_whole or is_pretrained else "cached features"
    batches = _batches(strategy, NUM_REAL, NUM_SYNTHETIC)
    recipe = NetworkRecipe(
        trained_part="network" if is_whole else "head",
        head="linear" if is_whole or is_pretrained else "mlp",
        outputs=2,
        steps=EPOCHS * batches,
        sample_rate=1 / batches,
        optimizer="adamw",
        learning_rate=1e-5,
        weight_decay=1e-8,
        label_smoothing=0.1,
        max_grad_norm=1.0,
        augmentation="flips",
        pretraining_steps=EPOCHS * math.ceil(NUM_SYNTHETIC / BATCH_SIZE) if is_pretrained else 0,
        kept="best on validation",
        accountant="rdp",
        preset=name,
    )
    config = RunConfig(
        strategy=strategy,
        privacy=PrivacyConfig(target_epsilon=float(rows[0]["epsilon"]), unit="image"),
        recipe=recipe,
        backbone=replace(PAPER_BACKBONE, views=8 if path == "cached features" else 1),
    )
    return Preset(
        name=name,
        meaning=meaning_of(config, is_reinitialised=is_reinitialised),
        config=config,
        path=path,
        published=tuple(
            PublishedAuroc(test_set, tuple(by_seed)) for test_set, by_seed in by_test_set.items()
        ),
        differences=differences_of(config),
        inferred=inferred_of(name, is_reinitialised=is_reinitialised),
    )


def _num_units(strategy: Strategy, num_real: int, num_synthetic: int) -> int:
    """Masses of which each is a unit: with `real+synthetic` the paper clips and draws both alike."""
    used = {
        "real": num_real,
        "pretrain": num_real,
        "synthetic": num_synthetic,
        "real+synthetic": num_real + num_synthetic,
    }
    return used[strategy]


def _batches(strategy: Strategy, num_real: int, num_synthetic: int) -> int:
    """Batches of one epoch, as the paper's data loader cuts them."""
    if strategy != "real" and num_synthetic < 1:
        raise InvalidRequestError(
            f"Expected synthetic masses for the strategy {strategy}; got none. Give a folder with "
            "--synthetic, or choose a preset of the strategy real."
        )
    if strategy != "synthetic" and num_real < 1:
        raise InvalidRequestError(
            f"Expected real masses for the strategy {strategy}; got none. Give a folder with --data, or "
            "choose a preset of the strategy synthetic."
        )
    return math.ceil(_num_units(strategy, num_real, num_synthetic) / BATCH_SIZE)
