"""Reports heads while they train: points of a loss curve, validation AUROC, and how far the runs are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from torch.nn import functional

from mammo_core.evaluation.metrics import weighted_metrics
from mammo_core.training.heads.runs import HeadStep

_POINTS = 40  # of a curve


class ProgressReport(Protocol):
    """Takes the progress of training, and may end it by raising."""

    def check(self) -> None:
        """Raises if the training should end here."""

    def add_point(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a point to each named curve."""

    def report(self, done: int, total: int, message: str, epsilon: float | None = None) -> None:
        """Takes how many runs are done, what is being done, and the ε spent so far."""


class TrainingCurve:
    """Reports the first of the runs in training, at about forty of its steps.

    Attributes:
        runs_done: Kept up to date by whoever counts the runs.
    """

    def __init__(self, progress: ProgressReport, num_runs: int) -> None:
        self._progress = progress
        self._num_runs = num_runs
        self.runs_done = 0

    def on_step(self, step: HeadStep) -> None:
        """Listens after every step, see `run_plan`."""
        self._progress.check()
        config = step.configs[0]
        steps, together = config.recipe.steps, len(step.configs)
        if step.step % max(1, steps // _POINTS) and step.step not in (1, steps):
            return
        self._progress.add_point(step.step, curve_point(step))
        self._progress.report(
            self.runs_done,
            self._num_runs,
            f"{config.strategy}, ε = {config.privacy.target_epsilon:g}, seed {config.seed}: "
            f"step {step.step} of {steps}"
            + (f" ({together} runs at once)" if together > 1 else ""),
            epsilon=step.spent_epsilon(0) if config.privacy.is_private else None,
        )


def curve_point(step: HeadStep) -> dict[str, float]:
    """Measures the first run in training: "loss" on its training masses, "validation_auroc" if there are any.

    The loss is computed from private masses without noise, and no ε covers it: show it only to those who hold
    the data.
    """
    weights, inputs = step.weights[0], step.inputs
    loss = functional.binary_cross_entropy_with_logits(inputs.vectors @ weights, inputs.labels)
    point = {"loss": float(loss)}
    labels, scores = inputs.validation_labels, inputs.validation_scores(weights)
    if labels is not None and scores is not None:
        measured = weighted_metrics(labels, scores, np.ones((1, len(labels))))
        point["validation_auroc"] = float(measured.auroc[0])
    return point
