"""Trains a conditional GAN on real masses, step by step; can stop and go on at any moment.

Only the loop is here: what it trains on, where progress goes and when to keep a generator are the caller's
(`experiments.gan_training`). No differential privacy: a generator trained like this may reveal its patients.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.synthesis.augment import augment
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.networks import build_discriminator, build_generator
from mammo_core.synthesis.sampling import from_uint8

_BETAS = {"resgan": (0.0, 0.99), "mcgan": (0.5, 0.999)}
_REAL_TARGET = 0.9  # one-sided label smoothing of mcgan


@dataclass(frozen=True)
class StepReport:
    """What one step did.

    Attributes:
        images_seen: Real masses shown so far, repeats counted.
    """

    images_seen: int
    generator_loss: float
    discriminator_loss: float


class GanTrainer:
    """The state of one training and how it moves on.

    Args:
        config: What to train.
        images: (N, H, W) uint8 real masses.
        labels: (N,) int64.
        device: Where the networks live; the masses are moved there, too.
    """

    def __init__(
        self, config: GanConfig, images: Tensor, labels: Tensor, device: torch.device
    ) -> None:
        self.config = config
        self.device = device
        self._images, self._labels = images.to(device), labels.to(device)
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            self.generator = build_generator(config).to(device)
            self.discriminator = build_discriminator(config).to(device)
        if device.type == "cuda":
            for network in (self.generator, self.discriminator):
                network.to(memory_format=torch.channels_last)
        self.averaged = copy.deepcopy(self.generator).eval().requires_grad_(False)
        self.images_seen = 0
        self._rng = torch.Generator().manual_seed(config.seed)
        betas = _BETAS[config.architecture]
        self._generator_optimizer = torch.optim.Adam(
            self.generator.parameters(), lr=config.generator_rate, betas=betas
        )
        self._discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=config.discriminator_rate, betas=betas
        )

    def train(self, until_images: int, on_step: Callable[[StepReport], None] | None = None) -> None:
        """Steps until so many real masses were shown in all."""
        while self.images_seen < until_images:
            report = self.step()
            if on_step:
                on_step(report)

    def step(self) -> StepReport:
        """One step of the discriminator, then one of the generator."""
        rows = torch.randint(len(self._images), (self.config.batch_size,), generator=self._rng)
        rows = rows.to(self.device)
        labels = self._labels[rows]
        real = from_uint8(self._images[rows])

        self._discriminator_optimizer.zero_grad()
        with self._mixed_precision():
            with torch.no_grad():
                synthetic = self._draw(labels)
            discriminator_loss = self._discriminator_loss(
                self._judge(real, labels), self._judge(synthetic, labels)
            )
        discriminator_loss.backward()
        self._discriminator_optimizer.step()

        self._generator_optimizer.zero_grad()
        self.discriminator.requires_grad_(False)
        with self._mixed_precision():
            generator_loss = self._generator_loss(self._judge(self._draw(labels), labels))
        generator_loss.backward()
        self.discriminator.requires_grad_(True)
        self._generator_optimizer.step()

        self.images_seen += len(rows)
        self._average()
        return StepReport(self.images_seen, generator_loss.item(), discriminator_loss.item())

    def save(self, path: Path) -> None:
        """Writes the whole state, atomically: a kill while writing leaves the last one whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".partial", delete=False) as file:
            torch.save(
                {name: part.state_dict() for name, part in self._parts().items()}
                | {"images_seen": self.images_seen, "rng": self._rng.get_state()},
                file,
            )
        Path(file.name).replace(path)

    def load(self, path: Path) -> None:
        """Goes on from a state written by `save` with the same configuration."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.images_seen = state["images_seen"]
        self._rng.set_state(state["rng"].cpu())

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "averaged": self.averaged,
            "generator_optimizer": self._generator_optimizer,
            "discriminator_optimizer": self._discriminator_optimizer,
        }

    def _mixed_precision(self) -> torch.autocast:
        return torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.device.type == "cuda"
        )

    def _draw(self, labels: Tensor) -> Tensor:
        """(N,) -> (N, 1, H, W)."""
        count = len(labels)
        latents = torch.randn(count, self.config.latent_dim, generator=self._rng)
        noise = [
            torch.randn(count, 1, px, px, generator=self._rng).to(self.device)
            for px in self.generator.noise_sizes_px
        ]
        return self.generator(latents.to(self.device), labels, noise)

    def _judge(self, images: Tensor, labels: Tensor) -> Tensor:
        """Logits (N,); the paper's network sees plain images, ours augmented ones."""
        if self.config.architecture == "resgan":
            images = augment(images, self._rng)
        return self.discriminator(images, labels).float()

    def _discriminator_loss(self, real: Tensor, synthetic: Tensor) -> Tensor:
        if self.config.architecture == "resgan":  # hinge
            return functional.relu(1 - real).mean() + functional.relu(1 + synthetic).mean()
        cross_entropy = functional.binary_cross_entropy_with_logits
        return cross_entropy(real, torch.full_like(real, _REAL_TARGET)) + cross_entropy(
            synthetic, torch.zeros_like(synthetic)
        )

    def _generator_loss(self, synthetic: Tensor) -> Tensor:
        if self.config.architecture == "resgan":
            return -synthetic.mean()
        return functional.binary_cross_entropy_with_logits(synthetic, torch.ones_like(synthetic))

    @torch.no_grad()
    def _average(self) -> None:
        """Moves the averaged generator; early on it forgets faster, so that it starts well."""
        half_life = min(self.config.ema_half_life, max(self.images_seen / 4, 1))
        decay = 0.5 ** (self.config.batch_size / half_life)
        for mean, now in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(now, 1 - decay)
        for mean, now in zip(self.averaged.buffers(), self.generator.buffers(), strict=True):
            mean.copy_(now)
