"""Small studies with made cases, and readers who answer them."""

import numpy as np

from mammo_core.studies.study import Study, StudyCase


def made_study(**changes):
    """Twelve cases of two generators, half malignant, with two for training."""
    cases = [
        StudyCase(id=f"case{i:03}", source=("gen_a", "gen_b")[i // 2 % 2], label=i % 2, key=str(i))
        for i in range(14)
    ]
    given = {
        "name": "Made",
        "question": "class",
        "form": "scale",
        "mode": "research",
        "seed": 3,
        "cases": tuple(cases[:12]),
        "training": tuple(cases[12:]),
        "generators": {"gen_a": "1234", "gen_b": "5678"},
    }
    return Study(**(given | changes))


def read_all(store, study, reader, skill=1.5, *, steps=None, seed=0):
    """Has a reader of some skill answer all steps, or so many."""
    rng = np.random.default_rng(seed)
    while (reading := store.read(study, reader).next) is not None and steps != 0:
        truth = study.truth(study.by_id[reading.cases[-1]])
        value = 50 + 15 * (skill * (truth - 0.5) * (2 if reading.aided else 1) + rng.normal())
        if study.form == "forced choice":
            value = 100 if value > 50 else 0
        store.add(study, reader, reading, int(np.clip(round(value), 0, 100)), 2.0)
        steps = None if steps is None else steps - 1
