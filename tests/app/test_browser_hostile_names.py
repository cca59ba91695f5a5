"""Names that somebody chose to do harm, on every page in a real Chromium: no script runs, they are read as they are."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.app.browser import expect_no_sideways_scrolling, settle
from tests.app.helpers import ROOT, served_app

pytestmark = pytest.mark.browser
SCRIPT = "<img src=x onerror=window.__pwned=1>"
MARKDOWN = "**bold** [x](javascript:window.__pwned=1) $x^2$ :material/home: :red[red]"
SITE = f"{SCRIPT} :red[s] *i*"  # no slash: these are names of folders
COHORT = f"<b>c<i> $x$ {'long ' * 30}\u202egnp"
PLANT = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from mammo_core.cohorts.installed import DataSource, LoadedData, load_source
from mammo_core.config.runs import BackboneConfig, HeadRecipe, PrivacyConfig, RunConfig
from mammo_core.jobs.requests import FeaturesRequest
from mammo_core.jobs.store import JobStore
from mammo_core.ledger.book import Budget
from mammo_core.ledger.ledger import open_ledger
from mammo_core.results.recording import RunRecorder
from mammo_core.training.heads.feature_dataset import load_feature_dataset
from mammo_core.training.heads.sweep import run_plan
home, cohort = Path({home!r}), Path({cohort!r})
data = LoadedData(load_source(DataSource(real=cohort)).real, None, [])
tiny = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=1)
dataset = load_feature_dataset(data, tiny, home / "tiny")
ledger = open_ledger(home)
config = RunConfig(
    strategy="real",
    privacy=PrivacyConfig(target_epsilon=6.0, target_delta=0.01),
    recipe=HeadRecipe(projection_dims=None, whitening=0.0, steps=5),
    backbone=tiny,
)
ledger.set_budget(dataset.cohort_identity, Budget(epsilon=0.5, delta=0.01))
work = ledger.on_behalf_of("train", beyond_budget={reason!r})
((_, result),) = run_plan(dataset, [config], ledger=work)
RunRecorder(home).record(result, origin="train")
store = JobStore(home)
job = store.add(FeaturesRequest(source=DataSource(real=cohort), backbone=tiny), "me", 0)
store.end(job.id, "failed", {reason!r})
"""


@pytest.fixture(scope="module")
def hostile_address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    cohort = folder / "data" / COHORT
    rng = np.random.default_rng(0)
    for split, patients in (("train", 12), ("test", 6)):
        for label in (0, 1):
            place = cohort / SITE / split / f"is_benign_{'false' if label else 'true'}"
            place.mkdir(parents=True)
            for number in range(patients):
                pixels = rng.integers(40 * label, 200, (32, 32)).astype(np.uint8)
                patient = f"<svg onload=window.__pwned=1>{split}{label}{number}"
                name = f"patient{patient}_imageI_massM_is_benign_{1 - label}.png"
                Image.fromarray(pixels).save(place / name)
    home = folder / "home"
    home.mkdir()
    plant = PLANT.format(
        root=str(ROOT), home=str(home), cohort=str(cohort), reason=f"{SCRIPT} {MARKDOWN}"
    )
    places = {"MAMMO_HOME": str(home), "MAMMO_DATA": str(folder / "data")}
    done = subprocess.run(
        [sys.executable, "-c", plant],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **places},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    with served_app(folder, **places) as url:
        yield url
        assert "Traceback" not in (folder / "server.log").read_text()


@pytest.fixture
def watched(page):
    """A page on which any script that ran, or dialog that opened, is noticed."""
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    yield page
    assert not dialogs
    assert page.evaluate("window.__pwned") is None
    main = page.get_by_test_id("stMain")
    assert main.locator("img[src='x'], svg[onload], script:not(.st-key-frame script)").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    expect_no_sideways_scrolling(page)


def open_at(page, address, path):
    page.goto(f"{address}/{path}")
    expect(page.get_by_text("Research use only, not for diagnosis.").first).to_be_visible()
    settle(page)


@pytest.mark.parametrize(
    "path",
    ["synthetic", "trade_off", "privacy", "data", "read_case", "live", "privacy?privacy_tab=Unit"],
)
def test_no_name_does_harm_on_any_page(watched, hostile_address, path):
    open_at(watched, hostile_address, path)


def test_cohorts_are_called_as_they_are_at_home(watched, hostile_address):
    open_at(watched, hostile_address, "")
    watched.get_by_text("What is installed", exact=True).click()

    line = watched.get_by_role("listitem").filter(has_text="<b>c<i>")
    expect(line).to_contain_text("<b>c<i> $x$ long")
    expect(line).not_to_contain_text("\u202e")


def test_failed_job_shows_its_title_and_error_as_they_are(watched, hostile_address):
    open_at(watched, hostile_address, "train")

    expect(watched.get_by_text("Features of <b>c<i> $x$")).to_be_visible()
    error = watched.get_by_test_id("stAlert").filter(has_text="bold")
    expect(error).to_contain_text("<img src=x onerror=window.__pwned=1> **bold** [x](javascript:")
    expect(error).to_contain_text("$x^2$ :\u2060material/home: :\u2060red[red]")


def test_run_of_a_hostile_site_is_shown_with_its_figures(watched, hostile_address):
    open_at(watched, hostile_address, "runs")
    box = watched.get_by_test_id("stDataFrame").bounding_box()
    watched.mouse.click(box["x"] + 17, box["y"] + 53)
    settle(watched)

    metric = watched.get_by_test_id("stMetric").first
    expect(metric).to_contain_text(f"AUROC, {SITE.replace(':red', ':' + chr(0x2060) + 'red')}")
    legend = watched.locator(".js-plotly-plot .legendtext").filter(has_text="onerror")
    expect(legend).to_contain_text("<img src=x onerror=window.__pwned=1>")
    for tab in ("Operating point", "Calibration", "Guarantee", "Configuration"):
        watched.get_by_role("tab", name=tab).click()
        settle(watched)
    expect(watched.get_by_text("Run card (JSON)")).to_be_visible()


def test_ledger_shows_cohort_and_budget_as_they_are(watched, hostile_address):
    open_at(watched, hostile_address, "privacy?privacy_tab=Ledger")

    expect(watched.get_by_text(re.compile("Budget of <img src=x onerror")).first).to_be_visible()


def test_hostile_values_in_links_are_told_as_they_are(watched, hostile_address):
    open_at(watched, hostile_address, f"synthetic?count={SCRIPT}&class=**x**&window=<svg>")

    expect(watched.get_by_test_id("stAlert").first).to_contain_text("<img src=x onerror")


def test_figures_of_a_hostile_site_are_saved_without_markup(watched, hostile_address):
    open_at(watched, hostile_address, "runs")
    box = watched.get_by_test_id("stDataFrame").bounding_box()
    watched.mouse.click(box["x"] + 17, box["y"] + 53)
    settle(watched)
    watched.get_by_role("button", name=re.compile(r"Export(?! \d)")).first.click()  # not of runs
    with watched.expect_download() as download:
        watched.get_by_role("button", name=re.compile(r"_roc\.html$")).click()

    saved = Path(download.value.path()).read_text(encoding="utf-8")
    assert "onerror" in saved and SCRIPT not in saved
    watched.context.new_page().set_content(saved)
    copy = watched.context.pages[-1]
    expect(copy.locator(".js-plotly-plot")).to_be_visible()
    assert copy.evaluate("window.__pwned") is None
    assert json.dumps(SCRIPT) not in saved
