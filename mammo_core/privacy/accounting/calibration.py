"""Calibrates the noise of a run to its budget, whatever it trains and however it samples units."""

from __future__ import annotations

from functools import lru_cache

from mammo_core.config.network_recipe import Accountant, NetworkRecipe
from mammo_core.config.runs import RunConfig
from mammo_core.privacy.accounting.gaussian import calibrate_gaussian


def calibrate_run(config: RunConfig) -> float:
    """Finds the noise standard deviation over the clipping norm; 0 without DP.

    Where units are sampled an accountant searches for it: seconds the first time, cached from then on.

    Raises:
        PrivacyError: If the budget cannot be reached.
    """
    privacy, recipe = config.privacy, config.recipe
    if not privacy.is_private:
        return 0.0
    budget = (privacy.target_epsilon, privacy.target_delta)
    if isinstance(recipe, NetworkRecipe):
        return _calibrate_network(*budget, recipe.sample_rate, recipe.steps, recipe.accountant)
    return calibrate_gaussian(*budget, recipe.steps)


@lru_cache(maxsize=256)
def _calibrate_network(
    epsilon: float, delta: float, sample_rate: float, steps: int, accountant: Accountant
) -> float:
    from mammo_core.privacy.accounting.sampled import calibrate_sampled

    return calibrate_sampled(
        epsilon, delta, sample_rate=sample_rate, steps=steps, accountant=accountant
    )
