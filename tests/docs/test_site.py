"""The documentation builds as a site without a broken link and without anything from the network."""

import re
import subprocess
import sys

import pytest

from tests.docs.documents import DOCS, PAGES, ROOT, text_of

ROOMS = sorted(
    path.name for path in (ROOT / "mammo_core").iterdir() if (path / "__init__.py").exists()
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.mark.slow
def test_site_builds_and_loads_nothing_from_elsewhere(site):
    for page in (site / "index.html", site / "reference" / "results.html"):
        html = page.read_text(encoding="utf-8")
        assert not re.search(r'<(?:script|img|iframe)[^>]+src="(?:https?:)?//', html)
        assert not re.search(r'<link[^>]+href="(?:https?:)?//', html)


@pytest.mark.slow
def test_site_shows_functions_with_their_docstrings(site):
    html = (site / "reference" / "api" / "training.html").read_text(encoding="utf-8")

    assert 'id="mammo_core.training.heads.sweep.run_plan"' in html


def test_api_pages_cover_every_room_but_the_command_line():
    shown = {
        room
        for page in (DOCS / "reference" / "api").glob("*.md")
        for room in re.findall(r"^::: mammo_core\.(\w+)", text_of(page), re.M)
    }

    assert {*ROOMS, "errors", "labels"} - {"cli"} == shown


def test_every_picture_is_shown_somewhere():
    shown = {name for page in PAGES for name in re.findall(r"images/([\w.]+)\)", text_of(page))}

    assert shown == {path.name for path in (DOCS / "images").iterdir()}
