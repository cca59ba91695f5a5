"""`fine-tune`: one run that trains the network itself, or a part of it, on images."""

from __future__ import annotations

import argparse
import math
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mammo_core.config.network_recipe import PRECISIONS, TRAINED_PARTS
from mammo_core.config.runs import BackboneConfig
from mammo_core.privacy.statements.words import summary

if TYPE_CHECKING:
    import torch

    from mammo_core.config.network_recipe import NetworkRecipe
    from mammo_core.config.runs import RunConfig
    from mammo_core.training.networks.loop import NetworkProgress
    from mammo_core.training.networks.plan import NetworkRun

_INTERRUPTED = 130
_DECIDED_BY_PRESET = (
    "strategy",
    "epsilon",
    "unit",
    "delta",
    "views",
    "trained_part",
    "stages",
    "steps",
    "sample_rate",
    "learning_rate",
    "train_views",
    "pretraining_steps",
    "precision",
)


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `fine-tune`."""
    from mammo_core.cli.options import add_backbone_options, add_data_options, add_run_options

    parser = commands.add_parser(
        "fine-tune",
        help="train the network itself privately, on images (slow)",
        description="Trains a network, its adapters or its head on images by DP-SGD, within the privacy budget. "
        "Tests it on every site and says what the budget guarantees. After an interruption, the same command resumes "
        "from the last checkpoint. This takes hours. `train` trains a head on cached features in minutes.",
    )
    add_data_options(parser)
    add_backbone_options(parser, "network, where its training starts", default=BackboneConfig())
    group = parser.add_argument_group("training and privacy")
    group.add_argument(
        "--preset",
        metavar="NAME",
        help="an experiment of the paper, for example dbr1: it decides strategy, ε, unit and recipe; see docs/reference/paper-experiments.md",
    )
    add_run_options(group, default_strategy="real")
    _add_recipe_options(parser)
    machine = parser.add_argument_group("this computer (changes the time only)")
    machine.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="auto: a GPU if there is one; default: %(default)s",
    )
    machine.add_argument(
        "--micro-batch",
        type=int,
        metavar="N",
        help="units computed at once; default: as many as fit into memory",
    )
    usual = {name: parser.get_default(name) for name in _DECIDED_BY_PRESET}
    parser.set_defaults(run=run_fine_tune, decided_by_preset=usual)


def _add_recipe_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("recipe (defaults: see mammo_core/config/recipes.py)")
    group.add_argument(
        "--trained-part",
        choices=TRAINED_PARTS,
        default="network",
        help="network: all of it, or its last stages; adapters: low-rank updates and the head; head: the backbone is "
        "frozen. Default: %(default)s",
    )
    group.add_argument(
        "--stages", type=int, metavar="N", help="of network: train the last N stages and the head"
    )
    group.add_argument("--steps", type=int, metavar="N", help="private gradient steps")
    group.add_argument(
        "--sample-rate",
        type=float,
        metavar="SHARE",
        help="chance of each unit to take part in a step; 1: all do",
    )
    group.add_argument("--learning-rate", type=float, metavar="RATE", help="of the private steps")
    group.add_argument(
        "--train-views",
        type=int,
        metavar="N",
        help="random flips and turns of each mass in a step, averaged before clipping",
    )
    group.add_argument(
        "--pretraining-steps",
        type=int,
        metavar="N",
        help="of the strategy pretrain: plain steps on synthetic masses before",
    )
    group.add_argument("--precision", choices=PRECISIONS, help="of forward and backward passes")


def run_fine_tune(options: argparse.Namespace) -> int:
    """Trains, records and prints one run."""
    from mammo_core.cli.options import data_from, ledger_from
    from mammo_core.cli.outcome import print_outcome
    from mammo_core.cli.preset import preset_config, print_preset, require_only_preset
    from mammo_core.cli.progress import progress_bar
    from mammo_core.results.recording import RunRecorder
    from mammo_core.system.device import choose_device, device_name
    from mammo_core.system.paths import home_dir
    from mammo_core.training.dataset import run_dataset
    from mammo_core.training.networks.execute import RunCallbacks, execute
    from mammo_core.training.networks.loop import TrainingStopped
    from mammo_core.training.paper.presets import is_on_features, paper_preset

    device = choose_device(options.device)
    preset = paper_preset(options.preset) if options.preset else None
    if preset is not None:
        require_only_preset(options)
    config = _config(options) if preset is None else preset.config
    data = run_dataset(data_from(options), site=options.site)
    print(f"On {device_name(device)}.")
    if preset is not None:
        config = preset_config(preset, options, data)
        print_preset(preset, config)

    def announce(run: NetworkRun) -> None:
        _print_plan(run)
        _print_time(run, device)

    with progress_bar("features", "masses") as on_features, _stop_asked() as should_stop:
        try:
            run = execute(
                config,
                data,
                ledger=ledger_from(options, "fine-tune"),
                home=home_dir(),
                device=device,
                micro_batch=options.micro_batch,
                callbacks=RunCallbacks(
                    on_features=on_features,
                    on_prepared=announce,
                    on_progress=_Lines().show,
                    should_stop=should_stop,
                ),
            )
        except TrainingStopped as stopped:
            print(f"Stopped. {stopped}", file=sys.stderr)
            return _INTERRUPTED
    run_id = RunRecorder(home_dir()).record(run, origin="fine-tune")
    if run.network is None and not is_on_features(config):
        print("The network's weights are too large to be kept with the run.")
    print(f"Kept: the weights after step {run.kept_step} of {config.recipe.steps}.")
    print_outcome(run, run_id)
    return 0


def _config(options: argparse.Namespace) -> RunConfig:
    from mammo_core.cli.options import backbone_from
    from mammo_core.config.runs import PrivacyConfig, RunConfig

    return RunConfig(
        strategy=options.strategy,
        privacy=PrivacyConfig(
            target_epsilon=options.epsilon,
            target_delta=options.delta,
            unit=options.unit,
            noise=options.noise,
        ),
        recipe=_recipe(options),
        backbone=backbone_from(options),
        seed=options.seed,
    )


def _recipe(options: argparse.Namespace) -> NetworkRecipe:
    """The usual one with what was asked for otherwise."""
    from dataclasses import replace

    from mammo_core.config.recipes import network_recipe

    changes = {
        "trained_stages": options.stages,
        "steps": options.steps,
        "sample_rate": options.sample_rate,
        "learning_rate": options.learning_rate,
        "views": options.train_views,
        "pretraining_steps": options.pretraining_steps,
        "precision": options.precision,
    }
    asked = {name: value for name, value in changes.items() if value is not None}
    return replace(network_recipe(options.strategy, options.trained_part), **asked)


def _print_plan(run: NetworkRun) -> None:
    name = run.config.backbone.name
    print(f"{name}: {run.num_weights:,} weights are trained; {'; '.join(run.classifier.changes)}.")
    recipe = run.recipe
    sampling = (
        f"each of {run.statement.num_units} {run.config.privacy.unit}s sampled with chance "
        f"{recipe.sample_rate:.4g}"
        if recipe.is_sampled
        else f"all {run.statement.num_units} {run.config.privacy.unit}s in every step"
    )
    noise = f"noise multiplier {run.noise_multiplier:.4g}" if run.noise_multiplier else "no noise"
    print(f"{recipe.steps} steps, {sampling}; {noise}, clipping norm {recipe.max_grad_norm:g}.")
    print(summary(run.statement), flush=True)


def _print_time(run: NetworkRun, device: torch.device) -> None:
    from mammo_core.text.numbers import duration
    from mammo_core.training.networks.timing import measure_step_time, time_of_run

    measured = measure_step_time(run.config, device)
    time = time_of_run(run.config, run.data.training_data, measured)
    print(
        f"Expected to take about {duration(time.total_seconds)} on {measured.device}, from steps measured on a few made-up "
        "images; scoring masses comes on top. Ctrl-C stops it and keeps a checkpoint.",
        flush=True,
    )


class _Lines:
    """A line per step, with ε so far and the time left."""

    def __init__(self) -> None:
        self._seconds: list[float] = []
        self._phase = ""

    def show(self, progress: NetworkProgress) -> None:
        """Prints where the run is."""
        from mammo_core.text.numbers import duration

        if progress.phase != self._phase:
            self._phase, self._seconds = progress.phase, []
        self._seconds.append(progress.seconds_each)
        each = sum(self._seconds) / len(self._seconds)
        parts = [f"{progress.phase} step {progress.step}/{progress.steps}"]
        if not math.isnan(progress.loss):
            parts.append(f"loss {progress.loss:.4f}")
        if progress.epsilon is not None and not math.isinf(progress.epsilon):
            parts.append(f"ε so far {progress.epsilon:.4g}")
        if progress.validation_auroc is not None:
            parts.append(f"validation AUROC {progress.validation_auroc:.3f}")
        parts.append(f"{each:.2g} s per step")
        parts.append(f"about {duration(each * (progress.steps - progress.step))} left")
        print("; ".join(parts) + f". {progress.message}".rstrip(), flush=True)


@contextmanager
def _stop_asked() -> Iterator[Callable[[], bool]]:
    """Turns the first Ctrl-C into a wish to stop, with a checkpoint of the last whole step; the second ends at once."""
    asked = False

    def note(*_: object) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, before)
        print(
            "Stopping, and keeping the steps that are done. Press Ctrl-C again to stop at once.",
            file=sys.stderr,
        )

    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
