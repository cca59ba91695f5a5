"""Neighbouring data: the records of one unit are emptied, and the unit stays in the list."""

import torch


def empty(unit_rows, unit):
    """The rows of masses that stay, and the units' rows among these: of the emptied unit none."""
    emptied = unit_rows.clone()
    emptied[unit] = -1
    kept = emptied[emptied >= 0].sort().values
    place = torch.full((int(unit_rows.max()) + 2,), -1)
    place[kept] = torch.arange(len(kept))
    return kept, place[emptied]  # -1 is the last place
