"""The script behind a page: it keeps the page's choices as data, runs as it stands, and gives the page's numbers."""

import ast
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mammo_core.cohorts.installed import DataSource, load_source
from mammo_core.labels import MALIGNANT
from mammo_core.results.recording import RunRecorder
from mammo_core.synthesis.mass_id import MassId
from mammo_core.training.heads.feature_dataset import load_feature_dataset
from pages.ui.components import script as scripts
from pages.ui.masses import drawing
from pages.ui.state import jobs, resources
from tests.app.helpers import open_page
from tests.app.test_synthetic_page import open_synthetic
from tests.helpers.jobs import wait_until_over, write_cohort
from tests.helpers.made_ledgers import run_many
from tests.training.heads.test_runs import make_config

NAMES = sorted(path.stem for path in scripts._SCRIPTS.glob("[!_]*.py"))
HOSTILE = 'a"b\'c\\d"""\n__import__(\'os\').abort()  # \u2028\u202e\udcff'


def script_of(app):
    (text,) = [code.value for code in app.code if code.language == "python"]
    return text


def constants(text):
    """The code of each constant, by name."""
    return {
        node.targets[0].id: node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).isupper()
    }


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a script in a new folder and returns what it printed."""

    def run(text):
        monkeypatch.chdir(tmp_path)
        exec(compile(text, "script.py", "exec"), {"__name__": "__main__"})
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("name", NAMES)
def test_script_is_short_and_uses_only_what_a_user_may_use(name):
    text = scripts.script(name)
    imports = [node for node in ast.parse(text).body if isinstance(node, ast.ImportFrom)]

    assert len(text.splitlines()) <= 50
    assert {node.module.split(".")[0] for node in imports} <= {"mammo_core", "pathlib"}
    assert not [alias.name for node in imports for alias in node.names if alias.name[0] == "_"]
    assert constants(text)


@pytest.mark.parametrize("name", NAMES)
def test_names_with_quotes_and_newlines_stay_data(name):
    text = scripts.script(name)
    source = DataSource(real=Path(HOSTILE), synthetic=Path(HOSTILE), site=HOSTILE)

    filled = scripts.filled(text, dict.fromkeys(constants(text), (HOSTILE, source, math.inf)))

    known = {"DataSource": DataSource, "Path": Path}
    for value in constants(filled).values():
        assert eval(ast.unparse(value), known) == (HOSTILE, source, math.inf)
    assert statements(filled) == statements(text)
    assert all(line.isprintable() for line in filled.split("\n"))


def statements(text):
    """What a script does, without its imports and the values of its constants."""
    return [
        ast.unparse(node)
        for node in ast.parse(text).body
        if not isinstance(node, ast.ImportFrom)
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).isupper())
    ]


def test_script_imports_the_classes_of_its_values_once():
    filled = scripts.filled(scripts.script("live"), {"SOURCE": DataSource(real=Path("cohort"))})

    assert filled.count("import Path") == filled.count(" DataSource,") == 1
    assert "SOURCE = DataSource(real=Path('cohort'))  # without" in filled


@pytest.mark.parametrize("values", [{"NO_CONSTANT": 1}, {"SEED": np.float64(1)}])
def test_what_cannot_be_filled_in_is_refused(values):
    with pytest.raises((ValueError, TypeError), match="Expected"):
        scripts.filled(scripts.script("live"), values)


def test_big_screens_show_no_script(monkeypatch):
    monkeypatch.setattr(scripts, "in_talk_mode", lambda: True)
    monkeypatch.setattr(scripts.st, "expander", None)  # drawing one would fail

    scripts.show_script("live")


def test_trade_off_script_prints_the_points_of_the_page(tmp_path):
    app = open_page("trade_off")
    app.button_group(key="unit").set_value("image")
    app.selectbox(key="metric").set_value("brier").run()
    (tmp_path / "script.py").write_text(script_of(app), encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    (table,) = [frame.value for frame in app.dataframe if "95 % from" in frame.value]
    printed = [
        [float(number) for number in line.split()[3:]] for line in done.stdout.splitlines()[1:]
    ]
    np.testing.assert_allclose(printed, table.iloc[:, 3:6], atol=1e-9)
    assert "Plotly" in (tmp_path / "trade_off.html").read_text(encoding="utf-8")


def test_live_script_shows_the_recorded_model_of_the_page_and_releases_nothing(run, private_home):
    load_feature_dataset(
        load_source(DataSource()), resources.DEMO_BACKBONE, private_home / "features"
    )
    app = open_page("live")
    app.select_slider(key="live_epsilon").set_value(math.inf)
    app.selectbox(key="live_strategy").set_value("real").run()
    for future in app.session_state["live_tracked"].values():
        future.result(timeout=60)

    said = run(script_of(app))

    shown = {one.label: f"{one.value} ({one.delta})" for one in app.metric if "AUROC" in one.label}
    assert len(shown) == 2
    assert said.splitlines()[:2] == [f"{label}: {value}" for label, value in shown.items()]
    assert resources.archive().count() == len(app.session_state["live_tracked"])


def test_synthetic_script_draws_the_masses_of_the_page(run, tmp_path):
    app = open_synthetic(generator="simulated", first="7", **{"class": "malignant"})

    said = run(script_of(app))

    assert said == "2 masses of simulated in synthetic_masses.png\n"
    sheet = np.asarray(Image.open(tmp_path / "synthetic_masses.png"))
    shown = [MassId(MALIGNANT, seed) for seed in (7, 8)]
    for row, mass in enumerate(drawing.draw("simulated", shown)):
        left = 8 + row * 136
        np.testing.assert_array_equal(sheet[44 : 44 + 128, left : left + 128], mass)


def test_privacy_script_prints_the_bounds_of_the_page(run):
    app = open_page("privacy")
    app.get_by_key("privacy_unit").set_value("image")
    app.select_slider(key="privacy_epsilon").set_value(2.0).run()

    said = run(script_of(app))

    bounds = {one.label: one.delta for one in app.metric}
    auc, named = (bounds[label] for label in ("Attack's AUC", "Identified at 1 % flagged"))
    assert re.search(r"[\d.]+", auc)[0] in said.splitlines()[-1]
    assert re.search(r"[\d.]+%", named)[0] in said.splitlines()[-2]
    (sentence,) = [text.value for text in app.markdown if text.value.startswith("## The best")]
    fair = re.findall(r"\d+", said.splitlines()[1])
    assert fair == [number for number in re.findall(r"\d+", sentence) if number in fair]
    assert "ε = 2 and δ = 0.0001 per image" in said


def test_read_case_script_prints_the_votes_of_the_page(run):
    app = open_page("read_case")
    app.number_input(key="case_seed").set_value(3)
    app.button_group(key="case_class").set_value("benign").run()

    said = run(script_of(app))

    (table,) = [frame.value for frame in app.dataframe if "mean score" in frame.value]
    *votes, caution = said.splitlines()
    shown = " ".join(text.value for text in app.markdown)
    assert len(votes) == len(table)
    for vote, mean in zip(votes, table["mean score"], strict=True):
        call, _, score = vote.removesuffix(".").partition(" Mean score ")
        assert f"- {call}" in shown
        assert score == f"{mean:.3f}"
    assert caution.startswith("Not a diagnosis.")


def test_train_script_trains_what_the_page_describes_and_the_page_shows_its_model(run):
    app = open_page("train")
    app.select_slider(key="train_epsilon").set_value(12.0)
    app.selectbox(key="train_strategy").set_value("real")
    app.checkbox(key="train_change_recipe").check().run()
    app.number_input(key="train_steps").set_value(7).run()

    said = run(script_of(app))

    config = resources.stored_run(resources.archive().rows()["run_id"].iloc[0]).config
    assert (config.privacy.target_epsilon, config.strategy) == (12.0, "real")
    assert (config.recipe.steps, config.privacy.noise) == (7, "secret")
    app.button(key="train_start").click().run()
    assert (
        wait_until_over(jobs.job_queue(), app.selectbox(key="train_job").value).state == "finished"
    )
    app.run()
    printed = dict(re.findall(r"(AUROC, [\w-]+): ([\d.]+)", said))
    shown = {one.label: one.value for one in app.metric if one.label.startswith("AUROC, ")}
    assert len(shown) == 2 and printed == shown
    assert resources.archive().count() == len(resources.ledger().book().entries) == 1


def test_network_script_trains_what_the_page_describes(run):
    app = open_page("train")
    app.get_by_key("train_kind").set_value("slow: full network").run()
    app.selectbox(key="train_strategy").set_value("real").run()
    app.get_by_key("network_part").set_value("head").run()
    app.number_input(key="network_steps_real_head").set_value(2).run()

    said = run(script_of(app))

    (run_id,) = set(resources.archive().rows()["run_id"])
    trained = resources.stored_run(run_id)
    assert (trained.config.recipe.steps, trained.config.trained_part) == (2, "head")
    assert trained.config.backbone == resources.DEMO_BACKBONE
    for test_set, measures in trained.estimates.items():
        assert f"AUROC, {test_set}: {measures['auroc'].value:.3f}\n" in said
    assert len(resources.ledger().book().entries) == 1


def test_runs_script_prints_the_filtered_table(run, private_home, dataset):
    configs = [make_config(dataset, strategy, 6.0) for strategy in ("real", "pretrain")]
    for result in run_many(dataset, configs):
        RunRecorder(private_home).record(result, origin="train")
    app = open_page("runs")
    app.multiselect(key="runs_strategies").set_value(["pretrain"]).run()

    said = run(script_of(app))

    (line,) = said.splitlines()[2:]
    (row,) = app.dataframe[0].value.reset_index().to_dict("records")
    assert line.startswith(row["run_id"])
    assert [f"{value:g}" in line for name, value in row.items() if "AUROC" in name] == [True] * 2


@pytest.mark.parametrize("is_installed", [False, True])
def test_data_script_prints_the_splits_of_the_page(run, tmp_path, is_installed):
    if is_installed:
        write_cohort(tmp_path / "data" / "it's mine")
    app = open_page("data")

    said = run(script_of(app))

    assert said.endswith("0 files left out\n")
    if is_installed:
        (table,) = [frame.value for frame in app.dataframe if "part" in frame.value]
        assert said == f"36 real masses\n{table.to_string(index=False)}\n0 files left out\n"
    else:
        assert "demo/train" in said
