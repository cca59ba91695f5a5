"""Trains one linear head by DP gradient descent with Opacus, the reference for our own engine."""

# pyright: reportUnknownMemberType=false, reportMissingTypeStubs=false
from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import cast

import torch
from opacus import GradSampleModule
from opacus.accountants import PRVAccountant
from torch import Tensor, nn

from mammo_core.config.runs import HeadRecipe
from mammo_core.privacy.heads.problem import HeadTrainingData
from mammo_core.privacy.heads.vectorised import HeadSettings, first_averaged_step
from mammo_core.privacy.noise.optimizer import NoisyOptimizer
from mammo_core.privacy.noise.sources import SecretNoise, noise_from


class BagHead(nn.Module):
    """A linear head over padded bags: one sample is one unit, so Opacus' per-sample gradient is per unit."""

    def __init__(self, initial_weights: Tensor) -> None:
        super().__init__()
        linear = nn.utils.skip_init(
            nn.Linear, len(initial_weights), 1, bias=False, dtype=initial_weights.dtype
        )
        self.linear = cast("nn.Linear", linear)
        with torch.no_grad():
            self.linear.weight.copy_(initial_weights[None])

    def forward(self, unit_rows: Tensor) -> Tensor:
        """Vectors (U, B, K) to logits (U, B)."""
        return self.linear(unit_rows).squeeze(-1)


def train_head(
    problem: HeadTrainingData,
    recipe: HeadRecipe,
    job: HeadSettings,
    *,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> tuple[Tensor, PRVAccountant]:
    """Trains one private head; same arguments and update as `vectorised.train_heads`.

    Returns:
        Weights (K,) float32, and Opacus' accountant with the history of every step taken.

    Raises:
        ValueError: If the job is not private; Opacus is then not the tool.
        PrivacyError: As `vectorised.train_heads`.
    """
    if job.noise_multiplier is None:
        raise ValueError("Expected a private job; got noise_multiplier None. Use train_heads.")
    room = problem.room_for_rounding(recipe.max_grad_norm)
    problem.require_right_gradients(_clipped_sum)
    problem = problem.in_float64()
    head = BagHead(problem.initial_weights)
    module = GradSampleModule(head)
    optimizer = NoisyOptimizer(
        torch.optim.SGD(module.parameters(), lr=job.learning_rate / recipe.max_grad_norm),
        noise_multiplier=job.noise_multiplier,
        max_grad_norm=recipe.max_grad_norm,
        expected_units=problem.num_units,
        noise=noise_from(job.seed),
    )
    accountant = PRVAccountant()
    optimizer.attach_step_hook(accountant.get_optimizer_hook_fn(sample_rate=1.0))
    bags = _Bags(problem)
    weight = head.linear.weight  # (1, K)
    average: Tensor = torch.zeros_like(weight)
    first_averaged = first_averaged_step(recipe)
    for step in range(1, recipe.steps + 1):
        room.require(weight.detach())
        optimizer.zero_grad()
        bags.differentiate(module)
        public = problem.public_gradient(weight.detach())
        optimizer.pre_step()  # clips, sums, adds noise, divides by the number of units
        assert weight.grad is not None
        weight.grad += public
        optimizer.original_optimizer.step()
        if step >= first_averaged:
            average += weight.detach()
        if on_step:
            on_step(step, weight.detach().float())
    return (average / (recipe.steps - first_averaged + 1))[0].float(), accountant


class _Bags:
    """The units of a problem in float64, padded to one length: what Opacus takes for samples."""

    def __init__(self, problem: HeadTrainingData) -> None:
        self._mask = (problem.unit_rows >= 0).double()  # (U, B)
        rows = problem.unit_rows.clamp(min=0)
        # contiguous: of other layouts Opacus' rules for some layers are wrong
        self._vectors = (problem.vectors[rows] * self._mask[..., None]).contiguous()  # (U, B, K)
        self._labels = problem.labels[rows]

    def differentiate(self, module: nn.Module) -> None:
        """Lets Opacus find the gradient of each unit's loss, the sum over its masses."""
        losses = nn.functional.binary_cross_entropy_with_logits(
            module(self._vectors), self._labels, weight=self._mask, reduction="none"
        )  # (U, B)
        with quiet_hooks():
            losses.sum(dim=1).mean().backward()


def _clipped_sum(problem: HeadTrainingData, max_grad_norm: float) -> Tensor:
    """Sums the units' gradients at the initial weights, clipped, as a step does: (K,)."""
    module = GradSampleModule(BagHead(problem.initial_weights))
    optimizer = NoisyOptimizer(
        torch.optim.SGD(module.parameters(), lr=1.0),
        noise_multiplier=0.0,
        max_grad_norm=max_grad_norm,
        expected_units=1.0,
        noise=SecretNoise(),
    )
    _Bags(problem).differentiate(module)
    optimizer.pre_step()
    (weight,) = module.parameters()
    assert weight.grad is not None
    return weight.grad[0]


@contextmanager
def quiet_hooks() -> Generator[None]:
    """Silences torch's remark that Opacus' hooks see modules whose inputs need no gradient."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Full backward hook is firing", UserWarning)
        yield
