"""A demo cohort of few patients: the first of each part of the shipped one."""

import pandas as pd

from mammo_core.cohorts import demo

SMALL = {("demo", "train"): 24, ("demo", "test"): 12, ("demo-external", "test"): 12}


def make_small_demo(folder, patients=SMALL, synthetic=160):
    """Writes this demo to a new folder, and returns it; it is read where `demo.DEMO_FOLDER` says."""
    rows = pd.read_csv(demo.DEMO_FOLDER / "masses.csv")
    patients = patients | {("generator", "train"): synthetic}
    kept = [
        row.Index
        for part, masses in rows.groupby(["site", "split"], sort=False)
        for row in masses.itertuples()
        if row.patient in masses["patient"].unique()[: patients.get(part, 0)]
    ]
    folder.mkdir()
    rows.loc[kept].to_csv(folder / "masses.csv", index=False)
    demo.mosaic(demo._images(demo.DEMO_FOLDER)[kept]).save(folder / "masses.png")
    return folder
