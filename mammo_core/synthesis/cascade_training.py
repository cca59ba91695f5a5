"""Trains the cascade: the structure by flow matching, the detail against a projected discriminator.

While the structure is being learned, the detail is added to that of *real* masses, slightly shaken: both
sides that the discriminator compares then have the same structure, and only the detail can tell them apart.
Afterwards it is added to sampled structures, which are what it will be used with. Features of the synthetic
masses are computed once a step and serve both networks.
"""

from __future__ import annotations

import math
import operator
from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.synthesis.augment import NUM_TURNS, all_turns, augment, turn_at_random
from mammo_core.synthesis.cascade import CascadeGenerator
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.projected import ProjectedHeads, PublicFeatures
from mammo_core.synthesis.sampling import from_uint8
from mammo_core.synthesis.structure import FlowStructure
from mammo_core.synthesis.training import GanStep, GanTrainer
from mammo_core.system.device import channels_last

BETAS = (0.0, 0.99)
HEAD_WIDTH = 64
_STRUCTURE_RATE, _STRUCTURE_DECAY = 1e-3, 0.05
_STRUCTURE_MASSES = 128
_LAST_RATE = 0.1  # of the first
_SHAKE = 0.03  # relative, of the real structure that detail is added to


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Sets the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def seeded_features(
    config: GanConfig, network: nn.Module, device: torch.device | str
) -> PublicFeatures:
    """Builds the frozen features of a training, which follow from its seed and are not in its states."""
    with torch.random.fork_rng():
        torch.manual_seed(config.seed + 1)
        features = PublicFeatures(network)
    return channels_last(features, device)


def seeded_heads(
    config: GanConfig, features: PublicFeatures, width: int, normalise: bool
) -> ProjectedHeads:
    """Builds the discriminator of a training before its first step, see `ProjectedHeads`."""
    side = config.image_size_px
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(config.seed + 2)
        blank = torch.zeros(1, 1, side, side, device=next(features.parameters()).device)
        sizes = [maps.shape[-1] for maps in features(blank)]
        return ProjectedHeads(sizes, width=width, normalise=normalise)


class DetailTrainer(GanTrainer[CascadeGenerator]):
    """Base of all trainings of a cascade: public features and the detail network's optimizer.

    Args:
        network: A timm model in eval mode with public weights; it is changed and kept.
    """

    def __init__(
        self,
        config: GanConfig,
        images: Tensor,
        labels: Tensor,
        device: torch.device,
        network: nn.Module,
    ) -> None:
        super().__init__(CascadeGenerator, config, images, labels, device)
        self.features = seeded_features(config, network, device)
        self._generator_optimizer = torch.optim.Adam(
            self.generator.detail.parameters(), lr=config.generator_rate, betas=BETAS
        )

    def _build_discriminator(
        self, *, width: int = HEAD_WIDTH, normalise: bool = True
    ) -> ProjectedHeads:
        return seeded_heads(self.config, self.features, width, normalise).to(self.device)

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {
            "generator": self.generator,
            "averaged": self.averaged,
            "generator_optimizer": self._generator_optimizer,
        }


