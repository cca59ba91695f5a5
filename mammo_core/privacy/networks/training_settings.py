"""Describes how a network is trained, and reports its steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from mammo_core.config import validate
from mammo_core.config.network_recipe import OPTIMIZERS, Optimizer
from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.accounting.sampled import History


@dataclass(frozen=True, kw_only=True)
class NetworkTraining:
    """How a network is trained.

    Attributes:
        steps: Gradient steps in all, those of a state gone on from included.
        sample_rate: Chance of each unit to take part in a step; 1 for all.
        noise_multiplier: Noise standard deviation over max_grad_norm; None trains without DP (no clipping,
            no noise).
        max_grad_norm: L2 bound of one unit's gradient.
        weight_decay: Of the optimizer; costs no privacy.
        label_smoothing: In [0, 1).
        ema_decay: Of a moving average of the weights, between 0 and 1; None keeps none.
        autocast: Of forward and backward passes, for example torch.bfloat16; None for none.
        public_weight: Of the mean public gradient against the mean private one.
    """

    steps: int
    sample_rate: float = 1.0
    noise_multiplier: float | None
    max_grad_norm: float = 1.0
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    ema_decay: float | None = None
    autocast: torch.dtype | None = None
    public_weight: float = 0.0

    def __post_init__(self) -> None:
        validate.at_least(1, steps=self.steps)
        validate.positive(
            sample_rate=self.sample_rate,
            max_grad_norm=self.max_grad_norm,
            learning_rate=self.learning_rate,
        )
        validate.at_most(1, sample_rate=self.sample_rate)
        validate.at_least(0, weight_decay=self.weight_decay, public_weight=self.public_weight)
        validate.one_of(OPTIMIZERS, optimizer=self.optimizer)
        if not 0 <= self.label_smoothing < 1:
            raise InvalidRequestError(
                f"Expected 0 <= label_smoothing < 1; got {self.label_smoothing!r}. Use for example 0.1."
            )
        if self.ema_decay is not None:
            validate.in_open_unit(ema_decay=self.ema_decay)
        if self.noise_multiplier is not None:
            validate.at_least(
                0, noise_multiplier=self.noise_multiplier, max_grad_norm=self.max_grad_norm
            )

    @property
    def is_private(self) -> bool:
        """Whether gradients are clipped and noise is added."""
        return self.noise_multiplier is not None


@dataclass(frozen=True, kw_only=True)
class NetworkStep:
    """The report of one step.

    The number of units, loss and clipped share follow from private data without noise, so no ε covers them. Do
    not release them for a real cohort.

    Attributes:
        step: Counted from 1.
        num_units: That took part.
        loss: Mean over them; not a number without any.
        clipped_share: Of them; 0 without DP.
        history: Of all private steps so far, for `accounting.sampled.epsilon_spent`.
        micro_batch: Units computed at once.
        message: What the user should know, for example that memory was short; else empty.
    """

    step: int
    num_units: int
    loss: float
    clipped_share: float
    history: History
    seconds: float
    micro_batch: int
    message: str = ""
