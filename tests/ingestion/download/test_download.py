"""Downloads from servers that are good, slow, broken, lying or gone."""

import time

import pytest

from mammo_core.errors import IngestionError, StoreError
from mammo_core.ingestion.download import answers, connections, download
from mammo_core.ingestion.download.connections import check_redirect, is_private
from tests.ingestion.download.paper_copies import (
    SILENT_SECONDS,
    broken_off,
    served,
    silent,
    status,
    whole,
    without_length,
)

CONTENT = bytes(range(256)) * 1200
HALF = len(CONTENT) // 2


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(download, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(answers, "POLL_SECONDS", 0.02)


@pytest.fixture
def place(tmp_path):
    return tmp_path / "incoming" / "archive.zip"


def get(server, place, **options):
    return download.download(server.url, place, max_bytes=10**7, **options)


def fail(server, place, match, **options):
    with pytest.raises(IngestionError, match=match) as caught:
        get(server, place, **options)
    assert not place.exists()
    return str(caught.value)


def test_file_comes_whole_and_nothing_else_stays(place):
    with served(whole(CONTENT)) as server:
        done = get(server, place)

    assert done == []
    assert place.read_bytes() == CONTENT
    assert [path.name for path in place.parent.iterdir()] == ["archive.zip"]


def test_progress_counts_bytes_up_to_all(place):
    told = []
    with served(whole(CONTENT)) as server:
        get(server, place, on_bytes=lambda done, total: told.append((done, total)))

    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert told == sorted(told)


def test_broken_connection_is_taken_up_where_it_ended(place):
    with served(broken_off(CONTENT, HALF), whole(CONTENT)) as server:
        done = get(server, place)

    assert server.asked == [None, f"bytes={HALF}-"]
    assert place.read_bytes() == CONTENT
    assert done == ["the connection broke off and was taken up again"]


def test_interrupted_download_goes_on_in_the_next_call(place):
    with served(silent(CONTENT, HALF), whole(CONTENT)) as server:
        part = place.with_name("archive.zip.part")
        stopped = get(
            server, place, should_stop=lambda: part.exists() and part.stat().st_size >= HALF - 9000
        )
        here = part.stat().st_size
        done = get(server, place)

    assert stopped is None and done is not None
    assert here > 0 and server.asked == [None, f"bytes={here}-"]
    assert place.read_bytes() == CONTENT


def test_stopping_does_not_wait_for_a_silent_server(place):
    start = time.monotonic()
    with served(silent(CONTENT, 10)) as server:
        get(server, place, should_stop=lambda: time.monotonic() > start + 0.3)
        took = time.monotonic() - start

    assert took < SILENT_SECONDS


def test_changed_file_begins_anew(place):
    other = CONTENT[::-1]

    def changed(handler):
        handler.head(200, Content_Length=len(other), ETag='"two"')
        handler.wfile.write(other)

    with served(broken_off(CONTENT, HALF), changed) as server:
        done = get(server, place)

    assert place.read_bytes() == other
    assert any("began anew" in note for note in done)


def test_archive_made_on_the_fly_can_only_begin_anew_and_says_so(place):
    def cut(handler):
        handler.head(200, Transfer_Encoding="chunked", ETag='W/"made"')
        handler.wfile.write(b"3e8\r\n" + CONTENT[:1000] + b"\r\n")

    with served(cut, without_length(CONTENT)) as server:
        done = get(server, place)

    assert server.asked == [None, None]
    assert place.read_bytes() == CONTENT
    assert any("can't continue" in note for note in done)


def test_wrong_range_is_not_glued_on(place):
    def wrong(handler):
        handler.head(
            206, Content_Length=10, Content_Range=f"bytes 7-16/{len(CONTENT)}", ETag='"one"'
        )
        handler.wfile.write(CONTENT[7:17])

    with served(broken_off(CONTENT, HALF), wrong, whole(CONTENT)) as server:
        done = get(server, place)

    assert place.read_bytes() == CONTENT
    assert any(f"from 7 on instead of {HALF}" in note for note in done)


def test_range_that_nobody_asked_for_is_refused(place):
    with served(status(206, b"x")) as server:
        fail(server, place, "makes no sense")


def test_range_that_is_gone_begins_anew(place):
    with served(broken_off(CONTENT, HALF), status(416), whole(CONTENT)) as server:
        get(server, place)

    assert server.asked == [None, f"bytes={HALF}-", None]
    assert place.read_bytes() == CONTENT


@pytest.mark.parametrize("code", [429, 503])
def test_busy_server_is_waited_for(place, code):
    with served(status(code, Retry_After="0"), whole(CONTENT)) as server:
        done = get(server, place)

    assert place.read_bytes() == CONTENT
    assert f"the server asked to wait (status {code})" in done


def test_server_that_asks_for_an_hour_is_not_waited_for(place):
    with served(status(429, Retry_After="3600")) as server:
        message = fail(server, place, "status 429")

    assert "come back in 3600 s" in message
    assert len(server.asked) == 1


def test_server_that_stays_broken_is_given_up_after_a_few_attempts(place):
    with served(status(500)) as server:
        fail(server, place, "status 500")

    assert len(server.asked) == 4


def test_missing_file_is_not_asked_for_twice(place):
    with served(status(404)) as server:
        fail(server, place, "status 404.*Check the address")

    assert len(server.asked) == 1


def test_page_instead_of_a_file_is_refused(place):
    with served(status(200, b"<html>Please log in</html>", Content_Type="text/html")) as server:
        fail(server, place, "got a page \\(text/html\\)")


def test_connection_that_never_brings_all_is_given_up_and_kept(place):
    with served(
        broken_off(CONTENT, HALF), broken_off(b"", 0, Content_Length=5, Content_Range="x")
    ) as server:
        message = fail(server, place, "then the connection ended|no connection")

    assert "Where there is no network" in message
    assert len(server.asked) > 3


def test_silent_server_is_given_up(place, monkeypatch):
    monkeypatch.setattr(connections, "TIMEOUT_SECONDS", 0.2)
    with served(silent(CONTENT, 10)) as server:
        fail(server, place, "nothing for 20 s")


def test_trickling_server_is_given_up(place, monkeypatch):
    monkeypatch.setattr(download, "_STALLED_SECONDS", 0.1)

    def trickle(handler):
        handler.head(200, Content_Length=len(CONTENT))
        while not handler.server.released.wait(0.02):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    with served(trickle) as server:
        fail(server, place, "next to nothing")


def test_server_that_is_not_there_is_told_from_one_that_fails(place):
    with served(whole(CONTENT)) as server:
        pass

    fail(server, place, "no connection .*refused")


def test_too_large_is_refused_by_length_and_while_it_comes(place):
    for answer in (whole(CONTENT), without_length(CONTENT)):
        with served(answer) as server, pytest.raises(IngestionError, match="at most 0 MB"):
            download.download(server.url, place, max_bytes=1000)
    assert list(place.parent.iterdir()) == []


def test_redirects_are_followed(place):
    with served(whole(CONTENT)) as goal, served(status(302, Location=goal.url)) as server:
        get(server, place)

    assert place.read_bytes() == CONTENT


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://x/"])
def test_redirects_to_other_kinds_of_addresses_are_refused(place, target):
    with served(status(302, Location=target)) as server:
        fail(server, place, "begins with https:// or http://")


def test_endless_redirects_are_refused(place):
    def on_and_on(handler):
        handler.head(302, Location=f"/{len(handler.server.asked)}", Content_Length=0)

    with served(on_and_on) as server:
        fail(server, place, "sends on and on")
    with served(status(301, Location="/mammo_dp.zip")) as server:
        fail(server, place, "sends on and on")


def test_redirect_from_https_to_http_is_refused():
    with pytest.raises(IngestionError, match="Expected a redirect to https"):
        check_redirect("https://example.org/a", "http://example.org/a")


def test_redirect_into_a_private_network_is_refused(monkeypatch):
    monkeypatch.setattr(connections, "is_private", lambda host: host == "metadata")

    with pytest.raises(IngestionError, match="inside a private network"):
        check_redirect("https://example.org/a", "https://metadata/a")
    check_redirect("http://metadata/a", "http://metadata/b")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "::1"])
def test_private_hosts_are_recognised(host):
    assert is_private(host)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "https:///x", "data.zip"])
def test_other_addresses_are_refused_at_once(place, url):
    with pytest.raises(IngestionError, match="begins with https:// or http://"):
        download.download(url, place, max_bytes=10)


def test_disk_that_takes_nothing_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    unwritable = tmp_path / "file" / "archive.zip"
    with served(whole(CONTENT)) as server, pytest.raises(StoreError, match="Expected to write"):
        get(server, unwritable)
