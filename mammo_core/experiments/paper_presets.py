"""The paper's experiments as runs of ours, each with every way in which it is not the paper's to the bit.

What an experiment did is read from its published configuration and from the code it names. Where the two, or
the results sheet, leave something open, the preset says what was inferred.

Source: Osuala et al. 2024, arXiv:2407.12669, and its repository RichardObi/mammo_dp (Apache-2.0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from mammo_core import validate
from mammo_core.config import BackboneConfig, Noise, PrivacyConfig, RunConfig, Strategy
from mammo_core.errors import InvalidRequestError
from mammo_core.network_recipe import NetworkRecipe
from mammo_core.reference import paper_results

EPOCHS, BATCH_SIZE = 300, 128
NUM_REAL, NUM_SYNTHETIC, NUM_VALIDATION = 1104, 3000, 192  # masses of the published data
PAPER_BACKBONE = BackboneConfig(
    name="swin_tiny_patch4_window7_224", image_size_px=224, normalisation="half"
)
_HEAD_REINITIALISED = "pretrain_head_reinitialised"  # a strategy in the results sheet only
_FORWARD_SHARE = 1 / 3  # of the time of a training step: one forward pass, without the backward one

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
        """The run on so many training masses: 300 epochs of batches of 128, whatever the number.

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
    """All experiments of the results sheet by name, in its order of numbers."""
    rows = paper_results()
    names = sorted(rows["experiment"].unique(), key=lambda name: int(name.removeprefix("dbr")))
    presets = {}
    for name in names:
        runs = rows[rows["experiment"] == name]
        published = tuple(
            PublishedAuroc(test_set, tuple(zip(part["seed"], part["auroc"], strict=True)))
            for test_set, part in runs.groupby("test_set", sort=False)
        )
        first = runs.iloc[0]
        presets[name] = _preset(
            name, first["strategy"], first["trained_part"], float(first["epsilon"]), published
        )
    return presets


def paper_preset(name: str) -> Preset:
    """One experiment.

    Raises:
        InvalidRequestError: If there is none of this name.
    """
    presets = paper_presets()
    if name not in presets:
        raise InvalidRequestError(
            f"Expected an experiment of the paper: {', '.join(presets)}; got {name!r}. "
            "See docs/paper.md for what each did."
        )
    return presets[name]


def estimated_hours(preset: Preset, seconds_per_image: float) -> float:
    """How long a run of a preset on the paper's data would take where images go through the network.

    Args:
        seconds_per_image: Of one training step, forward and backward, over its images; measured here.

    Returns:
        Hours of training, pre-training and validation after every epoch, which a forward pass makes at a
        third of a step's cost. Of the path "cached features" only the features, once, in all their views.
    """
    validate.positive(seconds_per_image=seconds_per_image)
    forward = _FORWARD_SHARE * seconds_per_image
    config, recipe = preset.config, preset.config.recipe
    num_units = _num_units(config.strategy, NUM_REAL, NUM_SYNTHETIC)
    if preset.path == "cached features":
        return (num_units + NUM_VALIDATION) * config.backbone.views * forward / 3600
    each_step = forward if recipe.trained_part == "head" else seconds_per_image
    seconds = EPOCHS * (num_units * each_step + NUM_VALIDATION * forward)
    seconds += recipe.pretraining_steps * BATCH_SIZE * seconds_per_image
    return seconds / 3600


def _preset(
    name: str,
    sheet_strategy: str,
    trained_part: str,
    epsilon: float,
    published: tuple[PublishedAuroc, ...],
) -> Preset:
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
        privacy=PrivacyConfig(target_epsilon=epsilon, unit="image"),
        recipe=recipe,
        backbone=replace(PAPER_BACKBONE, views=8 if path == "cached features" else 1),
    )
    return Preset(
        name=name,
        meaning=_meaning(config, is_reinitialised=is_reinitialised),
        config=config,
        path=path,
        published=published,
        differences=_differences(config),
        inferred=_inferred(name, is_reinitialised=is_reinitialised),
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


def _meaning(config: RunConfig, *, is_reinitialised: bool) -> str:
    masses = {
        "real": "real masses",
        "real+synthetic": "real and synthetic masses mixed",
        "synthetic": "synthetic masses only",
        "pretrain": "real masses",
    }[config.strategy]
    if config.recipe.trained_part == "network":
        part = "The whole Swin-T"
    elif config.strategy == "pretrain":
        part = "A linear head, begun on synthetic masses with the whole Swin-T, then alone,"
    else:
        part = "A head of two layers on the frozen ImageNet Swin-T"
    privacy = (
        f"with DP at ε = {config.privacy.target_epsilon:g}"
        if config.privacy.is_private
        else "without DP"
    )
    again = ", after a pre-training whose head is thrown away" if is_reinitialised else ""
    return f"{part} trained on {masses} {privacy}{again}."


_ALL_DIFFER = (
    "ImageNet weights: timm's ms_in1k, by Swin's authors; the paper's are torchvision's IMAGENET1K_V1. "
    "Torchvision's file, given with --weights, makes the network the same.",
    "Resizing from 128 to 224 px: bicubic; the paper's is OpenCV's area method, rounded to whole greys.",
    "Random numbers: other generators, so that no seed begins, flips or draws as the paper's does.",
)
_CHOICE_DIFFERS = (
    "ε: of all steps, since the best epoch was chosen after looking at all; the paper reports what was "
    "spent up to the chosen epoch. The noise is calibrated by the RDP accountant as in the paper; the "
    "tighter ε of the same noise is stated."
)
_PLAIN_BATCHES_DIFFER = (
    "Batches: each mass is drawn anew at every step, as with DP; the paper deals all masses out once an "
    "epoch, in batches of 128."
)
_FROZEN_DIFFERS = (
    "Stochastic depth: the paper's frozen network stays in training mode, so blocks are left out at random "
    "(up to one time in five) and features vary; ours do not."
)
_WHOLE_DIFFERS = "Stochastic depth (up to 0.2) is off, and tables of relative positions stay as ImageNet left them."
_PRETRAINED_DIFFERS = "Pre-training: its last step is taken; the paper takes its best epoch on real validation masses."


def _differences(config: RunConfig) -> tuple[str, ...]:
    differences = list(_ALL_DIFFER)
    is_whole = config.recipe.trained_part == "network"
    differences.append(_WHOLE_DIFFERS if is_whole else _FROZEN_DIFFERS)
    if config.strategy == "pretrain":
        differences += [_WHOLE_DIFFERS, _PRETRAINED_DIFFERS]
    differences.append(_CHOICE_DIFFERS if config.privacy.is_private else _PLAIN_BATCHES_DIFFER)
    return tuple(differences)


def _inferred(name: str, *, is_reinitialised: bool) -> tuple[str, ...]:
    if name == "dbr0":
        return (
            "The configuration names the frozen network, the results sheet the whole one. Taken: the whole "
            "one with a linear head, as in dbr15; the height of the result speaks for it.",
        )
    if is_reinitialised:
        return (
            "The configuration loads a network of which only the head was pre-trained (dbr14), and the code "
            "then puts a new head in its place: nothing of the pre-training is left. Taken: dbr1 once more, "
            "with other random numbers. The sheet's dbr5 and dbr11 agree to every digit.",
        )
    return ()
