"""What holds for the whole tree: import arrows, light imports, pins, the README's commands."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "mammo_core").rglob("*.py"))
PAGES = [*sorted((ROOT / "pages").rglob("*.py")), ROOT / "app.py"]
# lower rooms never import higher ones; rooms of one level may not import each other unless named
LEVELS = {
    "cli": 6,
    "experiments": 5,
    "intake": 4,
    "cohorts": 3,
    "classifiers": 3,
    "synthesis": 2,
    "figures": 1,
    "reference": 1,
    "privacy": 1,
    "evaluation": 1,
}


def imports_of(path):
    """Full names of all modules that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def room_of(name):
    """The room of a module or path: 'privacy' of mammo_core.privacy.accounting.gaussian; '' at the ground."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LEVELS else ""


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_core_imports_only_downwards_and_never_streamlit(path):
    own = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    for name in imports_of(path):
        assert name.split(".")[0] not in ("streamlit", "pages"), name
        if name.startswith("mammo_core") and own != "" and room_of(name) not in ("", own):
            assert LEVELS[room_of(name)] < LEVELS[own], f"{own} imports {name}"
        if own == "" and path.name not in ("__main__.py",):
            assert room_of(name) == "", f"the ground floor imports {name}"


def test_only_the_privacy_room_imports_opacus():
    users = {
        path.relative_to(ROOT).parts[1]
        for path in CORE
        if any(name.split(".")[0] == "opacus" for name in imports_of(path))
    }

    assert users == {"privacy"}


@pytest.mark.parametrize(
    "module",
    [
        "mammo_core.config.runs",
        "mammo_core.cli",
        "mammo_core.reference",
        "mammo_core.cohorts.installed",
        "mammo_core.figures.trade_off",
        "mammo_core.evaluation.curves",
        "pages.ui.state.resources",
        "pages.ui.live.training",
        "pages.home",
        "pages.trade_off",
        "pages.privacy",
        "pages.ui.masses.talk",
        "pages.ui.masses.downloads",
        "pages.ui.masses.quality",
        "pages.ui.data.tabs",
    ],
)
def test_import_brings_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-500:]


def test_requirements_are_exact_pins():
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            if line and not line.startswith(("#", "-r ")):
                assert re.match(r"^[A-Za-z0-9._-]+==[^=]+", line), f"{name}: {line}"


def test_readme_names_commands_that_exist():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)

    named = set(re.findall(r"(?:^|`|\d )make ([a-z]+)", readme, re.M))
    assert {"run", "setup", "test"} <= named <= set(targets)
    for command in set(re.findall(r"python -m mammo_core ([a-z-]+)", readme)):
        done = subprocess.run(
            [sys.executable, "-m", "mammo_core", command, "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, command


def test_pages_hold_no_functions():
    for path in PAGES:
        if "ui" not in path.parts:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            assert not [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def test_nothing_is_unpickled():
    for path in CORE:
        for call in re.findall(r"torch\.load\([^)]*\)", path.read_text(encoding="utf-8")):
            assert "weights_only=True" in call, f"{path}: {call}"
        assert "import pickle" not in path.read_text(encoding="utf-8")
