"""The list of pitfalls: complete, honest about gaps, each answer with tests that exist; the document shows it."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mammo_core.privacy.pitfall_tests import TESTS
from mammo_core.privacy.pitfalls import PITFALLS, SEVERITIES, STATUSES, by_severity
from tools.pitfalls_document import BEGIN, DOCUMENT, END, pitfalls_section, renewed

ROOT = Path(__file__).parents[2]


def functions_of(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("pitfall", PITFALLS, ids=lambda pitfall: pitfall.name)
def test_every_named_test_exists(pitfall):
    for test in pitfall.tests:
        path, name = test.split("::")
        assert name in functions_of(path), test


def test_what_is_prevented_has_a_test_and_tests_belong_to_a_pitfall():
    names = [pitfall.name for pitfall in PITFALLS]

    assert len(set(names)) == len(names)
    assert set(TESTS) <= set(names)
    for pitfall in PITFALLS:
        assert pitfall.tests or pitfall.status == "not prevented", pitfall.name


def test_every_entry_says_problem_answer_and_source_in_sentences():
    for pitfall in PITFALLS:
        assert pitfall.status in STATUSES and pitfall.severity in SEVERITIES
        assert pitfall.problem.endswith(".") and pitfall.answer.endswith(".")
        assert 30 < len(pitfall.problem) < 250 and 20 < len(pitfall.answer) < 250
        assert pitfall.source
        assert not re.search(r"anonym|secure", pitfall.problem + pitfall.answer, re.I)


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