class CascadeTrainer(DetailTrainer):
    """See `DetailTrainer`."""

    def __init__(
        self,
        config: GanConfig,
        images: Tensor,
        labels: Tensor,
        device: torch.device,
        network: nn.Module,
    ) -> None:
        super().__init__(config, images, labels, device, network)
        structure = self.generator.structure
        assert isinstance(structure, FlowStructure)  # only private training has another
        self._structure = structure
        structure.fit_scale(self._coefficients(all_turns(from_uint8(self._images)).flatten(0, 1)))
        self.averaged.load_state_dict(self.generator.state_dict())
        self.discriminator = channels_last(self._build_discriminator(), device)
        self._structure_optimizer = torch.optim.AdamW(
            structure.parameters(),
            lr=_STRUCTURE_RATE,
            betas=(0.9, 0.99),
            weight_decay=_STRUCTURE_DECAY,
        )
        self._discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=config.discriminator_rate, betas=BETAS
        )

    def step(self) -> GanStep:
        """Takes one step of the structure while it is learned, and one of detail and discriminator together."""
        rows = self._draw_rows()
        labels, upright = self._labels[rows], from_uint8(self._images[rows])
        if self._structure_is_learning:
            self._structure_step()
        generator_loss, discriminator_loss = self._adversarial_step(
            turn_at_random(upright, self._rng), labels
        )
        self.images_seen += len(rows)
        self._average()
        return GanStep(self.images_seen, generator_loss, discriminator_loss)

    def _decay(self, optimizer: torch.optim.Optimizer, rate: float) -> None:
        progress = min(1.0, self.images_seen / self.config.decay_images)
        set_rate(optimizer, rate * (1 - (1 - _LAST_RATE) * progress))

    @property
    def _structure_is_learning(self) -> bool:
        return self.images_seen < self.config.structure_images

    def _coefficients(self, images: Tensor) -> Tensor:
        return self.generator.low_frequencies.analyse(images)

    @torch.no_grad()
    def _structure_for_detail(self, real: Tensor, labels: Tensor) -> Tensor:
        """Returns the coefficients (N, K) that the detail of this step is added to."""
        shape = len(real), self.config.latent_dim
        normal = torch.randn(shape, generator=self._rng).to(self.device)
        if self._structure_is_learning:
            return self._coefficients(real) * (1 + _SHAKE * normal)
        return self.averaged.structure(normal, labels)

    def _structure_step(self) -> None:
        """Takes one structure step on many masses in all eight turns: it costs little beside the detail."""
        progress = self.images_seen / self.config.structure_images
        set_rate(
            self._structure_optimizer, _STRUCTURE_RATE * (1 + math.cos(math.pi * progress)) / 2
        )
        rows = torch.randint(len(self._images), (_STRUCTURE_MASSES,), generator=self._rng)
        rows = rows.to(self.device)
        images, labels = from_uint8(self._images[rows]), self._labels[rows]
        coefficients = self._coefficients(all_turns(images).flatten(0, 1))
        self._structure_optimizer.zero_grad()
        with torch.random.fork_rng():  # dropout samples from torch's own randomness
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=self._rng)))
            with self._mixed_precision():
                loss = self._structure.loss(
                    coefficients, labels.repeat_interleave(NUM_TURNS), self._rng
                )
        loss.backward()
        nn.utils.clip_grad_norm_(self._structure.parameters(), 1.0)
        self._structure_optimizer.step()

    def _adversarial_step(self, real: Tensor, labels: Tensor) -> tuple[float, float]:
        self._decay(self._generator_optimizer, self.config.generator_rate)
        self._decay(self._discriminator_optimizer, self.config.discriminator_rate)
        self._generator_optimizer.zero_grad()
        self._discriminator_optimizer.zero_grad()
        structure = self._structure_for_detail(real, labels)
        noise = self._draw_noise(len(real))
        with self._mixed_precision():
            synthetic = self.generator.add_detail(structure, labels, noise).clamp(-1, 1)
            with torch.no_grad():
                real_maps = self.features(augment(real, self._rng))
            synthetic_maps = self.features(augment(synthetic, self._rng))
            cut = [maps.detach().requires_grad_() for maps in synthetic_maps]
            for_synthetic = self.discriminator(cut, labels)
            for_real = self.discriminator(real_maps, labels)
        generator_loss = -reduce(operator.add, [logits.mean() for logits in for_synthetic])
        towards_real = torch.autograd.grad(generator_loss, cut, retain_graph=True)
        discriminator_loss = reduce(
            operator.add,
            [
                functional.relu(1 - own).mean() + functional.relu(1 + other).mean()
                for own, other in zip(for_real, for_synthetic, strict=True)
            ],
        )
        discriminator_loss.backward(inputs=list(self.discriminator.parameters()))
        torch.autograd.backward(synthetic_maps, towards_real)
        self._discriminator_optimizer.step()
        self._generator_optimizer.step()
        return generator_loss.item(), discriminator_loss.item()

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return super()._parts() | {
            "discriminator": self.discriminator,
            "structure_optimizer": self._structure_optimizer,
            "discriminator_optimizer": self._discriminator_optimizer,
        }
