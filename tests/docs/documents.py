"""Reads the README and the documentation for the tests."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]

_COMMAND = re.compile(
    r"^(?:[A-Z_]+=\S+ )*(?:mammo|\S*/mammo|\S*python -m mammo_core|docker compose run .*? app) (.+)$"
)


def text_of(path):
    """A document as it stands."""
    return path.read_text(encoding="utf-8")


def code_blocks(path, language=""):
    """The fenced blocks of one language, without their fences."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(path), re.M | re.S)


def commands(path):
    """What stands after `mammo` in blocks of commands; lines that go on are joined."""
    for block in code_blocks(path):
        for line in block.replace("\\\n", " ").splitlines():
            if found := _COMMAND.match(line.strip().removeprefix("$ ")):
                yield found[1].split("  #")[0].strip()
    yield from re.findall(r"`mammo ([a-z][^`]*)`", text_of(path))
