"""A finished run: the one class for what training returns, what is recorded, read back, exported and imported."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from mammo_core.classifiers.heads import HeadFile
from mammo_core.config.runs import HEAD_ON_FEATURES, RunConfig, to_dict
from mammo_core.errors import CheckpointError, InvalidRequestError
from mammo_core.evaluation.bootstrap import Estimate, PatientBootstrap
from mammo_core.evaluation.patients import EvaluationUnit, Patients
from mammo_core.privacy.statements.card import statement_to_dict
from mammo_core.privacy.statements.statement import Statement
from mammo_core.storage.mlflow_store import metric_name
from mammo_core.system.secret_key import sealed_identity
from mammo_core.training.dataset import RunDataset, TestedMasses

MEASURE_PREFIXES: dict[EvaluationUnit, str] = {
    "mass": "",
    "patient": "patient_",
}  # in the run store
VALIDATION = "validation"  # in the column test_set: thresholds come from these masses
PREDICTION_COLUMNS = ("test_set", "patient_id", "image_id", "mass_id", "label", "score")


@dataclass(frozen=True, kw_only=True, eq=False)
class FinishedRun:
    """One trained and evaluated configuration.

    Attributes:
        data_hash: Of all masses that the result depends on, see `RunDataset`.
        statement: Its privacy guarantee: for whom it holds, and what it leaves out.
        epsilon: Spent, at the configuration's δ; infinity without DP.
        mu: The same as Gaussian DP; None if units were sampled.
        noise_multiplier: 0 without DP.
        num_units: Patients or masses that trained, each a unit of privacy.
        seconds: From vectors or images to measured result; runs trained together share the time alike.
        estimates: By test set and measure.
        predictions: `PREDICTION_COLUMNS` of every test mass.
        validation: The same of validation masses; empty if there were none.
        evaluation_unit: What estimates, predictions and validation are of, see `evaluated_per`; a run is recorded per mass.
        head: The weights of a linear head; None of a network, and where they were not read.
        network: The content of a file of a network's weights; None if there is none, or it is too large.
        kept_step: After which a network's weights were taken; None where that is not known.
        run_id: In the run store; empty until it is recorded.
        started: When it was recorded, in UTC; None until then.
        origin: What asked for it, such as "train", "sweep" or "live".
        job: Of the job that made it; empty for none.
        source_id: The id of the run where it was made; empty until it is recorded.
        charged_cohorts: Of an imported run keys of the cohorts that it was charged to where it was made.
        made_elsewhere: Of an imported run what is known of its making, in words; else empty.
        package_sha256: Of an imported run, of the manifest it came with; empty where it was not read.
        recorded: The card as it was recorded or imported; None to make it anew.
    """

    config: RunConfig
    data_hash: str
    statement: Statement
    epsilon: float
    mu: float | None
    noise_multiplier: float
    num_units: int
    seconds: float
    estimates: Mapping[str, Mapping[str, Estimate]]
    predictions: pd.DataFrame
    validation: pd.DataFrame
    evaluation_unit: EvaluationUnit = "mass"
    head: HeadFile | None = None
    network: bytes | None = field(default=None, repr=False)
    kept_step: int | None = None
    run_id: str = ""
    started: pd.Timestamp | None = None
    origin: str = ""
    job: str = ""
    source_id: str = ""
    charged_cohorts: tuple[str, ...] = ()
    made_elsewhere: str = ""
    package_sha256: str = ""
    recorded: Mapping[str, Any] | None = None

    @property
    def weights(self) -> Tensor:
        """The weights of a linear head (K + 1,).

        Raises:
            CheckpointError: If it has none, or they were not read.
        """
        if self.head is None:
            raise CheckpointError(
                f"Expected the weights of the head {self.name}; it has none here. Read them from the run store."
            )
        return self.head.weights

    @property
    def name(self) -> str:
        """A short name to show."""
        config = self.config
        part = "" if config.trained_part == HEAD_ON_FEATURES else f", {config.trained_part}"
        return f"{config.strategy}{part} ε={config.privacy.target_epsilon:g} seed {config.seed}"

    def evaluated_per(self, unit: EvaluationUnit) -> FinishedRun:
        """Evaluates the run per mass, as it is, or per patient: its predictions, estimates and validation are of patients then.

        Per patient, a test set that has patients of one class only is left out.

        Raises:
            InvalidRequestError: If no test set has patients of both classes.
        """
        if unit == self.evaluation_unit:
            return self
        if not self._per_patient.estimates:
            raise InvalidRequestError(
                "Expected patients of both classes in a test set; each test set has one class only, where a patient "
                "counts as malignant if any of her masses is. Evaluate per mass."
            )
        return self._per_patient

    @property
    def estimates_per_unit(self) -> dict[EvaluationUnit, Mapping[str, Mapping[str, Estimate]]]:
        """By evaluation unit, test set and measure."""
        if self.evaluation_unit == "patient":
            return {"patient": self.estimates}
        return {"mass": self.estimates, "patient": self._per_patient.estimates}

    @cached_property
    def _per_patient(self) -> FinishedRun:
        estimates: dict[str, Mapping[str, Estimate]] = {}
        tables = [self.predictions.iloc[:0]]
        for name, part in self.predictions.groupby("test_set", sort=False):
            table = _by_patient(part)
            if len(table):
                bootstrap = PatientBootstrap(*_labels_and_ids(table))
                estimates[str(name)] = bootstrap.evaluate(table["score"].to_numpy())
                tables.append(table)
        return replace(
            self,
            estimates=estimates,
            predictions=pd.concat(tables, ignore_index=True),
            validation=_by_patient(self.validation),
            evaluation_unit="patient",
        )

    @cached_property
    def tested(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Labels and P(malignant) of the test masses, (N,) each, by test set."""
        return {
            str(name): _labels_and_scores(part)
            for name, part in self.predictions.groupby("test_set", sort=False)
        }

    @property
    def scores(self) -> dict[str, np.ndarray]:
        """P(malignant) of the test masses (N,), by test set."""
        return {name: scores for name, (_, scores) in self.tested.items()}

    @property
    def validated(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Labels and P(malignant) of the validation masses, (N,) each; None if there were none."""
        return None if self.validation.empty else _labels_and_scores(self.validation)

    @property
    def metrics(self) -> dict[str, float]:
        """Its numbers by the names that the run store gives them, measures per mass and per patient.

        Infinity is left out, which a database cannot hold.
        """
        return self.metrics_per(*self.estimates_per_unit)

    def metrics_per(self, *units: EvaluationUnit) -> dict[str, float]:
        """The same with the measures of some evaluation units only."""
        numbers = {
            "noise_multiplier": float(self.noise_multiplier),
            "num_units": float(self.num_units),
            "seconds": float(self.seconds),
        }
        if not math.isinf(self.epsilon):
            numbers["epsilon"] = self.epsilon
            if self.mu is not None:
                numbers["mu"] = self.mu
        for unit in units:
            numbers |= _measures(self.estimates_per_unit[unit], MEASURE_PREFIXES[unit])
        return numbers

    @property
    def recorded_card(self) -> dict[str, Any]:
        """Configuration, ε, identity of the data and statement, JSON-ready: what is kept beside the numbers."""
        if self.recorded is not None:
            return dict(self.recorded)
        return {
            "config": to_dict(self.config),
            "epsilon": "inf" if math.isinf(self.epsilon) else self.epsilon,
            "data_hash": self.data_hash,
            "statement": statement_to_dict(self.statement),
        }

    @property
    def card(self) -> dict[str, Any]:
        """Everything about a recorded run as JSON-ready values, to be saved or sent; only this installation knows its data by it."""
        return self.recorded_card | {
            "data_hash": sealed_identity(self.data_hash),
            "run_id": self.run_id,
            "metrics": self.metrics,
            "started": str(self.started),
        }


def finish_run(
    config: RunConfig,
    data: RunDataset,
    statement: Statement,
    scores: Mapping[str, np.ndarray],
    validation_scores: np.ndarray | None,
    *,
    seconds: float,
    num_units: int | None = None,
    head: HeadFile | None = None,
    network: bytes | None = None,
    kept_step: int | None = None,
) -> FinishedRun:
    """Measures what a trained model says of the test masses.

    Args:
        statement: Of the run.
        scores: P(malignant) of the test masses (N,), by test set.
        validation_scores: The same of the validation masses; None if there are none.
        seconds: That training and scoring took; measuring is added.
        num_units: That trained; None for those that the statement protects.
        head, network, kept_step: As of `FinishedRun`.
    """
    begun = time.perf_counter()
    estimates = {
        name: data.test_sets[name].bootstrap.evaluate(values) for name, values in scores.items()
    }
    tables = [_predictions(name, data.test_sets[name], values) for name, values in scores.items()]
    validation = pd.DataFrame(columns=list(PREDICTION_COLUMNS))
    if data.validation is not None and validation_scores is not None:
        validation = _predictions(VALIDATION, data.validation, validation_scores)
    return FinishedRun(
        config=config,
        data_hash=data.data_hash,
        statement=statement,
        epsilon=statement.epsilon,
        mu=statement.mu,
        noise_multiplier=statement.noise_multiplier,
        num_units=statement.num_units if num_units is None else num_units,
        seconds=seconds + time.perf_counter() - begun,
        estimates=estimates,
        predictions=pd.concat(tables, ignore_index=True),
        validation=validation,
        head=head,
        network=network,
        kept_step=kept_step,
    )


def _labels_and_scores(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return table["label"].to_numpy(dtype=np.int64), table["score"].to_numpy(dtype=np.float64)


def _measures(estimates: Mapping[str, Mapping[str, Estimate]], prefix: str) -> dict[str, float]:
    """Names measures by test set, with the ends of their intervals."""
    return {
        f"{metric_name(test_set)}/{prefix}{measure}{end}": value
        for test_set, by_measure in estimates.items()
        for measure, estimate in by_measure.items()
        for end, value in (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high))
    }


def _by_patient(table: pd.DataFrame) -> pd.DataFrame:
    """Averages the predictions of each patient's masses, see `Patients`; empty unless both classes have patients."""
    patients = Patients.of(*_labels_and_ids(table))
    if not patients.have_both_classes:
        return table.iloc[:0]
    scores = patients.scores(table["score"].to_numpy(dtype=np.float64))
    columns = (table["test_set"].iloc[0], patients.ids, "", "", patients.labels, scores)
    return pd.DataFrame(dict(zip(PREDICTION_COLUMNS, columns, strict=True)))


def _labels_and_ids(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return table["label"].to_numpy(dtype=np.int64), table["patient_id"].to_numpy(dtype=str)


def _predictions(name: str, masses: TestedMasses, scores: np.ndarray) -> pd.DataFrame:
    cohort = masses.cohort
    columns = (name, cohort.patient_ids, cohort.image_ids, cohort.mass_ids, cohort.labels, scores)
    return pd.DataFrame(dict(zip(PREDICTION_COLUMNS, columns, strict=True)))
