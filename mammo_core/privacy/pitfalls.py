"""Lists the known ways to break a guarantee of differential privacy: the problem and what prevents it here.

The list is pitfalls.toml; it also holds what nothing prevents. Tests that fail if a prevention is removed
carry `@pytest.mark.pitfall("name")`. Severity is what happens to the stated ε, in the words of "Common
Pitfalls in DP Training" (google-deepmind/jax_privacy).
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

Severity = Literal["critical", "theoretical", "negligible"]
Status = Literal["prevented", "partly", "not prevented"]
SEVERITIES: dict[Severity, str] = {
    "critical": "The stated ε does not hold, and nothing would show it.",
    "theoretical": "The stated ε fails only against an attacker with rare means.",
    "negligible": "The stated ε is off by less than anybody could use.",
}
STATUSES: dict[Status, str] = {
    "not prevented": "Nothing here prevents it. You have to prevent it yourself.",
    "partly": "Something here prevents it, but not in every case.",
    "prevented": "The program prevents it. A test fails if that changes.",
}


@dataclass(frozen=True, kw_only=True)
class Pitfall:
    """One way to claim more privacy than is kept.

    Attributes:
        name: Short and unique; tests name it in their marker.
        problem: What goes wrong, in one or two sentences.
        prevention: What prevents it here; of what is not prevented, what to do about it.
        severity: A key of SEVERITIES.
        status: A key of STATUSES.
        source: Who described it.
    """

    name: str
    problem: str
    prevention: str
    severity: Severity
    status: Status
    source: str


def by_severity(status: Status) -> dict[Severity, list[Pitfall]]:
    """Groups the pitfalls of one status, the gravest first; severities without any are left out."""
    groups: dict[Severity, list[Pitfall]] = {severity: [] for severity in SEVERITIES}
    for pitfall in PITFALLS:
        if pitfall.status == status:
            groups[pitfall.severity].append(pitfall)
    return {severity: pitfalls for severity, pitfalls in groups.items() if pitfalls}


def _read() -> tuple[Pitfall, ...]:
    text = files("mammo_core.privacy").joinpath("pitfalls.toml").read_text(encoding="utf-8")
    return tuple(Pitfall(**fields) for fields in tomllib.loads(text)["pitfall"])


PITFALLS: Sequence[Pitfall] = _read()
