"""A full curve of AUROC against ε: ours, and training every point by itself with plain Opacus.

The reference's way is that of the paper's public code: the frozen network runs on every batch of every epoch, a
data loader draws Poisson batches of 128, Opacus' hooks make the head's gradients per mass, for 300 epochs. Nobody
waits for that here: some of its steps are timed and multiplied. What it would do besides (decoding and
resizing images, looking at validation masses after every epoch, pretraining, testing) is left out, in its favour.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from opacus import PrivacyEngine
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from benchmarks import simulated
from benchmarks.measuring import Spread, ratios, spread_of, take_turns
from benchmarks.report import Figure, Ratio, Report
from mammo_core.classifiers.backbones import Backbone, load_backbone
from mammo_core.classifiers.features import compute_features
from mammo_core.config.runs import PAPER_DELTA, BackboneConfig, Strategy
from mammo_core.privacy.heads.opacus import quiet_hooks
from mammo_core.training.heads.feature_dataset import FeatureDataset
from mammo_core.training.heads.sweep import SweepPlan, run_plan

EPOCHS, BATCH = 300, 128  # of the paper
_STRATEGIES: tuple[Strategy, ...] = ("real", "real+synthetic", "pretrain")
_TARGET = 1000
_LITE0 = BackboneConfig()
_SWIN = BackboneConfig(name="swin_tiny_patch4_window7_224", weights="random")


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        train, synthetic, tests: Masses.
        epsilons, seeds: Of the curve, with three strategies.
        head_steps: Of plain Opacus on cached features in a round.
        feature_masses: Whose features are computed in a round.
        networks: The frozen networks; the first is ours, others are timed once.
    """

    train: int
    synthetic: int
    tests: dict[str, int]
    epsilons: tuple[float, ...]
    seeds: tuple[int, ...]
    rounds: int
    batch: int
    head_steps: int
    feature_masses: int
    networks: tuple[BackboneConfig, ...]


FULL = Sizes(
    train=simulated.TRAIN,
    synthetic=simulated.SYNTHETIC,
    tests=simulated.TESTS,
    epsilons=(1.0, 6.0, 12.0, 20.0, 60.0, math.inf),
    seeds=(42, 43, 44),
    rounds=3,
    batch=BATCH,
    head_steps=50,
    feature_masses=16,
    networks=(_LITE0, _SWIN),
)
QUICK = replace(
    FULL, seeds=(42,), rounds=1, batch=32, head_steps=20, feature_masses=4, networks=(_LITE0,)
)


