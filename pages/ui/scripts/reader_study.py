"""Analyses a blinded reader study that was read on the page Reader study of this installation."""

from mammo_core.studies.analysis import agreement_words, analyse, comparison_words, result_rows
from mammo_core.studies.store import StudyStore
from mammo_core.system.paths import home_dir

STUDY = "0"  # first digits of its key

store = StudyStore(home_dir())
study = store.find(STUDY)
result = analyse(study, store.read_all(study))
print(f"{study.name}: {' or '.join(study.answers)}, {len(study.cases)} cases")
for row in result_rows(result):
    print(", ".join(f"{name}: {value}" for name, value in row.items() if value))
print(*comparison_words(result) or ["No reader has read both passes."])
print(agreement_words(result) or "Agreement needs two readers.")
