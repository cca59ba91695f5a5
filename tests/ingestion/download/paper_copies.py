"""A tiny stand-in for the paper's data, and a web server that gives it out, well or badly."""

import http.server
import io
import threading
import zipfile
from contextlib import contextmanager

import numpy as np
from PIL import Image

from mammo_core.ingestion.download.paper_files import PaperFiles, digest_of, part_of

SILENT_SECONDS = 20  # that a silent server says nothing, unless it is released


def tiny_files(seed=0):
    """Content by path: a few real-looking masses of both sites, and synthetic ones."""
    rng = np.random.default_rng(seed)
    names = [
        f"dataset16062024/{site}/{split}/is_benign_{word}/patient{site}__{split}{patient}_image1_mass1_is_benign_{flag}.png"
        for site, split in (
            ("cbis-ddsm", "train"),
            ("cbis-ddsm", "val"),
            ("cbis-ddsm", "test"),
            ("bcdr", "test"),
        )
        for patient, (word, flag) in enumerate((("true", 1), ("false", 0)) * 2)
    ] + [
        f"extension/synthetic_data/cbis-ddsm/c-dcgan/batch_0_{i}_{word}.png"
        for i, word in enumerate(("benign", "malignant"))
    ]
    return {name: _png(rng) for name in names}


def _png(rng):
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (24, 24), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def listed(files):
    """The list of these files."""
    return PaperFiles({digest_of(name, content): part_of(name) for name, content in files.items()})


def repository_zip(files, top="mammo_dp-e6258677/"):
    """The files as the public repository's ZIP file has them, among others."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{top}README.md", "about")
        archive.writestr(f"{top}gan_compare/code.py", "print()")
        for name, content in files.items():
            archive.writestr(top + name, content)
    return packed.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        answers = self.server.answers
        answers[min(len(self.server.asked), len(answers)) - 1](self)
        self.close_connection = True

    def head(self, status, **headers):
        self.send_response(status)
        for name, value in ({"Connection": "close"} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def served(*answers):
    """A server on this computer; request i gets answer i, later ones the last. Yields it, with `url` and `asked`."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers, server.asked, server.released = answers, [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}/mammo_dp.zip"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def whole(content, **headers):
    """Everything, with its length; the rest of it where that is asked for."""

    def answer(handler):
        is_same = handler.headers.get("If-Range") == '"one"'
        first = int(handler.headers["Range"][6:-1]) if is_same else 0
        span = {"Content_Range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
        handler.head(
            206 if first else 200,
            Content_Length=len(content) - first,
            ETag='"one"',
            **(span if first else {}),
            **headers,
        )
        handler.wfile.write(content[first:])

    return answer


def broken_off(content, count, **headers):
    """The first bytes, then the end of the connection."""

    def answer(handler):
        handler.head(200, **({"Content_Length": len(content), "ETag": '"one"'} | headers))
        handler.wfile.write(content[:count])

    return answer


def without_length(content):
    """As archives made on the fly are sent: in chunks, no length, a weak tag, no ranges."""

    def answer(handler):
        handler.head(200, Transfer_Encoding="chunked", ETag='W/"made"')
        for start in range(0, len(content), 1000):
            chunk = content[start : start + 1000]
            handler.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        handler.wfile.write(b"0\r\n\r\n")

    return answer


def silent(content, count):
    """The first bytes, then nothing until the server is released."""

    def answer(handler):
        handler.head(200, Content_Length=len(content), ETag='"one"')
        handler.wfile.write(content[:count])
        handler.wfile.flush()
        handler.server.released.wait(SILENT_SECONDS)

    return answer


def status(code, content=b"", **headers):
    """An answer of this status."""

    def answer(handler):
        handler.head(code, Content_Length=len(content), **headers)
        handler.wfile.write(content)

    return answer
