"""A run as a folder that says everything about itself, and what such a folder from outside must hold to be believed.

Files: manifest.json (schema, identity, size and sha256 of every other file), run.json (configuration and privacy
statement), numbers.json (test sets and measures), predictions.csv, ledger.json (its releases in the ledger where it was
made), README.txt, and head.safetensors where the run kept its weights. `export` writes it and `load` imports it.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mammo_core.classifiers.heads import HeadFile, head_from_bytes
from mammo_core.config.from_dict import from_dict
from mammo_core.config.runs import RunConfig, run_key, to_dict
from mammo_core.errors import CheckpointError, IngestionError, MammoError
from mammo_core.evaluation.metrics import METRIC_NAMES, weighted_metrics
from mammo_core.privacy.statements.card import statement_from_dict, statement_to_dict
from mammo_core.privacy.statements.statement import Statement
from mammo_core.results.archive import run_of_numbers
from mammo_core.results.tags import ORIGIN_IMPORTED
from mammo_core.storage.mlflow_store import metric_name
from mammo_core.storage.tables import read_csv
from mammo_core.text.untrusted import single_line
from mammo_core.training.outcome import PREDICTION_COLUMNS, VALIDATION, FinishedRun

SCHEMA = "mammo-privacy-run/1"
MANIFEST, CARD, NUMBERS, PREDICTIONS = (
    "manifest.json",
    "run.json",
    "numbers.json",
    "predictions.csv",
)
LEDGER, README, HEAD = "ledger.json", "README.txt", "head.safetensors"
REQUIRED = (CARD, NUMBERS, PREDICTIONS, LEDGER, README)
IDS_KEPT, IDS_REPLACED = "as the cohort names them", "replaced by numbers"
_MAX_BYTES = {PREDICTIONS: 256 << 20, HEAD: 256 << 20}
_MAX_JSON_BYTES = 4 << 20
_MAX_TEST_SETS, _MAX_NAME = 50, 255
_ID = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{8,64}")


def read_package(folder: Path) -> FinishedRun:
    """Reads and checks the folder of one run.

    Raises:
        IngestionError: If a file is missing, unexpected, a link, too large or not the one that the manifest names; if the
            schema is another one; or if what the files say does not fit together.
    """
    with _damage_explained(folder.name):
        content = _read(folder, MANIFEST, _MAX_JSON_BYTES)
        manifest = _json(content)
        if manifest.get("schema") != SCHEMA:
            raise IngestionError(
                f"Expected a run of the schema {SCHEMA}; got {single_line(str(manifest.get('schema')), 60)!r}. Import it "
                "with the version that wrote it."
            )
        files = _listed_files(folder, manifest["files"])
        card, numbers = _json(files[CARD]), _json(files[NUMBERS])
        config, data_hash = from_dict(RunConfig, card["config"]), str(card["data_hash"])
        statement = _statement(card, config)
        metrics = _metrics(numbers["metrics"])
        test_sets = _test_sets(numbers["test_sets"])
        predictions = _predictions(files[PREDICTIONS], test_sets)
        _require(manifest["run_key"] == run_key(config, data_hash), "its key is of another run")
        _require(bool(_ID.fullmatch(manifest["run_id"])), "its id is none")
        _require(bool(_HASH.fullmatch(data_hash)), "the identity of its data is none")
        _require_consistent(config, metrics, test_sets, statement, predictions)
        recorded = {
            "config": to_dict(config),
            "epsilon": metrics.get("epsilon", "inf"),
            "data_hash": data_hash,
        }
        if statement is not None:
            recorded["statement"] = statement_to_dict(statement)
        started = pd.Timestamp(str(manifest["started"]))
        return run_of_numbers(
            recorded,
            metrics,
            {metric_name(name): name for name in test_sets},
            predictions,
            head=_head(files[HEAD]) if HEAD in files else None,
            started=started,
            origin=ORIGIN_IMPORTED,
            source_id=manifest["run_id"],
            charged_cohorts=tuple(_cohorts(files[LEDGER])),
            made_elsewhere=single_line(
                f"version {manifest['version']}, {started:%Y-%m-%d %H:%M} UTC, asked for by {manifest['origin']}"
            ),
            package_sha256=sha256(content),
        )


def sha256(content: bytes) -> str:
    """In hex."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def _damage_explained(name: str) -> Iterator[None]:
    """Turns what wrong values raise into an IngestionError that names the run; IngestionErrors pass."""
    try:
        yield
    except IngestionError:
        raise
    except (
        *(ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError),
        *(OSError, MammoError),
    ) as error:
        raise IngestionError(
            f"Expected a run as this program exports it in {single_line(name, 80)}; its content is of another form "
            f"({type(error).__name__}: {single_line(str(error), 160)}). Export it again; nothing was imported."
        ) from error


