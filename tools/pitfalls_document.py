"""The list of pitfalls as a part of docs/explanation/pitfalls.md: `python -m tools.pitfalls_document` renews it."""

from __future__ import annotations

from pathlib import Path

from mammo_core.privacy.pitfalls import PITFALLS, SEVERITIES, STATUSES, Pitfall, by_severity

DOCUMENT = Path(__file__).parents[1] / "docs" / "explanation" / "pitfalls.md"
BEGIN, END = "<!-- pitfalls: begin (generated) -->", "<!-- pitfalls: end -->"


def pitfalls_section() -> str:
    """What is not prevented first, then the rest, each by severity, and a table of the tests."""
    lines = []
    for status, meaning in STATUSES.items():
        lines += [f"### {status.capitalize()}", "", meaning, ""]
        for severity, pitfalls in by_severity(status).items():
            lines += [f"**{severity.capitalize()}.** {SEVERITIES[severity]}", ""]
            lines += [_item(pitfall) for pitfall in pitfalls]
            lines += [""]
    lines += ["### The tests", "", "| pitfall | tests that fail without its answer |", "|---|---|"]
    lines += [_row(pitfall) for pitfall in PITFALLS if pitfall.tests]
    return "\n".join(lines) + "\n"


def renewed(document: str) -> str:
    """The document with the section between its two marks replaced."""
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{pitfalls_section()}\n{END}{after}"


def _item(pitfall: Pitfall) -> str:
    return f"- *{pitfall.name}.* {pitfall.problem} **{pitfall.answer}** ({pitfall.source})"


def _row(pitfall: Pitfall) -> str:
    return f"| {pitfall.name} | {'<br>'.join(f'`{test}`' for test in pitfall.tests)} |"


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
