"""Checks single values, given as `name=value`. Errors say what was expected, what was given and what to do."""

import math
from collections.abc import Collection

from mammo_core.errors import InvalidRequestError, PrivacyError

MIN_EPSILON, MAX_EPSILON = 0.05, 1000.0
MIN_DELTA = 1e-16


def positive(**named: float) -> None:
    """Requires numbers above 0; infinity counts."""
    for name, value in named.items():
        if not value > 0:
            raise InvalidRequestError(f"Expected {name} > 0; got {value!r}. Use a positive number.")


def privacy_budget(target_epsilon: float) -> None:
    """Requires a budget in 0.05 … 1000, or infinity (no privacy); raises PrivacyError."""
    if math.isinf(target_epsilon) and target_epsilon > 0:
        return
    if not MIN_EPSILON <= target_epsilon <= MAX_EPSILON:
        raise PrivacyError(
            f"Expected a privacy budget ε between {MIN_EPSILON:g} and {MAX_EPSILON:g}, or inf; got "
            f"{target_epsilon:g}. Below, noise leaves nothing to learn from a few hundred patients; "
            "above, use inf (no privacy) and call it that."
        )


def privacy_slack(delta: float) -> None:
    """Requires a δ that double precision can account for, below 1; raises PrivacyError."""
    if not MIN_DELTA <= delta < 1:
        raise PrivacyError(
            f"Expected δ of at least {MIN_DELTA:g} and below 1; got {delta!r}. Use for example 0.0001; it should be "
            "below 0.1 / number of patients."
        )


def at_least(minimum: float, **named: float) -> None:
    """Requires finite numbers of at least `minimum`."""
    for name, value in named.items():
        if not (value >= minimum and math.isfinite(value)):
            raise InvalidRequestError(
                f"Expected {name} >= {minimum}; got {value!r}. Use {minimum} or more."
            )


def at_most(maximum: float, **named: float) -> None:
    """Requires numbers of at most `maximum`."""
    for name, value in named.items():
        if not value <= maximum:
            raise InvalidRequestError(
                f"Expected {name} <= {maximum}; got {value!r}. Use {maximum} or less."
            )


def in_open_unit(**named: float) -> None:
    """Requires values strictly between 0 and 1."""
    for name, value in named.items():
        if not 0 < value < 1:
            raise InvalidRequestError(
                f"Expected 0 < {name} < 1; got {value!r}. Use for example 0.0001."
            )


def one_of(choices: Collection[object], **named: object) -> None:
    """Requires each value to be one of the choices."""
    for name, value in named.items():
        if value not in choices:
            listed = ", ".join(str(choice) for choice in choices)
            raise InvalidRequestError(
                f"Expected {name} to be one of: {listed}; got {value!r}. Choose one of these."
            )
