"""Prints a finished run: its measures, what it spent, and what that guarantees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mammo_core.cli.tables import print_table
from mammo_core.evaluation.patients import PATIENT_RULE
from mammo_core.privacy.statements.words import caveats, summary
from mammo_core.text.numbers import with_interval

if TYPE_CHECKING:
    from mammo_core.training.outcome import FinishedRun


def print_outcome(outcome: FinishedRun, run_id: str) -> None:
    """Prints a recorded run."""
    print_table(
        [
            {"test set": name, "evaluated per": unit}
            | {
                measure.replace("_", " "): with_interval(e.value, e.low, e.high)
                for measure, e in estimates.items()
            }
            for unit, by_test_set in outcome.estimates_per_unit.items()
            for name, estimates in by_test_set.items()
        ]
    )
    mu = "" if outcome.mu is None else f"μ {outcome.mu:.3g}, "
    print(
        f"\nε spent {outcome.epsilon:.6g} of {outcome.config.privacy.target_epsilon:g}, {mu}noise multiplier "
        f"{outcome.noise_multiplier:.4g}, {outcome.seconds:.2f} s, MLflow run {run_id}"
    )
    print(summary(outcome.statement))
    for caveat in caveats(outcome.statement):
        print(f"- {caveat}")
    print(f"Per patient: {PATIENT_RULE}")
    print("95 % intervals: bootstrap over test patients. Research use only, not for diagnosis.")
