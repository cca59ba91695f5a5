"""Trains a cascade with differential privacy, in two ways.

Both release the coarse structure as noisy class means and variances. For the detail

* `PrivateDiscriminatorTrainer` trains the discriminator by DP-SGD. Only the discriminator sees real
  masses; the generator learns from it, and inherits its guarantee by post-processing.
* `NoisyMomentsTrainer` releases, once, noisy means of public features of the real masses, and trains the
  generator until its own masses have these means. The budget buys one release instead of hundreds.

One unit of privacy (patient or image) enters a release with the mean over its masses, and a step of DP-SGD
with one of them. Noise, sampling and how masses are shown come from the operating system's randomness and are never
stored: the same command makes another generator every time.

Sources: Abadi et al. 2016, arXiv:1607.00133; Xie et al. 2018, arXiv:1802.06739 (only the discriminator);
Bie, Kamath and Zhang 2023, arXiv:2302.02936 (what makes DP-SGD work for GANs); Harder et al. 2023,
Pre-trained Perceptual Features Improve DP Image Generation, arXiv:2205.12900.
"""

from __future__ import annotations

import dataclasses
import operator
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.config.runs import PrivacyConfig
from mammo_core.errors import PrivacyError
from mammo_core.labels import CLASS_NAMES
from mammo_core.privacy.accounting.composition import composed_epsilon
from mammo_core.privacy.accounting.cost import NoisySteps
from mammo_core.privacy.accounting.gaussian import mu_for, spent_epsilon
from mammo_core.privacy.accounting.guarantee import Guarantee
from mammo_core.privacy.accounting.sampled import History, calibrate_sampled
from mammo_core.privacy.networks.noisy_gradients import NoisyGradients
from mammo_core.privacy.noise.clipping import clip_rows
from mammo_core.privacy.noise.noisy_sum import noisy_sum, unit_means
from mammo_core.privacy.noise.sources import NoiseSource, SecretNoise
from mammo_core.privacy.noise.unit_check import TRIED_UNITS
from mammo_core.synthesis.augment import NUM_TURNS, Draws, all_turns, augment, turn_at_random
from mammo_core.synthesis.cascade_training import BETAS, DetailTrainer
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.projected import MIXED_CHANNELS
from mammo_core.synthesis.sampling import from_uint8
from mammo_core.synthesis.structure import NormalStructure
from mammo_core.synthesis.training import GanStep

_STRUCTURE_SHARE = 0.3  # of the squared privacy parameter mu
_ROUND_UP = 1 + 1e-9
_GRADIENT_BOUND = 1.0
PRIVATE_HEAD_WIDTH = 4  # few weights: the noise grows with their number
_UNITS_PER_IMAGE = 4  # real units in a step per synthetic mass: more make the noise count less
_FEATURE_BOUND = 5.0  # norm of one unit's standardised features, 1 for a mass like the reference
_REFERENCE_MASSES = 128
_AT_ONCE = 16  # masses whose eight turns are described together
_MOMENT_MEMORY = 0.9  # of the running means of synthetic features
_DARK = 1e-12  # added below a root, whose gradient at an all-zero map would not be a number

# of natural images in [-1, 1]: deviation of the grey level, and the power law of finer ones
_AMPLITUDE, _FALL = 0.35, 1.5
_VALUE_BOUND = 3.0
_STRUCTURE_BOUND = 0.5  # of one unit's contribution, which is 1 for coefficients as guessed
_MIN_COUNT_SHARE = 0.05  # of the units; below, a class mean would be noise
_LEAST_VARIANCE, _MOST_VARIANCE = 0.01, 9.0


@dataclass(frozen=True, kw_only=True)
class PrivateMasses:
    """Real masses grouped into units of privacy.

    Attributes:
        images: (N, H, W) uint8.
        labels: (N,) int64.
        unit_rows: (U, B) rows of each unit's masses, padded with -1.
    """

    images: Tensor
    labels: Tensor
    unit_rows: Tensor


