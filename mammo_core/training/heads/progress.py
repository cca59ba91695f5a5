"""Reports a head's training while it runs: points of its loss curve and validation AUROC."""

from __future__ import annotations

from sklearn.metrics import roc_auc_score
from torch.nn import functional

from mammo_core.jobs.context import JobContext
from mammo_core.training.heads.runs import HeadStep

_POINTS = 40  # of a curve


class _LiveCurve:
    """Draws loss and validation AUROC of the first run in training, and says how far it is."""

    def __init__(self, job: JobContext, num_runs: int) -> None:
        self._job = job
        self._num_runs = num_runs
        self.runs_done = 0

    def watch(self, report: HeadStep) -> None:
        """Listens at every step; adds a point at some."""
        self._job.check()
        config = report.configs[0]
        steps = config.recipe.steps
        if report.step % max(1, steps // _POINTS) and report.step not in (1, steps):
            return
        self._job.add_point(report.step, curve_point(report))
        self._job.report(
            self.runs_done,
            self._num_runs,
            f"{config.strategy}, ε = {config.privacy.target_epsilon:g}, seed {config.seed}: "
            f"step {report.step} of {steps}"
            + (f" ({len(report.configs)} runs at once)" if len(report.configs) > 1 else ""),
            epsilon=report.spent_epsilon(0) if config.privacy.is_private else None,
        )


def curve_point(report: HeadStep) -> dict[str, float]:
    """Where the first run in training is: "loss" on its training masses, "validation_auroc" if there are any.

    The loss is computed from private masses without noise: it is for the eyes of those who hold the data,
    and no ε covers it.
    """
    weights, inputs = report.weights[0], report.inputs
    loss = functional.binary_cross_entropy_with_logits(inputs.vectors @ weights, inputs.labels)
    point = {"loss": float(loss)}
    scores = inputs.validation_scores(weights)
    if scores is not None:
        point["validation_auroc"] = float(roc_auc_score(inputs.validation_labels, scores))
    return point
