"""Evaluates validation masses while a network trains: for a curve, and to choose where the best weights are kept.

No ε covers what they show or choose, see `best_epoch`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from mammo_core.config.runs import RunConfig
from mammo_core.evaluation.metrics import auroc
from mammo_core.privacy.networks.training_state import TrainingState, load_weights
from mammo_core.privacy.statements.statement import Statement
from mammo_core.training.networks.best_epoch import BestEpoch, evaluate_epoch
from mammo_core.training.networks.loop import Evaluated

_EVALUATIONS = 10  # of a training whose last weights are kept
_BEST = "best."


class ValidationMonitor:
    """Evaluates a network after some steps of its run.

    Args:
        network: Given the weights to be evaluated; training puts its own back.
        statement: Of the whole run.
        first_choice: The first step whose weights may be kept.
        labels: (N,) of the validation masses; None if there are none.
        score: (N,) P(malignant) of the validation masses under the network as it is.
    """

    def __init__(
        self,
        config: RunConfig,
        network: nn.Module,
        statement: Statement,
        first_choice: int,
        labels: np.ndarray | None,
        score: Callable[[], np.ndarray],
    ) -> None:
        self._config, self._network, self._statement = config, network, statement
        self._first_choice, self._labels, self._score = first_choice, labels, score
        self._best: BestEpoch | None = None

    @property
    def every(self) -> int:
        """Steps between two evaluations: an epoch where the best one is kept."""
        recipe = self._config.recipe
        if recipe.kept == "best on validation":
            return max(1, round(1 / recipe.sample_rate))
        return max(1, recipe.steps // _EVALUATIONS)

    def evaluate(self, state: TrainingState) -> Evaluated:
        """Computes the ε spent so far, scores the validation masses, and remembers the best weights."""
        epsilon = replace(self._statement, steps=state.step).epsilon
        if self._labels is not None:
            load_weights(self._network, state.weights)
        return Evaluated(epsilon=epsilon, validation_auroc=self.judge(state.step))

    def judge(self, step: int) -> float | None:
        """Scores the validation masses under the network as it is, and remembers the best weights.

        Returns:
            Their AUROC; None if there are none.
        """
        if self._labels is None:
            return None
        scores = self._score()
        if self._config.recipe.kept == "best on validation":
            self._consider(step, self._labels, scores)
        return auroc(self._labels, scores)

    def settle(self, state: TrainingState) -> int:
        """Puts the weights that the recipe keeps into the network; returns the step after which they were."""
        if self._best is None:
            load_weights(self._network, state.weights)
            return state.step
        load_weights(self._network, self._best.weights)
        return self._best.step

    def tensors(self) -> dict[str, Tensor]:
        """The best weights so far, for a checkpoint."""
        if self._best is None:
            return {}
        return {f"{_BEST}{name}": tensor for name, tensor in self._best.weights.items()}

    def facts(self) -> dict[str, Any]:
        """What goes with `tensors`, JSON-ready."""
        if self._best is None:
            return {}
        return {name: getattr(self._best, name) for name in ("step", "average_precision", "loss")}

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Goes on from what `tensors` and `facts` gave."""
        if facts:
            weights = {
                name.removeprefix(_BEST): tensor
                for name, tensor in tensors.items()
                if name.startswith(_BEST)
            }
            self._best = BestEpoch(**facts, weights=weights)

    def _consider(self, step: int, labels: np.ndarray, scores: np.ndarray) -> None:
        if step < self._first_choice:
            return
        smoothing = self._config.network_recipe.label_smoothing
        epoch = evaluate_epoch(step, self._network, labels, scores, smoothing)
        if epoch.beats(self._best):
            self._best = epoch
