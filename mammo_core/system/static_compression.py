"""Sends the scripts and styles of the app compressed, each compressed once for all visitors.

Streamlit sends them as they are and leaves compression to a proxy, which a laptop does not have. Their names change
with their content, so what was compressed stays right.
"""

from __future__ import annotations

import asyncio
import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TEXTS = (".js", ".css", ".svg", ".json", ".html")
_SMALLEST = 1000  # bytes; below, compression saves nothing
_LEVEL = 9
_DROPPED = (b"content-length", b"content-encoding", b"etag", b"accept-ranges")


@dataclass(frozen=True)
class _Compressed:
    headers: list[tuple[bytes, bytes]]
    body: bytes


class StaticCompression:
    """ASGI middleware that compresses what lies under /static/ for browsers that take gzip."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._kept: dict[str, _Compressed] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers from memory, or lets the app answer and compresses that."""
        if not _is_meant(scope):
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if path not in self._kept:
            answer = await self._answer(scope, receive)
            start, body = answer
            if start["status"] != 200 or len(body) < _SMALLEST:
                await send(start)
                await send({"type": "http.response.body", "body": body})
                return
            self._kept[path] = await asyncio.to_thread(_compress, start, body)
        kept = self._kept[path]
        await send({"type": "http.response.start", "status": 200, "headers": kept.headers})
        await send({"type": "http.response.body", "body": kept.body})

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
        start: Message = {}
        parts = []

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        # a file server hands whole files over where it may; here the bytes are needed
        plain = {**scope, "extensions": {}}
        await self._app(plain, receive, collect)
        return start, b"".join(parts)


def _is_meant(scope: Scope) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    headers = dict(scope["headers"])
    takes_gzip = b"gzip" in headers.get(b"accept-encoding", b"")
    is_whole = b"range" not in headers and b"if-none-match" not in headers
    is_text = "/static/" in scope["path"] and scope["path"].endswith(_TEXTS)
    return takes_gzip and is_whole and is_text


def _compress(start: Message, body: bytes) -> _Compressed:
    packed = gzip.compress(body, _LEVEL, mtime=0)
    headers = [(name, value) for name, value in start["headers"] if name.lower() not in _DROPPED]
    headers += [
        (b"content-encoding", b"gzip"),
        (b"content-length", str(len(packed)).encode()),
        (b"vary", b"Accept-Encoding"),
    ]
    return _Compressed(headers, packed)