def _head(content: bytes) -> HeadFile:
    """Reads a head, which must hold its projection."""
    try:
        head = head_from_bytes(content, HEAD)
    except CheckpointError as error:
        raise IngestionError(f"{error} Nothing was imported.") from error
    if head.projection is None:
        raise IngestionError(
            f"Expected {HEAD} with its projection; it names one kept elsewhere. Export the run again."
        )
    return head


def _read(folder: Path, name: str, limit: int) -> bytes:
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise IngestionError(
            f"Expected the file {name} in {single_line(folder.name, 80)}; found none. Export the run again."
        )
    size = path.stat().st_size
    if size > limit:
        raise IngestionError(
            f"Expected {name} to have at most {limit >> 20} MiB; got {size >> 20}. No run has so much: do not use it."
        )
    return path.read_bytes()


def _listed_files(folder: Path, listed: Mapping[str, Mapping[str, Any]]) -> dict[str, bytes]:
    """The content of every file, if these are the files of a run and just those that the manifest names."""
    there = {path.name for path in folder.iterdir()}
    unknown = sorted((set(listed) | there) - {MANIFEST, HEAD, *REQUIRED})
    if unknown:
        raise IngestionError(
            f"Expected only files of a run; got {single_line(unknown[0], 80)!r}, too. Nothing of it was opened. Remove it, or "
            "export the run again."
        )
    missing = sorted(({*REQUIRED} - set(listed)) | (there - {MANIFEST} - set(listed)))
    if missing:
        raise IngestionError(
            f"Expected the manifest to name every file; {missing[0]} is not in it. Export the run again."
        )
    files = {}
    for name, facts in listed.items():
        content = _read(folder, name, _MAX_BYTES.get(name, _MAX_JSON_BYTES))
        if len(content) != facts["bytes"] or sha256(content) != facts["sha256"]:
            raise IngestionError(
                f"Expected {name} with the sha256 {single_line(str(facts['sha256']), 64)}; got {sha256(content)}. It was "
                "changed or damaged on the way: get it again."
            )
        files[name] = content
    return files


def _json(content: bytes) -> dict[str, Any]:
    values = json.loads(content, parse_constant=_number, parse_float=_number)
    _require(isinstance(values, dict), "a JSON file holds no object")
    return values


def _number(text: str) -> float:
    _require(math.isfinite(float(text)), f"{text} is no number")
    return float(text)


def _statement(card: Mapping[str, Any], config: RunConfig) -> Statement | None:
    """With words made anew from its facts: what a file claims beside them is not taken over."""
    if "statement" not in card:
        return None
    statement_from_dict(card["statement"])  # of this schema
    statement = from_dict(Statement, card["statement"]["facts"])
    own = statement.generator_guarantee
    _require(statement.num_units >= 0, "it counts no units")
    _require(0 <= statement.noise_multiplier < math.inf, "its noise is no number")
    counts = (statement.largest_patient, statement.num_weights)
    _require(all(count is None or count > 0 for count in counts), "it counts fewer than one")
    _require(own is None or math.isfinite(own.epsilon), "its generator's guarantee is none")
    same = (
        (statement.strategy, config.strategy),
        (statement.unit, config.privacy.unit),
        (statement.target_epsilon, config.privacy.target_epsilon),
        (statement.delta, config.privacy.target_delta),
        (statement.steps, config.recipe.steps),
        (statement.max_grad_norm, config.recipe.max_grad_norm),
        (statement.noise, config.privacy.noise),
        (statement.trained_part, config.trained_part),
        (statement.sample_rate, config.recipe.sample_rate),
        (statement.kept, config.recipe.kept),
        (statement.arithmetic, config.privacy.arithmetic),
    )
    _require(all(one == other for one, other in same), "its statement is of another configuration")
    statement_to_dict(statement)  # every sentence can be said
    return statement


