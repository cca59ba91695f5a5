"""Writes the list of pitfalls and their tests into the documentation: `python -m tools.pitfalls_document`."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

from mammo_core.privacy.pitfalls import PITFALLS, SEVERITIES, STATUSES, Pitfall, by_severity

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "explanation" / "pitfalls.md"
BEGIN, END = "<!-- pitfalls: begin (generated) -->", "<!-- pitfalls: end -->"


def collect_marked_tests(folder: Path = ROOT / "tests") -> dict[str, list[str]]:
    """Names the test functions marked `@pytest.mark.pitfall("name")`, by that name, without importing them."""
    tests: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for name in _marked(node):
                    if node.name not in tests[name]:
                        tests[name].append(node.name)
    return dict(tests)


def pitfalls_section() -> str:
    """Lists what is not prevented, then the rest, each by severity; ends with a table of the tests."""
    lines: list[str] = []
    for status, meaning in STATUSES.items():
        lines += [f"### {status.capitalize()}", "", meaning, ""]
        for severity, pitfalls in by_severity(status).items():
            lines += [f"**{severity.capitalize()}.** {SEVERITIES[severity]}", ""]
            lines += [_item(pitfall) for pitfall in pitfalls]
            lines += [""]
    tests = collect_marked_tests()
    lines += [
        "### The tests",
        "",
        "`python -m pytest -m pitfall` runs them all, `-k NAME` one.",
        "",
    ]
    lines += ["| pitfall | tests that fail if its prevention is removed |", "|---|---|"]
    lines += [
        f"| {pitfall.name} | {'<br>'.join(f'`{test}`' for test in tests[pitfall.name])} |"
        for pitfall in PITFALLS
        if pitfall.name in tests
    ]
    return "\n".join(lines) + "\n"


def renewed(document: str) -> str:
    """Replaces the section between the two marks of a document."""
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{pitfalls_section()}\n{END}{after}"


def _marked(function: ast.FunctionDef) -> list[str]:
    """The names of pitfalls in the decorators of a test."""
    return [
        ast.literal_eval(decorator.args[0])
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.pitfall"
    ]


def _item(pitfall: Pitfall) -> str:
    return f"- *{pitfall.name}.* {pitfall.problem} **{pitfall.prevention}** ({pitfall.source})"


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
