"""Fits the simulator of masses to patients by their votes: Private Evolution, with differential privacy.

A round simulates candidates of both classes, from what is known so far. Each real mass votes for the candidates of its
class that look most like it, through a public network. One unit of privacy (patient or image) enters with the mean of its
masses' votes; the votes of all units are summed, with noise. The parameters of the next round's candidates have the mean,
by class, and the covariance within classes of those that were voted for.

Nothing but noisy votes leaves the patients. The parameters, the picture that follows from them, and what tells a
parameter from another are public. Noise comes from the operating system's randomness and is never stored: the same
command makes another generator every time.

Sources: Lin et al. 2024, Differentially Private Synthetic Data via Foundation Model APIs, arXiv:2305.15560 (votes, their
noise and threshold); Lin et al. 2025, Differentially Private Synthetic Data via APIs 3: Using Simulators Instead of
Foundation Models, arXiv:2502.05505; Larrañaga and Lozano 2002, Estimation of Distribution Algorithms (a normal
distribution of what was selected, in place of variations of single candidates).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from mammo_core.config.runs import PrivacyConfig
from mammo_core.errors import InvalidRequestError
from mammo_core.labels import CLASS_NAMES
from mammo_core.privacy.accounting.cost import NoisySteps
from mammo_core.privacy.accounting.gaussian import mu_for, spent_epsilon
from mammo_core.privacy.accounting.guarantee import Guarantee
from mammo_core.privacy.noise.noisy_sum import noisy_sum, unit_means
from mammo_core.privacy.noise.sources import SecretNoise
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.private_training import PrivateMasses
from mammo_core.synthesis.sampling import from_uint8
from mammo_core.synthesis.simulator import MassSimulator
from mammo_core.synthesis.training import GanStep, GanTrainer

ROUNDS = 2
_VOTES = 5  # candidates that a mass votes for, each with the same share
_THRESHOLD = 1.0  # deviations of the noise, below which votes do not count
_FIRST_SPREAD = (
    1.25  # of the first candidates, over what the literature says: real masses may lie outside
)
_LEAST_SPREAD = 0.15  # of a parameter's latent; a few candidates may agree in it by chance
_DIMENSIONS = 64  # principal ones of the candidates' features, in which masses are compared
_AT_ONCE = 16
_ROUND_UP = 1 + 1e-9


class PrivateEvolutionTrainer(GanTrainer[MassSimulator]):
    """Private Evolution of a simulator's parameters.

    Args:
        network: A timm model in eval mode with public weights.
        candidates: To simulate in all rounds together.

    Raises:
        InvalidRequestError: If a round would have fewer candidates of a class than a mass has votes.
    """

    mechanism = "noisy votes of patients for simulated masses (Private Evolution)"

    def __init__(
        self,
        config: GanConfig,
        masses: PrivateMasses,
        privacy: PrivacyConfig,
        device: torch.device,
        network: nn.Module,
        candidates: int,
    ) -> None:
        super().__init__(MassSimulator, config, masses.images, masses.labels, device)
        self._in_a_round = candidates // ROUNDS
        fewest = ROUNDS * len(CLASS_NAMES) * (_VOTES + 1)
        if candidates < fewest:
            raise InvalidRequestError(
                f"Expected at least {fewest} simulated masses to vote for; got {candidates}. Raise --images."
            )
        self.privacy = privacy
        self._network: Any = network.to(device).requires_grad_(False)
        self._unit_rows = masses.unit_rows.to(device)
        self._secret = SecretNoise()
        self._mu = mu_for(privacy.target_epsilon, privacy.target_delta) / _ROUND_UP
        self._noise = math.sqrt(ROUNDS) / self._mu
        self._round = _Round(self._in_a_round, config.latent_dim).to(device)
        self.generator.spread.mul_(_FIRST_SPREAD)
        self.averaged.load_state_dict(self.generator.state_dict())

    @property
    def guarantee(self) -> Guarantee:
        """The guarantee of all rounds together, whether or not all are over."""
        return Guarantee(
            epsilon=spent_epsilon(self._mu, self.privacy.target_delta),
            delta=self.privacy.target_delta,
            unit=self.privacy.unit,
            num_units=len(self._unit_rows),
            mechanism=self.mechanism,
            mu=self._mu,
            arithmetic="grid",
        )

    @property
    def noisy_steps(self) -> tuple[NoisySteps, ...]:
        """One noisy sum of votes in every round."""
        return (NoisySteps(self._noise, 1.0, ROUNDS),)

    @torch.no_grad()
    def step(self) -> GanStep:
        """Simulates a batch of candidates; the last one of a round lets patients vote.

        There are no losses to report.
        """
        now, end = self.images_seen, (self.images_seen // self._in_a_round + 1) * self._in_a_round
        count = min(self.config.batch_size, end - now)
        labels = torch.arange(now, now + count, device=self.device) % len(CLASS_NAMES)
        normal = torch.randn(count, self.config.latent_dim, generator=self._rng).to(self.device)
        latents = self.generator.coarse_structure(normal, labels)
        images = self.generator.simulate(latents, self._draw_noise(count))
        self._round.add(now % self._in_a_round, latents, labels, self._describe(images))
        self.images_seen = now + count
        is_last_round_over = now >= ROUNDS * self._in_a_round
        if self.images_seen == end and not is_last_round_over:
            self._vote()
        return GanStep(self.images_seen, 0.0, 0.0)

    def _vote(self) -> None:
        """Releases noisy votes, and moves the simulator's parameters by them."""
        votes = self._round.votes(self._described_masses(), self._labels)  # (N, C)
        released = noisy_sum(
            unit_means(votes, self._unit_rows), _VOTES**-0.5, self._noise, self._secret
        )
        least = _THRESHOLD * self._noise * _VOTES**-0.5
        weights = (released - least).clamp(min=0)
        centre, spread = _normal(self._round.latents, self._round.labels, weights)
        self.generator.centre.copy_(centre)
        self.generator.spread.copy_(spread.expand_as(self.generator.spread))
        self.averaged.load_state_dict(self.generator.state_dict())

    def _described_masses(self) -> Tensor:
        parts = self._images.split(_AT_ONCE)
        return torch.cat([self._describe(from_uint8(part)) for part in parts])

    def _describe(self, images: Tensor) -> Tensor:
        """Computes means and deviations of the public network's maps: (N, 1, H, W) -> (N, D)."""
        with self._mixed_precision():
            maps = self._network.forward_intermediates(
                images.expand(-1, 3, -1, -1), intermediates_only=True
            )
        pooled = [
            (part.float().mean(dim=(2, 3)), part.float().std(dim=(2, 3), correction=0))
            for part in maps
        ]
        return torch.cat([numbers for pair in pooled for numbers in pair], dim=1)

    def _parts(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        return {"generator": self.generator, "averaged": self.averaged, "round": self._round}


class _Round(nn.Module):
    """The candidates of a round, all public: latents (C, P), labels (C,) and features (C, D)."""

    latents: Tensor
    labels: Tensor
    features: Tensor

    def __init__(self, candidates: int, latent_dim: int) -> None:
        super().__init__()
        self.register_buffer("latents", torch.zeros(candidates, latent_dim))
        self.register_buffer("labels", torch.zeros(candidates, dtype=torch.long))
        self.register_buffer("features", torch.zeros(candidates, 0))

    def add(self, start: int, latents: Tensor, labels: Tensor, features: Tensor) -> None:
        """Keeps candidates from a row on."""
        if not self.features.shape[1]:
            self.features = features.new_zeros(len(self.labels), features.shape[1])
        rows = slice(start, start + len(labels))
        self.latents[rows], self.labels[rows], self.features[rows] = latents, labels, features

    def votes(self, described: Tensor, labels: Tensor) -> Tensor:
        """Computes the votes of real masses (N, D) of classes (N,): (N, C), a row's norm is the root of 1 / votes.

        Scale and principal directions are those of the candidates, so that a mass' vote depends on no other mass.
        """
        mean, deviation = self.features.mean(dim=0), self.features.std(dim=0) + 1e-6
        own, theirs = ((part - mean) / deviation for part in (self.features, described))
        directions = torch.linalg.svd(own, full_matrices=False).Vh[:_DIMENSIONS].T  # (D, K)
        apart = torch.cdist(theirs @ directions, own @ directions)  # (N, C)
        apart = torch.where(labels[:, None] == self.labels, apart, torch.inf)
        nearest = apart.topk(_VOTES, dim=1, largest=False).indices  # (N, votes)
        return torch.zeros_like(apart).scatter_(1, nearest, 1 / _VOTES)

    def _load_from_state_dict(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, state_dict: dict[str, Tensor], prefix: str, *more: Any
    ) -> None:
        features = state_dict.get(prefix + "features")
        if features is not None:  # as many as the network has, which is not known before
            self.features = torch.zeros_like(features).to(self.latents.device)
        super()._load_from_state_dict(state_dict, prefix, *more)  # pyright: ignore[reportUnknownMemberType]


def _normal(latents: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Fits normal distributions to weighted latents (C, P) of classes (C,): means (classes, P), and what they share.

    Returns:
        Means, and the symmetric root of the covariance within classes, (P, P). A class without any weight left counts with
        all its candidates.
    """
    share = weights.to(latents)
    for label in CLASS_NAMES:
        own = labels == label
        share[own] = share[own] if share[own].sum() > 0 else 1.0
        share[own] /= share[own].sum()
    centre = torch.stack(
        [share[labels == label] @ latents[labels == label] for label in sorted(CLASS_NAMES)]
    )
    apart = latents - centre[labels]
    covariance = (share[:, None] * apart).T @ apart / len(CLASS_NAMES)
    variances, axes = torch.linalg.eigh(covariance)
    return centre, axes * variances.clamp(min=_LEAST_SPREAD**2).sqrt() @ axes.T
