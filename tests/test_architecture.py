"""What holds for the whole tree: import arrows, light imports, pins."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "mammo_core").rglob("*.py"))
PAGES = [*sorted((ROOT / "pages").rglob("*.py")), ROOT / "app.py"]
# a room imports rooms of lower levels only
LEVELS = {
    **dict.fromkeys(("text", "reference", "errors", "labels"), 0),
    **dict.fromkeys(("storage", "config"), 1),
    **dict.fromkeys(("system", "evaluation", "privacy"), 2),
    **dict.fromkeys(("classifiers", "synthesis", "figures"), 3),
    **dict.fromkeys(("cohorts",), 4),
    **dict.fromkeys(("ingestion", "ledger"), 5),
    **dict.fromkeys(("training",), 6),
    **dict.fromkeys(("results", "generators", "auditing"), 7),
    **dict.fromkeys(("reading", "jobs"), 8),
    "studies": 9,
    "cli": 10,
    "__main__": 11,
}
PAGE_LEVELS = {"state": 0, "components": 1, "shell": 2, "home": 3, "lessons": 3} | dict.fromkeys(
    ("masses", "train", "live", "case", "study", "trade_off", "privacy", "data", "runs"), 2
)
# page folders that may use another page's
NEIGHBOURS = {
    ("case", "masses"),
    ("study", "masses"),
    ("study", "case"),
    ("train", "privacy"),
    ("runs", "train"),
}
MOST_MODULES = 26  # side by side in one folder


def name_of(path):
    """Dotted name of a module: 'mammo_core.privacy' of mammo_core/privacy/__init__.py."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in [*CORE, *PAGES]}


def imports_of(path):
    """Full names of all modules that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in MODULES else node.module


def room_of(name):
    """The room of a module: 'privacy' of mammo_core.privacy.pitfalls; None of the package itself."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else None


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_imports_only_downwards_and_never_streamlit(path):
    own = room_of(name_of(path))
    for name in imports_of(path):
        starts_the_app = own == "cli" and name in ("streamlit.starlette", "streamlit.web.cli")
        assert starts_the_app or name.split(".")[0] not in ("streamlit", "pages"), name
        if name.split(".")[0] == "mammo_core" and own is not None and room_of(name) is not None:
            other = room_of(name)
            assert own == other or LEVELS[other] < LEVELS[own], f"{own} imports {name}"


@pytest.mark.parametrize(
    "path",
    sorted((ROOT / "pages" / "ui").rglob("*.py")),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_parts_of_pages_import_only_downwards(path):
    own = [*path.relative_to(ROOT / "pages" / "ui").parts[:-1], ""][0]
    for name in imports_of(path):
        parts = name.split(".")
        if own and parts[:2] == ["pages", "ui"] and len(parts) > 2 and parts[2] != own:
            is_neighbour = (own, parts[2]) in NEIGHBOURS
            assert is_neighbour or PAGE_LEVELS[parts[2]] < PAGE_LEVELS[own], f"{own} imports {name}"
        assert parts[0] != "pages" or parts[1:2] == ["ui"], f"{own} imports the page script {name}"


def test_no_modules_import_each_other_in_a_circle():
    graph = {
        name: {other for other in imports_of(path) if other in MODULES and other != name}
        for name, path in MODULES.items()
    }

    assert len(list(graphlib.TopologicalSorter(graph).static_order())) == len(MODULES)


def test_every_folder_says_what_it_is_and_holds_few_modules():
    for folder in {path.parent for path in MODULES.values()} - {ROOT, ROOT / "pages"}:
        text = (folder / "__init__.py").read_text(encoding="utf-8")
        said = ast.get_docstring(ast.parse(text)) or ""
        modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert said.endswith(".") and "\n\n" not in said, folder
        assert len(modules) <= MOST_MODULES, f"{folder}: {len(modules)}"


def test_only_the_privacy_room_imports_opacus():
    users = {
        path.relative_to(ROOT).parts[1]
        for path in CORE
        if any(name.split(".")[0] == "opacus" for name in imports_of(path))
    }

    assert users == {"privacy"}


LIGHT = (
    "mammo_core.config.runs",
    "mammo_core.cli",
    "mammo_core.reference",
    "mammo_core.cohorts.installed",
    "mammo_core.figures.trade_off",
    "mammo_core.evaluation.curves",
    "mammo_core.studies.store",
    "pages.ui.state.resources",
    "pages.ui.live.training",
    "pages.ui.home.answer",
    "pages.ui.home.question",
    "pages.trade_off",
    "pages.privacy",
    "pages.lessons",
    "pages.ui.masses.slides",
    "pages.ui.masses.downloads",
    "pages.ui.masses.quality",
    "pages.ui.data.tabs",
    "pages.ui.study.reading",
    "pages.ui.study.results",
    "pages.ui.study.setup",
)


def test_light_modules_bring_no_torch():
    code = f"""
import importlib, sys
for name in {LIGHT}:
    importlib.import_module(name)
    if "torch" in sys.modules:
        sys.exit(name + " imports torch")
"""

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-500:]


def test_front_page_loads_no_solvers():
    code = "import sys, pages.home; sys.exit('scipy.optimize' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-500:]


def test_requirements_are_exact_pins():
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r ")):
                assert re.match(r"^[A-Za-z0-9._-]+==[^=]+", line), f"{name}: {line}"


def test_pages_hold_no_functions():
    for path in PAGES:
        if "ui" not in path.parts:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert not [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


@pytest.mark.pitfall("Files that run code when opened")
def test_nothing_is_unpickled():
    for path in CORE:
        for call in re.findall(r"torch\.load\([^)]*\)", path.read_text(encoding="utf-8")):
            assert "weights_only=True" in call, f"{path}: {call}"
        assert "import pickle" not in path.read_text(encoding="utf-8")
