"""Every benchmark in its smallest form, so that none rots; what it measures then means nothing."""

import importlib
import json
import math
from dataclasses import replace

import pytest
import torch

from benchmarks import __main__ as command
from benchmarks.measuring import (
    Spread,
    growth_exponent,
    in_own_process,
    peak_memory_mb,
    ratios,
    start_of_peak_memory_mb,
    take_turns,
)
from benchmarks.report import Figure, Ratio, Report, as_page, with_circumstances
from mammo_core.config.runs import BackboneConfig
from mammo_core.synthesis.config import GanConfig

CPU = torch.device("cpu")
TINY_NETWORK = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32)


def tiny(name):
    """The benchmark's module and the smallest sizes that still go through all of it."""
    module = importlib.import_module(f"benchmarks.{name}")
    changes = {
        "curve": {
            "train": 48,
            "synthetic": 40,
            "tests": {"here": 40},
            "epsilons": (6.0, math.inf),
            "batch": 16,
            "head_steps": 2,
            "feature_masses": 2,
            "networks": (TINY_NETWORK, replace(TINY_NETWORK, name="test_vit", image_size_px=160)),
        },
        "network_step": {
            "cpu": tuple(
                module.Case("test_efficientnet", 32, 3, precision)
                for precision in ("float32", "bfloat16")
            )
        }
        if name == "network_step"
        else {},
        "features": {"masses": 2, "backbone": TINY_NETWORK},
        "generator": {
            "masses": 2,
            "cascade": GanConfig(image_size_px=16, latent_dim=6, width=2, batch_size=4),
            "mcgan": GanConfig(
                architecture="mcgan", image_size_px=16, latent_dim=6, width=4, batch_size=4
            ),
        },
        "growth": {
            "masses": (40, 80),
            "runs": (1, 2),
            "budgets": (2, 4),
            "features": 16,
            "views": 1,
        },
    }
    return module, replace(module.QUICK, rounds=1, **changes[name])


@pytest.fixture
def in_this_process(monkeypatch):
    """A fresh process loads PyTorch for seconds; how one is started has a test of its own."""
    for name in ("network_step", "growth"):
        module = importlib.import_module(f"benchmarks.{name}")
        monkeypatch.setattr(
            module, "in_own_process", lambda function, **arguments: function(**arguments)
        )


@pytest.mark.parametrize("name", command.NAMES)
def test_benchmark_measures_every_ratio_and_its_page_can_be_made(name, in_this_process):
    module, sizes = tiny(name)

    report = module.measure(sizes, CPU)
    result = json.loads(json.dumps(with_circumstances(report, CPU, busy=0.5, seconds=1.0)))

    assert report.name == name
    assert report.ratios
    assert all(math.isfinite(ratio.value.median) for ratio in report.ratios)
    rates = [figure for figure in report.figures if figure.unit != "MB"]
    assert all(figure.value.low > 0 for figure in rates)
    page = as_page([result])
    assert all(row.what in page for row in (*report.ratios, *report.figures))


def test_bare_loop_computes_the_same_features_as_ours():
    import numpy as np

    from benchmarks.features import bare_loop
    from mammo_core.classifiers.backbones import load_backbone
    from mammo_core.classifiers.features import compute_features

    images = np.random.default_rng(0).integers(0, 256, (1, 64, 64), np.uint8)
    backbone = load_backbone(TINY_NETWORK)

    bare = bare_loop(images, backbone, TINY_NETWORK, CPU)
    ours = torch.from_numpy(compute_features(images, backbone, TINY_NETWORK))[0]

    assert bare.shape == ours.shape
    mean, deviation = ours.float().mean(dim=0), ours.float().std(dim=0).max()
    torch.testing.assert_close(bare.mean(dim=0), mean, rtol=0, atol=0.05 * float(deviation))


def test_three_ways_of_a_network_step_change_the_same_parameters():
    from benchmarks import network_step

    case = network_step.Case("test_efficientnet", 32, 3)
    for way in case.ways:
        step = network_step.make_step(case, way, CPU)
        trained = [
            parameter
            for argument in step.args
            if isinstance(argument, torch.optim.Optimizer)
            for group in argument.param_groups
            for parameter in group["params"]
        ]
        before = [parameter.detach().clone() for parameter in trained]
        step()
        moved = sum(not torch.equal(one, other) for one, other in zip(before, trained, strict=True))
        assert moved == len(trained) > 10, way


def test_ways_take_turns_after_each_was_warmed_up():
    calls = []

    seconds = take_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=2)

    assert calls == ["a", "b"] * 3
    assert [len(own) for own in seconds.values()] == [2, 2]


def test_ratio_is_taken_within_each_round():
    assert ratios([2.0, 30.0, 8.0], [1.0, 10.0, 2.0]) == Spread(3.0, 2.0, 4.0)


def test_growth_with_the_square_has_slope_two():
    assert growth_exponent([1, 2, 4], [5, 20, 80]) == 2


def test_own_process_returns_what_the_function_does():
    assert in_own_process(growth_exponent, sizes=[1, 2], values=[3, 6]) == 1


def test_failure_of_an_own_process_is_told_with_what_it_said():
    with pytest.raises(RuntimeError, match="(?s)failed in a process of its own.*math domain"):
        in_own_process(growth_exponent, sizes=[0, 1], values=[1, 1])


def test_peak_memory_sees_what_was_held_and_let_go():
    before = start_of_peak_memory_mb()
    if before is None:
        pytest.skip("this system does not tell")
    held = torch.ones(30 * 2**20)  # 120 MB
    del held

    assert peak_memory_mb() - before > 100


def a_report(target, is_limit=False):
    three = Spread(0.951, 0.9, 1.0)
    return Report(
        name="made",
        question="How fast?",
        ratios=(Ratio("ours over theirs", three, target, is_limit),),
        figures=(Figure("ours", three, "masses/s"),),
        notes=("a note",),
    )


@pytest.mark.parametrize(
    ("target", "is_limit", "words"),
    [
        (0.95, False, "at least 0.95: met"),
        (0.96, False, "at least 0.96: **missed**"),
        (0.96, True, "at most 0.96: met"),
        (0.95, True, "at most 0.95: **missed**"),
    ],
)
def test_page_says_what_was_aimed_at_and_whether_it_was_met(target, is_limit, words):
    page = as_page([with_circumstances(a_report(target, is_limit), CPU, 0.0, 1.0)])

    assert words in page
    assert "0.951 (0.9 to 1)" in page


def test_full_run_is_kept_and_a_quick_one_is_not(tmp_path, monkeypatch, capsys):
    module = importlib.import_module("benchmarks.features")
    monkeypatch.setattr(module, "measure", lambda sizes, device: a_report(None))
    where = ["--results", str(tmp_path / "results"), "--page", str(tmp_path / "page.md")]

    command.main(["features", "--quick", *where])
    assert not list(tmp_path.iterdir())
    command.main(["features", *where])

    assert json.loads((tmp_path / "results" / "features.json").read_text())["name"] == "made"
    assert "ours over theirs" in (tmp_path / "page.md").read_text()
    assert "ours over theirs" in capsys.readouterr().out


def test_unknown_benchmark_is_refused_with_the_names_there_are(capsys):
    with pytest.raises(SystemExit):
        command.main(["curves"])

    assert "expected names of curve, network_step" in capsys.readouterr().err
