"""Composes noisy steps: as one event of dp-accounting, or by one of Opacus' accountants where a recipe names it.

dp-accounting composes privacy loss distributions; every total of releases and every attacker's curve comes from
there. Networks and generators were calibrated by Opacus' PRV or RDP accountant, as their recipes record. Those
stay, since another accountant would give other noise under the same recipe. Noisy sums over all units are one
Gaussian mechanism, whose closed form is in `gaussian`.

Sources: Koskela, Jälkö and Honkela 2020, arXiv:1906.03049, and Doroshenko et al. 2022, arXiv:2207.04380 (privacy
loss distributions); Gopi, Lee and Wutschitz 2021, arXiv:2106.02848 (PRV); Mironov 2017, arXiv:1702.07476 (RDP).
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import math
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from mammo_core.config.network_recipe import Accountant
from mammo_core.privacy.accounting.gaussian import mu_of_steps

if TYPE_CHECKING:
    from dp_accounting.pld import PLDAccountant

Steps = tuple[float, float, int]  # noise multiplier, sample rate, how many
LARGEST_FINE_EPSILON = (
    100.0  # above, double precision ends, and the looser bound by RDP tells as much
)
_LOSS_STEP = 1e-3  # of discretised privacy losses, rounded up
_PRV_ERROR, _RELATIVE_PRV_ERROR = 0.01, 1e-3  # of its upper bound; a smaller error takes minutes


def compose(history: Sequence[Steps]) -> PLDAccountant:
    """Composes noisy steps; its `get_epsilon` and `get_delta` are upper bounds for one unit emptied.

    Args:
        history: Steps with a sample rate below 1 are on Poisson samples of the units.
    """
    from dp_accounting import GaussianDpEvent

    sampled = tuple(sorted(steps for steps in history if steps[1] < 1))
    accountant = deepcopy(_compose_sampled(sampled))  # the cached one stays as it is
    mu = math.hypot(*(mu_of_steps(noise, times) for noise, rate, times in history if rate == 1))
    return accountant.compose(GaussianDpEvent(1 / mu)) if mu else accountant


def composed_epsilon(
    history: Sequence[Steps], delta: float, accountant: Accountant | Literal["pld"] = "prv"
) -> float:
    """Bounds from above the ε that one or more steps spend together.

    Args:
        accountant: "pld" of dp-accounting, "prv" or "rdp" of Opacus. Above ε = 100 all are "rdp".
    """
    return _composed_epsilon(tuple(history), delta, accountant)


def epsilon_by_rdp(history: Sequence[Steps], delta: float) -> float:
    """Bounds ε by Rényi differential privacy: fast and loose."""
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = list(history)
    with _no_warnings():
        return float(accountant.get_epsilon(delta))


def epsilon_by_prv(history: Sequence[Steps], delta: float, error: float = _PRV_ERROR) -> float:
    """Bounds ε by privacy loss random variables, at most `error` above the true one."""
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.history = list(history)
    with _no_warnings():
        return float(accountant.get_epsilon(delta, eps_error=error))


@lru_cache(maxsize=4096)  # calibrations, cards and ledgers ask for the same again
def _composed_epsilon(
    history: tuple[Steps, ...], delta: float, accountant: Accountant | Literal["pld"]
) -> float:
    if accountant == "rdp":
        return epsilon_by_rdp(history, delta)
    rough = _composed_epsilon(history, delta, "rdp")
    if rough > LARGEST_FINE_EPSILON:
        return rough
    if accountant == "pld":
        return float(compose(history).get_epsilon(delta))
    return epsilon_by_prv(history, delta, max(_PRV_ERROR, rough * _RELATIVE_PRV_ERROR))


@lru_cache(maxsize=16)
def _compose_sampled(history: tuple[Steps, ...]) -> PLDAccountant:
    from dp_accounting import GaussianDpEvent, NeighboringRelation, PoissonSampledDpEvent
    from dp_accounting.pld import PLDAccountant

    accountant = PLDAccountant(NeighboringRelation.REPLACE_SPECIAL, _LOSS_STEP)
    for noise, rate, times in history:
        accountant.compose(PoissonSampledDpEvent(rate, GaussianDpEvent(noise)), times)
    return accountant


@contextmanager
def _no_warnings() -> Generator[None]:
    """Silences Opacus on the orders and start values that it tries, and on log 0 at a sample rate of 1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
