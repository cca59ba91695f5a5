"""Makes the environment `.venv` with all that the app, the tests and the documents need: `python tools/set_up.py`.

uv installs it, faster than pip: the uv on the PATH, or one that pip brings into the environment first.
Where uv fails, pip tries. May be interrupted and repeated.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENT = ROOT / ".venv"
OLDEST = (3, 11)
# what uv calls the settings that pip may have for a mirror or a proxy
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


def main() -> None:
    """Makes the environment and installs into it, telling what it does."""
    if sys.version_info < OLDEST:
        sys.exit(
            f"Expected Python {OLDEST[0]}.{OLDEST[1]} or newer; got {sys.version.split()[0]}. "
            "Use: make PYTHON=python3.12"
        )
    start = time.monotonic()
    python = make_environment(ENVIRONMENT)
    print("Installing about 7 GB of packages, most of it PyTorch with CUDA: minutes.", flush=True)
    for command, changes in installers(python):
        if _runs(command, "-r", "requirements-dev.txt", **changes) and _runs(
            command, "--no-deps", "--no-build-isolation", "--editable", ".", **changes
        ):
            break
    else:
        sys.exit("Expected the packages to be installed; see above. Repeat: make setup")
    print(f"Ready after {time.monotonic() - start:.0f} s: {ENVIRONMENT}", flush=True)


def make_environment(folder: Path) -> Path:
    """Makes a virtual environment of this Python, anew if an older one is of another Python; returns its Python."""
    scripts = folder / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / ("python.exe" if os.name == "nt" else "python")
    if not is_like_this(python):
        print(f"Making {folder} with Python {sys.version.split()[0]}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    return python


def installers(python: Path) -> list[tuple[list[str], dict[str, str]]]:
    """Lists commands that install into an environment, the fastest first, each with the variables it wants."""
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    usual: list[tuple[list[str], dict[str, str]]] = [(pip, {})]
    uv = shutil.which("uv", path=f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None and _runs(pip, "--quiet", _pinned("uv")):
        uv = shutil.which("uv", path=str(python.parent))
    if uv is None:
        return usual
    settings = subprocess.run(
        [str(python), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    # compiled once here, as pip does, not by each of the processes that serve, work and test
    with_uv = [uv, "pip", "install", "--compile-bytecode", "--python", str(python)]
    return [(with_uv, uv_settings(settings.stdout)), *usual]


def uv_settings(pip_settings: str) -> dict[str, str]:
    """Translates what `pip config list` prints into variables of uv, which does not read pip's settings.

    Example:
        >>> uv_settings("global.index-url='file:///mirror'")
        {'UV_DEFAULT_INDEX': 'file:///mirror'}
    """
    found: dict[str, str] = {}
    lines = pip_settings.splitlines()
    for line in sorted(lines, key=lambda line: line.startswith(":env:")):  # the environment wins
        name, _, value = line.partition("=")
        variable = UV_NAMES.get(name.rpartition(".")[2])
        if variable:
            found[variable] = str(ast.literal_eval(value)).strip()
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = ",".join(found["UV_FIND_LINKS"].split())
    if "UV_INDEX" in found:
        found["UV_INDEX"] = " ".join(found["UV_INDEX"].split())
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip: the best of all indexes
    return found


def is_like_this(python: str | Path) -> bool:
    """Whether a Python runs, has pip and is of this version."""
    code = "import sys, pip; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.split() == [str(part) for part in sys.version_info[:2]]


def _pinned(package: str) -> str:
    """The line of a package in requirements-dev.txt."""
    lines = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"{package}=="))


def _runs(command: list[str], *arguments: str, **changes: str) -> bool:
    """Whether a command succeeds; variables that the user has set stay."""
    environment = {**changes, **os.environ}
    return subprocess.run([*command, *arguments], cwd=ROOT, env=environment).returncode == 0


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped. Repeat: make setup goes on from here.")
