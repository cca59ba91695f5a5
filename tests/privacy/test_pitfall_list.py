"""The list of pitfalls: complete, honest about gaps, each prevention with a test; the document shows it."""

import re
import subprocess
import sys
from pathlib import Path

from mammo_core.privacy.pitfalls import PITFALLS, SEVERITIES, STATUSES, by_severity
from tools.pitfalls_document import (
    BEGIN,
    DOCUMENT,
    END,
    collect_marked_tests,
    pitfalls_section,
    renewed,
)

ROOT = Path(__file__).parents[2]


def test_what_is_prevented_has_a_test_and_every_marker_names_a_pitfall():
    tests = collect_marked_tests()
    names = [pitfall.name for pitfall in PITFALLS]

    assert len(set(names)) == len(names)
    assert set(tests) <= set(names)
    for pitfall in PITFALLS:
        assert pitfall.name in tests or pitfall.status == "not prevented", pitfall.name


def test_markers_are_found_by_their_names(tmp_path):
    (tmp_path / "test_some.py").write_text(
        "@pytest.mark.pitfall('a')\n@pytest.mark.pitfall('b')\ndef test_both(): ...\n"
        "@pytest.mark.slow\ndef test_none(): ...\n"
        "@pytest.mark.pitfall('b')\ndef test_one(): ...\n"
    )

    assert collect_marked_tests(tmp_path) == {"a": ["test_both"], "b": ["test_both", "test_one"]}


def test_every_entry_says_problem_prevention_and_source_in_sentences():
    for pitfall in PITFALLS:
        assert pitfall.status in STATUSES and pitfall.severity in SEVERITIES
        assert pitfall.problem.endswith(".") and pitfall.prevention.endswith(".")
        assert 30 < len(pitfall.problem) < 250 and 20 < len(pitfall.prevention) < 250
        assert pitfall.source
        assert not re.search(r"anonym|secure", pitfall.problem + pitfall.prevention, re.I)


def test_every_pitfall_is_in_one_group():
    grouped = [
        pitfall
        for status in STATUSES
        for pitfalls in by_severity(status).values()
        for pitfall in pitfalls
    ]

    assert sorted(p.name for p in grouped) == sorted(p.name for p in PITFALLS)
    assert len(by_severity("not prevented")["critical"]) >= 3


def test_the_document_shows_the_list_as_it_is():
    """If this fails: python -m tools.pitfalls_document"""
    document = DOCUMENT.read_text(encoding="utf-8")

    assert renewed(document) == document
    assert document.index("### Not prevented") < document.index("### Prevented")
    for pitfall in PITFALLS:
        assert pitfall.name in document


def test_renewing_keeps_what_is_written_by_hand():
    document = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    assert renewed(document) == f"before\n{BEGIN}\n\n{pitfalls_section()}\n{END}\nafter\n"


def test_the_list_brings_neither_torch_nor_opacus():
    code = "import sys, mammo_core.privacy.pitfalls; sys.exit(bool({'torch', 'opacus'} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr[-500:]
