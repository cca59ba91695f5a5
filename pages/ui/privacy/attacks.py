"""The tab Attacks and audit: what attacks achieved, the bound on all attacks, and the ε that audits found."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from mammo_core.auditing.bounds import HEADLINE_METHOD
from mammo_core.config.runs import Strategy, Unit
from mammo_core.figures.attacker import attacker_region_figure
from mammo_core.figures.audit import audit_figure
from mammo_core.figures.provenance import Provenance
from mammo_core.privacy.accounting.risk import attacker_curve
from mammo_core.text.numbers import budget_name
from pages.ui.components.charts import chart
from pages.ui.components.export import ExportBundle, export_button
from pages.ui.components.links import linked
from pages.ui.privacy.controls import camera
from pages.ui.state import resources

LEVELS: dict[Unit, str] = {"patient": "patient", "image": "mass"}
_HOW = (
    "We trained many models, each on a random half of the patients. An **attack** scores how "
    "likely it is that a patient took part in a finished model. It uses the **loss** on the "
    "patient's masses, or the **likelihood ratio** between models with and without the patient "
    "(LiRA). The ratio comes from scores or from the weights themselves. An **audit** adds "
    "made-up worst-case patients, **canaries**. It turns the attacker's success on them into a "
    "lower bound of the ε that was spent."
)
_LIMITS = (
    "An attack that finds little proves little, because a better attack may come. Only the claim "
    "bounds all attacks. An audit that found more than the claim would show an error in the "
    "claim or in the program."
)


@dataclass(frozen=True)
class AttackTables:
    """Measured attacks, audits and ROC curves, with the columns of `reference`."""

    attacks: pd.DataFrame
    audits: pd.DataFrame
    roc: pd.DataFrame


def shipped_tables(strategy: Strategy) -> AttackTables:
    """Returns what was measured on the real cohort for the recipe of a strategy; empty tables if nothing was."""
    return AttackTables(
        *(table[table["strategy"] == strategy] for table in resources.measured_attack_tables())
    )


def at_point(table: pd.DataFrame, unit: Unit, epsilon: float) -> pd.DataFrame:
    """Selects the rows of one unit and target ε; of attacks and curves those on that unit only."""
    is_meant = (table["unit"] == unit) & (table["target_epsilon"] == epsilon)
    if "level" in table:
        is_meant &= table["level"] == LEVELS[unit]
    return table[is_meant]


def measured_curves(
    roc: pd.DataFrame, unit: Unit, epsilon: float, attack: str | None = None
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Returns ROC curves by attack, each (G,), (G,), of all or of one; none where nothing was measured."""
    here = at_point(roc, unit, epsilon)
    curves = {name: here[here["attack"] == name] for name in here["attack"].unique()}
    return {
        f"measured: {name}": (curve["fpr"].to_numpy(), curve["tpr"].to_numpy())
        for name, curve in curves.items()
        if attack in (None, name)
    }


def audited(audits: pd.DataFrame, unit: Unit, epsilon: float) -> pd.Series | None:
    """Returns the audit at a target ε by the method fixed beforehand, or None."""
    found = at_point(audits[audits["method"] == HEADLINE_METHOD], unit, epsilon)
    return None if found.empty else found.iloc[0]


def strongest(attacks: pd.DataFrame, unit: Unit, epsilon: float) -> pd.Series | None:
    """Returns the attack with the largest area under its ROC curve at a target ε, or None."""
    found = at_point(attacks, unit, epsilon)
    return None if found.empty else found.nlargest(1, "auc").iloc[0]


def show_attacks(
    attacks: pd.DataFrame,
    audits: pd.DataFrame,
    roc: pd.DataFrame,
    unit: Unit,
    epsilon: float,
    *,
    key: str = "attacks",
) -> None:
    """Draws measured attacks and audits of one strategy.

    Args:
        attacks, audits, roc: Tables with the columns of `reference.measured_attacks`, `measured_audits` and
            `measured_attack_roc`; any may be empty.
        unit: Of privacy; attacks on the same unit are shown.
        epsilon: The target ε to look at closely.
        key: Tells several such panels of one page apart.
    """
    st.markdown(_HOW)
    attacks, audits, roc = (table[table["unit"] == unit] for table in (attacks, audits, roc))
    if attacks.empty and audits.empty:
        st.info(
            f"No attack was measured with the {unit} as the unit and these training data. Choose "
            "another unit or other training data above.",
            icon=":material/search_off:",
        )
        return
    for problem in contradictions(attacks, audits):
        st.error(problem, icon=":material/gpp_bad:")
    for weakness in weaknesses(attacks):
        st.warning(weakness, icon=":material/warning:")
    left, right = st.columns(2, gap="medium")
    with left:
        st.header("Claimed and audited ε")
        _show_audits(audits, unit, epsilon, key)
    with right:
        st.header("Attacks at this ε")
        _show_roc(attacks, roc, unit, epsilon, key)
    if len(attacks):
        st.header("Every attack")
        st.dataframe(attacks_table(attacks), hide_index=True, key=f"{key}_table")
        st.caption(
            f"Intervals: 95 %. Chance is an AUC of 0.5. The bounds are those with the {unit} as "
            f"the unit. {_LIMITS}"
        )
    measured = {key: attacks, f"{key}_audits": audits, f"{key}_curves": roc}
    export_button(attacks_bundle(f"{key}_tables", "Every attack and audit", measured))


