"""Trains a phase of a run in chunks: between two chunks it is evaluated, saved to a checkpoint, and can be stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from mammo_core.privacy.networks.training_settings import NetworkStep
from mammo_core.privacy.networks.training_state import TrainingState
from mammo_core.training.networks.checkpoints import NetworkCheckpoints, PhaseName

SAVE_SECONDS = 60.0  # between two checkpoints
CHUNK_SECONDS = 5.0  # between two places where it can be saved; a longer step is a chunk of its own
KEPT = "What was done is kept. The same command goes on from there, without spending more."
_STATE = "state."


class TrainingStopped(Exception):
    """The training was asked to stop; the message says what is kept."""


@dataclass(frozen=True, kw_only=True)
class NetworkProgress:
    """Where a run is after a step.

    Loss and AUROC are computed without noise, for those who hold the data: no ε covers them.

    Attributes:
        step, steps: Of this phase.
        loss: Of the units in this step; not a number if none was drawn.
        epsilon: Spent so far; infinity without DP, None where it was not counted anew.
        validation_auroc: None unless validation masses were scored just now.
        seconds_each: Of a step.
        message: What the user should know; else empty.
    """

    phase: PhaseName
    step: int
    steps: int
    loss: float
    epsilon: float | None
    validation_auroc: float | None
    seconds_each: float
    message: str


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """What an evaluation between two chunks found; see `NetworkProgress`."""

    epsilon: float | None = None
    validation_auroc: float | None = None


class TrainChunk(Protocol):
    """Trains on, up to and including a step."""

    def __call__(
        self,
        steps: int,
        *,
        state: TrainingState | None,
        micro_batch: int | None,
        on_step: Callable[[NetworkStep], None],
        should_stop: Callable[[], bool],
    ) -> TrainingState:
        """Trains as `train_network` does, which explains the arguments."""
        ...


@dataclass(frozen=True, kw_only=True)
class Phase:
    """What one phase trains, and how.

    Attributes:
        steps: In all.
        micro_batch: Units computed at once; None for as many as fit.
        eval_every: Steps between two evaluations.
        evaluate: Called after every so many steps and after the last. It may raise TrainingStopped.
        kept_tensors, kept_facts: What checkpoints hold besides the state.
    """

    name: PhaseName
    steps: int
    train: TrainChunk
    micro_batch: int | None
    eval_every: int
    evaluate: Callable[[TrainingState], Evaluated]
    kept_tensors: Callable[[], Mapping[str, Tensor]]
    kept_facts: Callable[[], Mapping[str, Any]]


def state_in(tensors: Mapping[str, Tensor]) -> TrainingState:
    """Restores where a phase was from the tensors of its checkpoint; its beginning if there are none.

    Raises:
        CheckpointError: If they are of something else.
    """
    own = {
        name.removeprefix(_STATE): tensor
        for name, tensor in tensors.items()
        if name.startswith(_STATE)
    }
    return TrainingState.from_tensors(own) if own else TrainingState()


def train_phase(
    phase: Phase,
    state: TrainingState,
    checkpoints: NetworkCheckpoints,
    *,
    on_progress: Callable[[NetworkProgress], None],
    should_stop: Callable[[], bool],
) -> TrainingState:
    """Trains on from a state to the last step.

    Args:
        on_progress: Called after every step.

    Raises:
        TrainingStopped: If `should_stop` says so, which is asked before each micro-batch. Every whole step that was
            evaluated where one is due is in the checkpoint then; a kill loses about a minute of them.
        MammoError: As `train_network`.
    """
    steps, micro_batch = phase.steps, phase.micro_batch
    saved = time.monotonic()
    last: NetworkStep | None = None

    def show(done: NetworkStep, evaluated: Evaluated) -> None:
        on_progress(
            NetworkProgress(
                phase=phase.name,
                step=done.step,
                steps=steps,
                loss=done.loss,
                epsilon=evaluated.epsilon,
                validation_auroc=evaluated.validation_auroc,
                seconds_each=done.seconds,
                message=done.message,
            )
        )

    while state.step < steps:
        stop_at = _end_of_chunk(state.step, phase, last)

        def watch(done: NetworkStep, stop_at: int = stop_at) -> None:
            nonlocal last
            last = done
            if done.step < stop_at:
                show(done, Evaluated())

        before = state
        state = phase.train(
            stop_at,
            state=state if state.step else None,
            micro_batch=micro_batch,
            on_step=watch,
            should_stop=should_stop,
        )
        is_stopping = state.step < stop_at
        if not is_stopping:
            assert last is not None  # each chunk has a step
            micro_batch = last.micro_batch
            is_evaluated = state.step % phase.eval_every == 0 or state.step == steps
            try:
                show(last, phase.evaluate(state) if is_evaluated else Evaluated())
                is_stopping = should_stop()
            except TrainingStopped:
                state, is_stopping = before, True  # what is not evaluated is trained again
        is_saved = is_stopping or state.step in (1, steps)
        if state.step and (is_saved or time.monotonic() - saved >= SAVE_SECONDS):
            save_phase(phase, state, checkpoints)
            saved = time.monotonic()
        if is_stopping and state.step < steps:
            raise TrainingStopped(KEPT)
    return state


def save_phase(phase: Phase, state: TrainingState, checkpoints: NetworkCheckpoints) -> None:
    """Saves where a phase is."""
    own = {f"{_STATE}{name}": tensor for name, tensor in state.to_tensors().items()}
    checkpoints.save(phase.name, own | dict(phase.kept_tensors()), phase.kept_facts())


def _end_of_chunk(step: int, phase: Phase, last: NetworkStep | None) -> int:
    """The step to pause at: the next evaluation, or as many steps as a chunk has; at first only one."""
    size = 1 if last is None else max(1, int(CHUNK_SECONDS / max(last.seconds, 1e-3)))
    next_evaluation = (step // phase.eval_every + 1) * phase.eval_every
    return min(step + size, next_evaluation, phase.steps)
