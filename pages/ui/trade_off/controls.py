"""Asks for the choices of the Trade-off page and keeps them in the URL."""

from __future__ import annotations

import streamlit as st

from mammo_core import reference
from mammo_core.config.names import STRATEGY_NAMES
from mammo_core.config.runs import STRATEGIES
from mammo_core.evaluation.metrics import METRIC_NAMES
from mammo_core.figures.trade_off import METRIC_LABELS
from pages.ui.components.inputs import choose_evaluation_unit, choose_one
from pages.ui.components.links import linked
from pages.ui.components.messages import GLOSSARY
from pages.ui.components.privacy_inputs import choose_unit
from pages.ui.trade_off.points import SHIPPED_TEST_SETS, CurveChoices, OwnData, names_of, own_data

_METRIC_HELP = (
    "AUROC: how often a malignant mass scores above a benign one (0.5 is chance). Average "
    "precision: how many of the masses called malignant are malignant, over all thresholds. "
    "Sensitivity at 90 % specificity: the share of malignant masses found when 1 in 10 benign "
    "ones is called malignant. Brier: how far scores are from the truth (0 is best). "
    f"{GLOSSARY}"
)


def choose() -> CurveChoices:
    """Draws the choices in one row, those that are rarely changed folded away, and returns what was chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        strategies = linked(st.pills)(
            "Training data",
            STRATEGIES,
            selection_mode="multi",
            default=("real", "real+synthetic", "pretrain"),
            format_func=lambda strategy: STRATEGY_NAMES[strategy],
            key="strategies",
            wrap=True,
            width="content",
            help="Every curve is trained by DP-SGD at full batch: gradient descent on clipped gradients "
            "with noise. *Synthetic only* never reads a real mass. All others do. " + GLOSSARY,
        )
        masses = _choose_masses() if set(strategies) - {"real"} else reference.PAPER
        unit = choose_unit("unit")
        with st.popover("More", icon=":material/tune:", key="trade_off_more"):
            metric = linked(st.selectbox)(
                "Measure",
                METRIC_NAMES,
                format_func=lambda name: METRIC_LABELS[name],
                key="metric",
                help=_METRIC_HELP,
            )
            evaluated_per = choose_evaluation_unit("evaluated_per")
            own = _choose_own()
            test_sets = _choose_test_sets(own)
            spread = choose_one(
                "Spread",
                ("interval", "every seed"),
                "spread",
                help="A 95 % band for one released model, or every single run as a dot.",
            )
            with_paper = linked(st.toggle)(
                "Show the paper's results",
                value=True,
                key="paper",
                help="Osuala et al. 2024: Swin-T, image as the unit, three seeds. Bars span the seeds.",
            )
    return CurveChoices(
        masses=masses,
        strategies=tuple(name for name in STRATEGIES if name in strategies),
        unit=unit,
        metric=metric,
        evaluated_per=evaluated_per,
        test_sets=test_sets,
        every_seed=spread == "every seed",
        with_paper=with_paper,
        own=own,
    )


def _choose_masses() -> str:
    sets = reference.synthetic_sets()
    return choose_one(
        "Synthetic masses",
        list(sets),
        "masses",
        shown=lambda key: sets[key],
        help="Which synthetic masses the classifiers learned from. The paper's come from a generator that saw the same "
        "patients. No patient is behind simulated ones. *Real only* uses none.",
    )


def _choose_own() -> OwnData | None:
    """Asks which own runs to draw beside the shipped ones, if there are any."""
    found = {data.name: data for data in own_data()}
    if not found:
        return None
    name = linked(st.selectbox)(
        "Your runs",
        list(found),
        index=None,
        key="own",
        placeholder="not shown",
        help="Models trained on this installation, drawn as stars. Choose the data that they were "
        "trained on. Each set of data is an experiment of its own.",
    )
    return found.get(name) if name else None


def _choose_test_sets(own: OwnData | None) -> tuple[str, ...]:
    others = [name for name in (own.test_sets if own else ()) if name not in SHIPPED_TEST_SETS]
    names = names_of((*SHIPPED_TEST_SETS, *others))
    chosen = linked(st.pills)(
        "Test sets",
        list(names),
        selection_mode="multi",
        default=list(names),
        format_func=lambda name: names[name],
        key="test_sets" if not others else "all_test_sets",
        wrap=True,
        help=(
            "The masses that the models are tested on. Those of the training site are easier than "
            "those of another site."
        ),
    )
    return tuple(name for name in names if name in chosen)
