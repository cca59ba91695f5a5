"""How much noise a run adds at every step: calibrated to its budget, whatever it trains and however it draws units."""

from __future__ import annotations

from functools import lru_cache

from mammo_core.config.network_recipe import Accountant, NetworkRecipe
from mammo_core.config.runs import RunConfig
from mammo_core.privacy.accounting import gaussian


def calibrate_run(config: RunConfig) -> float:
    """Noise standard deviation over clipping norm; 0 without DP.

    Where units are sampled an accountant searches for it: seconds the first time, kept from then on.

    Raises:
        PrivacyError: If the budget cannot be reached.
    """
    privacy, recipe = config.privacy, config.recipe
    if not privacy.is_private:
        return 0.0
    budget = (privacy.target_epsilon, privacy.target_delta, recipe.steps)
    if isinstance(recipe, NetworkRecipe):
        return _network_noise(*budget, recipe.sample_rate, recipe.accountant)
    return gaussian.calibrate_gaussian(*budget)


@lru_cache(maxsize=256)
def _network_noise(
    epsilon: float, delta: float, steps: int, sample_rate: float, accountant: Accountant
) -> float:
    from mammo_core.privacy.accounting.sampled import calibrate_steps

    return calibrate_steps(
        epsilon, delta, sample_rate=sample_rate, steps=steps, accountant=accountant
    )
