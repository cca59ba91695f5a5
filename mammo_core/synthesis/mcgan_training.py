"""Trains the paper's conditional DCGAN: cross-entropy with one-sided label smoothing, plain images.

Source: Osuala et al. 2024, arXiv:2407.12669, and its code RichardObi/mammo_dp.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.mcgan import McganDiscriminator, McganGenerator
from mammo_core.synthesis.sampling import from_uint8
from mammo_core.synthesis.training import GanStep, GanTrainer
from mammo_core.system.device import channels_last

_BETAS = (0.5, 0.999)
_REAL_TARGET = 0.9


class McganTrainer(GanTrainer[McganGenerator]):
    """See `GanTrainer`."""

    def __init__(
        self, config: GanConfig, images: Tensor, labels: Tensor, device: torch.device
    ) -> None:
        super().__init__(McganGenerator, config, images, labels, device)
        with torch.random.fork_rng():
            torch.manual_seed(config.seed + 1)
            self.discriminator = channels_last(McganDiscriminator(config), device)
        self._generator_optimizer = torch.optim.Adam(
            self.generator.parameters(), lr=config.generator_rate, betas=_BETAS
        )
        self._discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=config.discriminator_rate, betas=_BETAS
        )

    def step(self) -> GanStep:
        """Takes one step of the discriminator, then one of the generator."""
        rows = self._draw_rows()
        labels, real = self._labels[rows], from_uint8(self._images[rows])

        self._discriminator_optimizer.zero_grad()
        with self._mixed_precision():
            with torch.no_grad():
                synthetic = self._draw(labels)
            for_real = self.discriminator(real, labels).float()
            for_synthetic = self.discriminator(synthetic, labels).float()
        discriminator_loss = binary_cross_entropy_with_logits(
            for_real, torch.full_like(for_real, _REAL_TARGET)
        ) + binary_cross_entropy_with_logits(for_synthetic, torch.zeros_like(for_synthetic))
        discriminator_loss.backward()
        self._discriminator_optimizer.step()

        self._generator_optimizer.zero_grad()
        self.discriminator.requires_grad_(False)
        with self._mixed_precision():
            logits = self.discriminator(self._draw(labels), labels).float()
        generator_loss = binary_cross_entropy_with_logits(logits, torch.ones_like(logits))
        generator_loss.backward()
        self.discriminator.requires_grad_(True)
        self._generator_optimizer.step()

        self.images_seen += len(rows)
        self._average()
        return GanStep(self.images_seen, generator_loss.item(), discriminator_loss.item())

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "averaged": self.averaged,
            "generator_optimizer": self._generator_optimizer,
            "discriminator_optimizer": self._discriminator_optimizer,
        }