def measure(sizes: Sizes, device: torch.device) -> Report:
    """Times our curve, steps of the reference's way, and features, in turns."""
    dataset = simulated.workbench(sizes.train, synthetic=sizes.synthetic, tests=sizes.tests)
    plan = _plan(sizes)
    images = np.random.default_rng(0).integers(0, 256, (sizes.feature_masses, 128, 128), np.uint8)
    backbone = load_backbone(sizes.networks[0], device)
    in_loop = ReferenceWay.with_network(backbone, sizes, device)
    on_features = ReferenceWay.on_features(dataset.train_features, sizes)
    seconds = take_turns(
        {
            "ours": partial(_our_curve, dataset, plan),
            "in loop": in_loop.step,
            "on features": lambda: [on_features.step() for _ in range(sizes.head_steps)],
            "same updates": partial(_opacus_runs, dataset, plan),
            "features": lambda: compute_features(images, backbone, sizes.networks[0]),
        },
        rounds=sizes.rounds,
    )
    trained = plan.num_runs
    masses = sizes.train + sizes.synthetic + sum(sizes.tests.values())
    ours = seconds["ours"]
    features = [second / sizes.feature_masses * masses for second in seconds["features"]]
    both = [curve + once for curve, once in zip(ours, features, strict=True)]
    steps = _steps_of_the_curve(sizes)
    loop = [second * steps for second in seconds["in loop"]]
    head = [second / sizes.head_steps * steps for second in seconds["on features"]]
    same = [second * trained / len(plan.strategies) for second in seconds["same updates"]]
    network = sizes.networks[0].name
    others = [
        _other_network(config, sizes, images, masses, ours, device) for config in sizes.networks[1:]
    ]
    return Report(
        name="curve",
        question=f"How long does a curve of {trained} runs take (three strategies, {len(plan.epsilons)} ε, "
        f"{len(plan.seeds)} seeds; {sizes.train} training masses)?",
        ratios=(
            Ratio(
                f"plain Opacus with the frozen {network} in the loop, against ours on cached features",
                ratios(loop, ours),
                _TARGET,
            ),
            Ratio(
                "the same, with ours computing the features of all masses first",
                ratios(loop, both),
                _TARGET,
            ),
            Ratio("plain Opacus on cached features, against ours on the same", ratios(head, ours)),
            Ratio(
                "Opacus making our very updates run by run, against ours",
                ratios(same, ours),
            ),
            *(ratio for ratio, _ in others),
        ),
        figures=(
            Figure(
                "our curve, features cached: projecting, training, testing with intervals",
                spread_of(ours),
                "s",
            ),
            Figure(
                f"features of {masses} masses in eight views, {network}, extrapolated",
                spread_of(features),
                "s",
            ),
            Figure("the reference's way, extrapolated", spread_of(loop).times(1 / 3600), "hours"),
            Figure("plain Opacus on cached features, extrapolated", spread_of(head), "s"),
            Figure("Opacus making our updates, and testing, extrapolated", spread_of(same), "s"),
            *(figure for _, figure in others),
        ),
        notes=(
            f"Extrapolated: one step of about {sizes.batch} masses is timed in every round and counted as if it were "
            f"{BATCH}. A run takes {EPOCHS} epochs of the {sizes.train} real masses; in `real+synthetic`, of real and "
            f"synthetic ones together ({sizes.train + sizes.synthetic}). Runs without privacy are counted alike.",
            "Left out, in the reference's favour: decoding and resizing, validation after every epoch, pre-training, "
            "testing.",
            f"We run the network {_times_fewer_passes(sizes, masses):.0f} times less often: once for every mass and "
            "view. The rest of the second ratio is what the reference's step costs besides, and our smaller batches.",
            "Ours is complete: projection, every run's training, and the scores of two test sets with 1000 bootstrap "
            "resamples each. It trains another head by other steps: 100 full batches, where the reference needs 300 "
            "epochs. The third ratio is for the same features, the fourth for the same updates.",
            "Features and masses are simulated, because times do not depend on their values. Networks other than "
            f"{network} are timed once, without a spread, with random weights.",
        ),
    )


def _steps_of_the_curve(sizes: Sizes) -> float:
    """How many timed steps the reference's whole curve is worth; timed batches may be smaller than its own."""
    trained_on = {name: sizes.train for name in _STRATEGIES}
    trained_on["real+synthetic"] += sizes.synthetic
    of_each = sum(EPOCHS * math.ceil(masses / BATCH) for masses in trained_on.values())
    return of_each * len(sizes.epsilons) * len(sizes.seeds) * BATCH / sizes.batch


def _times_fewer_passes(sizes: Sizes, masses: int) -> float:
    return _steps_of_the_curve(sizes) * sizes.batch / (masses * _LITE0.views)


def _plan(sizes: Sizes) -> SweepPlan:
    return SweepPlan(
        strategies=_STRATEGIES,
        units=("image",),
        epsilons=sizes.epsilons,
        seeds=sizes.seeds,
        delta=PAPER_DELTA,
        backbone=_LITE0,
    )


def _our_curve(dataset: FeatureDataset, plan: SweepPlan) -> None:
    fresh = replace(dataset, _prepared={})  # vectors are part of the work
    results = list(run_plan(fresh, plan.configs(), ledger=simulated.NoLedger()))
    if len(results) != plan.num_runs:
        raise RuntimeError(f"expected {plan.num_runs} results; got {len(results)}")


def _opacus_runs(dataset: FeatureDataset, plan: SweepPlan) -> None:
    """The first run of every strategy by our recipe, its updates made by Opacus."""
    firsts = {config.strategy: config for config in reversed(plan.configs())}
    list(run_plan(dataset, list(firsts.values()), ledger=simulated.NoLedger(), backend="opacus"))


