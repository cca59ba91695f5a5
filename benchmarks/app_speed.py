"""How fast the app answers, on a server of its own with the built-in demo: `python benchmarks/app_speed.py`.

One visitor in a real Chromium: a rerun after a widget moves where nothing is computed, a page opened on
a warm server, new synthetic masses to pixels. Then many visitors at once, each a websocket that speaks as
the browser does (a browser each would measure the browsers). Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

ROOT = Path(__file__).parents[1]
PAGES = ("", "synthetic", "train", "live", "trade_off", "runs")
LAST_WORDS = {  # by page: words that only it shows, near its end
    "Home": "What differential privacy promises here",
    "Train": "What this choice means",
    "Live": "What this ε promises",
    "Trade-off": "Download and cite",
    "Runs": "Open in MLflow",
    "Synthetic masses": "The same in a terminal",
}
SHOWS = """(text) => document.querySelector("[data-testid='stMain']").innerText.includes(text)
  ? performance.now() - window.__clicked : null"""
NOTE_CLICKS = "() => document.addEventListener('click', () => { window.__clicked = performance.now(); }, true)"
READY = "[data-testid='stApp'][data-test-script-state='notRunning']"


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The app on a free port, with the demo only."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--server.port={port}", "--server.headless=true"]
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", "app.py", *options],
            cwd=ROOT,
            env={**os.environ, "MAMMO_HOME": str(home), "MAMMO_DATA": str(home / "none")},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.1)
        yield address
    finally:
        server.terminate()
        server.wait()


class Visitor:
    """A session without a browser: asks for pages and reads until the server says that the run has ended."""

    def __init__(self, stream: WebSocketClientConnection) -> None:
        self._stream = stream

    @classmethod
    async def arrive(cls, address: str) -> Visitor:
        """Connects as the browser does."""
        request = HTTPRequest(f"{address.replace('http', 'ws')}/_stcore/stream")
        return cls(await websocket_connect(request, subprotocols=["streamlit"]))

    async def open(self, page: str) -> tuple[float, list[str]]:
        """Opens a page; returns the seconds until its run ended, and what went wrong on it."""
        asked = BackMsg()
        asked.rerun_script.page_name = page
        start = time.perf_counter()
        await self._stream.write_message(asked.SerializeToString(), binary=True)
        wrong, sought = [], ForwardMsg()
        while True:
            received = await self._stream.read_message()
            if received is None:
                return time.perf_counter() - start, [*wrong, f"{page}: connection lost"]
            sought.ParseFromString(received)
            if sought.delta.new_element.HasField("exception"):
                wrong.append(f"{page}: {sought.delta.new_element.exception.message}")
            if sought.WhichOneof("type") == "script_finished":
                return time.perf_counter() - start, wrong


async def warm_up(address: str) -> None:
    """Opens every page once, and the Live page until its features are there."""
    visitor = await Visitor.arrive(address)
    for page in PAGES:
        await visitor.open(page)
    deadline = time.monotonic() + 300
    while await _live_waits(visitor):
        if time.monotonic() > deadline:
            raise SystemExit("the live page did not get its features within five minutes")
        await asyncio.sleep(2)


async def _live_waits(visitor: Visitor) -> bool:
    """Whether the Live page still waits for its features: then it ends early, without a chart."""
    asked = BackMsg()
    asked.rerun_script.page_name = "live"
    await visitor._stream.write_message(asked.SerializeToString(), binary=True)
    message, charts = ForwardMsg(), 0
    while message.WhichOneof("type") != "script_finished":
        message.ParseFromString(await visitor._stream.read_message())
        charts += message.delta.new_element.HasField("plotly_chart")
    return charts == 0


def seconds_until(page: Page, text: str) -> float:
    """From the last click until the page shows a text."""
    shown = page.wait_for_function(SHOWS, arg=text, timeout=60_000, polling="raf")
    return shown.json_value() / 1000


def one_visitor(address: str, repeats: int) -> dict[str, list[float]]:
    """Times in a real browser."""
    times: dict[str, list[float]] = {"rerun": [], "page": [], "64 masses": []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/train")
        page.wait_for_selector(READY)
        page.evaluate(NOTE_CLICKS)
        for _ in range(repeats):
            for unit in ("image", "patient"):
                page.get_by_text(unit, exact=True).click()
                times["rerun"].append(seconds_until(page, f"with the {unit} as the unit"))
                page.wait_for_timeout(200)
        for _ in range(max(2, repeats // 4)):
            for name, text in LAST_WORDS.items():
                page.get_by_test_id("stSidebarNavLink").filter(has_text=name).click()
                times["page"].append(seconds_until(page, text))
                page.wait_for_selector(READY)
                page.wait_for_timeout(300)
        for repeat in range(3):
            start = time.perf_counter()
            page.goto(f"{address}/synthetic?count=64&seed={100_000 + 64 * repeat}")
            page.locator("[class*='st-key-'] canvas").nth(63).wait_for(timeout=60_000)
            times["64 masses"].append(time.perf_counter() - start)
            page.wait_for_selector(READY)
        browser.close()
    return times


async def many_visitors(address: str, count: int, seconds: float) -> tuple[list[float], list[str]]:
    """Times of pages opened, and what went wrong, when visitors click around at once."""
    times: list[float] = []
    errors: list[str] = []
    until = time.monotonic() + seconds

    async def click_around(seed: int) -> None:
        chance = random.Random(seed)
        visitor = await Visitor.arrive(address)
        while time.monotonic() < until:
            taken, wrong = await visitor.open(chance.choice(PAGES))
            times.append(taken)
            errors.extend(wrong)
            await asyncio.sleep(chance.uniform(1, 3))

    await asyncio.gather(*(click_around(seed) for seed in range(count)))
    return times, errors


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20, help="reruns to time")
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60, help="how long visitors click around")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as address:
        asyncio.run(warm_up(address))
        alone = one_visitor(address, options.repeats)
        together, errors = asyncio.run(many_visitors(address, options.visitors, options.seconds))
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores\n")
    print("| | median | slowest | n |\n|---|---|---|---|")
    rows = {
        "widget moved, to the new words": alone["rerun"],
        "page opened, to its last words": alone["page"],
        "64 new masses, from the link to pixels": alone["64 masses"],
        f"page opened, {options.visitors} visitors at once": together,
    }
    for name, values in rows.items():
        median = statistics.median(values)
        print(f"| {name} | {median:.2f} s | {max(values):.2f} s | {len(values)} |")
    print(f"\n{len(errors)} errors")
    print("\n".join(errors[:5]))
    sys.exit(bool(errors))


if __name__ == "__main__":
    main()
