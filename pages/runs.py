"""Runs: lists everything that was trained on this installation, to compare, repeat, export and delete."""

import streamlit as st

from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import STRATEGIES, UNITS
from mammo_core.results.runs_table import filtered, one_line_per_run, without_repeats
from mammo_core.text.numbers import counted
from pages.ui.components.inputs import choose_evaluation_unit
from pages.ui.components.links import linked
from pages.ui.components.messages import shown_errors
from pages.ui.components.run_card import show_run_card
from pages.ui.components.script import show_script
from pages.ui.runs import actions
from pages.ui.runs.transfer import show_export, show_import
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave
from pages.ui.state import resources
from pages.ui.state.resources import mlflow_command

enter()
page_header(
    "Runs", "Every model that was trained on this installation, with what its ε guarantees."
)

rows = resources.archive_rows()
if rows.empty:
    st.info(
        "Nothing was trained here yet. This page will list every model that you train on "
        "*Train*, on *Live* or on the command line. Each run keeps its configuration, spent ε, "
        "measures and predictions.",
        icon=":material/model_training:",
    )
    st.page_link("pages/train.py", label="Train a model", icon=":material/model_training:")
    st.page_link("pages/live.py", label="Or move the live slider", icon=":material/tune:")
    show_import()
    st.stop()

listed = without_repeats(rows)
num_repeats = rows["run_id"].nunique() - listed["run_id"].nunique()
with st.container(horizontal=True, vertical_alignment="bottom"):
    evaluated_per = choose_evaluation_unit("runs_evaluated_per")
    evaluated = resources.archive_rows(evaluated_per)
    all_runs = one_line_per_run(
        listed, evaluated_per, evaluated[evaluated["run_id"].isin(listed["run_id"])]
    )
    strategies = linked(st.multiselect)(
        "Training data",
        STRATEGIES,
        format_func=lambda strategy: STRATEGY_NAMES[strategy],
        key="runs_strategies",
        placeholder="all",
    )
    units = linked(st.multiselect)("Unit", UNITS, key="runs_units", placeholder="all")
    origins = st.multiselect(
        "From",
        sorted(all_runs["from"].unique()),
        key="runs_origins",
        persist_state="session",
        placeholder="all",
        help="What started the run: the Train page or command, a sweep, or the Live slider. Imported "
        "runs were trained elsewhere.",
    )
    text = linked(st.text_input)(
        "Search",
        key="runs_search",
        placeholder="ε, seed, backbone, run id …",
    )
shown = filtered(all_runs, strategies=strategies, units=units, origins=origins, text=text)
st.caption(
    f"{len(shown)} of {counted(len(all_runs), 'run')}. Select runs to compare, repeat, export or delete them."
    + (f" Not listed: {counted(num_repeats, 'older repeat')} of them." if num_repeats else "")
)
if evaluated["run_id"].nunique() < rows["run_id"].nunique():
    st.caption(
        "Runs of older versions show no AUROC per patient in this table. Select such a run: its card computes it."
    )
chosen = st.dataframe(
    shown,
    hide_index=True,
    on_select="rerun",
    selection_mode="multi-row",
    key="runs_table",
    column_config={
        "when": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
        "target ε": st.column_config.TextColumn(width=95),
    }
    | {
        name: st.column_config.NumberColumn(format="%.3f")
        for name in shown.columns
        if name.startswith("AUROC")
    },
    alt="Recorded runs with their AUROC",
)
run_ids = [shown.index[row] for row in chosen["selection"]["rows"] if row < len(shown)]

with st.container(horizontal=True):
    show_export(evaluated[evaluated["run_id"].isin(shown.index)], run_ids)
    if run_ids and st.button("Delete", icon=":material/delete:", key="delete_runs"):
        actions.confirm_delete(run_ids)

names = {
    str(run_id): f"{run['training data']}, ε = {run['target ε']}, seed {run['seed']}"
    for run_id, run in shown.loc[run_ids].iterrows()
}
if len(run_ids) == 1:
    show_run_card(run_ids[0], evaluated_per)
    st.header("Repeat at another ε")
    actions.repeat(run_ids[0])
elif run_ids:
    with shown_errors("These runs cannot be compared"):
        actions.compare(run_ids, names, evaluated_per)

show_import()
with st.expander("Open in MLflow's own interface", icon=":material/open_in_new:"):
    st.markdown(
        "MLflow stores the runs, the jobs and the training of generators. This command opens its "
        "interface on this computer, at http://127.0.0.1:5000:"
    )
    st.code(mlflow_command(), language="bash", wrap_lines=True)
show_script(
    "runs",
    strategies=tuple(strategies),
    units=tuple(units),
    origins=tuple(origins),
    search=text,
    evaluated_per=evaluated_per,
)
leave()
