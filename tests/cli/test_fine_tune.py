"""`fine-tune`: networks trained on images, from the command line."""

import signal

import pytest

from mammo_core.cli import fine_tune, main
from mammo_core.results.archive import RunArchive
from mammo_core.training.networks import loop
from mammo_core.training.paper import presets
from tests.helpers.jobs import write_cohort

TINY = ["--backbone", "test_efficientnet", "--weights", "random", "--image-size", "32"]


@pytest.fixture
def cohort(tmp_path):
    return str(write_cohort(tmp_path / "cohort").real)


def fine_tune_on(cohort, *options):
    network = [*TINY, "--views", "1", "--trained-part", "head", "--sample-rate", "1"]
    return main(["fine-tune", "--data", cohort, *network, "--delta", "1e-3", *options])


def test_run_is_trained_explained_and_recorded(cohort, private_home, capsys):
    assert fine_tune_on(cohort, "--steps", "3") == 0

    said = capsys.readouterr().out
    assert "257 weights are trained; its classifier replaced by a new head of 256 → 1" in said
    assert "3 steps, all 12 patients in every step; noise multiplier" in said
    assert "Expected to take about " in said
    assert "training step 3/3" in said
    assert "ε so far 6;" in said
    assert "0 s left" in said
    assert "ε spent 6 of 6, μ" in said
    assert "Research use only, not for diagnosis." in said
    (row,) = RunArchive(private_home).rows().to_dict("records")
    assert (row["trained_part"], row["origin"]) == ("head", "fine-tune")


def test_without_privacy_nothing_else_is_claimed(cohort, capsys):
    assert fine_tune_on(cohort, "--steps", "1", "--epsilon", "inf") == 0

    said = capsys.readouterr().out
    assert "no noise" in said
    assert "No privacy (not DP)" in said
    assert "ε so far" not in said


def test_interrupted_command_goes_on_where_it_was_and_spends_nothing_more(
    cohort, private_home, capsys, monkeypatch
):
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(loop, "CHUNK_SECONDS", 0.0)
    shown = fine_tune._Lines.show

    def interrupted(self, progress):
        shown(self, progress)
        if progress.step == 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(fine_tune._Lines, "show", interrupted)
        assert fine_tune_on(cohort, "--steps", "4") == 130
    said = capsys.readouterr()
    assert "Stopping, and keeping the steps that are done." in said.err
    assert "The same command goes on from there" in said.err
    assert "step 3/4" not in said.out

    assert fine_tune_on(cohort, "--steps", "4") == 0

    said = capsys.readouterr().out
    assert "step 2/4" not in said
    assert "step 3/4" in said
    assert main(["ledger", "show"]) == 0
    assert "1 cohort, 1 release." in capsys.readouterr().out
    assert not list(private_home.glob("networks/*/checkpoint.json"))


def test_paper_preset_on_cached_features_is_trained_and_recorded(
    cohort, private_home, capsys, monkeypatch
):
    monkeypatch.setattr(presets, "EPOCHS", 10)

    assert main(["fine-tune", "--data", cohort, "--preset", "dbr1", *TINY]) == 0

    said = capsys.readouterr().out
    assert "dbr1: A head of two layers" in said
    assert "Backbone: test_efficientnet, so this is not the paper's experiment." in said
    assert "Kept: the weights after step" in said
    (row,) = RunArchive(private_home).rows().to_dict("records")
    assert (row["trained_part"], row["unit"]) == ("head", "image")


def test_preset_that_would_override_other_choices_is_refused(cohort, capsys):
    assert main(["fine-tune", "--data", cohort, "--preset", "dbr1", "--epsilon", "1"]) == 2

    assert "got --epsilon beside --preset dbr1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "dbr99"], "Expected an experiment of the paper: dbr0"),
        (["--strategy", "pretrain"], "Expected synthetic masses"),
        (["--stages", "2"], "stages with the trained part 'network' only"),
        (["--steps", "0"], "Expected steps >= 1"),
        (["--device", "cuda"], "Expected an NVIDIA GPU"),
    ],
)
def test_mistake_is_told_and_trains_nothing(cohort, options, message, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    assert fine_tune_on(cohort, *options) == 2

    said = capsys.readouterr()
    assert message in said.err
    assert "step 1" not in said.out
