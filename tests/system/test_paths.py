"""Where data are kept, for users without a home folder too."""

import pytest

from mammo_core.cli import main
from mammo_core.errors import InvalidRequestError
from mammo_core.system.paths import home_dir, require_home_folder


@pytest.fixture
def unknown_user(monkeypatch):
    """No HOME, and a user id that the system's list does not hold."""
    pwd = pytest.importorskip("pwd")

    def unlisted(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unlisted)
    monkeypatch.delenv("HOME", raising=False)


def test_a_user_without_a_home_folder_is_told_what_to_set(unknown_user, capsys):
    assert main(["runs", "list"]) == 2

    said = capsys.readouterr().err
    assert "Set HOME to a folder that you may write into" in said
    assert "Traceback" not in said


def test_help_needs_no_home_folder(unknown_user, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["runs", "--help"])

    assert ended.value.code == 0


def test_an_unlisted_user_with_home_set_works(unknown_user, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))

    require_home_folder()
    assert main(["runs", "list"]) == 0

    assert "0 runs" in capsys.readouterr().out


def test_without_home_the_list_of_users_is_enough(monkeypatch):
    pytest.importorskip("pwd")
    monkeypatch.delenv("HOME", raising=False)

    require_home_folder()


@pytest.mark.parametrize("variable", ["MAMMO_HOME", "MAMMO_DATA"])
def test_the_home_of_an_unknown_user_is_refused(monkeypatch, capsys, variable):
    monkeypatch.setenv(variable, "~nobody-of-this-name/folder")

    assert main(["runs", "list"]) == 2
    assert "Write the whole path" in capsys.readouterr().err


def test_the_message_names_what_was_given(monkeypatch):
    monkeypatch.setenv("MAMMO_HOME", "~nobody-of-this-name/folder")

    with pytest.raises(InvalidRequestError, match="got '~nobody-of-this-name/folder'"):
        home_dir()
