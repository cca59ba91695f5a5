"""Noisy gradient steps on random subsets of units (DP-SGD), and what they spend with a release before.

The units of each step are a Poisson sample: every unit is in or out independently of the others. The
accountant is Opacus' PRV, whose upper bound is reported; its older RDP accountant, which reports more, brackets the
search for noise and counts budgets so large that PRV's double precision ends.

Sources: Abadi et al. 2016, arXiv:1607.00133 (DP-SGD); Gopi, Lee and Wutschitz 2021, arXiv:2106.02848 (PRV);
Mironov 2017, arXiv:1702.07476 (RDP).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from opacus import GradSampleModule
from opacus.accountants import PRVAccountant, RDPAccountant
from scipy.optimize import brentq
from torch import Tensor, nn

from mammo_core import validate
from mammo_core.errors import PrivacyError
from mammo_core.network_recipe import Accountant
from mammo_core.privacy.noisy_optimizer import NoisyOptimizer
from mammo_core.privacy.randomness import NoiseSource

History = list[tuple[float, float, int]]  # noise multiplier, sample rate, steps
_LEAST_NOISE, _MOST_NOISE = 0.3, 1e5
_PRECISION = 1e-3
_LARGEST_PRV = 100.0
_PRV_ERROR, _RELATIVE_PRV_ERROR = (
    0.01,
    1e-3,
)  # by which its upper bound may lie above; less takes minutes
_SEARCH_STEP = 0.9


def composed_epsilon(history: History, delta: float, accountant: Accountant = "prv") -> float:
    """An upper bound of the ε that all steps spend together.

    Args:
        accountant: "prv" falls back to "rdp" above ε = 100.
    """
    with (
        warnings.catch_warnings()
    ):  # of orders and start values tried, and of log 0 at a sample rate of 1
        warnings.simplefilter("ignore")
        rdp = RDPAccountant()
        rdp.history = list(history)
        rough = float(rdp.get_epsilon(delta))
        if accountant == "rdp" or rough > _LARGEST_PRV:
            return rough
        prv = PRVAccountant()
        prv.history = list(history)
        error = max(_PRV_ERROR, rough * _RELATIVE_PRV_ERROR)
        return float(prv.get_epsilon(delta, eps_error=error))


def calibrate_sampled_noise(
    target_epsilon: float,
    delta: float,
    *,
    before: History,
    sample_rate: float,
    steps: int,
    accountant: Accountant = "prv",
) -> float:
    """The least noise multiplier with which `before` and then the steps spend at most the target.

    Raises:
        PrivacyError: If what was released before spends the target already.
    """
    validate.privacy_budget(target_epsilon)

    def excess(noise: float, accountant: Accountant = accountant) -> float:
        history = [*before, (noise, sample_rate, steps)]
        return composed_epsilon(history, delta, accountant) - target_epsilon

    if excess(_MOST_NOISE) > 0:
        raise PrivacyError(
            f"Expected a budget that leaves something for {steps} steps; ε = {target_epsilon:g} does not. "
            "Use a larger ε or fewer images."
        )
    if excess(_LEAST_NOISE, "rdp") <= 0:  # a budget so large that hardly any noise is needed
        return _LEAST_NOISE
    enough = _MOST_NOISE
    if excess(enough, "rdp") <= 0:
        enough = brentq(excess, _LEAST_NOISE, enough, args=("rdp",), xtol=_PRECISION)
    while excess(enough) > 0:
        enough /= _SEARCH_STEP
    too_little = enough
    while excess(too_little) <= 0:
        if too_little <= _LEAST_NOISE:
            return _LEAST_NOISE
        enough, too_little = too_little, max(_LEAST_NOISE, _SEARCH_STEP * too_little)
    noise = brentq(excess, too_little, enough, xtol=_PRECISION)
    while excess(noise) > 0:  # the root finder may stop on the wrong side
        noise += _PRECISION
    return float(noise)


class NoisyGradients:
    """Trains a module with noisy gradients of private data beside plain gradients of public data.

    Args:
        module: Whose layers Opacus can differentiate per sample.
        optimizer: Of the module's parameters.
        noise_multiplier: Noise standard deviation over clipping norm.
        max_grad_norm: L2 bound of one unit's gradient.
        expected_units: Mean size of a Poisson sample; the sum is divided by it, whatever the sample's size.
        noise: Secret where the result is released.
    """

    def __init__(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        noise_multiplier: float,
        max_grad_norm: float,
        expected_units: int,
        noise: NoiseSource,
    ) -> None:
        self._module = GradSampleModule(module)
        self._optimizer = NoisyOptimizer(
            optimizer,
            noise_multiplier=noise_multiplier,
            max_grad_norm=max_grad_norm,
            expected_units=expected_units,
            noise=noise,
        )
        self._module.disable_hooks()

    def step(
        self,
        losses_of_units: Callable[[], Tensor],
        num_units: int,
        public_gradients: Sequence[Tensor],
    ) -> None:
        """Adds the noisy mean gradient of the private units to the public one, and steps.

        Args:
            losses_of_units: Called once; the loss of each sampled unit, (U,), computed with the module.
            num_units: U, which may be 0: the noise is added all the same.
            public_gradients: One per parameter, noise-free.
        """
        self._optimizer.zero_grad()
        if num_units:
            self._module.enable_hooks()
            with quiet_hooks():
                losses_of_units().mean().backward()
            self._module.disable_hooks()
        else:
            for parameter in self._module.parameters():
                parameter.grad_sample = parameter.new_zeros((0, *parameter.shape))
        self._optimizer.pre_step()
        for parameter, public in zip(self._module.parameters(), public_gradients, strict=True):
            parameter.grad += public
        self._optimizer.original_optimizer.step()


@contextmanager
def quiet_hooks() -> Iterator[None]:
    """Silences torch's remark that Opacus' hooks see modules whose inputs need no gradient."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Full backward hook is firing", UserWarning)
        yield
