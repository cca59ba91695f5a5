"""Downloads one file, resuming where an earlier attempt ended if the server can."""

from __future__ import annotations

import json
import time
import urllib.error
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from mammo_core.errors import IngestionError
from mammo_core.ingestion.download import answers
from mammo_core.ingestion.download.answers import ConnectionProblem, Piece, StartOver, answer_pieces
from mammo_core.ingestion.download.connections import check_address, shown_address
from mammo_core.storage.atomic import disk_errors_explained

_ATTEMPTS = 4
_PAUSE_SECONDS = 1.0  # before the next attempt, doubled each time
_MAX_WAIT_SECONDS = 60.0  # that a server may ask for
_STALLED_SECONDS = 60.0  # without _LIVELY_BYTES in all
_LIVELY_BYTES = 256 << 10
_ADVANCED_BYTES = 16 << 10  # an attempt that brings as many is no failure
_AGAIN = (408, 425, 429, 500, 502, 503, 504)

OnBytes = Callable[[int, int], None]
ShouldStop = Callable[[], bool]


def download(
    url: str,
    path: Path,
    *,
    max_bytes: int,
    on_bytes: OnBytes | None = None,
    should_stop: ShouldStop | None = None,
) -> list[str] | None:
    """Downloads to a file; the bytes so far are in PATH.part, with what names them in PATH.json.

    Args:
        max_bytes: More are refused.
        on_bytes: Called some times a second with (bytes here, bytes in all; 0 while unknown).
        should_stop: Asked as often; what is here is kept.

    Returns:
        What was unusual, to be shown: that it began anew, that the server made us wait; None if it was stopped.

    Raises:
        IngestionError: If the address may not be followed, answers with something else than a file, is refused,
            out of reach or broken off after several attempts, or the disk does not take it. What is here is kept
            where it can be continued.
    """
    check_address(url)
    attempts = _Attempts(
        url, path, max_bytes, on_bytes or (lambda done, total: None), should_stop or (lambda: False)
    )
    with disk_errors_explained(path.parent):
        return list(dict.fromkeys(attempts.notes)) if attempts.run() else None


