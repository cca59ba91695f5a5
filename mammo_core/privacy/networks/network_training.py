"""Trains the parameters of a network that are not frozen, with noisy sums of clipped gradients; without DP, plainly.

What is not here: how data become inputs (`unit_source`), how gradients of a step are computed (`step_gradients`), and
where states are stored.
"""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from mammo_core.privacy.accounting.sampled import History, with_one_more_step
from mammo_core.privacy.networks.micro_batches import (
    MicroBatches,
    StepStopped,
    fit_micro_batch,
)
from mammo_core.privacy.networks.private_layers import require_private_layers
from mammo_core.privacy.networks.step_gradients import (
    ClippedGradients,
    GradientSums,
    PlainGradients,
    batch_of,
)
from mammo_core.privacy.networks.steps import MovingAverage, seed_of_step
from mammo_core.privacy.networks.training_settings import NetworkStep, NetworkTraining
from mammo_core.privacy.networks.training_state import (
    TrainingState,
    load_optimizer,
    load_weights,
    optimizer_tensors,
    require_same_training,
    trained_parameters,
)
from mammo_core.privacy.networks.unit_source import UnitSource
from mammo_core.privacy.noise.optimizer import NoisyOptimizer
from mammo_core.privacy.noise.sources import NoiseSource, ReproducibleNoise
from mammo_core.privacy.noise.unit_check import TRIED_UNITS


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
    is_tried: bool = False,
    on_step: Callable[[NetworkStep], None] | None = None,
    save: Callable[[TrainingState], None] | None = None,
    save_every: int = 50,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainingState:
    """Trains the parameters that require gradients, in the network's present mode.

    Args:
        network: In eval mode dropout and stochastic depth do nothing. Left with the last step's weights, on the
            device.
        source: Private data by unit.
        noise: Of the gradients and of who takes part; secret where the result is released.
        seed: Of views, dropout and public samples, another for every step; None takes it from the
            operating system. With DP and secret noise, that of private units' views and dropout is always
            from there: what a unit gets depends on who stands before it, so nobody may know it.
        micro_batch: Units computed at once; None for as many as fit. Halved when memory is short.
        state: To go on from; None starts anew.
        public: Data of no patient; as many units as a private step expects add their gradient, without noise.
        is_tried: Whether this process tried the layers on made-up inputs already, as where it trains in chunks.
        save: Given the state every `save_every` steps.
        should_stop: Asked before each micro-batch. If so, the step under way is dropped, and the state after the step
            before is returned: of no step, if there was none.

    Returns:
        The last state, whose `weights` are the result.

    Guarantee:
        With a noise multiplier the result is that of `history`'s Gaussian mechanisms on Poisson samples of
        units, for emptying one unit, whatever the optimizer, weight decay and averaging do. It
        needs inputs that depend on their own unit only, see `UnitSource.batch`. The number of units is
        public. Going on from a state with secret noise draws fresh noise; what was computed
        after that state was not released.

    Raises:
        PrivacyError: If a layer cannot be trained with DP; nothing was computed then.
        CheckpointError: If the state belongs to another training, or to steps that were not private.
        InvalidRequestError: If not even one unit fits into memory.
    """
    network = network.to(device)
    if training.is_private and not is_tried:
        _require_private_layers(network, source, device)
    run = _Run(network, source, training, noise, device, seed, public, should_stop)
    if state is not None:
        run.restore(state)
    run.set_micro_batch(micro_batch)
    while run.step < training.steps:
        try:
            done = run.take_step()
        except StepStopped:
            break
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
        should_stop: Callable[[], bool],
    ) -> None:
        self._network, self._source, self._public = network, source, public
        self._training, self._noise, self._device, self._seed = training, noise, device, seed
        self._named = trained_parameters(network)
        self._parameters = list(self._named.values())
        self._is_reproducible = isinstance(noise, ReproducibleNoise)
        self._expected_units = training.sample_rate * source.num_units
        self._optimizer = _make_optimizer(training, self._parameters)
        self._micro_batches = MicroBatches(device, should_stop=should_stop)
        self._plain = PlainGradients(network, training, device, self._micro_batches)
        self._average = MovingAverage(training.ema_decay)
        self._history: History = []
        self.step = 0
        if training.is_private:
            self._clipped = ClippedGradients(network, training, device, self._micro_batches)
            self._noisy = NoisyOptimizer(
                self._optimizer,
                noise_multiplier=training.noise_multiplier or 0.0,
                max_grad_norm=training.max_grad_norm,
                expected_units=self._expected_units,
                noise=noise,
            )

    def take_step(self) -> NetworkStep:
        """Draws units, computes their gradients, adds noise and changes the weights.

        Raises:
            StepStopped: If it was asked to stop; all is as before the step then.
        """
        started = time.monotonic()
        history, noise = self._history, self._noise_state()
        try:
            units = self._sampled_units()
            sums = (
                self._set_noisy_gradients(units)
                if self._training.is_private
                else self._set_gradients(units)
            )
            self._add_public_gradients()
        except StepStopped:
            self._history = history
            self._restore_noise(noise)
            self._optimizer.zero_grad(set_to_none=True)
            raise
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        self._average.add(self._parameters)
        self.step += 1
        return NetworkStep(
            step=self.step,
            num_units=len(units),
            loss=sums.loss / len(units) if len(units) else math.nan,
            clipped_share=sums.num_clipped / max(1, len(units)),
            history=list(self._history),
            seconds=time.monotonic() - started,
            micro_batch=self._micro_batches.size,
            message=self._micro_batches.take_message(),
        )

    def set_micro_batch(self, size: int | None) -> None:
        """Sets how many units are computed at once; None for as many as fit into memory."""
        gradients = self._clipped if self._training.is_private else self._plain
        self._micro_batches.size = size or fit_micro_batch(
            gradients.compute, self._source, self._device
        )

    def state(self) -> TrainingState:
        """Copies of everything that the next step needs."""
        return TrainingState(
            step=self.step,
            history=list(self._history),
            network=_copied(self._named, self._parameters),
            ema=_copied(self._named, self._average.tensors),
            optimizer=optimizer_tensors(self._optimizer),
            noise=self._noise_state(),
        )

    def restore(self, state: TrainingState) -> None:
        """Goes on from a state; all but the seed and secret noise is as it was."""
        require_same_training(
            state,
            is_private=self._training.is_private,
            is_reproducible=self._is_reproducible,
            is_averaged=self._training.ema_decay is not None,
        )
        load_weights(self._network, state.network)
        load_optimizer(self._optimizer, state.optimizer)
        self._average.tensors = [
            state.ema[name].to(self._device, copy=True) for name in self._named if state.ema
        ]
        self._history, self.step = list(state.history), state.step
        self._restore_noise(state.noise)

    def _noise_state(self) -> Tensor | None:
        return self._noise.state() if isinstance(self._noise, ReproducibleNoise) else None

    def _restore_noise(self, state: Tensor | None) -> None:
        if state is not None and isinstance(self._noise, ReproducibleNoise):
            self._noise.restore(state)

    def _sampled_units(self) -> Tensor:
        units = torch.arange(self._source.num_units)
        if self._training.sample_rate == 1:
            return units
        return units[self._noise.uniform(len(units)) < self._training.sample_rate]

    def _set_gradients(self, units: Tensor) -> GradientSums:
        """Sets plain mean gradients."""
        sums = self._plain.summed(self._source, units, seed_of_step(self._seed, self.step + 1))
        for parameter, summed in zip(self._parameters, sums.gradients, strict=True):
            parameter.grad = summed / self._expected_units
        return sums

    def _set_noisy_gradients(self, units: Tensor) -> GradientSums:
        """Sets noisy sums of clipped gradients over the expected number of units: one release."""
        training = self._training
        seed = seed_of_step(self._seed if self._is_reproducible else None, self.step + 1)
        sums = self._clipped.summed(self._source, units, seed)
        self._noisy.set_gradients(sums.gradients)
        self._history = with_one_more_step(
            self._history, training.noise_multiplier or 0.0, training.sample_rate
        )
        return sums

    def _add_public_gradients(self) -> None:
        """Adds the weighted mean gradient of a random sample of public units."""
        weight = self._training.public_weight
        if self._public is None or weight == 0:
            return
        seed = seed_of_step(self._seed, self.step + 1)
        count = min(self._public.num_units, max(1, round(self._expected_units)))
        draw = torch.Generator().manual_seed(seed)
        units = torch.randperm(self._public.num_units, generator=draw)[:count].sort().values
        sums = self._plain.summed(self._public, units, seed)
        for parameter, summed in zip(self._parameters, sums.gradients, strict=True):
            assert parameter.grad is not None
            parameter.grad += weight / count * summed


