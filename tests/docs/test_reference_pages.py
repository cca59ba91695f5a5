"""The reference names what the code has: environment variables, columns, rooms and their levels."""

import re

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
        r"^\| (\d) \| (`.*?`) \|", text_of(DOCS / "explanation" / "architecture.md"), re.M
    )
    shown = {room: int(level) for level, names in rows for room in re.findall(r"`(\w+)`", names)}

    assert shown == {room: level for room, level in LEVELS.items() if room[0] != "_"}