@dataclass
class _Attempts:
    url: str
    path: Path
    max_bytes: int
    on_bytes: OnBytes
    should_stop: ShouldStop
    notes: list[str] = field(default_factory=list)
    _told: float = 0.0

    def __post_init__(self) -> None:
        self._part = self.path.with_name(f"{self.path.name}.part")
        self._label = self.path.with_name(f"{self.path.name}.json")

    def run(self) -> bool:
        """Tries until the file is whole; False if it was stopped."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        failures = 0
        while True:
            before = self._here()
            wait = _PAUSE_SECONDS * 2**failures
            try:
                if self._fetch_rest():
                    self._part.replace(self.path)
                    self._label.unlink(missing_ok=True)
                    return True
                return False
            except StartOver as reason:
                self._forget(str(reason))
                problem: Exception = IngestionError(str(reason))
                wait = 0.0
            except urllib.error.HTTPError as error:
                problem = error
                wait = self._wait_after(error, wait)
            except (ConnectionProblem, HTTPException) as error:
                problem = error
            has_advanced = self._here() >= before + _ADVANCED_BYTES
            failures = 1 if has_advanced else failures + 1
            if failures == _ATTEMPTS:
                raise self._given_up(problem)
            if has_advanced:
                self.notes.append("the connection broke off and was taken up again")
            if not self._rest(wait):
                return False

    def _fetch_rest(self) -> bool:
        """Opens one connection and reads the missing bytes to the end; False if it was stopped."""
        here, tag = self._here(), self._tag()
        if here and not tag:
            self._forget("the server can't continue a download: it begins anew")
            here = 0
        headers = {"Range": f"bytes={here}-", "If-Range": tag} if here else {}
        total, done = 0, 0
        file = None
        pace = _Pace()
        try:
            with closing(answer_pieces(self.url, headers, self.should_stop)) as pieces:
                for piece in pieces:
                    if piece is not None and piece.is_head:
                        done, total = piece.start, piece.total
                        file = self._begin(piece, here)
                    elif piece is not None:
                        done += len(piece.content)
                        self._check_size(done)
                        assert file is not None  # the head comes first
                        file.write(piece.content)
                    pace.check(done)
                    self._tell(done if file else here, total)
        finally:
            if file is not None:
                file.close()
        if self.should_stop():
            return False
        if total and done != total:
            raise ConnectionProblem(f"{done} of {total} bytes came, then the connection ended")
        self.on_bytes(done, total or done)
        return True

    def _tell(self, done: int, total: int) -> None:
        """Reports progress, a few times a second."""
        now = time.monotonic()
        if now - self._told >= answers.POLL_SECONDS:
            self._told = now
            self.on_bytes(done, total)

    def _begin(self, head: Piece, here: int) -> BinaryIO:
        """Opens the file at the place where the next bytes belong."""
        if head.start not in (0, here):
            raise StartOver(f"the server sent bytes from {head.start} on instead of {here}")
        if here and not head.start:
            self.notes.append("the file changed or can't be continued: it began anew")
        self._check_size(head.total)
        label = {"url": self.url, "tag": head.tag}
        self._label.write_text(json.dumps(label), encoding="utf-8")
        return self._part.open("ab" if head.start else "wb")

    def _here(self) -> int:
        return self._part.stat().st_size if self._part.exists() else 0

    def _tag(self) -> str:
        """Reads the server's tag of the version begun here; empty if it can't be continued."""
        try:
            label = json.loads(self._label.read_text(encoding="utf-8"))
            return str(label["tag"]) if label["url"] == self.url else ""
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return ""

    def _forget(self, reason: str) -> None:
        self.notes.append(reason)
        self._part.unlink(missing_ok=True)
        self._label.unlink(missing_ok=True)

    def _check_size(self, num_bytes: int) -> None:
        if num_bytes > self.max_bytes:
            self._forget("too large")
            raise IngestionError(
                f"Expected a file of at most {self.max_bytes / 1e6:.0f} MB at {shown_address(self.url)}; got more. Check the "
                "address."
            )

    def _wait_after(self, error: urllib.error.HTTPError, usual: float) -> float:
        """Seconds to wait after an error status, or the end of it."""
        error.close()
        if error.code == 416:
            self._forget("the server no longer has what was begun: it begins anew")
            return 0.0
        asked = error.headers.get("Retry-After", "")
        wait = float(asked) if asked.isascii() and asked.isdigit() else usual
        if error.code not in _AGAIN or wait > _MAX_WAIT_SECONDS:
            raise self._given_up(error, asked) from error
        self.notes.append(f"the server asked to wait (status {error.code})")
        return wait

    def _rest(self, seconds: float) -> bool:
        """Waits; False if it was stopped meanwhile."""
        end = time.monotonic() + seconds
        while not self.should_stop():
            self.on_bytes(self._here(), 0)
            if time.monotonic() >= end:
                return True
            time.sleep(min(answers.POLL_SECONDS, max(0.0, end - time.monotonic())))
        return False

    def _given_up(self, problem: Exception, retry_after: str = "") -> IngestionError:
        if isinstance(problem, urllib.error.HTTPError):
            got = f"status {problem.code} ({problem.reason})"
            fix = (
                f"The server asks to come back in {retry_after} s."
                if retry_after
                else "Check the address, or try again later."
            )
        else:
            got = str(problem)
            fix = (
                "Check the connection and start again. Where there is no network, get the file on another "
                "computer, put it anywhere here and give its path."
            )
        kept = f" {self._here() / 1e6:.1f} MB are kept for that." if self._tag() else ""
        return IngestionError(
            f"Expected a file from {shown_address(self.url)}; got {got}. {fix}{kept}"
        )


class _Pace:
    """Notices a server that keeps the line open and sends next to nothing."""

    def __init__(self) -> None:
        self._since, self._done = time.monotonic(), 0

    def check(self, done: int) -> None:
        """Raises ConnectionProblem if too little came for too long."""
        now = time.monotonic()
        if done - self._done >= _LIVELY_BYTES:
            self._since, self._done = now, done
        elif now - self._since > _STALLED_SECONDS:
            raise ConnectionProblem(f"next to nothing for {_STALLED_SECONDS:.0f} s")
