"""Reads a cohort and prints its sites and splits, as the page Data does."""

import pandas as pd

from mammo_core.cohorts.checks import summary_rows
from mammo_core.cohorts.installed import DataSource, load_source

SOURCE = DataSource()  # without folders: the built-in demo

data = load_source(SOURCE)
for cohort in (data.real, data.synthetic):
    if cohort is not None:
        print(f"{len(cohort)} {cohort.source} masses")
        print(pd.DataFrame(summary_rows(cohort)).to_string(index=False))
print(f"{len(data.skipped)} files left out")
