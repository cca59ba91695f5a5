"""Writes a privacy statement as JSON-ready values and reads it back."""

from __future__ import annotations

from typing import Any

from mammo_core.config.runs import to_dict
from mammo_core.errors import InvalidRequestError
from mammo_core.privacy.accounting.guarantee import Guarantee
from mammo_core.privacy.statements.statement import Statement
from mammo_core.privacy.statements.table import (
    NEIGHBOURING,
    accountant,
    arithmetic,
    randomness,
    sampling,
)
from mammo_core.privacy.statements.words import caveats, summary

SCHEMA = "mammo-privacy-statement/1"


def statement_to_dict(statement: Statement) -> dict[str, Any]:
    """Writes the facts, from which `statement_from_dict` reads a statement back, and what follows from them."""
    follows = {
        "neighbouring": NEIGHBOURING,
        "sampling": sampling(statement),
        "accountant": accountant(statement),
        "randomness": randomness(statement),
        "arithmetic": arithmetic(statement)[0],
        "coverage": statement.coverage,
        "step": _numbers(statement.step),
        "step_for_patient": _numbers(statement.step_for_patient),
        "end_to_end": _numbers(statement.end_to_end),
        "end_to_end_for_patient": _numbers(statement.end_to_end_for_patient),
    }
    return {
        "schema": SCHEMA,
        "sentence": summary(statement),
        "facts": to_dict(statement),
        "follows": follows,
        "caveats": list(caveats(statement)),
    }


def statement_from_dict(values: dict[str, Any]) -> Statement:
    """Reads what `statement_to_dict` wrote.

    Raises:
        InvalidRequestError: If it is of another schema.
    """
    if values.get("schema") != SCHEMA:
        raise InvalidRequestError(
            f"Expected a privacy statement of the schema {SCHEMA}; got {values.get('schema')!r}. "
            "Read it with the version that wrote it."
        )
    facts = dict(values["facts"])
    facts["target_epsilon"] = float(facts["target_epsilon"])
    if facts["generator_guarantee"] is not None:
        facts["generator_guarantee"] = Guarantee(**facts["generator_guarantee"])
    return Statement(**facts)


def _numbers(guarantee: Guarantee | None) -> dict[str, Any] | None:
    if guarantee is None:
        return None
    values = to_dict(guarantee)
    return {name: values[name] for name in ("epsilon", "delta", "unit", "mu")}