def _make_optimizer(
    training: NetworkTraining, parameters: list[nn.Parameter]
) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if training.optimizer == "adamw" else torch.optim.SGD
    return kind(parameters, lr=training.learning_rate, weight_decay=training.weight_decay)


def _require_private_layers(network: nn.Module, source: UnitSource, device: torch.device) -> None:
    """Tries the network on random numbers that lie in memory as inputs do, not on patients."""
    inputs = batch_of(source, torch.tensor([0]), 0).to(device).inputs
    require_private_layers(network, _random_like(inputs))


def _random_like(inputs: Tensor) -> Tensor:
    """Makes three inputs of random numbers, each laid out in memory as the given ones: (N, ...) -> (3, ...)."""
    shape, strides = inputs.shape[1:], inputs.stride()[1:]
    size = 1 + sum((length - 1) * stride for length, stride in zip(shape, strides, strict=True))
    numbers = torch.randn(TRIED_UNITS * size, generator=torch.Generator().manual_seed(0))
    return numbers.to(inputs).as_strided((TRIED_UNITS, *shape), (size, *strides))


def _copied(names: Iterable[str], tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, by name; none if there are none."""
    return {
        name: tensor.detach().to("cpu", copy=True)
        for name, tensor in zip(names, tensors, strict=bool(tensors))
    }
