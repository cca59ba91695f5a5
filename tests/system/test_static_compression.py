import gzip

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from mammo_core.system.static_compression import StaticCompression

TEXT = "function draw() {}\n" * 500


@pytest.fixture
def asked():
    """The paths that the app behind the compression was asked for."""
    return []


@pytest.fixture
def client(asked):
    def answer(request):
        asked.append(request.url.path)
        if request.url.path.endswith("missing.js"):
            return PlainTextResponse(TEXT, status_code=404)
        text = "short" if request.url.path.endswith("short.js") else TEXT
        return PlainTextResponse(text, headers={"cache-control": "immutable", "etag": '"1"'})

    app = Starlette(
        routes=[Route("/{path:path}", answer)], middleware=[Middleware(StaticCompression)]
    )
    return TestClient(app)


def test_scripts_are_compressed_once_for_all_visitors(client, asked):
    answers = [client.get("/static/js/app.js") for _ in range(2)]

    for answer in answers:
        assert answer.text == TEXT
        assert answer.headers["content-encoding"] == "gzip"
        assert int(answer.headers["content-length"]) < len(TEXT) / 10
        assert answer.headers["cache-control"] == "immutable"
        assert answer.headers["vary"] == "Accept-Encoding"
        assert "etag" not in answer.headers
    assert asked == ["/static/js/app.js"]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/static/js/app.js", {"accept-encoding": "identity"}),
        ("/static/js/app.js", {"range": "bytes=0-9"}),
        ("/static/picture.png", {}),
        ("/media/table.js", {}),
        ("/static/js/short.js", {}),
    ],
)
def test_everything_else_is_sent_as_it_is(client, path, headers):
    answer = client.get(path, headers=headers)

    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers
    assert answer.text in (TEXT, "short")


def test_errors_are_neither_compressed_nor_kept(client, asked):
    for _ in range(2):
        answer = client.get("/static/js/missing.js")
        assert answer.status_code == 404 and answer.text == TEXT

    assert len(asked) == 2


def test_what_is_sent_is_gzip(client):
    with client.stream("GET", "/static/js/app.js") as answer:
        raw = b"".join(answer.iter_raw())

    assert gzip.decompress(raw).decode() == TEXT
