"""Trains a generator step by step: counts masses, averages weights, saves and restores its state.

Only the loop is here: what a step does is the architecture's (`cascade_training`, `mcgan_training`); what
it trains on, where progress goes and when to keep a generator are the caller's
(`generators.training`).
"""

from __future__ import annotations

import copy
import io
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from mammo_core.errors import CheckpointError
from mammo_core.privacy.accounting.cost import NoisySteps
from mammo_core.privacy.accounting.guarantee import Guarantee
from mammo_core.storage.atomic import disk_errors_explained, write_bytes
from mammo_core.storage.tensors import read_torch
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.sampling import MassGenerator
from mammo_core.system.device import channels_last

G = TypeVar("G", bound=MassGenerator)


@dataclass(frozen=True)
class GanStep:
    """The outcome of one step.

    Attributes:
        images_seen: Real masses shown so far, repeats counted.
    """

    images_seen: int
    generator_loss: float
    discriminator_loss: float


class GanTrainer(ABC, Generic[G]):
    """The state of one training, and its steps.

    Args:
        build: Builds the generator, with initial weights from torch's global randomness.
        config: What to train.
        images: (N, H, W) uint8 real masses.
        labels: (N,) int64.
        device: Where the networks live; the masses are moved there, too.
    """

    def __init__(
        self,
        build: Callable[[GanConfig], G],
        config: GanConfig,
        images: Tensor,
        labels: Tensor,
        device: torch.device,
    ) -> None:
        self.config = config
        self.device = device
        self._images, self._labels = images.to(device), labels.to(device)
        self._rng = torch.Generator().manual_seed(config.seed)
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            self.generator = channels_last(build(config), device)
        self.averaged = copy.deepcopy(self.generator)
        self.averaged.eval().requires_grad_(False)
        self.images_seen = 0

    @property
    def guarantee(self) -> Guarantee | None:
        """The guarantee of everything done so far; None without differential privacy."""
        return None

    @property
    def noisy_steps(self) -> tuple[NoisySteps, ...] | None:
        """Every noisy release from real masses, to the end of the training; None without DP."""
        return None

    @abstractmethod
    def step(self) -> GanStep:
        """Takes one step of every network."""

    @abstractmethod
    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        """Returns everything that changes in training, by name."""

    def train(self, until_images: int, on_step: Callable[[GanStep], None] | None = None) -> None:
        """Steps until so many real masses were shown in all."""
        while self.images_seen < until_images:
            report = self.step()
            if on_step:
                on_step(report)

    def save(self, path: Path) -> None:
        """Writes the whole state, atomically: a kill while writing leaves the last one whole."""
        content = io.BytesIO()
        torch.save(
            {name: part.state_dict() for name, part in self._parts().items()}
            | {"images_seen": self.images_seen, "rng": self._rng.get_state()},
            content,
        )
        with disk_errors_explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content.getbuffer())

    def load(self, path: Path) -> None:
        """Resumes from a state written by `save` with the same configuration.

        Raises:
            CheckpointError: If the file is damaged or of another configuration.
        """
        state = read_torch(path, CheckpointError, self.device)
        try:
            for name, part in self._parts().items():
                part.load_state_dict(state[name])
            self.images_seen = state["images_seen"]
            self._rng.set_state(state["rng"].cpu())
        except (KeyError, RuntimeError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"Expected the state of this very training in {path}; got another's ({error}). Move "
                "the file away to start over."
            ) from error

    def _draw_rows(self) -> Tensor:
        """Samples the rows of the next batch: (N,) int64."""
        rows = torch.randint(len(self._images), (self.config.batch_size,), generator=self._rng)
        return rows.to(self.device)

    def _draw(self, labels: Tensor) -> Tensor:
        """Generates masses of given classes: (N,) -> (N, 1, H, W)."""
        latents = torch.randn(len(labels), self.config.latent_dim, generator=self._rng)
        return self.generator(latents.to(self.device), labels, self._draw_noise(len(labels)))

    def _draw_noise(self, count: int) -> list[Tensor]:
        return [
            torch.randn(count, 1, px, px, generator=self._rng).to(self.device)
            for px in self.generator.noise_sizes_px
        ]

    def _mixed_precision(self) -> torch.autocast:
        """Casts to bfloat16 where the hardware multiplies in it."""
        fast = self.device.type == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=fast)

    @torch.no_grad()
    def _average(self) -> None:
        """Moves the averaged generator; early on it forgets faster, so that it starts well."""
        half_life = min(self.config.ema_half_life, max(self.images_seen / 4, 1))
        decay = 0.5 ** (self.config.batch_size / half_life)
        for mean, now in zip(self.averaged.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(now, 1 - decay)
        for mean, now in zip(self.averaged.buffers(), self.generator.buffers(), strict=True):
            mean.copy_(now)
