"""States the guarantee of the models behind the shipped results, had they been released."""

from __future__ import annotations

from mammo_core import reference
from mammo_core.cohorts.origins import PAPER_ORIGIN, origin_of_card
from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import HEAD_BACKBONE, PrivacyConfig, RunConfig, Strategy, Unit
from mammo_core.privacy.accounting.calibration import calibrate_run
from mammo_core.privacy.statements.statement import Statement, make_statement
from mammo_core.privacy.statements.training_data import TrainingData
from mammo_core.synthesis.cards import load_card
from mammo_core.system.paths import models_dir


def shipped_statement(
    strategy: Strategy,
    unit: Unit,
    target_epsilon: float,
    target_delta: float,
    masses: str = reference.PAPER,
) -> Statement:
    """Makes the statement of one shipped point: CBIS-DDSM train, reproducible noise, and these synthetic masses."""
    privacy = PrivacyConfig(
        target_epsilon=target_epsilon,
        target_delta=target_delta,
        unit=unit,
        noise="reproducible",
        arithmetic=reference.measured_provenance(masses).get("arithmetic", "float"),
    )
    config = RunConfig(
        strategy=strategy, privacy=privacy, recipe=RECIPES[strategy], backbone=HEAD_BACKBONE
    )
    return make_statement(config, shipped_training_data(masses), calibrate_run(config))


def shipped_training_data(masses: str = reference.PAPER) -> TrainingData:
    """Describes what the shipped results with these synthetic masses were trained on."""
    made = reference.measured_provenance(masses)
    name = made["masses"].get("generator")
    origin = PAPER_ORIGIN if name is None else origin_of_card(name, load_card(models_dir() / name))
    return TrainingData(
        num_patients=made["train"]["patients"],
        num_images=made["train"]["masses"],
        num_synthetic=made["synthetic_masses"],
        largest_patient=made["train"]["largest_patient"],
        origin=origin,
    )