class _PrivateTrainer(DetailTrainer):
    """Releases the structure at the start; generates whole synthetic masses without any real one."""

    mechanism: str

    def __init__(
        self,
        config: GanConfig,
        masses: PrivateMasses,
        privacy: PrivacyConfig,
        device: torch.device,
        network: nn.Module,
    ) -> None:
        config = dataclasses.replace(config, structure="normal")
        super().__init__(config, masses.images, masses.labels, device, network)
        self.privacy = privacy
        self._unit_rows = masses.unit_rows.to(device)
        self._secret = SecretNoise()
        self._mu = mu_for(privacy.target_epsilon, privacy.target_delta) / _ROUND_UP
        self._structure_noise = 1 / (self._mu * _STRUCTURE_SHARE**0.5)
        images = from_uint8(self._images)
        structure = self.generator.structure
        assert isinstance(structure, NormalStructure)  # as configured above
        fit_private_structure(
            structure,
            self.generator.low_frequencies.analyse(images),
            self._labels,
            self._unit_rows,
            image_size_px=config.image_size_px,
            noise_multiplier=self._structure_noise,
            noise=self._secret,
        )
        self.averaged.load_state_dict(self.generator.state_dict())

    @property
    def guarantee(self) -> Guarantee:
        """The guarantee of everything done so far."""
        epsilon, mu = self._spent()
        return Guarantee(
            epsilon=epsilon,
            delta=self.privacy.target_delta,
            unit=self.privacy.unit,
            num_units=len(self._unit_rows),
            mechanism=self.mechanism,
            mu=mu,
            arithmetic="grid",
        )

    @abstractmethod
    def _spent(self) -> tuple[float, float | None]:
        """Returns the ε spent so far, and its μ if everything is one Gaussian mechanism."""

    def _alternating_labels(self, count: int) -> Tensor:
        """Returns every class in turn: no batch lacks one."""
        return torch.arange(count, device=self.device) % len(CLASS_NAMES)


class PrivateDiscriminatorTrainer(_PrivateTrainer):
    """DP-SGD for the discriminator.

    Args:
        steps: How many will be taken in all; the noise is calibrated to them.
    """

    mechanism = "noisy structure moments, then DP-SGD of the discriminator"

    def __init__(
        self,
        config: GanConfig,
        masses: PrivateMasses,
        privacy: PrivacyConfig,
        device: torch.device,
        network: nn.Module,
        steps: int,
    ) -> None:
        super().__init__(config, masses, privacy, device, network)
        self.steps = steps
        self._sample_rate = min(1.0, _UNITS_PER_IMAGE * config.batch_size / len(self._unit_rows))
        self._before: History = [(self._structure_noise, 1.0, 1)]
        self.noise_multiplier = calibrate_sampled(
            privacy.target_epsilon,
            privacy.target_delta,
            before=self._before,
            sample_rate=self._sample_rate,
            steps=steps,
        )
        self.discriminator = self._build_discriminator(width=PRIVATE_HEAD_WIDTH, normalise=False)
        self._discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=config.discriminator_rate, betas=BETAS
        )
        self._noisy = NoisyGradients(
            self.discriminator,
            self._discriminator_optimizer,
            noise_multiplier=self.noise_multiplier,
            max_grad_norm=_GRADIENT_BOUND,
            expected_units=round(self._sample_rate * len(self._unit_rows)),
            noise=self._secret,
            example=self._made_up_losses(),
        )

    def _spent(self) -> tuple[float, None]:  # steps on random subsets are no Gaussian mechanism
        taken = self.images_seen // self.config.batch_size
        history = [*self._before]
        if taken:
            history.append((self.noise_multiplier, self._sample_rate, taken))
        return composed_epsilon(history, self.privacy.target_delta), None

    @property
    def noisy_steps(self) -> tuple[NoisySteps, ...]:
        """The structure's release, then the steps of the discriminator."""
        discriminator = NoisySteps(self.noise_multiplier, self._sample_rate, self.steps)
        return *(NoisySteps(*part) for part in self._before), discriminator

    def step(self) -> GanStep:
        """Takes one noisy step of the discriminator and one of the detail network.

        The reported discriminator loss is that of synthetic masses only: the other half is private.
        """
        if self.images_seen >= self.steps * self.config.batch_size:
            raise PrivacyError(
                f"Expected at most {self.steps} steps; all are taken and the budget is spent. "
                "Begin another training, whose ε adds to this one."
            )
        labels = self._alternating_labels(self.config.batch_size)
        self._generator_optimizer.zero_grad()
        with self._mixed_precision():
            maps = self.features(augment(self._draw(labels), self._rng))
        cut = [part.detach().float().requires_grad_() for part in maps]
        logits = self.discriminator(cut, labels)
        generator_loss = -reduce(operator.add, [part.mean() for part in logits])
        towards_real = torch.autograd.grad(generator_loss, cut, retain_graph=True)
        public_loss = reduce(operator.add, [functional.relu(1 + part).mean() for part in logits])
        public = torch.autograd.grad(public_loss, list(self.discriminator.parameters()))
        self._private_step(public)
        torch.autograd.backward(
            maps,
            [gradient.to(part.dtype) for gradient, part in zip(towards_real, maps, strict=True)],
        )
        self._generator_optimizer.step()
        self.images_seen += self.config.batch_size
        self._average()
        return GanStep(self.images_seen, generator_loss.item(), public_loss.item())

    def _private_step(self, public: Sequence[Tensor]) -> None:
        rows = self._sample_units()
        images, labels = from_uint8(self._images[rows]), self._labels[rows]
        self._noisy.step(
            lambda: self._losses(self._shown(images, self._secret), labels), len(rows), public
        )

    @torch.no_grad()
    def _shown(self, images: Tensor, rng: Draws) -> list[Tensor]:
        """Computes the features that the discriminator sees of images (N, 1, H, W).

        Those of patients are shown by secret draws: the state of the other generator, which is saved, would tell how many
        took part.
        """
        with self._mixed_precision():
            return [
                part.float() for part in self.features(augment(turn_at_random(images, rng), rng))
            ]

    def _losses(self, maps: list[Tensor], labels: Tensor) -> Tensor:
        """Computes how little each of N images is taken for real: (N,)."""
        logits = self.discriminator(maps, labels)
        return reduce(operator.add, [functional.relu(1 - part).mean(dim=1) for part in logits])

    def _made_up_losses(self) -> Callable[[slice], Tensor]:
        """Makes the losses of a few images of random numbers, which no patient is in."""
        rng = torch.Generator().manual_seed(0)
        side = self.config.image_size_px
        images = torch.rand(TRIED_UNITS, 1, side, side, generator=rng).to(self.device) * 2 - 1
        maps, labels = self._shown(images, rng), self._alternating_labels(TRIED_UNITS)
        return lambda units: self._losses([part[units] for part in maps], labels[units])

    def _sample_units(self) -> Tensor:
        """Samples units (Poisson), one random mass of each: rows (M,)."""
        chosen = self._secret.uniform(len(self._unit_rows)) < self._sample_rate
        unit_rows = self._unit_rows[chosen.to(self.device)]
        unit_rows = unit_rows[(unit_rows >= 0).any(dim=1)]  # an emptied unit adds nothing
        counts = (unit_rows >= 0).sum(dim=1)
        position = self._secret.uniform(len(unit_rows)).to(self.device) * counts
        return unit_rows[torch.arange(len(unit_rows), device=self.device), position.long()]

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return super()._parts() | {
            "discriminator": self.discriminator,
            "discriminator_optimizer": self._discriminator_optimizer,
        }


