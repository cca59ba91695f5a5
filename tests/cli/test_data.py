"""`data fetch`, `data list` and `data remove` as a user types them."""

import pytest

from mammo_core.cli import main
from mammo_core.ingestion.download import paper_files
from tests.helpers.jobs import write_cohort
from tests.ingestion.download.paper_copies import (
    listed,
    repository_zip,
    served,
    status,
    tiny_files,
    whole,
)

FILES = tiny_files()


@pytest.fixture(autouse=True)
def tiny_list(monkeypatch):
    monkeypatch.setattr(paper_files, "load_paper_files", lambda: listed(FILES))


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def fetch(*options):
    with served(whole(repository_zip(FILES))) as server:
        return main(["data", "fetch", "--from", server.url, *options])


def test_terms_are_shown_and_must_be_accepted(data, capsys):
    assert fetch() == 1

    printed = capsys.readouterr()
    assert "CC BY 3.0" in printed.out and "Guevara Lopez" in printed.out
    assert "not accepted (--accept does)" in printed.err
    assert not data.exists()


def test_terms_can_be_accepted_at_the_terminal(data, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: "no")
    assert fetch() == 1
    monkeypatch.setattr("builtins.input", lambda question: "Yes")
    assert fetch() == 0
    assert (data / "mammo_dp").is_dir()


def test_fetched_data_are_listed_checked_and_removed(data, capsys):
    assert fetch("--accept") == 0
    assert f"Fetched {len(FILES)} files" in capsys.readouterr().out

    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["mammo_dp/dataset16062024", "real", "16", "16", "0.0", "fetched"]
    assert main(["data", "check", str(data / "mammo_dp" / "dataset16062024")]) == 0
    assert main(["data", "remove", "mammo_dp/dataset16062024"]) == 1
    assert main(["data", "remove", "mammo_dp/dataset16062024", "--yes"]) == 0
    assert "the ledger keeps every release" in capsys.readouterr().out
    assert not (data / "mammo_dp").exists()


def test_fetching_twice_says_so(capsys):
    fetch("--accept")
    capsys.readouterr()

    assert fetch("--accept") == 0
    assert "already, just as published" in capsys.readouterr().out


def test_other_folder_and_no_bcdr(tmp_path):
    assert fetch("--accept", "--without-bcdr", "--out", str(tmp_path / "there")) == 0

    sites = tmp_path / "there" / "mammo_dp" / "dataset16062024"
    assert [site.name for site in sites.iterdir()] == ["cbis-ddsm"]


def test_failures_are_told_in_one_line(capsys):
    with served(status(404)) as server:
        assert main(["data", "fetch", "--accept", "--from", server.url]) == 2

    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(f"error: Expected a file from {server.url}; got status 404")


def test_nothing_installed_says_what_to_do(capsys):
    assert main(["data", "list"]) == 0

    assert "`data fetch` brings the paper's" in capsys.readouterr().out


def test_what_someone_else_put_there_is_not_removed(data, capsys):
    write_cohort(data / "mine")

    assert main(["data", "remove", "mine", "--yes"]) == 2

    assert "someone else put mine there" in capsys.readouterr().err
    assert (data / "mine").is_dir()
