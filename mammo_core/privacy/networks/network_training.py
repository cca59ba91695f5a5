"""Trains a network, or what of it is not frozen, with noisy sums of clipped gradients; without DP, plainly.

What is not here: how data become inputs (`unit_source`), and where states are stored.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from mammo_core import validate
from mammo_core.errors import InvalidRequestError
from mammo_core.network_recipe import OPTIMIZERS, Optimizer
from mammo_core.privacy.networks.losses import losses_of_inputs
from mammo_core.privacy.networks.micro_batches import fit_micro_batch, is_out_of_memory
from mammo_core.privacy.networks.private_layers import require_private_layers
from mammo_core.privacy.networks.repeatable import seed_of_step, seeded
from mammo_core.privacy.networks.training_state import (
    TrainingState,
    load_optimizer,
    load_weights,
    optimizer_tensors,
    trained_parameters,
)
from mammo_core.privacy.networks.unit_gradients import UnitGradients
from mammo_core.privacy.networks.unit_source import UnitBatch, UnitSource
from mammo_core.privacy.noisy_optimizer import NoisyOptimizer
from mammo_core.privacy.randomness import NoiseSource, ReproducibleNoise
from mammo_core.privacy.sampled_steps import History

_LOG = logging.getLogger(__name__)
_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True)
class NetworkTraining:
    """How a network is trained.

    Attributes:
        steps: Gradient steps in all, those of a state gone on from included.
        sample_rate: Chance of each unit to take part in a step; 1 for all.
        noise_multiplier: Noise standard deviation over max_grad_norm; None trains without DP (no clipping,
            no noise).
        max_grad_norm: L2 bound of one unit's gradient.
        weight_decay: Of the optimizer; costs no privacy.
        label_smoothing: In [0, 1).
        ema_decay: Of a moving average of the weights; None keeps none.
        autocast: Of forward and backward passes, for example torch.bfloat16; None for none.
        public_weight: Of the mean public gradient against the mean private one.
    """

    steps: int
    sample_rate: float = 1.0
    noise_multiplier: float | None
    max_grad_norm: float = 1.0
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    ema_decay: float | None = None
    autocast: torch.dtype | None = None
    public_weight: float = 0.0

    def __post_init__(self) -> None:
        validate.at_least(1, steps=self.steps)
        validate.positive(
            sample_rate=self.sample_rate,
            max_grad_norm=self.max_grad_norm,
            learning_rate=self.learning_rate,
        )
        validate.at_most(1, sample_rate=self.sample_rate)
        validate.at_least(0, weight_decay=self.weight_decay, public_weight=self.public_weight)
        validate.one_of(OPTIMIZERS, optimizer=self.optimizer)
        if self.noise_multiplier is not None:
            validate.at_least(0, noise_multiplier=self.noise_multiplier)


@dataclass(frozen=True, kw_only=True)
class NetworkStep:
    """What happened in one step.

    Loss and clipped share are computed from private data without noise, so no ε covers them: of a real
    cohort they must not leave the room.

    Attributes:
        step: Counted from 1.
        num_units: That took part.
        loss: Mean over them; not a number without any.
        clipped_share: Of them; 0 without DP.
        history: Of all private steps so far, for `noise_budget.epsilon_spent`.
        micro_batch: Units computed at once.
        message: What the user should know, for example that memory was short; else empty.
    """

    step: int
    num_units: int
    loss: float
    clipped_share: float
    history: History
    seconds: float
    micro_batch: int
    message: str = ""


def train_network(
    network: nn.Module,
    source: UnitSource,
    training: NetworkTraining,
    *,
    noise: NoiseSource,
    device: torch.device,
    seed: int | None = None,
    micro_batch: int | None = None,
    state: TrainingState | None = None,
    public: UnitSource | None = None,
    on_step: Callable[[NetworkStep], None] | None = None,
    save: Callable[[TrainingState], None] | None = None,
    save_every: int = 50,
) -> TrainingState:
    """Trains the parameters that require gradients, in the network's present mode.

    Args:
        network: In eval mode dropout and stochastic depth do nothing. Left with the last step's weights, on the
            device.
        source: Private data by unit.
        noise: Of the gradients and of who takes part; secret where the result is released.
        seed: Of views, dropout and public samples, another for every step; None takes it from the
            operating system. With DP and secret noise, dropout's is always from there: which zeros a unit
            gets depends on who else takes part, so nobody may know them.
        micro_batch: Units computed at once; None for as many as fit. Halved when memory is short.
        state: To go on from; None starts anew.
        public: Data of nobody: as many units as a private step expects add their gradient, noise-free.
        save: Given the state every `save_every` steps.

    Returns:
        The last state, whose `weights` are the result.

    Guarantee:
        With a noise multiplier the result is that of `history`'s Gaussian mechanisms on Poisson samples of
        units, for adding or removing one unit, whatever the optimizer, weight decay and averaging do. It
        needs inputs that depend on their own unit only, see `UnitSource.batch`, and random views and dropout
        whose seeds nobody chose to fit the data. The number of units is treated as public. Going on from a
        state with secret noise draws fresh noise; what was computed after that state was not released.

    Raises:
        PrivacyError: If a layer cannot be trained with DP; nothing was computed then.
        CheckpointError: If the state belongs to another training.
        InvalidRequestError: If not even one unit fits into memory.
    """
    run = _Run(network.to(device), source, training, noise, device, seed, public)
    if state is not None:
        run.restore(state)
    run.micro_batch = micro_batch or run.fitting_micro_batch()
    while run.step < training.steps:
        done = run.take_step()
        if on_step:
            on_step(done)
        if save and run.step % save_every == 0 and run.step < training.steps:
            save(run.state())
    return run.state()


class _Run:
    """One training while it lasts."""

    def __init__(
        self,
        network: nn.Module,
        source: UnitSource,
        training: NetworkTraining,
        noise: NoiseSource,
        device: torch.device,
        seed: int | None,
        public: UnitSource | None,
    ) -> None:
        self._network, self._source, self._public = network, source, public
        self._training, self._noise, self._device, self._seed = training, noise, device, seed
        self._named = trained_parameters(network)
        self._parameters = list(self._named.values())
        self._is_reproducible = isinstance(noise, ReproducibleNoise)
        self._expected_units = training.sample_rate * source.num_units
        self._optimizer = _make_optimizer(training, self._parameters)
        self._clipped: UnitGradients | None = None
        if training.noise_multiplier is not None:
            inputs = self._batch(source, torch.tensor([0]), 0).inputs
            rng = torch.Generator().manual_seed(0)
            random = torch.randn(2, *inputs.shape[1:], generator=rng)
            require_private_layers(network, random.to(inputs))
            self._clipped = UnitGradients(
                network, max_grad_norm=training.max_grad_norm, autocast=training.autocast
            )
            self._noisy = NoisyOptimizer(
                self._optimizer,
                noise_multiplier=training.noise_multiplier,
                max_grad_norm=training.max_grad_norm,
                expected_units=self._expected_units,
                noise=noise,
            )
        self._ema: list[Tensor] = []
        self._history: History = []
        self._message = ""
        self.step = 0
        self.micro_batch = 1

    def take_step(self) -> NetworkStep:
        """Draws units, computes their gradients, adds noise and changes the weights."""
        started, training = time.monotonic(), self._training
        units = torch.arange(self._source.num_units)
        if training.sample_rate < 1:
            units = units[self._noise.uniform(len(units)) < training.sample_rate]
        seed = seed_of_step(self._seed, self.step + 1)
        if self._clipped is None:
            sums, loss = self._patiently(lambda: self._summed(self._source, units, seed))
            num_clipped = 0
        else:
            loss, num_clipped = self._patiently(lambda: self._add_clipped(units, seed))
            sums = self._clipped.take()
        public = self._patiently(lambda: self._public_gradients(seed))
        if self._clipped is None:
            for parameter, summed in zip(self._parameters, sums, strict=True):
                parameter.grad = summed / self._expected_units
        else:
            self._noisy.set_gradients(sums)
            self._history = _with_one_more(
                self._history, training.noise_multiplier, training.sample_rate
            )
        for parameter, gradient in zip(self._parameters, public, strict=False):
            parameter.grad += gradient
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._average()
        self.step += 1
        message, self._message = self._message, ""
        return NetworkStep(
            step=self.step,
            num_units=len(units),
            loss=loss / len(units) if len(units) else math.nan,
            clipped_share=num_clipped / max(1, len(units)),
            history=list(self._history),
            seconds=time.monotonic() - started,
            micro_batch=self.micro_batch,
            message=message,
        )

    def fitting_micro_batch(self) -> int:
        """As many units as fit into memory."""

        def compute(batch: UnitBatch) -> None:
            if self._clipped is None:
                self._gradients(batch)
            else:
                self._clipped.add(batch.inputs, batch.unit_of_input, self._losses(batch))
                self._clipped.clear()

        return fit_micro_batch(compute, self._source, self._device)

    def state(self) -> TrainingState:
        """Copies of everything that the next step needs."""
        return TrainingState(
            step=self.step,
            history=list(self._history),
            network=_copied(self._named, self._parameters),
            ema=_copied(self._named, self._ema),
            optimizer=optimizer_tensors(self._optimizer),
            noise=self._noise.state() if self._is_reproducible else None,
        )

    def restore(self, state: TrainingState) -> None:
        """Goes on from a state; all but the seed and secret noise is as it was."""
        load_weights(self._network, state.network)
        load_optimizer(self._optimizer, state.optimizer)
        self._ema = [
            state.ema[name].to(self._device, copy=True) for name in self._named if state.ema
        ]
        self._history, self.step = list(state.history), state.step
        if self._is_reproducible and state.noise is not None:
            self._noise.restore(state.noise)

    def _add_clipped(self, units: Tensor, seed: int) -> tuple[float, int]:
        """Adds units' clipped gradients; their summed loss, and how many were clipped."""
        self._clipped.clear()
        total, num_clipped = 0.0, 0
        with seeded(seed if self._is_reproducible else seed_of_step(None, self.step + 1)):
            for part in _parts(units, self.micro_batch):
                batch = self._batch(self._source, part, seed)
                losses = _Remembered(self._losses(batch))
                norms = self._clipped.add(batch.inputs, batch.unit_of_input, losses)
                total += losses.total
                num_clipped += int((norms > self._training.max_grad_norm).sum())
        return total, num_clipped

    def _summed(self, source: UnitSource, units: Tensor, seed: int) -> tuple[list[Tensor], float]:
        """Plain gradients of the summed loss, and that loss."""
        sums, total = [torch.zeros_like(parameter) for parameter in self._parameters], 0.0
        with seeded(seed):
            for part in _parts(units, self.micro_batch):
                gradients, loss = self._gradients(self._batch(source, part, seed))
                total += loss
                for summed, gradient in zip(sums, gradients, strict=True):
                    summed += gradient
        return sums, total

    def _gradients(self, batch: UnitBatch) -> tuple[list[Tensor], float]:
        autocast = self._training.autocast
        with torch.enable_grad():
            with torch.autocast(self._device.type, autocast, enabled=autocast is not None):
                loss = self._losses(batch)(self._network(batch.inputs)).sum()
            found = torch.autograd.grad(
                loss, self._parameters, allow_unused=True, materialize_grads=True
            )
        return list(found), float(loss.detach())

    def _public_gradients(self, seed: int) -> list[Tensor]:
        """The weighted mean gradient of a random sample of public units; none without public data."""
        if self._public is None or self._training.public_weight == 0:
            return []
        count = min(self._public.num_units, max(1, round(self._expected_units)))
        draw = torch.Generator().manual_seed(seed)
        units = torch.randperm(self._public.num_units, generator=draw)[:count].sort().values
        sums, _ = self._summed(self._public, units, seed)
        return [self._training.public_weight / count * summed for summed in sums]

    def _batch(self, source: UnitSource, units: Tensor, seed: int) -> UnitBatch:
        return source.batch(units, torch.Generator().manual_seed(seed)).to(self._device)

    def _losses(self, batch: UnitBatch) -> Callable[[Tensor], Tensor]:
        return losses_of_inputs(batch, self._training.label_smoothing)

    @torch.no_grad()
    def _average(self) -> None:
        if self._training.ema_decay is None:
            return
        if not self._ema:
            self._ema = [parameter.detach().clone() for parameter in self._parameters]
        else:
            get_ema_multi_avg_fn(self._training.ema_decay)(self._ema, self._parameters, None)

    def _patiently(self, compute: Callable[[], _Result]) -> _Result:
        """Computes, and starts again with half the units at once where memory does not hold them."""
        while True:
            try:
                return compute()
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                shortage = str(error).splitlines()[0]
            # outside of the handler: the error would keep what was computed so far in memory
            if self.micro_batch == 1:
                raise InvalidRequestError(
                    f"Expected one unit at a time to fit into memory; it does not: {shortage} Choose a smaller "
                    "network or image size, fewer views, or end what else uses the memory."
                )
            self.micro_batch //= 2
            self._message = f"Memory was short: going on with {self.micro_batch} units at once."
            _LOG.warning(self._message)
            if self._device.type == "cuda":
                torch.cuda.empty_cache()


class _Remembered:
    """A loss function that knows afterwards what the losses came to."""

    def __init__(self, losses: Callable[[Tensor], Tensor]) -> None:
        self._losses = losses
        self.total = 0.0

    def __call__(self, outputs: Tensor) -> Tensor:
        losses = self._losses(outputs)
        self.total = float(losses.detach().sum())
        return losses


def _make_optimizer(
    training: NetworkTraining, parameters: list[nn.Parameter]
) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if training.optimizer == "adamw" else torch.optim.SGD
    return kind(parameters, lr=training.learning_rate, weight_decay=training.weight_decay)


def _parts(units: Tensor, most: int) -> tuple[Tensor, ...]:
    return units.split(most) if len(units) else ()


def _copied(names: Iterable[str], tensors: list[Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, by name; none if there are none."""
    return {
        name: tensor.detach().to("cpu", copy=True)
        for name, tensor in zip(names, tensors, strict=bool(tensors))
    }


def _with_one_more(history: History, noise_multiplier: float, sample_rate: float) -> History:
    if history and history[-1][:2] == (noise_multiplier, sample_rate):
        return [*history[:-1], (noise_multiplier, sample_rate, history[-1][2] + 1)]
    return [*history, (noise_multiplier, sample_rate, 1)]
