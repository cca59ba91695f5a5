"""One private step of a whole network: ours, Opacus' hooks, and the same step without privacy.

All three train the same classifier on the same batch with AdamW; one mass is a unit. Opacus keeps a gradient per
mass; ours never forms one.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from opacus import GradSampleModule
from opacus.optimizers import DPOptimizer
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.measuring import (
    Spread,
    in_own_process,
    peak_memory_mb,
    ratios,
    seconds_of,
    spread_of,
    start_of_peak_memory_mb,
    take_turns,
)
from benchmarks.report import Figure, Ratio, Report
from mammo_core.classifiers.networks.building import build_classifier
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import BackboneConfig
from mammo_core.privacy.heads.opacus import quiet_hooks
from mammo_core.privacy.networks.unit_gradients import UnitGradients
from mammo_core.privacy.noise.grid import add_noise
from mammo_core.privacy.noise.optimizer import NoisyOptimizer
from mammo_core.privacy.noise.sources import SecretNoise

# ours for any network, Opacus' only where its layers see one row an input
_WAYS, _WITHOUT_OPACUS = ("ours", "opacus", "not private"), ("ours", "not private")
_RATE = 1e-4


@dataclass(frozen=True)
class Case:
    """One network to train.

    Attributes:
        ways: Some of "ours", "opacus" and "not private".
    """

    network: str
    image_size_px: int
    batch: int
    precision: str = "float32"
    ways: tuple[str, ...] = _WAYS

    @property
    def autocast(self) -> torch.dtype | None:
        """What the passes compute in, if not in float32."""
        return torch.bfloat16 if self.precision == "bfloat16" else None

    def __str__(self) -> str:
        return f"{self.network}, {self.image_size_px} px, batch {self.batch}, {self.precision}"


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        cpu, cuda: What to train on either.
        steps: In a round.
    """

    cpu: tuple[Case, ...]
    cuda: tuple[Case, ...]
    steps: int
    rounds: int


_ON_GPU = tuple(
    Case(network, 224, 128, precision, ways)
    for precision in ("float32", "bfloat16")
    for network, ways in (
        ("tf_efficientnet_lite0", _WAYS),
        ("convnext_tiny", _WAYS),
        ("vit_small_patch16_224", _WAYS),
        ("swin_tiny_patch4_window7_224", _WITHOUT_OPACUS),
    )
)
FULL = Sizes(
    cpu=(
        Case("tf_efficientnet_lite0", 128, 16),
        Case("vit_tiny_patch16_224", 224, 8),
        Case("swin_tiny_patch4_window7_224", 224, 4, ways=_WITHOUT_OPACUS),
    ),
    cuda=_ON_GPU,
    steps=1,
    rounds=5,
)
QUICK = replace(FULL, cpu=(Case("tf_efficientnet_lite0", 64, 8),), cuda=_ON_GPU[:1], rounds=3)


def measure(sizes: Sizes, device: torch.device) -> Report:
    """Times the ways of each case in turns; memory is that of one step in a process of its own."""
    found_ratios, figures = [], []
    for case in sizes.cuda if device.type == "cuda" else sizes.cpu:
        steps = {way: make_step(case, way, device) for way in case.ways}
        seconds = take_turns(
            {way: partial(_repeat, step, sizes.steps) for way, step in steps.items()},
            rounds=sizes.rounds,
        )
        del steps  # whose memory is not the next case's
        memory = {way: _memory_mb(case, way, device) for way in case.ways}
        found_ratios += _ratios(case, seconds, memory)
        for way in case.ways:
            rate = [sizes.steps * case.batch / second for second in seconds[way]]
            figures.append(Figure(f"{case}: {way}", spread_of(rate), "masses/s"))
            figures.append(Figure(f"{case}: {way}, memory of a step", memory[way], "MB"))
        trained = _trained(_network(case).to(device))
        drawing = [seconds_of(partial(_draw_noise, trained)) for _ in range(3)]
        figures.append(
            Figure(f"{case}: drawing our noise, a part of our step", spread_of(drawing), "s")
        )
    return Report(
        name="network_step",
        question="How much does privacy cost when a whole network is trained?",
        ratios=tuple(found_ratios),
        figures=tuple(figures),
        notes=(
            "A step is forward, backward, clipping per mass, noise and AdamW. Its inputs are on the device already.",
            "All ways train the same parameters of the same network. Batch normalisation is replaced by GroupNorm, which "
            "Opacus can differentiate per mass. Activations work on copies, which Opacus needs. Raw parameters that "
            "belong to no layer are frozen.",
            "Opacus' hooks cannot train Swin's windows, because a layer sees 64 rows or more for each input. So for Swin, "
            "ours is compared only with the step without privacy.",
            "Our noise is secret. It is drawn on the processor from the operating system's generator, and added and rounded "
            "to a grid there. Opacus' noise is drawn on the device from "
            "a seed.",
            "Memory is what a step adds, at its peak, to that of the network, its inputs and its libraries.",
        ),
    )


