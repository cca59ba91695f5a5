"""Draws small images of masses from noise by flow matching: the structure, which the detail is added to.

A small U-Net learns the velocity of straight paths from noise to images. It cannot collapse to few shapes as a
GAN can. Images are whitened in part first: natural images have so little power in high frequencies that their
error would hardly count. Masses are turned, stretched, moved and brightened at random in training; the network is
told how, so that what it draws shows none of it.

Sources: Lipman et al. 2023, Flow Matching for Generative Modeling, arXiv:2210.02747; Esser et al. 2024,
arXiv:2403.03206 (logit-normal times); Karras et al. 2022, arXiv:2206.00364, appendix F.2 (augmentation that does
not leak); Ho and Salimans 2022, arXiv:2207.12598 (guidance).
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from scipy.fft import dct
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.labels import CLASS_NAMES
from mammo_core.synthesis.flow_gan.changes import NUM_CHANGES, change_at_random

_EMBEDDING, _TIME_WAVES, _FASTEST_WAVE = 256, 32, 200.0
_GROUPS, _HEADS = 8, 4
_DENSER = 1.4  # exponent of evenly spaced times
_WHITENING = 0.6  # exponent; 1 would give all frequencies the same power
_SLOWEST = 64  # waves along which the structure is explored
_LATE, _COMPARED_NOISES = (0.5, 0.7, 0.85), 2  # of `surprise`


class SmallImageFlow(nn.Module):
    """A class-conditional flow from noise to small images of masses.

    Args:
        side_px: Of the images, a multiple of 4.
        width: Channels at half size; twice as many at a quarter.
        steps: Of the integration, each of one evaluation.
    """

    offset: Tensor
    gain: Tensor
    cosines: Tensor
    waves: Tensor

    def __init__(self, side_px: int, width: int = 64, steps: int = 4) -> None:
        super().__init__()
        self.side_px, self.steps = side_px, steps
        self.register_buffer("offset", torch.zeros(()))
        self.register_buffer("gain", torch.ones(side_px, side_px))  # of each frequency
        cosines = dct(np.eye(side_px), axis=0, norm="ortho")
        self.register_buffer("cosines", torch.from_numpy(cosines).float(), persistent=False)
        waves = torch.exp(torch.linspace(0, math.log(_FASTEST_WAVE), _TIME_WAVES))
        self.register_buffer("waves", waves, persistent=False)
        self.time = nn.Sequential(
            nn.Linear(2 * _TIME_WAVES, _EMBEDDING), nn.SiLU(), nn.Linear(_EMBEDDING, _EMBEDDING)
        )
        self.of_class = nn.Embedding(len(CLASS_NAMES), _EMBEDDING)
        self.of_change = nn.Linear(NUM_CHANGES, _EMBEDDING, bias=False)
        self.first = nn.Conv2d(4, width, 3, padding=1)
        self.fine_in = nn.ModuleList(_Residual(width, width) for _ in range(2))
        self.shrink = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.coarse = nn.ModuleList(_Residual(2 * width, 2 * width) for _ in range(3))
        self.attention = nn.ModuleList(_Attention(2 * width) for _ in range(2))
        self.enlarge = nn.Conv2d(2 * width, width, 3, padding=1)
        self.fine_out = nn.ModuleList(_Residual(2 * width, width) for _ in range(2))
        self.norm = nn.GroupNorm(_GROUPS, width)
        self.last = nn.Conv2d(width, 4, 3, padding=1)
        _start_at_zero(self.last)

    def fit_scale(self, images: Tensor) -> None:
        """Learns the mean grey and the size of each radial frequency from small images (N, 1, S, S)."""
        self.offset.copy_(images.mean())
        power = self._frequencies(images - self.offset).square().mean(dim=(0, 1))  # (S, S)
        places = torch.arange(self.side_px, device=images.device)
        ring = torch.hypot(places[:, None].float(), places[None].float()).round().long()
        mean = torch.zeros(int(ring.max()) + 1, device=images.device)
        mean.index_add_(0, ring.flatten(), power.flatten())
        mean = mean / torch.bincount(ring.flatten())
        self.gain.copy_(mean[ring].clamp(min=1e-12) ** (_WHITENING / 2))
        self.gain.mul_(self.whiten(images).std())

    def whiten(self, images: Tensor) -> Tensor:
        """Divides each frequency by its gain: small images (N, 1, S, S) to about unit deviation."""
        return self._images(self._frequencies(images - self.offset) / self.gain)

    def loss(self, images: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Computes the mean squared error of the velocity on straight paths from noise to changed images.

        Args:
            images: (N, 1, 2 S, 2 S) of real masses in [-1, 1], at twice the size so that changes stay sharp.
            labels: (N,).
            rng: On the CPU. Times are logit-normal, densest in the middle of the path.
        """
        changed, changes = change_at_random(images, rng)
        data = self.whiten(functional.avg_pool2d(changed, 2))
        noise = torch.randn(data.shape, generator=rng).to(data.device)
        times = torch.sigmoid(torch.randn(len(data), generator=rng)).to(data.device)
        between = torch.lerp(noise, data, times[:, None, None, None])
        velocity = self._velocity(between, self._condition(times, labels, changes))
        return functional.mse_loss(velocity.float(), data - noise)

    def surprise(self, whitened: Tensor, labels: Tensor) -> Tensor:
        """Measures how unexpected whitened images (N, S * S) are of their class: mean error of the velocity, (N,).

        Late on the path and with the same few noises for all, so that images can be compared.
        """
        rng = torch.Generator().manual_seed(0)
        data = whitened.view(-1, 1, self.side_px, self.side_px)
        total = torch.zeros(len(data), device=data.device)
        for late in _LATE:
            condition = self._condition(torch.full((len(data),), late, device=data.device), labels)
            for _ in range(_COMPARED_NOISES):
                noise = torch.randn(data.shape[1:], generator=rng).to(data.device).expand_as(data)
                velocity = self._velocity(torch.lerp(noise, data, late), condition).float()
                total += (velocity - (data - noise)).square().mean(dim=(1, 2, 3))
        return total / (len(_LATE) * _COMPARED_NOISES)

    def slowest_waves(self) -> Tensor:
        """Returns the orthonormal waves of lowest frequency: (W, S * S), the mean grey first."""
        places = torch.arange(self.side_px, device=self.cosines.device)
        radius = torch.hypot(places[:, None].float(), places[None].float()).flatten()
        kept = radius.argsort(stable=True)[:_SLOWEST]
        rows, columns = kept // self.side_px, kept % self.side_px
        return torch.einsum("wi,wj->wij", self.cosines[rows], self.cosines[columns]).flatten(1)

    def forward(
        self, latents: Tensor, labels: Tensor, guidance: float = 0.0, steps: int | None = None
    ) -> Tensor:
        """Integrates the flow by the two-step Adams-Bashforth method, in steps that are shorter at the noisy end.

        Each step needs one evaluation. Four of them come nearer to the exact image than four of Heun's method, which
        need eight and lose a seventh of the contrast.

        Args:
            latents: (N, S * S) standard normal.
            labels: (N,).
            guidance: How far the velocity is pushed away from the other class's; 0 is the learned distribution.
            steps: Of the integration; fewer are faster and less exact.

        Returns:
            (N, 1, S, S) in about [-1, 1].

        Source: Hairer, Norsett and Wanner 1993, Solving Ordinary Differential Equations I, section III.5 (variable steps).
        """
        state = latents.view(-1, 1, self.side_px, self.side_px)
        times = torch.linspace(0, 1, (steps or self.steps) + 1) ** _DENSER
        before: tuple[Tensor, float] | None = None  # slope and length of the last step
        for now, then in itertools.pairwise(times.tolist()):
            length = then - now
            slope = self._guided(state, now, labels, guidance)
            change = slope
            if before is not None:
                change = slope + length / (2 * before[1]) * (slope - before[0])
            state = state + length * change
            before = slope, length
        return self.offset + self._images(self._frequencies(state) * self.gain)

    def _guided(self, state: Tensor, time: float, labels: Tensor, guidance: float) -> Tensor:
        """Computes the velocity (N, 1, S, S), pushed away from the other class; both classes at once."""
        both = torch.cat([labels, 1 - labels]) if guidance else labels
        states = torch.cat([state, state]) if guidance else state
        times = torch.full((len(both),), time, device=state.device)
        velocity = self._velocity(states, self._condition(times, both)).float()
        if not guidance:
            return velocity
        own, other = velocity.chunk(2)
        return own + guidance * (own - other)

    def _frequencies(self, images: Tensor) -> Tensor:
        with torch.autocast(images.device.type, enabled=False):  # exact, as small powers count
            return self.cosines @ images.float() @ self.cosines.T

    def _images(self, frequencies: Tensor) -> Tensor:
        with torch.autocast(frequencies.device.type, enabled=False):
            return self.cosines.T @ frequencies.float() @ self.cosines

    def _condition(self, times: Tensor, labels: Tensor, changes: Tensor | None = None) -> Tensor:
        phases = times[:, None] * self.waves
        told = self.time(torch.cat([phases.sin(), phases.cos()], dim=1)) + self.of_class(labels)
        if changes is not None:
            told = told + self.of_change(changes)
        return functional.silu(told)  # (N, E)

    def _velocity(self, state: Tensor, condition: Tensor) -> Tensor:
        halves = functional.pixel_unshuffle(state, 2)  # (N, 4, S / 2, S / 2)
        maps = self.first(halves.contiguous(memory_format=torch.channels_last))
        kept = []
        for block in self.fine_in:
            maps = block(maps, condition)
            kept.append(maps)
        maps = self.shrink(maps)
        for block, attention in zip(self.coarse[:-1], self.attention, strict=True):
            maps = attention(block(maps, condition))
        maps = self.coarse[-1](maps, condition)
        maps = self.enlarge(functional.interpolate(maps, scale_factor=2.0, mode="nearest"))
        for block in self.fine_out:
            maps = block(torch.cat([maps, kept.pop()], dim=1), condition)
        return functional.pixel_shuffle(self.last(functional.silu(self.norm(maps))), 2)


