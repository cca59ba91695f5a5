import os
import socket
import subprocess
import sys
import time
import urllib.request

from tests.app.helpers import ROOT


def serve(*options, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAMMO_")}
    return subprocess.Popen(
        [sys.executable, "-m", "mammo_core", "serve", *options],
        cwd=ROOT,
        env=kept | {"STREAMLIT_SERVER_HEADLESS": "true"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_server_does_not_start_unguarded_for_others():
    server = serve("--address", "0.0.0.0")

    output, _ = server.communicate(timeout=60)
    assert server.returncode == 2
    assert "error: Expected a password or a proxy before others may connect" in output


def test_server_listens_on_this_computer_says_so_and_reads_streamlits_variables(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"STREAMLIT_SERVER_BASE_URL_PATH": "breast"}  # as behind a proxy
    server = serve("--port", str(port), MAMMO_HOME=str(tmp_path), **settings)
    try:
        for _ in range(600):
            try:
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{port}/breast/_stcore/health"
                ) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert server.poll() is None, server.stdout.read()
                time.sleep(0.1)
        else:
            raise AssertionError("the server did not start within a minute")
    finally:
        server.terminate()
        output, _ = server.communicate(timeout=30)
    assert "Reachable from this computer only" in output


def test_commands_start_without_torch():
    code = """
import sys
from contextlib import suppress
from mammo_core.cli import main
with suppress(SystemExit):
    main(["serve", "--help"])
sys.exit("torch" in sys.modules)
"""

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60)

    assert done.returncode == 0, done.stderr.decode()[-500:]