def _metrics(values: Mapping[str, Any]) -> dict[str, float]:
    _require(
        all(type(name) is str and _is_number(value) for name, value in values.items()),
        "a measure is no number",
    )
    return {name: float(value) for name, value in values.items()}


def _test_sets(names: list[str]) -> tuple[str, ...]:
    _require(
        1 <= len(names) <= _MAX_TEST_SETS
        and len(set(names)) == len(names)
        and all(type(name) is str and 0 < len(name) <= _MAX_NAME for name in names),
        "it has no list of test sets",
    )
    return tuple(names)


def _predictions(content: bytes, test_sets: tuple[str, ...]) -> pd.DataFrame:
    texts = {name: str for name in PREDICTION_COLUMNS[:4]}
    table = read_csv(io.StringIO(content.decode()), dtype=texts, keep_default_na=False)
    _require(tuple(table.columns) == PREDICTION_COLUMNS, "its predictions have other columns")
    scores, labels = table["score"].astype(float), table["label"]
    _require(bool(((scores >= 0) & (scores <= 1)).all()), "a score is not in [0, 1]")
    _require(bool(labels.isin((0, 1)).all()), "a label is neither 0 nor 1")
    found = set(table["test_set"]) - {VALIDATION}
    table = table.astype({"label": int, "score": float})
    _require(found == set(test_sets) - {VALIDATION}, "its predictions are of other test sets")
    return table


def _require_consistent(
    config: RunConfig,
    metrics: Mapping[str, float],
    test_sets: tuple[str, ...],
    statement: Statement | None,
    predictions: pd.DataFrame,
) -> None:
    """The numbers must follow from the predictions, and ε from the noise."""
    expected = {"noise_multiplier", "num_units", "seconds"}
    if config.privacy.is_private:
        expected |= {"epsilon"} if config.recipe.sample_rate < 1 else {"epsilon", "mu"}
    for test_set in test_sets:
        prefix = metric_name(test_set)
        part = predictions[predictions["test_set"] == test_set]
        measured = weighted_metrics(
            part["label"].to_numpy(), part["score"].to_numpy(float), np.ones((1, len(part)))
        )
        for measure in METRIC_NAMES:
            names = [f"{prefix}/{measure}{end}" for end in ("_low", "", "_high")]
            expected |= set(names)
            low, value, high = (metrics[name] for name in names)
            follows = math.isclose(value, float(getattr(measured, measure)[0]), abs_tol=1e-6)
            _require(follows, f"{measure} on a test set does not follow from its predictions")
            _require(low <= value + 1e-9 and value <= high + 1e-9, "an interval is upside down")
    _require(set(metrics) == expected, "it has other measures than a run has")
    if statement is None:
        return
    is_mixed = (
        config.strategy == "real+synthetic"
    )  # synthetic masses may be units that need no protection
    num_units = min(metrics["num_units"], statement.num_units) if is_mixed else metrics["num_units"]
    _require(num_units == statement.num_units, "its statement counts other units")
    _require(
        math.isclose(metrics["noise_multiplier"], statement.noise_multiplier, rel_tol=1e-9),
        "its statement is of other noise",
    )
    if config.privacy.is_private:
        _require(
            math.isclose(metrics["epsilon"], statement.epsilon, rel_tol=1e-4),
            "its ε does not follow from its noise",
        )


def _cohorts(content: bytes) -> Iterator[str]:
    entries = json.loads(content)
    _require(isinstance(entries, list), "its ledger is no list")
    for key in dict.fromkeys(str(entry["cohort"]) for entry in entries):
        _require(bool(_HASH.fullmatch(key)), "its ledger names no cohort")
        yield key


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and math.isfinite(value)


def _require(holds: bool, what_is_wrong: str) -> None:
    if not holds:
        raise ValueError(what_is_wrong)