def _ratios(case: Case, seconds: dict[str, list[float]], memory: dict[str, Spread]) -> list[Ratio]:
    found = []
    if "opacus" in case.ways:
        saved = memory["opacus"].times(1 / max(1.0, memory["ours"].median))
        found = [
            Ratio(f"{case}: our rate over Opacus'", ratios(seconds["opacus"], seconds["ours"])),
            Ratio(f"{case}: Opacus' memory over ours", saved),
        ]
    return [
        *found,
        Ratio(
            f"{case}: our rate over that without privacy",
            ratios(seconds["not private"], seconds["ours"]),
        ),
    ]


def _repeat(step: Callable[[], None], count: int) -> None:
    for _ in range(count):
        step()


def make_step(case: Case, way: str, device: torch.device) -> Callable[[], None]:
    """One step of a way, to be called again and again."""
    network = copy.deepcopy(_network(case)).to(device).train()
    rng = torch.Generator().manual_seed(0)
    side = case.image_size_px
    inputs = torch.randn(case.batch, 3, side, side, generator=rng).to(device)
    labels = (torch.arange(case.batch, device=device) % 2).float()
    trained = _trained(network)
    optimizer = torch.optim.AdamW(trained, lr=_RATE)
    if way == "ours":
        noisy = NoisyOptimizer(
            optimizer,
            noise_multiplier=1.0,
            max_grad_norm=1.0,
            expected_units=case.batch,
            noise=SecretNoise(),
        )
        gradients = UnitGradients(network, max_grad_norm=1.0, autocast=case.autocast)
        return partial(_our_step, network, gradients, noisy, inputs, labels)
    if way == "opacus":
        network = GradSampleModule(network)
        optimizer = DPOptimizer(
            optimizer, noise_multiplier=1.0, max_grad_norm=1.0, expected_batch_size=case.batch
        )
    return partial(_plain_step, network, optimizer, inputs, labels, case)


def _trained(network: nn.Module) -> list[nn.Parameter]:
    return [one for one in network.parameters() if one.requires_grad]


def _draw_noise(trained: list[nn.Parameter]) -> None:
    """All noise of a step, as ours draws it; Opacus draws on the device, from a generator with a short seed."""
    noise = SecretNoise()
    for one in trained:
        add_noise(torch.zeros_like(one), 1.0, noise).to(one)


def _network(case: Case) -> nn.Module:
    backbone = BackboneConfig(
        name=case.network, weights="random", image_size_px=case.image_size_px, views=1
    )
    network = build_classifier(backbone, NetworkRecipe(batch_norm="group"), seed=0).network
    for module in network.modules():
        if hasattr(module, "inplace"):  # Opacus' hooks forbid it
            module.inplace = False
    return network


def _our_step(
    network: nn.Module,
    gradients: UnitGradients,
    optimizer: NoisyOptimizer,
    inputs: Tensor,
    labels: Tensor,
) -> None:
    """What `train_network` does in a step in which all take part, at once."""
    gradients.add(lambda: _losses(labels, network(inputs)))
    optimizer.set_gradients(gradients.take())
    optimizer.original_optimizer.step()
    optimizer.zero_grad()


def _losses(labels: Tensor, outputs: Tensor) -> Tensor:
    """(N, 1) -> (N,)."""
    return binary_cross_entropy_with_logits(outputs[:, 0].float(), labels, reduction="none")


def _plain_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    inputs: Tensor,
    labels: Tensor,
    case: Case,
) -> None:
    """Without privacy, or with it where network and optimizer are Opacus'."""
    optimizer.zero_grad()
    with torch.autocast(inputs.device.type, case.autocast, enabled=case.autocast is not None):
        outputs = network(inputs)
    with quiet_hooks(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "grad and param do not obey", UserWarning)
        _losses(labels, outputs).mean().backward()
    optimizer.step()


def _memory_mb(case: Case, way: str, device: torch.device) -> Spread:
    if device.type == "cuda":
        step = make_step(case, way, device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        step()
        used = (torch.cuda.max_memory_allocated(device) - before) / 2**20
    else:
        values = {"network": case.network, "image_size_px": case.image_size_px}
        used = in_own_process(
            memory_of_a_step, **values, batch=case.batch, precision=case.precision, way=way
        )["mb"]
    return Spread(used, used, used)


def memory_of_a_step(way: str, **case: Any) -> dict[str, float]:
    """What one step on the processor adds, at its peak, to this process's memory, in MB."""
    step = make_step(Case(**case), way, torch.device("cpu"))
    before = start_of_peak_memory_mb() or float("nan")
    step()
    return {"mb": (peak_memory_mb() or float("nan")) - before}
