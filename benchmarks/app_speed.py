"""How fast the app answers, on a server of its own with the built-in demo: `python benchmarks/app_speed.py`.

One visitor in a real Chromium: a rerun after a widget moves where nothing is computed, a page opened on
a warm server, new synthetic masses to pixels. Then many visitors at once, each a session of the server
without a browser (a browser each would measure the browsers). Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
PAGES = ("", "synthetic", "train", "live", "trade_off", "runs")
MOVES = {  # widgets whose moves compute nothing, or retrain one head (live)
    "trade_off": {"metric": ["auroc", "average_precision"], "paper": [True, False]},
    "train": {"train_unit": ["patient", "image"]},
    "live": {"live_unit": ["patient", "image"]},
}
READY = "[data-testid='stApp'][data-test-script-state='notRunning']"
WATCH = """() => {
  const app = document.querySelector("[data-testid='stApp']");
  window.__runs = []; let began = null;
  new MutationObserver(() => {
    const state = app.getAttribute('data-test-script-state');
    if (state === 'running' && began === null) began = performance.now();
    if (state === 'notRunning' && began !== null) { window.__runs.push(performance.now()); began = null; }
  }).observe(app, {attributes: true, attributeFilter: ['data-test-script-state']});
  document.addEventListener('click', () => { window.__clicked = performance.now(); window.__runs = []; }, true);
}"""
ANSWERED = "() => window.__runs.length ? window.__runs[0] - window.__clicked : null"


@contextmanager
def served(home: Path) -> Iterator[str]:
    """The app on a free port, with the demo only."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--server.port={port}", "--server.headless=true", "--server.enableAgentApi=true"]
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


def interact(address: str, request: dict[str, object]) -> dict[str, object]:
    """One interaction of a visitor without a browser; waits until the app has settled."""
    body = json.dumps(request).encode()
    call = urllib.request.Request(
        f"{address}/_stcore/agent/interact", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(call, timeout=120) as answer:
        result = json.load(answer)
    while result.get("error", {}).get("code") == "wait_timed_out":
        return interact(address, {"session_id": result["session_id"]})
    return result


def warm_up(address: str) -> None:
    """Opens every page once: imports, demo, features."""
    session = interact(address, {})["session_id"]
    for page in PAGES[1:]:
        interact(address, {"session_id": session, "page": page})
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:  # the demo's features are a job
        text = json.dumps(interact(address, {"session_id": session, "page": "live"}))
        if "Retrained" in text:
            return
        time.sleep(2)
    raise SystemExit("the live page did not get its features within five minutes")


def seconds_to_answer(page: Page) -> float:
    """From the last click to the end of the run it caused."""
    return page.wait_for_function(ANSWERED, timeout=60_000, polling=10).json_value() / 1000


def one_visitor(address: str, repeats: int) -> dict[str, list[float]]:
    """Times in a real browser."""
    times: dict[str, list[float]] = {"rerun": [], "page": [], "64 masses": []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/trade_off")
        page.wait_for_selector(READY)
        page.evaluate(WATCH)
        for _ in range(repeats):
            page.get_by_text("Show the paper's results").click()
            times["rerun"].append(seconds_to_answer(page))
            page.wait_for_timeout(300)
        for _ in range(max(2, repeats // 4)):
            for name in ("Home", "Train", "Live", "Trade-off", "Runs", "Synthetic masses"):
                page.get_by_test_id("stSidebarNavLink").filter(has_text=name).click()
                times["page"].append(seconds_to_answer(page))
                page.wait_for_timeout(500)
        for repeat in range(3):
            start = time.perf_counter()
            page.goto(f"{address}/synthetic?count=64&seed={100_000 + 64 * repeat}")
            page.locator("[class*='st-key-'] canvas").nth(63).wait_for(timeout=60_000)
            times["64 masses"].append(time.perf_counter() - start)
            page.wait_for_selector(READY)
        browser.close()
    return times


def visit(address: str, until: float, seed: int, times: list[float], errors: list[str]) -> None:
    """A visitor: opens a page, moves something on it, thinks a second or two, goes on."""
    chance = random.Random(seed)
    session = interact(address, {})["session_id"]
    while time.monotonic() < until:
        page = chance.choice(PAGES)
        start = time.perf_counter()
        try:
            seen = interact(address, {"session_id": session, "page": page})
            times.append(time.perf_counter() - start)
            for key, values in MOVES.get(page, {}).items():
                moved = {"session_id": session, "widget_state": {key: chance.choice(values)}}
                seen = interact(address, moved)
            if seen.get("status") != "ready":
                errors.append(f"{page}: {json.dumps(seen)[:300]}")
        except urllib.error.HTTPError as error:
            errors.append(f"{page}: {error.code} {error.read()[:300]!r}")
        time.sleep(chance.uniform(1, 3))


def many_visitors(address: str, count: int, seconds: float) -> tuple[list[float], list[str]]:
    """Times of pages opened, and errors, of visitors who click around at once."""
    times: list[float] = []
    errors: list[str] = []
    until = time.monotonic() + seconds
    visitors = [
        threading.Thread(target=visit, args=(address, until, seed, times, errors))
        for seed in range(count)
    ]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    return times, errors


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20, help="reruns to time")
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60, help="how long visitors click around")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as address:
        warm_up(address)
        alone = one_visitor(address, options.repeats)
        together, errors = many_visitors(address, options.visitors, options.seconds)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores\n")
    print("| | median | slowest | n |\n|---|---|---|---|")
    rows = {
        "rerun after a widget moved": alone["rerun"],
        "page opened": alone["page"],
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
