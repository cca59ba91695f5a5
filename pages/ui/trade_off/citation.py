"""Says how the numbers of the Trade-off page were made, in words to copy."""

from __future__ import annotations

from datetime import UTC, datetime

import mammo_core
from mammo_core.figures.provenance import Provenance
from mammo_core.figures.trade_off import METRIC_LABELS
from mammo_core.system.secret_key import sealed_identity
from pages.ui.components.messages import INTERVALS
from pages.ui.state import resources
from pages.ui.trade_off.points import CurveChoices

_COVERAGE = (
    "Each ε covers one release and the training step that reads real masses. The generator of "
    "the paper's synthetic masses saw the same patients without differential privacy. With "
    "synthetic masses only, ε guarantees nothing to any patient."
)


def provenance_of(choices: CurveChoices, where: str = "") -> Provenance:
    """Describes the shown figures and points for exported files.

    Args:
        where: The test set of a single figure.
    """
    on = f" on {where}" if where else ""
    return Provenance(
        title=f"{METRIC_LABELS[choices.metric]} against privacy budget{on}",
        notes=(INTERVALS.replace("**", ""), _COVERAGE, citation(choices)),
    )


def citation(choices: CurveChoices) -> str:
    """Says how the shown numbers were made, to paste into a caption or a methods section."""
    made = resources.provenance()
    tested = ", ".join(
        f"{name} ({size['masses']} masses of {size['patients']} patients)"
        for name, size in made["test_sets"].items()
        if name in choices.test_sets
    )
    lines = [
        f"Mammo Privacy Explorer {mammo_core.__version__}, shipped results measured {made['made']} with "
        f"version {made['version']}: {METRIC_LABELS[choices.metric]}, unit of privacy: {choices.unit}, "
        "δ = 1e-4.",
        f"Trained on {made['train']['masses']} masses of {made['train']['patients']} patients and "
        f"{made['synthetic_masses']} synthetic masses; tested on {tested}. Data {made['data_hash']}. "
        f"Backbone {made['backbone']['name']}, ImageNet weights, frozen.",
        f"Command: {made['command']}",
    ]
    if choices.own is not None:
        lines.append(
            f"Own runs: {choices.own.num_runs} on {choices.own.name}, read "
            f"{datetime.now(UTC):%Y-%m-%d}, data {sealed_identity(choices.own.data_hash)}."
        )
    if choices.with_paper and choices.metric == "auroc":
        lines.append("Beside it, results of the paper, image as the unit of privacy.")
    lines.append(
        "Paper: Osuala et al. 2024, Enhancing the Utility of Privacy-Preserving Cancer Classification "
        "using Synthetic Data, arXiv:2407.12669."
    )
    return "\n".join(lines)