class NoisyMomentsTrainer(_PrivateTrainer):
    """Matches noisy means of public features, released once."""

    mechanism = "noisy structure moments and noisy means of public features"

    def __init__(
        self,
        config: GanConfig,
        masses: PrivateMasses,
        privacy: PrivacyConfig,
        device: torch.device,
        network: nn.Module,
    ) -> None:
        super().__init__(config, masses, privacy, device, network)
        self.moments = _Moments().to(device)
        with torch.no_grad():
            reference = self._draw(self._alternating_labels(_REFERENCE_MASSES))
            self.moments.standardise(self._describe(reference))
            described = torch.cat(
                [
                    self._describe(all_turns(from_uint8(part)).flatten(0, 1))
                    .unflatten(0, (len(part), NUM_TURNS))
                    .mean(dim=1)
                    for part in self._images.split(_AT_ONCE)
                ]
            )  # (N, D), standardised
        self._release(described)

    def _spent(self) -> tuple[float, float]:  # by the two releases; training spends nothing more
        return spent_epsilon(self._mu, self.privacy.target_delta), self._mu

    @property
    def noisy_steps(self) -> tuple[NoisySteps, ...]:
        """Both releases, which are one Gaussian mechanism together."""
        return (NoisySteps(1 / self._mu, 1.0, 1),)

    def step(self) -> GanStep:
        """Takes one step of the detail network towards the released means; there is no discriminator."""
        labels = self._alternating_labels(self.config.batch_size)
        self._generator_optimizer.zero_grad()
        with self._mixed_precision():
            described = self._describe(turn_at_random(self._draw(labels), self._rng))
        means = torch.stack(
            [described[labels == label].mean(dim=0) for label in sorted(CLASS_NAMES)]
        )
        seen = self.images_seen // self.config.batch_size
        memory = _MOMENT_MEMORY * min(1.0, seen / 10)
        running = memory * self.moments.running + (1 - memory) * means
        loss = (running - self.moments.target).square().sum()
        loss.backward()
        self.moments.running.copy_(running.detach())
        self._generator_optimizer.step()
        self.images_seen += self.config.batch_size
        self._average()
        return GanStep(self.images_seen, loss.item(), 0.0)

    def _describe(self, images: Tensor) -> Tensor:
        return self.moments(self.features(images))

    def _release(self, described: Tensor) -> None:
        bounded = clip_rows(described, _FEATURE_BOUND)
        of_class = bounded.new_zeros(len(bounded), len(CLASS_NAMES), bounded.shape[1] + 1)
        rows = torch.arange(len(bounded), device=self.device)
        of_class[rows, self._labels] = torch.cat([bounded, bounded.new_ones(len(bounded), 1)], 1)
        noise = 1 / (self._mu * (1 - _STRUCTURE_SHARE) ** 0.5)
        norm = (_FEATURE_BOUND**2 + 1) ** 0.5
        released = noisy_sum(
            unit_means(of_class.flatten(1), self._unit_rows), norm, noise, self._secret
        ).unflatten(0, of_class.shape[1:])
        count = released[:, -1:].clamp(min=0.05 * len(self._unit_rows))
        self.moments.target.copy_(released[:, :-1] / count)

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return super()._parts() | {"moments": self.moments}


