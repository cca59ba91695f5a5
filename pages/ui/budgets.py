"""The privacy budgets that sliders offer, and how they are written."""

import math

EPSILONS = (
    *(0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 30.0, 60.0),
    *(100.0, 200.0, 500.0, 1000.0, math.inf),
)
EPSILON_HELP = (
    "Privacy budget ε: how much the trained model may depend on any one patient. Smaller hides more. "
    "Logarithmic; ∞ means no privacy (not DP)."
)


def budget_name(epsilon: float) -> str:
    """A budget as it is shown.

    Example:
        >>> budget_name(0.5), budget_name(math.inf)
        ('0.5', '∞ (not DP)')
    """
    return "∞ (not DP)" if math.isinf(epsilon) else f"{epsilon:g}"
