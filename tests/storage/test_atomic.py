import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mammo_core.errors import StoreError
from mammo_core.storage import atomic
from mammo_core.storage.atomic import write_bytes, write_text


def test_file_is_written_and_replaced(tmp_path):
    write_bytes(tmp_path / "a", b"first")
    write_text(tmp_path / "a", "größer")

    assert (tmp_path / "a").read_text(encoding="utf-8") == "größer"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")
def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_bytes(tmp_path / "shared", b"")
        write_bytes(tmp_path / "own", b"", mode=0o600)
    finally:
        os.umask(before)

    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("shared", "own")]
    assert modes == [0o640, 0o600]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "The disk is full"),
        (errno.EDQUOT, "quota"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "not allowed there"),
        (errno.EIO, "The disk reports an error"),
        (errno.EXDEV, "Check the folder and the disk"),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_failure_tells_what_to_do_and_leaves_what_was_there(
    tmp_path, monkeypatch, number, advice, step
):
    write_bytes(tmp_path / "a", b"before")

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(*((atomic.os, "fsync") if step == "fsync" else (Path, "replace")), fail)

    with pytest.raises(StoreError, match=advice):
        write_bytes(tmp_path / "a", b"after")

    assert (tmp_path / "a").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_folder_that_is_gone_is_told(tmp_path):
    with pytest.raises(StoreError, match="The folder is gone"):
        write_bytes(tmp_path / "gone" / "a", b"")


def test_file_in_the_way_of_a_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("x")

    with pytest.raises(StoreError, match="A file is in the way"):
        write_bytes(tmp_path / "file" / "a", b"")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_system_that_stops_in_the_middle_leaves_nothing_half_written(tmp_path):
    (tmp_path / "a").write_bytes(b"before")
    code = (
        "import resource, signal, sys; from pathlib import Path;"
        "from mammo_core.storage.atomic import write_bytes;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "write_bytes(Path(sys.argv[1]) / 'a', bytes(100_000))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )

    assert "Files of this size are not allowed here" in done.stderr
    assert (tmp_path / "a").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
