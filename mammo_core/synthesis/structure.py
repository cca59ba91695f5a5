"""Generates the coarse structure of a mass: standard normal latents become low-frequency coefficients.

`FlowStructure` is learned by flow matching: it cannot collapse to few shapes as a GAN can. Its latents
have the length of what they become, and the way from one to the other is smooth and can be walked.
`NormalStructure` needs one mean and one variance per class and coefficient: little enough to be released
with differential privacy.

Sources: Lipman et al. 2023, Flow Matching for Generative Modeling, arXiv:2210.02747; Liu et al. 2023,
arXiv:2209.03003 (straight paths).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.labels import CLASS_NAMES

_TIME_WAVES = 32
_FASTEST_WAVE = 200.0
_LATE, _COMPARED_NOISES = 0.8, 8  # of `surprise`


class NormalStructure(nn.Module):
    """Independent normal coefficients, each class with means and deviations of its own."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, num_coefficients: int) -> None:
        super().__init__()
        shape = len(CLASS_NAMES), num_coefficients
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("deviation", torch.ones(shape))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Scales latents: (N, K) standard normal, (N,) -> coefficients (N, K)."""
        return self.mean[labels] + self.deviation[labels] * latents

    def surprise(self, coefficients: Tensor, labels: Tensor) -> Tensor:
        """Measures how unexpected coefficients (N, K) are of their class: mean squared deviation, (N,)."""
        return ((coefficients - self.mean[labels]) / self.deviation[labels]).square().mean(dim=1)


class FlowStructure(nn.Module):
    """A class-conditional flow from noise to coefficients, learned as its velocity.

    Args:
        num_coefficients: K.
        width: Of the hidden layers.
        steps: Of the integration, each of two evaluations.
    """

    offset: Tensor
    scale: Tensor
    waves: Tensor

    def __init__(
        self, num_coefficients: int, width: int = 512, blocks: int = 2, steps: int = 5
    ) -> None:
        super().__init__()
        self.steps = steps
        self.register_buffer("offset", torch.zeros(num_coefficients))
        self.register_buffer("scale", torch.ones(num_coefficients))
        waves = torch.exp(torch.linspace(0, math.log(_FASTEST_WAVE), _TIME_WAVES))
        self.register_buffer("waves", waves, persistent=False)
        self.embedding = nn.Embedding(len(CLASS_NAMES), width)
        self.time = nn.Sequential(
            nn.Linear(2 * _TIME_WAVES, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.modulation = nn.Linear(width, blocks * 2 * width)
        self.first = nn.Linear(num_coefficients, width)
        self.blocks = nn.ModuleList(_FlowBlock(width) for _ in range(blocks))
        self.last = nn.Linear(width, num_coefficients)
        nn.init.zeros_(self.last.weight)

    def fit_scale(self, coefficients: Tensor) -> None:
        """Learns the size of each coefficient, (N, K), and the mean of the first, the grey level."""
        self.offset.zero_()
        self.offset[0] = coefficients[:, 0].mean()
        self.scale.copy_(coefficients.std(dim=0))

    def loss(self, coefficients: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
        """Computes the mean squared error of the velocity on straight paths from noise to data.

        Args:
            coefficients: (N, K) of real masses.
            labels: (N,).
            rng: On the CPU. Times are logit-normal, densest in the middle of the path.
        """
        data = (coefficients - self.offset) / self.scale
        noise = torch.randn(data.shape, generator=rng).to(data.device)
        times = torch.sigmoid(torch.randn(len(data), generator=rng)).to(data.device)
        between = torch.lerp(noise, data, times[:, None])
        velocity = self._velocity(between, self._condition(times, labels))
        return functional.mse_loss(velocity.float(), data - noise)

    def surprise(self, coefficients: Tensor, labels: Tensor) -> Tensor:
        """Measures how unexpected coefficients (N, K) are of their class: mean error of the velocity, (N,).

        Late on the path and with the same few noises for all, so that coefficients can be compared.
        """
        rng = torch.Generator().manual_seed(0)
        data = (coefficients - self.offset) / self.scale
        times = torch.full((len(data),), _LATE, device=data.device)
        condition = self._condition(times, labels)
        total = torch.zeros(len(data), device=data.device)
        for _ in range(_COMPARED_NOISES):
            noise = torch.randn(data.shape[1], generator=rng).to(data.device)
            velocity = self._velocity(torch.lerp(noise.expand_as(data), data, _LATE), condition)
            total += (velocity - (data - noise)).square().mean(dim=1)
        return total / _COMPARED_NOISES

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Integrates the flow by Heun's method: (N, K) standard normal, (N,) -> coefficients (N, K)."""
        times = torch.linspace(0, 1, self.steps + 1, device=latents.device)  # (T,)
        conditions = self._condition(
            times.repeat(len(labels)), labels.repeat_interleave(len(times))
        ).unflatten(
            0, (len(labels), len(times))
        )  # (N, T, W), all at once: one pass over the weights
        state = latents
        for step in range(self.steps):
            slope = self._velocity(state, conditions[:, step])
            ahead = self._velocity(state + slope / self.steps, conditions[:, step + 1])
            state = state + (slope + ahead) / (2 * self.steps)
        return self.offset + self.scale * state

    def _condition(self, times: Tensor, labels: Tensor) -> Tensor:
        """Computes scales and shifts of every block from time and class: (N,), (N,) -> (N, blocks * 2 W)."""
        phases = times[:, None] * self.waves  # (N, waves)
        about_time = self.time(torch.cat([phases.sin(), phases.cos()], dim=1))
        return self.modulation(functional.silu(about_time + self.embedding(labels)))

    def _velocity(self, state: Tensor, condition: Tensor) -> Tensor:
        hidden = self.first(state)
        for block, part in zip(self.blocks, condition.chunk(len(self.blocks), dim=1), strict=True):
            hidden = block(hidden, part)
        return self.last(hidden)


class _FlowBlock(nn.Module):
    """A residual block whose normalised input is scaled and shifted by time and class."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.wide, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.dropout = nn.Dropout(0.2)
        nn.init.zeros_(self.out.weight)

    def forward(self, hidden: Tensor, condition: Tensor) -> Tensor:
        scale, shift = condition.chunk(2, dim=1)
        activated = functional.silu(self.wide(self.norm(hidden) * (1 + scale) + shift))
        return hidden + self.out(self.dropout(activated))
