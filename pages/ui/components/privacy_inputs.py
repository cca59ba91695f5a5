"""Offers privacy budgets and units of privacy to choose from."""

from __future__ import annotations

import math

from mammo_core.config.runs import UNITS, Unit
from pages.ui.components.inputs import choose_one
from pages.ui.components.messages import GLOSSARY

EPSILONS = (
    *(0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 30.0, 60.0),
    *(100.0, 200.0, 500.0, 1000.0, math.inf),
)
EPSILON_HELP = (
    "Privacy budget ε: how much the trained model may depend on any one patient. A smaller ε "
    f"protects more. The scale is logarithmic. ∞ means no privacy (not DP). {GLOSSARY}"
)

UNIT_HELP = (
    "What one ε protects: all masses of a patient together (stronger), or one mass at a time (as "
    f"in the paper). {GLOSSARY}"
)


def choose_unit(key: str, *, label: str = "Unit of privacy", explained: str = UNIT_HELP) -> Unit:
    """Asks for patient or image; the choice stands in the URL."""
    units: tuple[Unit, ...] = UNITS
    return choose_one(label, units, key, help=explained)