class _FewInputs(Dataset):
    """As many masses as asked for, by few that are ready as network inputs."""

    def __init__(self, inputs: Tensor, count: int) -> None:
        self._inputs, self._count = inputs, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self._inputs[row % len(self._inputs)], row % 2


class _FrozenWithHead(nn.Module):
    """A frozen network in eval mode below a trained head, as the paper's."""

    def __init__(self, backbone: Backbone, features: int) -> None:
        super().__init__()
        self.backbone = backbone.network.requires_grad_(False)
        self._extract = backbone.extract
        self.head = nn.Sequential(
            nn.Linear(features, features // 2), nn.LeakyReLU(0.2), nn.Linear(features // 2, 2)
        )

    def train(self, mode: bool = True) -> _FrozenWithHead:
        """Only the head changes: batch normalisation in training mode could not be private."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """(N, 3, S, S) to logits (N, 2)."""
        return self.head(self._extract(inputs).clone())


class ReferenceWay:
    """Private training of a head as Opacus' own tutorials do it; `step` is one batch."""

    def __init__(
        self, module: nn.Module, data: Dataset, sizes: Sizes, device: torch.device
    ) -> None:
        optimizer = torch.optim.AdamW(
            [one for one in module.parameters() if one.requires_grad], lr=1e-5, weight_decay=1e-8
        )
        self._device = device
        self._loss = nn.CrossEntropyLoss(label_smoothing=0.1)
        with warnings.catch_warnings():  # that its noise is not secret
            warnings.filterwarnings("ignore", "Secure RNG turned off", UserWarning)
            private = PrivacyEngine(accountant="rdp").make_private(
                module=module.to(device).train(),
                optimizer=optimizer,
                data_loader=DataLoader(data, batch_size=sizes.batch),
                noise_multiplier=1.0,
                max_grad_norm=1.0,
            )
        self._module, self._optimizer, self._loader = private
        self._batches: Iterator[list[Tensor]] = self._endless()

    @classmethod
    def with_network(cls, backbone: Backbone, sizes: Sizes, device: torch.device) -> ReferenceWay:
        """The frozen network in the loop."""
        inputs = torch.randn(8, 3, 224, 224)
        features = backbone.extract(inputs[:1].to(device)).shape[1]
        data = _FewInputs(inputs, sizes.train)
        return cls(_FrozenWithHead(backbone, features), data, sizes, device)

    @classmethod
    def on_features(cls, features: Tensor, sizes: Sizes) -> ReferenceWay:
        """A linear head on features of upright masses (N, V, D), which fit any memory."""
        upright = features[:, 0].float()
        data = TensorDataset(upright, torch.arange(len(upright)) % 2)
        return cls(nn.Linear(upright.shape[1], 2), data, sizes, torch.device("cpu"))

    def step(self) -> None:
        """Draws a batch, computes, clips, adds noise, steps."""
        inputs, labels = next(self._batches)
        self._optimizer.zero_grad()
        outputs = self._module(inputs.to(self._device))
        with quiet_hooks():
            self._loss(outputs, labels.to(self._device)).backward()
        self._optimizer.step()

    def _endless(self) -> Iterator[list[Tensor]]:
        while True:
            yield from self._loader


def _other_network(
    config: BackboneConfig,
    sizes: Sizes,
    images: np.ndarray,
    masses: int,
    ours: list[float],
    device: torch.device,
) -> tuple[Ratio, Figure]:
    """One batch with another frozen network, against our curve and the features by this network."""
    backbone = load_backbone(config, device)
    way = ReferenceWay.with_network(backbone, sizes, device)
    once: dict[str, Callable[[], object]] = {
        "step": way.step,
        "features": lambda: compute_features(images, backbone, config),
    }
    seconds = take_turns(once, rounds=1, warm_up=False)
    loop = seconds["step"][0] * _steps_of_the_curve(sizes)
    features = seconds["features"][0] / sizes.feature_masses * masses
    value = ratios([loop] * len(ours), [curve + features for curve in ours])
    return (
        Ratio(f"the same as the second with {config.name} as the network, one batch", value),
        Figure(
            f"the reference's way with {config.name}, extrapolated",
            Spread(loop, loop, loop).times(1 / 3600),
            "hours",
        ),
    )
