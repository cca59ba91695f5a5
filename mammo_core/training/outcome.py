"""What every finished run has, whatever it trained: what it spent, what it scored, how well."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammo_core.config.runs import RunConfig
from mammo_core.evaluation.bootstrap import Estimate
from mammo_core.privacy.statements.statement import Statement


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """One trained and evaluated configuration.

    Attributes:
        epsilon: Spent, at the configuration's δ; infinity without DP.
        mu: The same as Gaussian DP; None if units were sampled.
        noise_multiplier: 0 without DP.
        num_units: Patients or masses protected.
        scores: By test set, (N,) P(malignant).
        validation_scores: (N,) of the training site's validation masses, or None.
        estimates: By test set and measure.
        statement: What was promised to whom, and what was not.
        seconds: From vectors or images to measured result; runs trained together share the time alike.
    """

    config: RunConfig
    epsilon: float
    mu: float | None
    noise_multiplier: float
    num_units: int
    scores: dict[str, np.ndarray]
    validation_scores: np.ndarray | None
    estimates: dict[str, dict[str, Estimate]]
    statement: Statement
    seconds: float
