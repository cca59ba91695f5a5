"""`make setup`: settings of pip reach uv, and what is there already is kept."""

import subprocess
import sys

import pytest

from tools import set_up


def test_settings_of_pip_are_translated_for_uv():
    said = "\n".join(
        [
            ":env:.find-links='/wheels /more'",
            "global.cert='/etc/mirror.pem'",
            "global.extra-index-url='file:///one file:///two'",
            "global.index-url='file:///mirror/simple'",
            "global.timeout='60'",
        ]
    )

    assert set_up.uv_settings(said) == {
        "UV_FIND_LINKS": "/wheels,/more",
        "SSL_CERT_FILE": "/etc/mirror.pem",
        "UV_INDEX": "file:///one file:///two",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": "file:///mirror/simple",
    }


def test_settings_of_the_environment_win_over_files():
    said = ":env:.index-url='file:///chosen'\nglobal.index-url='file:///usual'"

    assert set_up.uv_settings(said) == {"UV_DEFAULT_INDEX": "file:///chosen"}


def test_no_settings_of_pip_leave_uv_as_it_is():
    assert set_up.uv_settings("") == {}


def test_environment_of_this_python_is_kept_and_a_broken_one_made_anew(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(set_up, "is_like_this", lambda python: python.exists())
    monkeypatch.setattr(subprocess, "run", lambda command, **_: made.append(command))

    python = set_up.make_environment(tmp_path / "Jürgen's venv")
    python.parent.mkdir(parents=True)
    python.touch()
    set_up.make_environment(tmp_path / "Jürgen's venv")

    assert made == [[sys.executable, "-m", "venv", "--clear", str(tmp_path / "Jürgen's venv")]]


def test_python_of_another_kind_is_not_like_this(tmp_path):
    assert not set_up.is_like_this(tmp_path / "none" / "python")
    assert set_up.is_like_this(sys.executable)


def test_old_python_is_told_what_to_use(monkeypatch):
    monkeypatch.setattr(set_up, "OLDEST", (9, 9))

    with pytest.raises(SystemExit) as stop:
        set_up.main()

    assert "Expected Python 9.9 or newer; got 3." in str(stop.value)
    assert "make PYTHON=" in str(stop.value)
