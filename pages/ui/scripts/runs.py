"""Prints the recorded models as the page Runs lists them."""

from mammo_core.results.archive import RunArchive
from mammo_core.results.runs_table import filtered, one_line_per_run, without_repeats
from mammo_core.system.paths import home_dir

STRATEGIES = ()  # an empty filter keeps all
UNITS = ()
ORIGINS = ()
SEARCH = ""
EVALUATED_PER = "mass"

archive = RunArchive(home_dir())
listed = without_repeats(archive.rows())
evaluated = archive.rows(EVALUATED_PER)
aurocs = evaluated[evaluated["run_id"].isin(listed["run_id"])]
table = filtered(
    one_line_per_run(listed, EVALUATED_PER, aurocs),
    strategies=STRATEGIES,
    units=UNITS,
    origins=ORIGINS,
    text=SEARCH,
)
print(table.to_string())
