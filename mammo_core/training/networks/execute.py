"""Runs a configuration that trains a network: one way for the command line and for jobs, which only show how it goes.

Most experiments of the paper leave the backbone as it is: they train on features that are computed once. In every other
run images go through the network at every step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from mammo_core.config.runs import RunConfig
from mammo_core.ledger.releases import ReleaseLedger
from mammo_core.training.dataset import RunDataset
from mammo_core.training.heads.feature_dataset import with_features
from mammo_core.training.networks.loop import NetworkProgress
from mammo_core.training.networks.plan import NetworkRun, prepare_network
from mammo_core.training.networks.runs import run_network
from mammo_core.training.outcome import FinishedRun
from mammo_core.training.paper.frozen_runs import run_frozen_preset
from mammo_core.training.paper.presets import is_on_features


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class RunCallbacks:
    """What a run calls on its way; by default nothing happens.

    Attributes:
        on_features: With (masses done, masses to do) while features are computed.
        on_prepared: With a checked run on images, before it is released to the ledger.
        on_progress: After every step; of a run on features after every epoch.
        should_stop: Whether to end; asked before each micro-batch, of a run on features after every epoch.
    """

    on_features: Callable[[int, int], None] = _ignore
    on_prepared: Callable[[NetworkRun], None] = _ignore
    on_progress: Callable[[NetworkProgress], None] = _ignore
    should_stop: Callable[[], bool] = lambda: False


def execute(
    config: RunConfig,
    data: RunDataset,
    *,
    ledger: ReleaseLedger,
    home: Path,
    device: torch.device,
    micro_batch: int | None = None,
    callbacks: RunCallbacks | None = None,
) -> FinishedRun:
    """Trains and measures the network of a configuration, or goes on where an earlier start was ended.

    Args:
        ledger: Written to before anything is trained; once, however often a run goes on.
        home: `MAMMO_HOME`: keeps features, and checkpoints until the run is recorded.
        micro_batch: Units computed at once; None for as many as fit. Changes the time only.

    Raises:
        TrainingStopped: If it was stopped; a run on images keeps its checkpoint.
        BudgetExceededError: If the ledger has no room for it; then nothing is trained.
        MammoError: As `prepare_network`, `run_network` and `run_frozen_preset`.
    """
    calls = callbacks or RunCallbacks()
    if is_on_features(config):
        dataset = with_features(
            data, config.backbone, home / "features", on_progress=calls.on_features
        )
        return run_frozen_preset(
            dataset,
            config,
            ledger=ledger,
            device=device,
            on_progress=calls.on_progress,
            should_stop=calls.should_stop,
        )
    run = prepare_network(data, config)
    calls.on_prepared(run)
    return run_network(
        run,
        ledger=ledger,
        home=home,
        device=device,
        micro_batch=micro_batch,
        on_progress=calls.on_progress,
        should_stop=calls.should_stop,
    )
