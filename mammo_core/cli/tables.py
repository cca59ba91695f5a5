"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from mammo_core.evaluation.curves import curve_points


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
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


def printable_curves(rows: Iterable[dict[str, object]]) -> list[dict[str, object]]:
    """Tabulates AUROC by strategy, unit, test set and evaluation unit (rows) and ε (columns) for the terminal."""
    points = curve_points(pd.DataFrame(rows))
    lines = []
    for keys, part in points.groupby(["strategy", "unit", "test_set", "evaluation_unit"]):
        names = ("strategy", "unit", "test set", "evaluated per")
        line: dict[str, object] = dict(zip(names, keys, strict=True))
        for point in part.sort_values("target_epsilon").to_dict("records"):
            epsilon = point["target_epsilon"]
            name = f"ε={epsilon:g}" if epsilon < np.inf else "no privacy"
            line[name] = (
                f"{point['mean']:.3f} ({point['seed_low']:.3f} to {point['seed_high']:.3f})"
            )
        lines.append(line)
    return lines
