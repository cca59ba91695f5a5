"""The wheel, installed where nothing may be written, is the whole product: command line, pages, weights, numbers.

Only the wheel is installed anew. What it depends on is taken from this environment.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

import mammo_core

ROOT = Path(__file__).parents[2]
PAGES = ("", *sorted(path.stem for path in (ROOT / "pages").glob("*.py") if path.stem != "home"))
MAIN = """
import sys
from mammo_core.cli import main
sys.exit(main())
"""
TINY = "--backbone tf_efficientnet_lite0 --image-size 64 --views 1 --strategy real --reproducible"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The scripts of an environment with the wheel, all of it read-only."""
    environment = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    variables = {"base": str(environment), "platbase": str(environment)}
    packages = Path(sysconfig.get_path("purelib", "venv", variables))
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    scripts = Path(sysconfig.get_path("scripts", "venv", variables))
    pip = [sys.executable, "-m", "pip", "--python", scripts / "python", "install", "--no-deps"]
    subprocess.run([*pip, "--no-index", "--no-compile", "--quiet", wheel], check=True)
    paths = [environment, *environment.rglob("*")]
    for path in paths:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o222)
    yield scripts
    for path in paths:
        if path.is_dir():
            path.chmod(0o755)


@pytest.fixture
def awkward(tmp_path):
    """A home whose path has spaces, an umlaut and an apostrophe, in the environment of an installed program."""
    home = tmp_path / "Jürgen's data & runs" / "home"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAMMO_")}
    return kept | {"MAMMO_HOME": str(home)}


def unprivileged(*command):
    """The command, without root's right to write where nobody may."""
    if os.name != "posix" or os.geteuid() != 0:
        return [*command]
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv to give that up")
    return ["setpriv", "--bounding-set=-dac_override", "--", *command]


def run(*command, env, cwd, check=True):
    """What a command printed, run as an installed program is: from anywhere, in an environment it cannot change."""
    done = subprocess.run(
        unprivileged(*command), env=env, cwd=cwd, capture_output=True, timeout=300
    )
    assert not check or done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return done.stdout


def train(installed, env, cwd, *options):
    """Trains on a small part of the demo; what was printed."""
    command = ["train", "--data", "demo", "--epsilon", "6", *TINY.split(), *options]
    return run(installed / "python", "-c", MAIN, *command, env=env, cwd=cwd)


@contextmanager
def served(installed, env, cwd):
    """The address of `mammo serve`; its output goes to server.log in the folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"STREAMLIT_SERVER_HEADLESS": "true", "STREAMLIT_SERVER_ENABLE_AGENT_API": "true"}
    with (cwd / "server.log").open("w") as log:
        server = subprocess.Popen(
            unprivileged(installed / "mammo", "serve", "--port", str(port)),
            env=env | settings,
            cwd=cwd,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        address, end = f"http://127.0.0.1:{port}", time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, (cwd / "server.log").read_text()[-2000:]
                assert time.monotonic() < end, "the server did not start"
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(timeout=60)  # workers that are just being started end first
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def opened(address, page):
    """The page as the server sees it, once it has run to its end."""
    asked, end = {"page": page} if page else {}, time.monotonic() + 240
    while time.monotonic() < end:
        request = urllib.request.Request(
            f"{address}/_stcore/agent/interact",
            json.dumps(asked).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                seen = json.load(answer)
        except urllib.error.HTTPError as error:
            seen = json.load(error)
        if "error" not in seen:
            return seen
        assert seen["error"]["code"] == "wait_timed_out", seen
        asked = {"session_id": seen["session_id"]}
    raise AssertionError(f"the page {page or 'home'} did not end")


def test_wheel_brings_one_package_with_the_app_inside(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {name.split("/")[0] for name in names} == {
        "mammo_core",
        f"mammo_privacy_explorer-{mammo_core.__version__}.dist-info",
    }
    shipped = ["app.py", ".streamlit/config.toml", "pages/ui/components/image_grid.js"]
    shipped += ["models/cascade.safetensors", "models/heads/cbis-ddsm.safetensors"]
    for name in (*(f"_app/{name}" for name in shipped), "py.typed", "reference/paper_results.csv"):
        assert f"mammo_core/{name}" in names


def test_wheel_carries_no_caches(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert not [name for name in archive.namelist() if re.search(r"__pycache__|\.pyc$", name)]


def test_installed_command_tells_its_version(installed, awkward, tmp_path):
    said = run(installed / "mammo", "--version", env=awkward, cwd=tmp_path)

    assert said.decode().strip() == mammo_core.__version__


def test_installed_program_keeps_its_data_in_the_users_folder(installed, tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAMMO_")}
    code = "from mammo_core.system.paths import *; print(home_dir(), data_dir(), models_dir())"

    said = run(
        installed / "python",
        *("-c", code),
        env=kept | {"XDG_DATA_HOME": str(tmp_path / "user")},
        cwd=tmp_path,
    )

    home, data, models = map(Path, said.decode().split())
    assert data == home / "data"
    assert models.parts[-3:] == ("mammo_core", "_app", "models")
    if sys.platform == "linux":
        assert home == tmp_path / "user" / "mammo-privacy-explorer"


def test_installed_app_has_its_theme_from_any_folder(installed, awkward, tmp_path):
    code = """
import sys
from streamlit import config
from streamlit.web import bootstrap
from mammo_core.system.paths import app_dir
config._main_script_path = str(app_dir() / "app.py")
bootstrap.load_config_options({})
print(config.get_option("theme.light.primaryColor"), config.get_option("server.address"))
"""

    said = run(installed / "python", "-c", code, env=awkward, cwd=tmp_path)

    assert said.decode().split() == ["#9c2f5f", "127.0.0.1"]


@pytest.mark.slow
def test_installed_program_trains_and_serves_every_page(installed, awkward, tmp_path):
    said = train(installed, awkward, tmp_path).decode()

    assert "ε spent 6 of 6" in said
    assert (Path(awkward["MAMMO_HOME"]) / "mlflow.db").exists()
    with served(installed, awkward, tmp_path) as address:
        for page in PAGES:
            with urllib.request.urlopen(f"{address}/{page}", timeout=60) as answer:
                assert answer.status == 200
            seen = opened(address, page)
            assert seen["page"]["url_path"] == page
            assert '"exception"' not in json.dumps(seen["tree"])
    log = (tmp_path / "server.log").read_text()
    assert "Traceback" not in log, log[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_training_speaks_of_epsilon_where_the_terminal_cannot(
    installed, awkward, tmp_path, encoding
):
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    if encoding == "latin-1":
        locale = {"PYTHONIOENCODING": encoding}

    said = train(installed, awkward | locale, tmp_path)

    assert ("ε spent" if encoding == "ascii" else "\\u03b5 spent") in said.decode(errors="replace")
