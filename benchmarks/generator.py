"""Our generator against the paper's, as `mammo_core.synthesis.mcgan` rebuilds it: drawing masses, and a step of training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from benchmarks.measuring import ratios, spread_of, take_turns
from benchmarks.report import Figure, Ratio, Report
from mammo_core.classifiers.backbones import build_network
from mammo_core.config.runs import BackboneConfig
from mammo_core.synthesis.cascade_training import CascadeTrainer
from mammo_core.synthesis.config import DEFAULTS, GanConfig
from mammo_core.synthesis.mcgan_training import McganTrainer
from mammo_core.synthesis.sampling import build_generator, sample_masses, to_uint8

_MADE = 256  # masses to train on


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        masses: Drawn in a round.
        steps: Of training in a round.
        cascade, mcgan: The generators.
    """

    masses: int
    steps: int
    rounds: int
    cascade: GanConfig = DEFAULTS["cascade"]
    mcgan: GanConfig = DEFAULTS["mcgan"]


FULL = Sizes(masses=64, steps=4, rounds=5)
QUICK = replace(FULL, masses=16, steps=1, rounds=3)


def measure(sizes: Sizes, device: torch.device) -> Report:
    """Times drawing and training of both, in turns."""
    ours, theirs = (
        build_generator(config).to(device).eval().requires_grad_(False)
        for config in (sizes.cascade, sizes.mcgan)
    )
    labels, seeds = [row % 2 for row in range(sizes.masses)], range(sizes.masses)
    drawing = take_turns(
        {
            "ours": lambda: sample_masses(ours, labels, seeds),
            "theirs": lambda: sample_masses(theirs, labels, seeds),
            "theirs at once": lambda: _draw_at_once(theirs, labels, device),
        },
        rounds=sizes.rounds,
    )
    our_training, their_training = _trainers(sizes, device)
    training = take_turns(
        {
            "ours": lambda: [our_training.step() for _ in range(sizes.steps)],
            "theirs": lambda: [their_training.step() for _ in range(sizes.steps)],
        },
        rounds=sizes.rounds,
    )
    drawn = {
        way: spread_of([sizes.masses / second for second in own]) for way, own in drawing.items()
    }
    shown = {
        "ours": sizes.steps * sizes.cascade.batch_size,
        "theirs": sizes.steps * sizes.mcgan.batch_size,
    }
    rates = {way: [shown[way] / second for second in own] for way, own in training.items()}
    side = sizes.cascade.image_size_px
    return Report(
        name="generator",
        question=f"How fast are masses of {side}×{side} px drawn, and generators trained?",
        ratios=(
            Ratio(
                "drawing: our rate over the paper's, each mass for itself and repeatable by its seed",
                ratios(drawing["theirs"], drawing["ours"]),
            ),
            Ratio(
                "drawing: our rate, each mass for itself, over the paper's all at once",
                ratios(drawing["theirs at once"], drawing["ours"]),
            ),
            Ratio(
                "training: our masses a second over the paper's",
                ratios(rates["ours"], rates["theirs"]),
            ),
        ),
        figures=(
            Figure("`cascade` draws", drawn["ours"], "masses/s"),
            Figure("the paper's draws, each mass for itself", drawn["theirs"], "masses/s"),
            Figure("the paper's draws, all at once", drawn["theirs at once"], "masses/s"),
            Figure("`cascade` is trained with", spread_of(rates["ours"]), "masses/s"),
            Figure("the paper's is trained with", spread_of(rates["theirs"]), "masses/s"),
        ),
        notes=(
            f"`cascade` has {_millions(ours)} million weights and steps on {sizes.cascade.batch_size} masses at once. The "
            f"paper's has {_millions(theirs)} million and steps on {sizes.mcgan.batch_size}, as its authors chose. Both "
            "compute in bfloat16 where the processor multiplies in it.",
            "Weights are random, because times do not depend on them.",
            "How good the masses are: see docs/reference/generators.md.",
        ),
    )


def _trainers(sizes: Sizes, device: torch.device) -> tuple[CascadeTrainer, McganTrainer]:
    side = sizes.cascade.image_size_px
    images = torch.from_numpy(
        np.random.default_rng(0).integers(0, 256, (_MADE, side, side), np.uint8)
    )
    labels = torch.arange(_MADE) % 2
    network = build_network(BackboneConfig())
    return (
        CascadeTrainer(sizes.cascade, images, labels, device, network),
        McganTrainer(sizes.mcgan, images, labels, device),
    )


@torch.inference_mode()
def _draw_at_once(generator: nn.Module, labels: list[int], device: torch.device) -> torch.Tensor:
    """As the reference draws: one batch from one stream of random numbers."""
    latents = torch.randn(len(labels), generator.latent_dim).to(device)
    return to_uint8(generator(latents, torch.tensor(labels, device=device))).cpu()


def _millions(network: nn.Module) -> str:
    return f"{sum(weights.numel() for weights in network.parameters()) / 1e6:.1f}"
