"""Reads what a server answers in a thread, so that nobody waits for a silent one."""

from __future__ import annotations

import queue
import re
import threading
import urllib.error
from collections.abc import Callable, Generator
from dataclasses import dataclass
from http.client import HTTPResponse

from mammo_core.errors import IngestionError
from mammo_core.ingestion.download.connections import TIMEOUT_SECONDS, open_address, shown_address

POLL_SECONDS = 0.2
_CHUNK = 1 << 17
_PAGES = ("text/", "application/json", "application/xhtml")


@dataclass(frozen=True)
class Piece:
    """A part of an answer: the head, with the place and number of its bytes, or more bytes."""

    start: int = 0
    total: int = 0  # 0 where the server does not say
    tag: str = ""
    content: bytes = b""
    is_head: bool = False


class StartOver(Exception):
    """The part on the disk cannot be continued."""


class ConnectionProblem(Exception):
    """No answer, or one that broke off."""


def answer_pieces(
    url: str, headers: dict[str, str], should_stop: Callable[[], bool]
) -> Generator[Piece | None, None, None]:
    """Yields what a connection delivers, piece by piece; None a few times a second while nothing comes.

    The waiting for the network happens in a thread, so that nobody waits for a silent server to stop.
    """
    pieces: queue.Queue[Piece | Exception | None] = queue.Queue(maxsize=16)
    left = threading.Event()
    threading.Thread(
        target=_read, args=(url, headers, pieces, left), daemon=True, name="download"
    ).start()
    try:
        while not should_stop():
            try:
                piece = pieces.get(timeout=POLL_SECONDS)
            except queue.Empty:
                yield None
                continue
            if piece is None:
                return
            if isinstance(piece, Exception):
                raise piece
            yield piece
    finally:
        left.set()


def _read(url: str, headers: dict[str, str], pieces: queue.Queue, left: threading.Event) -> None:
    """Reads in the thread: puts the head, every chunk, and None or the error at the end."""

    def put(piece: Piece | Exception | None) -> None:
        while not left.is_set():
            try:
                return pieces.put(piece, timeout=POLL_SECONDS)
            except queue.Full:
                continue

    try:
        with open_address(url, headers) as answer:
            put(_head(answer, url, "Range" in headers))
            while not left.is_set():
                chunk = answer.read1(_CHUNK)
                if not chunk:
                    break
                put(Piece(content=chunk))
        put(None)
    except urllib.error.HTTPError as error:
        put(error)
    except (TimeoutError, urllib.error.URLError) as error:
        reason = getattr(error, "reason", error)
        silent = isinstance(reason, TimeoutError)
        put(
            ConnectionProblem(
                f"nothing for {TIMEOUT_SECONDS:.0f} s" if silent else f"no connection ({reason})"
            )
        )
    except OSError as error:
        put(ConnectionProblem(f"a broken connection ({error})"))
    except Exception as error:  # of this thread: raised again in the other
        put(error)


def _head(answer: HTTPResponse, url: str, asked_for_rest: bool) -> Piece:
    """Checks the headers of an answer and returns where its bytes go."""
    kind = answer.headers.get_content_type()
    if answer.headers.get("Content-Type") and kind.startswith(_PAGES):
        raise IngestionError(
            f"Expected a file from {shown_address(url)}; got a page ({kind}). It may ask for a login or report an error: open "
            "the address in a browser."
        )
    tag = answer.headers.get("ETag") or ""
    if not tag or tag.startswith("W/"):  # a weak one does not guarantee the same bytes
        tag = answer.headers.get("Last-Modified") or ""
    if answer.headers.get("Accept-Ranges", "bytes") == "none":
        tag = ""
    if answer.status != 206:
        return Piece(total=answer.length or 0, tag=tag, is_head=True)
    span = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
    if span is None or not asked_for_rest:
        raise StartOver("the server's answer to a request for the rest makes no sense")
    return Piece(start=int(span[1]), total=int(span[3]), tag=tag, is_head=True)
