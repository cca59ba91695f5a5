"""The README is short, and its Python example runs as it stands."""

import re

from tests.docs.documents import README, ROOT, code_blocks, text_of


def test_readme_is_read_in_a_minute():
    lines = text_of(README).splitlines()

    assert len(lines) <= 120
    assert all(len(line) <= 110 for line in lines if not line.startswith("|"))


def test_readme_has_one_short_python_example():
    (example,) = code_blocks(README, "python")

    assert len(example.splitlines()) <= 18


def test_python_example_trains_at_both_budgets(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path))
    (example,) = code_blocks(README, "python")

    exec(compile(example, str(README), "exec"), {})

    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("1 ")
    assert second.startswith("6 ")


def test_links_of_top_level_documents_lead_to_files():
    for document in ROOT.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text_of(document)):
            assert (ROOT / target).exists(), f"{document.name}: {target}"
