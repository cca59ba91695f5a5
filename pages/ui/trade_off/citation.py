"""Says how the numbers of the Trade-off page were made, in words to copy."""

from __future__ import annotations

from datetime import UTC, datetime

import mammo_core
from mammo_core.evaluation.patients import PATIENT_RULE
from mammo_core.figures.provenance import Provenance
from mammo_core.results.shipped_statement import shipped_training_data
from mammo_core.system.secret_key import sealed_identity
from pages.ui.components.messages import INTERVALS
from pages.ui.state import resources
from pages.ui.trade_off.points import CurveChoices

_ONE_RELEASE = "Each ε covers one release"
_COVERAGE_OF_TRAINED = (
    f"{_ONE_RELEASE} and the training step that reads real masses. The generator of "
    "the synthetic masses saw the same patients without differential privacy. With "
    "synthetic masses only, ε gives patients no privacy guarantee."
)
_COVERAGE_OF_SIMULATED = f"{_ONE_RELEASE} and everything that was learned from patients: none is behind the synthetic masses."


def provenance_of(choices: CurveChoices, where: str = "") -> Provenance:
    """Describes the shown figures and points for exported files.

    Args:
        where: The test set of a single figure.
    """
    on = f" on {where}" if where else ""
    return Provenance(
        title=f"{choices.measure} against privacy budget{on}",
        notes=(INTERVALS.replace("**", ""), _coverage(choices.masses), citation(choices)),
    )


def guarantee_of_synthetic(masses: str) -> str:
    """Says as points of a list what ε covers where these synthetic masses train."""
    if shipped_training_data(masses).origin.saw_patients:
        return (
            "- **real + synthetic** and **synthetic, then private on real** use synthetic masses whose "
            "generator saw the same patients **without** differential privacy. Their ε covers the "
            "private training step only.\n"
            "- **synthetic only** never reads a real mass. Its ε protects synthetic masses, so it "
            "guarantees nothing to any patient.\n"
        )
    return (
        "- **real + synthetic** and **synthetic, then private on real** use simulated masses. No patient is "
        "behind these. Their ε covers everything that the model learned from patients.\n"
        "- **synthetic only** learns from nobody. It costs no patient any privacy, at any ε.\n"
    )


def _coverage(masses: str) -> str:
    saw_patients = shipped_training_data(masses).origin.saw_patients
    return _COVERAGE_OF_TRAINED if saw_patients else _COVERAGE_OF_SIMULATED


def citation(choices: CurveChoices) -> str:
    """Says how the shown numbers were made, to paste into a caption or a methods section."""
    made = resources.provenance(choices.masses)
    tested = ", ".join(
        f"{name} ({size['masses']} masses of {size['patients']} patients)"
        for name, size in made["test_sets"].items()
        if name in choices.test_sets
    )
    lines = [
        f"Mammo Privacy Explorer {mammo_core.__version__}, shipped results measured {made['made']} with "
        f"version {made['version']}: {choices.measure}, unit of privacy: {choices.unit}, "
        "δ = 1e-4.",
        f"Trained on {made['train']['masses']} masses of {made['train']['patients']} patients and "
        f"{made['synthetic_masses']} synthetic masses ({made['masses']['name']}); tested on {tested}. Data {made['data_hash']}. "
        f"Backbone {made['backbone']['name']}, ImageNet weights, frozen.",
        f"Command: {made['command']}",
    ]
    if choices.own is not None:
        lines.append(
            f"Own runs: {choices.own.num_runs} on {choices.own.name}, read "
            f"{datetime.now(UTC):%Y-%m-%d}, data {sealed_identity(choices.own.data_hash)}."
        )
    if choices.evaluated_per == "patient":
        lines.append(f"Evaluated per patient: {PATIENT_RULE}")
    if choices.shows_paper:
        lines.append("Beside it, results of the paper, image as the unit of privacy.")
    lines.append(
        "Paper: Osuala et al. 2024, Enhancing the Utility of Privacy-Preserving Cancer Classification "
        "using Synthetic Data, arXiv:2407.12669."
    )
    return "\n".join(lines)
