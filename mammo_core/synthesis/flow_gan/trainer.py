"""Trains a flow_gan: the flow on small images of real masses, the detail against three discriminators.

The detail is added to small images of *real* masses, slightly shaken, while the flow is learned: both sides that
the discriminators compare then have the same structure, and only the detail can tell them apart. Afterwards it is
added to small images that the flow draws, which are what it will be used with.

Two public networks take turns: one sees whole masses, the other enlarged parts. A third discriminator sees pixels.
So no network with which a generator is judged need be its only teacher.

Source: Sauer et al. 2021, Projected GANs Converge Faster, arXiv:2111.01007.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.synthesis.augment import augment, turn_at_random
from mammo_core.synthesis.cascade_training import (
    BETAS,
    seeded_features,
    set_rate,
)
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.flow_gan.discriminator import FlowGanDiscriminator
from mammo_core.synthesis.flow_gan.generator import FlowGanGenerator, small_image
from mammo_core.synthesis.sampling import from_uint8
from mammo_core.synthesis.training import GanStep, GanTrainer
from mammo_core.system.device import channels_last

_FLOW_RATE, _FLOW_DECAY, _WARM_UP = 1e-3, 0.02, 100
_FLOW_MASSES = 6  # in a step of the flow, for each mass in a step of the detail
_LAST_RATE = 0.1  # of the first
_SHAKE = 0.05  # relative, of the real structure that detail is added to
_PART, _PATCH = (
    21 / 32,
    1 / 2,
)  # of the side, that the second network and the pixels' discriminator see
_BRIGHTNESS = 0.15


class FlowGanTrainer(GanTrainer[FlowGanGenerator]):
    """See the module.

    Args:
        networks: Two timm models in eval mode with public weights; they are changed and kept. The first sees whole
            masses, the second enlarged parts.
    """

    def __init__(
        self,
        config: GanConfig,
        images: Tensor,
        labels: Tensor,
        device: torch.device,
        networks: Sequence[nn.Module],
    ) -> None:
        super().__init__(FlowGanGenerator, config, images, labels, device)
        self._flow = self.generator.structure
        self._flow.fit_scale(small_image(from_uint8(self._images)))
        self.averaged.load_state_dict(self.generator.state_dict())
        self.features = [seeded_features(config, network, device) for network in networks]
        self.discriminator = channels_last(FlowGanDiscriminator(config, self.features), device)
        self._flow_optimizer = torch.optim.AdamW(
            self._flow.parameters(), lr=_FLOW_RATE, betas=(0.9, 0.99), weight_decay=_FLOW_DECAY
        )
        self._detail_optimizer = torch.optim.Adam(
            self.generator.detail.parameters(), lr=config.generator_rate, betas=BETAS
        )
        self._discriminator_optimizer = torch.optim.Adam(
            self.discriminator.parameters(), lr=config.discriminator_rate, betas=BETAS
        )

    def step(self) -> GanStep:
        """Takes one step of the flow while it is learned, and one of detail and discriminators together."""
        is_learning = self.images_seen < self.config.structure_images
        if is_learning:
            self._flow_step()
        rows, others = self._draw_rows(), self._draw_rows()
        labels = self._labels[rows]
        if is_learning:
            small = self._shaken(
                small_image(turn_at_random(from_uint8(self._images[rows]), self._rng))
            )
        else:
            small = self._drawn(labels)
        real = turn_at_random(from_uint8(self._images[others]), self._rng)
        losses = self._adversarial_step(small, labels, real, self._labels[others])
        self.images_seen += len(rows)
        self._average()
        return GanStep(self.images_seen, *losses)

    def _flow_step(self) -> None:
        progress = self.images_seen / self.config.structure_images
        warm = min(1.0, (1 + self.images_seen / self.config.batch_size) / _WARM_UP)
        set_rate(self._flow_optimizer, _FLOW_RATE * warm * (1 + math.cos(math.pi * progress)) / 2)
        count = _FLOW_MASSES * self.config.batch_size
        rows = torch.randint(len(self._images), (count,), generator=self._rng).to(self.device)
        halved = functional.avg_pool2d(from_uint8(self._images[rows]), 2)
        self._flow_optimizer.zero_grad()
        with torch.random.fork_rng():  # dropout samples from torch's own randomness
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=self._rng)))
            with self._mixed_precision():
                loss = self._flow.loss(halved, self._labels[rows], self._rng)
        loss.backward()
        nn.utils.clip_grad_norm_(self._flow.parameters(), 1.0)
        self._flow_optimizer.step()

    def _shaken(self, small: Tensor) -> Tensor:
        count = len(small)
        size = _SHAKE * torch.rand(count, 1, 1, 1, generator=self._rng).to(self.device)
        normal = torch.randn(small.shape, generator=self._rng).to(self.device)
        return small + size * small.std(dim=(1, 2, 3), keepdim=True) * normal

    @torch.no_grad()
    def _drawn(self, labels: Tensor) -> Tensor:
        latents = torch.randn(len(labels), self.config.latent_dim, generator=self._rng)
        with self._mixed_precision():
            return self.averaged.structure(latents.to(self.device), labels, self.config.guidance)

    def _adversarial_step(
        self, small: Tensor, labels: Tensor, real: Tensor, real_labels: Tensor
    ) -> tuple[float, float]:
        for optimizer, rate in (
            (self._detail_optimizer, self.config.generator_rate),
            (self._discriminator_optimizer, self.config.discriminator_rate),
        ):
            progress = min(1.0, self.images_seen / self.config.decay_images)
            set_rate(optimizer, rate * (1 - (1 - _LAST_RATE) * progress))
            optimizer.zero_grad()
        turn = self.images_seen // self.config.batch_size % len(self.features)
        features, judge = self.features[turn], self.discriminator.judge_with
        seen = self._enlarged_part if turn else self._whole
        with self._mixed_precision():
            noise = self._draw_noise(len(labels))
            synthetic = self.generator.detail(small, labels, noise).clamp(-1, 1)
            patches = self._patch(synthetic)
            with torch.no_grad():
                real_maps = features(seen(real))
            synthetic_maps = features(seen(synthetic))
            cut = [maps.detach().requires_grad_() for maps in (*synthetic_maps, patches)]
            for_synthetic = judge(turn, cut[:-1], cut[-1], labels)
            for_real = judge(turn, real_maps, self._patch(real), real_labels)
        generator_loss = -torch.stack([logits.mean() for logits in for_synthetic]).sum()
        towards_real = torch.autograd.grad(generator_loss, cut, retain_graph=True)
        discriminator_loss = torch.stack(
            [
                functional.relu(1 - own).mean() + functional.relu(1 + other).mean()
                for own, other in zip(for_real, for_synthetic, strict=True)
            ]
        ).sum()
        discriminator_loss.backward(inputs=self.discriminator.parameters_with(turn))
        torch.autograd.backward([*synthetic_maps, patches], towards_real)
        self._discriminator_optimizer.step()
        self._detail_optimizer.step()
        return generator_loss.item(), discriminator_loss.item()

    def _whole(self, images: Tensor) -> Tensor:
        return augment(images, self._rng)

    def _enlarged_part(self, images: Tensor) -> Tensor:
        part = functional.interpolate(
            self._cropped(images, _PART),
            size=images.shape[-2:],
            mode="bicubic",
            align_corners=False,
        )
        brighter = 2 * torch.rand(len(images), 1, 1, 1, generator=self._rng) - 1
        return part + _BRIGHTNESS * brighter.to(self.device)

    def _patch(self, images: Tensor) -> Tensor:
        return self._cropped(images, _PATCH)

    def _cropped(self, images: Tensor, share: float) -> Tensor:
        side = int(share * images.shape[-1])
        reach = images.shape[-1] - side + 1
        places = torch.randint(reach, (len(images), 2), generator=self._rng).tolist()
        return torch.stack(
            [
                image[:, row : row + side, column : column + side]
                for image, (row, column) in zip(images, places, strict=True)
            ]
        )

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {
            "generator": self.generator,
            "averaged": self.averaged,
            "discriminator": self.discriminator,
            "flow_optimizer": self._flow_optimizer,
            "detail_optimizer": self._detail_optimizer,
            "discriminator_optimizer": self._discriminator_optimizer,
        }