class _Residual(nn.Module):
    """Two convolutions whose middle is scaled and shifted by time, class and change."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.norm_in = nn.GroupNorm(_GROUPS, channels_in)
        self.convolution_in = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm_out = nn.GroupNorm(_GROUPS, channels_out, affine=False)
        self.modulation = nn.Linear(_EMBEDDING, 2 * channels_out)
        self.dropout = nn.Dropout2d(0.1)
        self.convolution_out = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        same = channels_in == channels_out
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)
        _start_at_zero(self.convolution_out)

    def forward(self, maps: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.modulation(condition)[:, :, None, None].chunk(2, dim=1)
        changed = self.norm_out(self.convolution_in(functional.silu(self.norm_in(maps))))
        changed = self.dropout(functional.silu(changed * (1 + scale) + shift))
        return self.shortcut(maps) + self.convolution_out(changed)


class _Attention(nn.Module):
    """Each place looks at all others."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(_GROUPS, channels)
        self.asked = nn.Conv2d(channels, 3 * channels, 1)
        self.answer = nn.Conv2d(channels, channels, 1)
        _start_at_zero(self.answer)

    def forward(self, maps: Tensor) -> Tensor:
        count, channels, height, width = maps.shape
        parts = self.asked(self.norm(maps)).flatten(2).unflatten(1, (3, _HEADS, -1))
        query, key, value = parts.transpose(-1, -2).unbind(dim=1)  # (N, heads, places, C / heads)
        # on processors, products of so few places are faster than the fused kernel
        weights = torch.softmax(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, dim=-1)
        seen = (weights @ value).transpose(-1, -2).reshape(count, channels, height, width)
        return maps + self.answer(seen)


def _start_at_zero(layer: nn.Conv2d) -> None:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
