"""Shows progress in the terminal and asks before something happens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


def confirmed(question: str) -> bool:
    """Asks a yes-or-no question; without a terminal the answer is no."""
    return sys.stdin.isatty() and input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


@contextmanager
def progress_bar(title: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Yields on_progress(done, total); a bar appears with the first call, and is closed when all is done."""
    bar: tqdm | None = None

    def on_progress(done: int, total: int) -> None:
        nonlocal bar
        if bar is None:
            bar = tqdm(desc=title, total=total, unit=f" {unit}", dynamic_ncols=True)
        elif done < bar.n or total != bar.total:
            bar.reset(total)
        bar.update(done - bar.n)
        if done == total:
            bar.close()
            bar = None

    try:
        yield on_progress
    finally:
        if bar is not None:
            bar.close()
