"""A training in parts: between two of them it is written down, looked at on validation masses, and can be stopped."""

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
PART_SECONDS = 5.0  # between two looks at whether to stop; a longer step is a part of its own
_STATE = "state."


class TrainingStopped(Exception):
    """The training was asked to stop; its checkpoint is kept."""


@dataclass(frozen=True, kw_only=True)
class NetworkProgress:
    """Where a run is after a step.

    Loss and AUROC are computed without noise, for those who hold the data: no ε covers them.

    Attributes:
        step, steps: Of this phase.
        loss: Of the units in this step; not a number if none was drawn.
        epsilon: Spent so far; infinity without DP, None where it was not counted anew.
        validation_auroc: None unless validation masses were looked at just now.
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
    """What a look between two parts found; see `NetworkProgress`."""

    epsilon: float | None = None
    validation_auroc: float | None = None


class TrainPart(Protocol):
    """Trains on, up to and including a step."""

    def __call__(
        self,
        steps: int,
        *,
        state: TrainingState | None,
        micro_batch: int | None,
        on_step: Callable[[NetworkStep], None],
    ) -> TrainingState:
        """As `train_network`, which explains the arguments."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """What one phase trains, and how.

    Attributes:
        steps: In all.
        micro_batch: Units computed at once; None for as many as fit.
        look_every: Steps between two looks.
        look: Called after every so many steps and after the last.
        kept_tensors, kept_facts: What checkpoints hold besides the state.
    """

    name: PhaseName
    steps: int
    train: TrainPart
    micro_batch: int | None
    look_every: int
    look: Callable[[TrainingState], Evaluated]
    kept_tensors: Callable[[], Mapping[str, Tensor]]
    kept_facts: Callable[[], Mapping[str, Any]]


def state_in(tensors: Mapping[str, Tensor]) -> TrainingState:
    """Where a phase was, from the tensors of its checkpoint; at its beginning if there are none.

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
        TrainingStopped: If `should_stop` says so, at the end of a part: after some seconds, or the step under
            way. Every step done is in the checkpoint then; a kill loses about a minute of them.
        MammoError: As `train_network`.
    """
    steps, micro_batch = phase.steps, phase.micro_batch
    saved, last = time.monotonic(), None

    def show(done: NetworkStep, looked: Evaluated) -> None:
        on_progress(
            NetworkProgress(
                phase=phase.name,
                step=done.step,
                steps=steps,
                loss=done.loss,
                epsilon=looked.epsilon,
                validation_auroc=looked.validation_auroc,
                seconds_each=done.seconds,
                message=done.message,
            )
        )

    while state.step < steps:
        stop_at = _end_of_part(state.step, phase, last)

        def watch(done: NetworkStep, stop_at: int = stop_at) -> None:
            nonlocal last
            last = done
            if done.step < stop_at:
                show(done, Evaluated())

        state = phase.train(
            stop_at,
            state=state if state.step else None,
            micro_batch=micro_batch,
            on_step=watch,
        )
        micro_batch = last.micro_batch
        is_due = state.step % phase.look_every == 0 or state.step == steps
        show(last, phase.look(state) if is_due else Evaluated())
        is_stopping = should_stop()
        if is_stopping or state.step in (1, steps) or time.monotonic() - saved >= SAVE_SECONDS:
            save_phase(phase, state, checkpoints)
            saved = time.monotonic()
        if is_stopping and state.step < steps:
            raise TrainingStopped
    return state


def save_phase(phase: Phase, state: TrainingState, checkpoints: NetworkCheckpoints) -> None:
    """Writes down where a phase is."""
    own = {f"{_STATE}{name}": tensor for name, tensor in state.to_tensors().items()}
    checkpoints.save(phase.name, own | dict(phase.kept_tensors()), phase.kept_facts())


def _end_of_part(step: int, phase: Phase, last: NetworkStep | None) -> int:
    """The step to pause at: the next look, or as many steps as a part has; at first only one."""
    pace = 1 if last is None else max(1, int(PART_SECONDS / max(last.seconds, 1e-3)))
    next_look = (step // phase.look_every + 1) * phase.look_every
    return min(step + pace, next_look, phase.steps)