class _Moments(nn.Module):
    """Means and mean squares of feature maps, standardised; the means to reach and those reached."""

    offset: Tensor
    scale: Tensor
    target: Tensor
    running: Tensor

    def __init__(self) -> None:
        super().__init__()
        length = 2 * sum(MIXED_CHANNELS)
        self.register_buffer("offset", torch.zeros(length))
        self.register_buffer("scale", torch.ones(length))
        self.register_buffer("target", torch.zeros(len(CLASS_NAMES), length))
        self.register_buffer("running", torch.zeros(len(CLASS_NAMES), length))

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Describes feature maps (N, C, H, W) by (N, D), of about unit length for masses like the reference."""
        maps = [part.float() for part in maps]
        plain = torch.cat(
            [part.mean(dim=(2, 3)) for part in maps]
            + [(part.square().mean(dim=(2, 3)) + _DARK).sqrt() for part in maps],
            dim=1,
        )
        return (plain - self.offset) / self.scale

    def standardise(self, reference: Tensor) -> None:
        """Learns offset and scale from features (N, D) of synthetic masses."""
        self.offset.copy_(reference.mean(dim=0))
        self.scale.copy_(reference.std(dim=0).clamp(min=1e-6) * reference.shape[1] ** 0.5)


def expected_deviation(num_coefficients: int, image_size_px: int) -> Tensor:
    """Returns the public guess at each coefficient's deviation: (K,), lowest frequency first."""
    # k coefficients lie within a quarter disc of radius r: k = pi r^2 / 4
    radius = (torch.arange(num_coefficients) * 4 / torch.pi).sqrt()
    return _AMPLITUDE * image_size_px / (1 + radius) ** _FALL


def fit_private_structure(
    structure: NormalStructure,
    coefficients: Tensor,
    labels: Tensor,
    unit_rows: Tensor,
    *,
    image_size_px: int,
    noise_multiplier: float,
    noise: NoiseSource,
) -> None:
    """Sets means and deviations of the coarse structure from one noisy sum.

    Every coefficient is divided by what natural images would give it, a public guess (amplitude falls with frequency), so
    that one clipping norm fits all. One unit of privacy gives the mean over its masses of (count, value, square) for each
    class.

    Args:
        coefficients: (N, K) of real masses.
        labels: (N,).
        unit_rows: (U, B) rows of each unit's masses, padded with -1.
        noise_multiplier: The result is 1 / noise_multiplier-GDP.
        noise: Secret where the structure is released.
    """
    guess = expected_deviation(coefficients.shape[1], image_size_px).to(coefficients)
    values = (coefficients / guess).clamp(-_VALUE_BOUND, _VALUE_BOUND)  # (N, K)
    ones = values.new_ones(len(values), 1)
    described = torch.cat([ones, values, values.square()], dim=1) / _typical_norm(values.shape[1])
    shape = len(CLASS_NAMES), described.shape[1]
    of_class = torch.zeros(len(values), *shape).to(values)
    of_class[torch.arange(len(values)), labels] = described
    released = noisy_sum(
        unit_means(of_class.flatten(1), unit_rows), _STRUCTURE_BOUND, noise_multiplier, noise
    ).unflatten(0, shape)  # (classes, 1 + 2 K)
    count = released[:, :1].clamp(
        min=_MIN_COUNT_SHARE * len(unit_rows) / _typical_norm(values.shape[1])
    )
    mean, square = (released[:, 1:] / count).chunk(2, dim=1)  # (classes, K) each
    variance = (square - mean.square()).clamp(_LEAST_VARIANCE, _MOST_VARIANCE)
    structure.mean.copy_(mean * guess)
    structure.deviation.copy_(variance.sqrt() * guess)


def _typical_norm(num_coefficients: int) -> float:
    """Returns the length of (1, values, squares) of a standard normal vector: the root of 1 + K + 3 K."""
    return (1 + 4 * num_coefficients) ** 0.5
