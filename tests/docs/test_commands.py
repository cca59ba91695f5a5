"""Commands and targets that documents name exist, with the options that they give."""

import argparse
import re
import shlex

import pytest

import mammo_core.cli
from tests.docs.documents import PAGES, ROOT, commands, text_of

NAMED = sorted({command for page in PAGES for command in commands(page)})


@pytest.fixture(scope="module")
def options_of():
    """The options of each command, by its words: "gan train" to {"--data", ...}."""
    known = {}

    def collect(parser, words):
        children = [
            action for action in parser._actions if isinstance(action, argparse._SubParsersAction)
        ]
        known[words] = {flag for action in parser._actions for flag in action.option_strings}
        for action in children:
            for name, child in action.choices.items():
                collect(child, (*words, name))

    parser = argparse.ArgumentParser()
    parser.add_argument("--version")
    subparsers = parser.add_subparsers()
    for module in list(vars(mammo_core.cli).values()):
        if hasattr(module, "add_command"):
            module.add_command(subparsers)
    collect(parser, ())
    return known


def test_documents_name_many_commands():
    assert len(NAMED) > 40


@pytest.mark.parametrize("command", NAMED)
def test_command_exists_with_its_options(options_of, command):
    words = shlex.split(command)
    depth = 1
    if tuple(words[:2]) in options_of:
        depth = 2

    known = options_of[tuple(words[:depth])] if words[0][0] != "-" else options_of[()]
    given = {word.split("=")[0] for word in words if re.match(r"--[a-z]", word)}
    assert given <= known


def test_every_command_is_in_the_reference(options_of):
    reference = text_of(ROOT / "docs" / "reference" / "command-line.md")

    for words in options_of:
        is_group = any(other[: len(words)] == words for other in options_of if other != words)
        if words and not is_group:
            assert f"`mammo {' '.join(words)}`" in reference


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.M))
    named = {
        target
        for page in PAGES
        for target in re.findall(r"(?:^|`|\d )make ([a-z]+(?:-[a-z]+)?)", text_of(page), re.M)
    }

    assert {"run", "setup", "check", "test", "test-all", "docs"} <= named <= targets


def test_paths_of_the_repository_that_documents_name_exist():
    for page in PAGES:
        for path in re.findall(
            r"`((?:mammo_core|pages|tests|docs|tools|benchmarks|models)/[\w./-]+)`", text_of(page)
        ):
            if "NAME" not in path and page.parent.name != "api":
                assert (ROOT / path).exists(), f"{page.name}: {path}"
