"""Describes how a network, or a part of it, is trained on images. Heads on cached features have `HeadRecipe`.

What only changes speed or memory (device, micro-batch) is never in a recipe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from mammo_core.config import validate
from mammo_core.errors import InvalidRequestError

TrainedPart = Literal["head", "adapters", "network"]
Head = Literal["linear", "mlp"]
BatchNorm = Literal["frozen", "group"]
Optimizer = Literal["adamw", "sgd"]
Augmentation = Literal["none", "flips", "turns"]
Precision = Literal["float32", "bfloat16"]
PretrainingPart = Literal["head", "network"]
Kept = Literal["last", "best on validation"]
Accountant = Literal["prv", "rdp"]

TRAINED_PARTS: tuple[TrainedPart, ...] = get_args(TrainedPart)
HEADS: tuple[Head, ...] = get_args(Head)
BATCH_NORMS: tuple[BatchNorm, ...] = get_args(BatchNorm)
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)
AUGMENTATIONS: tuple[Augmentation, ...] = get_args(Augmentation)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
PRETRAINING_PARTS: tuple[PretrainingPart, ...] = get_args(PretrainingPart)
KEPT: tuple[Kept, ...] = get_args(Kept)
ACCOUNTANTS: tuple[Accountant, ...] = get_args(Accountant)


@dataclass(frozen=True, kw_only=True)
class NetworkRecipe:
    """How a network is fine-tuned on images.

    Attributes:
        trained_part: "head": the backbone is frozen. "adapters": low-rank updates of linear layers, and the
            head (LoRA, Hu et al. 2021, arXiv:2106.09685). "network": its last stages, or all of it.
        trained_stages: Of "network": so many last stages and the head; None for all of it.
        adapter_rank: Of "adapters".
        head: "linear", or "mlp": D -> D/2 -> LeakyReLU(0.2) -> outputs, as in the paper.
        outputs: 1 with the logistic loss, or 2 with cross-entropy, as in the paper.
        batch_norm: "frozen" keeps ImageNet's statistics, a fixed affine map per channel. "group" puts
            GroupNorm in its place. As it is, batch normalisation mixes patients and can't be private.
        steps: Gradient steps; each is one release.
        sample_rate: Chance of each unit to take part in a step (Poisson); 1 for all in every step.
        weight_decay: Shrinks the trained weights at every step; costs no privacy.
        label_smoothing: In [0, 1).
        max_grad_norm: L2 bound of one unit's summed gradient.
        views: Random views of each mass in a step; its loss is their mean, before clipping (De et al. 2022,
            arXiv:2204.13650).
        augmentation: What a view may be: "none", "flips" (4 of them) or "turns" (8: flips and quarter turns).
        ema_decay: Of the moving average of the weights that is kept in their place; costs no privacy.
        precision: Of forward and backward passes; sums and noise are float32 always.
        synthetic_weight: Of the noise-free synthetic gradient, with the strategy `real+synthetic`.
        pretraining_steps: Of plain training on synthetic masses before, with the strategy `pretrain`.
        pretraining_part: What these steps train.
        kept: Weights of the "last" step, or of those "best on validation", as in the paper; no ε covers
            that choice, because validation labels make it.
        accountant: That decides how much noise a budget needs where units are sampled: "prv", or "rdp" as in the paper,
            which asks for more. What was spent is always counted by the tighter one.
        preset: The paper's experiment whose settings these are, for example "dbr1"; empty for none.
    """

    trained_part: TrainedPart = "network"
    trained_stages: int | None = None
    adapter_rank: int = 8
    head: Head = "linear"
    outputs: Literal[1, 2] = 1
    batch_norm: BatchNorm = "frozen"
    steps: int = 100
    sample_rate: float = 1.0
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    max_grad_norm: float = 1.0
    views: int = 1
    augmentation: Augmentation = "turns"
    ema_decay: float | None = None
    precision: Precision = "float32"
    synthetic_weight: float = 0.0
    pretraining_steps: int = 0
    pretraining_part: PretrainingPart = "network"
    kept: Kept = "last"
    accountant: Accountant = "prv"
    preset: str = ""

    def __post_init__(self) -> None:
        validate.one_of(TRAINED_PARTS, trained_part=self.trained_part)
        validate.one_of(HEADS, head=self.head)
        validate.one_of((1, 2), outputs=self.outputs)
        validate.one_of(BATCH_NORMS, batch_norm=self.batch_norm)
        validate.one_of(OPTIMIZERS, optimizer=self.optimizer)
        validate.one_of(AUGMENTATIONS, augmentation=self.augmentation)
        validate.one_of(PRECISIONS, precision=self.precision)
        validate.one_of(PRETRAINING_PARTS, pretraining_part=self.pretraining_part)
        validate.one_of(KEPT, kept=self.kept)
        validate.one_of(ACCOUNTANTS, accountant=self.accountant)
        validate.at_least(1, steps=self.steps, views=self.views, adapter_rank=self.adapter_rank)
        validate.at_least(
            0,
            weight_decay=self.weight_decay,
            pretraining_steps=self.pretraining_steps,
            synthetic_weight=self.synthetic_weight,
        )
        validate.positive(
            sample_rate=self.sample_rate,
            learning_rate=self.learning_rate,
            max_grad_norm=self.max_grad_norm,
        )
        validate.at_most(1, sample_rate=self.sample_rate)
        if self.trained_stages is not None:
            validate.at_least(1, trained_stages=self.trained_stages)
            if self.trained_part != "network":
                raise InvalidRequestError(
                    f"Expected stages with the trained part 'network' only; got {self.trained_stages} with "
                    f"{self.trained_part!r}. Leave the stages out."
                )
        if self.label_smoothing != 0:
            validate.in_open_unit(label_smoothing=self.label_smoothing)
        if self.ema_decay is not None:
            validate.in_open_unit(ema_decay=self.ema_decay)

    @property
    def is_sampled(self) -> bool:
        """Whether each step draws the units that take part, so that its noise counts as fewer releases."""
        return self.sample_rate < 1