def attacks_bundle(
    name: str, title: str, tables: Mapping[str, pd.DataFrame] | None = None
) -> ExportBundle:
    """Bundles measured attacks for export; see `controls.bundle`."""
    notes = ("Computed from patients without noise: no ε covers these numbers.", _LIMITS)
    return ExportBundle(
        name=f"mammo_privacy_{name}",
        provenance=Provenance(title=title, notes=notes),
        tables={f"mammo_privacy_{table}": content for table, content in (tables or {}).items()},
    )


def contradictions(attacks: pd.DataFrame, audits: pd.DataFrame) -> Iterator[str]:
    """Yields what was measured but contradicts the claims."""
    for row in audits[audits["audited_epsilon"] > audits["epsilon"]].itertuples():
        yield (
            f"The audit *{row.method}* found ε ≥ {row.audited_epsilon:.3g} where "
            f"{row.epsilon:.3g} is claimed ({row.confidence:.0%} confidence). Most likely the "
            "claim or the program is wrong."
        )
    for measure, words in (("auc", "AUC"), ("tpr_at_1pct", "true positives at 1 %")):
        beaten = attacks[attacks[f"{measure}_low"] > attacks[f"bound_{measure}"]]
        for row in beaten.itertuples():
            yield (
                f"The whole interval of {words} of the attack *{row.attack}* at ε = "
                f"{row.epsilon:.3g} is above the bound. Most likely the claim or the program is "
                "wrong."
            )


def weaknesses(attacks: pd.DataFrame) -> Iterator[str]:
    """Yields why the measured attacks may say nothing."""
    open_models = attacks[attacks["epsilon"] == math.inf]
    if len(open_models) and not (open_models["auc_low"] > 0.5).any():
        yield (
            "Even without privacy no attack was above chance. These attacks are too weak to say "
            "anything about models with privacy."
        )


def attacks_table(attacks: pd.DataFrame) -> pd.DataFrame:
    """Makes a table of attacks for reading: value with interval, and beside it the bound."""
    shown = attacks.sort_values(["target_epsilon", "level", "attack"])
    table = {
        "ε": shown["epsilon"].map(lambda epsilon: budget_name(float(f"{epsilon:.4g}"))),
        "attack": shown["attack"],
        "on one": shown["level"],
        "models": shown["models"],
    }
    for measure, title, digits in (
        ("auc", "AUC", ".3f"),
        ("tpr_at_1pct", "identified at 1 % wrongly flagged", ".1%"),
        ("tpr_at_01pct", "identified at 0.1 %", ".2%"),
    ):
        table[title] = with_intervals(shown, measure, digits)
        table[f"bound: {title}"] = shown[f"bound_{measure}"].map(f"{{:{digits}}}".format)
    return pd.DataFrame(table)


def with_intervals(table: pd.DataFrame, measure: str, digits: str) -> list[str]:
    """A measure of every row as "value (low to high)"."""
    columns = (table[f"{measure}{end}"] for end in ("", "_low", "_high"))
    return [
        f"{value:{digits}} ({low:{digits}} to {high:{digits}})"
        for value, low, high in zip(*columns, strict=True)
    ]


def _show_audits(audits: pd.DataFrame, unit: Unit, epsilon: float, key: str) -> None:
    if audits.empty:
        st.info(f"No audit was made with the {unit} as the unit.", icon=":material/search_off:")
        return
    at_infinity = audits[audits["epsilon"] == math.inf]["audited_epsilon"]
    chart(
        audit_figure(audits, epsilon),
        key=f"{key}_audit",
        alt="Claimed ε as a line and audited lower bounds as points below it, on logarithmic axes",
        toolbar=camera("audit"),
        bundle=attacks_bundle(f"{key}_audit_figure", "Claimed and audited ε"),
    )
    st.caption(
        f"Audits give lower bounds. Each holds with {audits['confidence'].min():.0%} confidence. "
        f"*Overview* shows the bound of the method that was fixed beforehand, {HEADLINE_METHOD}. "
        "Open marks at the bottom found nothing."
        + (
            f" Without privacy they found ε ≥ {at_infinity.max():.3g}, the most that so many "
            "models can show."
            if len(at_infinity)
            else ""
        )
    )


def _show_roc(
    attacks: pd.DataFrame, roc: pd.DataFrame, unit: Unit, epsilon: float, key: str
) -> None:
    here = at_point(attacks, unit, epsilon)
    if here.empty:
        measured = sorted(set(attacks["target_epsilon"]))
        st.info(
            f"No attack was measured at ε = {budget_name(epsilon)}. Measured at: "
            f"{', '.join(budget_name(value) for value in measured) or 'none'}.",
            icon=":material/search_off:",
        )
        return
    logarithmic = linked(st.toggle)(
        "Logarithmic axes",
        value=True,
        key=f"{key}_log",
        help="Shows the attacker who wrongly flags hardly anybody. An AUC hides this attacker.",
    )
    chart(
        attacker_region_figure(
            attacker_curve(here["mu"].iloc[0]),
            measured_curves(roc, unit, epsilon),
            logarithmic=logarithmic,
        ),
        key=f"{key}_roc",
        alt=f"ROC curves of measured attacks at ε = {budget_name(epsilon)}, below the bound",
        toolbar=camera("attacks"),
        bundle=attacks_bundle(
            f"{key}_roc_figure", f"Attacks at ε = {budget_name(epsilon)}, and the bound"
        ),
    )
