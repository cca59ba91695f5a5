"""Tables for the terminal."""

from collections.abc import Sequence


def print_table(rows: Sequence[dict[str, object]]) -> None:
    """Prints rows of the same columns, aligned; nothing for no rows."""
    if not rows:
        return
    columns = list(rows[0])
    widths = {
        column: max(len(column), *(len(str(row[column])) for row in rows)) for column in columns
    }
    print("  ".join(column.ljust(widths[column]) for column in columns).rstrip())
    for row in rows:
        print("  ".join(str(row[column]).ljust(widths[column]) for column in columns).rstrip())


def with_interval(value: float, low: float, high: float) -> str:
    """A measure with its interval, as in .751 (.702 to .797).

    Example:
        >>> with_interval(0.7512, 0.702, 0.797)
        '.751 (.702 to .797)'
    """
    shown = [f"{number:.3f}".replace("0.", ".", 1) for number in (value, low, high)]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"
