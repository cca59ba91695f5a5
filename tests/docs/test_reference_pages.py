"""The reference names what the code has: environment variables, columns, rooms and their levels."""

import re
from typing import get_args

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.privacy.statements.statement import Coverage
from mammo_core.results.exchange.package import HEAD, REQUIRED, SCHEMA
from mammo_core.results.table_file import COLUMNS
from tests.docs.documents import DOCS, ROOT, text_of
from tests.test_architecture import LEVELS


def test_every_environment_variable_is_in_the_reference():
    reference = text_of(DOCS / "reference" / "environment-variables.md")
    code = [*(ROOT / "mammo_core").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
    read = {name for path in code for name in re.findall(r"\bMAMMO_[A-Z_]+[A-Z]\b", text_of(path))}

    assert read
    assert {name for name in read if f"`{name}`" not in reference} == set()


def test_every_column_of_a_sweep_is_in_the_reference():
    reference = text_of(DOCS / "reference" / "file-formats.md")

    for column in COLUMNS:
        assert f"`{re.sub('_(low|high)$', '', column)}`" in reference


def test_every_file_of_a_run_package_is_in_the_reference():
    reference = text_of(DOCS / "reference" / "file-formats.md")

    for name in (*REQUIRED, HEAD, SCHEMA):
        assert f"`{name}`" in reference


def test_map_of_rooms_has_the_levels_that_are_held():
    rows = re.findall(
        r"^\| (\d+) \| (`.*?`) \|", text_of(DOCS / "explanation" / "architecture.md"), re.M
    )
    shown = {room: int(level) for level, names in rows for room in re.findall(r"`(\w+)`", names)}

    assert shown == {room: level for room, level in LEVELS.items() if room[0] != "_"}


def test_every_coverage_of_a_statement_is_explained():
    explained = text_of(DOCS / "explanation" / "what-epsilon-covers.md")

    for coverage in get_args(Coverage):
        assert f"| {coverage} |" in explained


def test_strategies_have_the_names_of_the_pages():
    guide = text_of(DOCS / "how-to" / "train-and-sweep.md")

    for strategy, name in STRATEGY_NAMES.items():
        assert f"| `{strategy}` | {name} |" in guide
