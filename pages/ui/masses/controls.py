"""Asks which masses to show, keeps the choices in the URL, and explains values that a link got wrong."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from mammo_core.labels import BENIGN, CLASS_NAMES, MALIGNANT
from mammo_core.synthesis.mass_id import MAX_SEED, MassId, masses_in_order
from pages.ui.components.inputs import choose_one
from pages.ui.components.messages import escape_markdown
from pages.ui.masses import drawing

MAX_COUNT = 256
LAST_SEED = MAX_SEED - MAX_COUNT
CLASSES = {
    CLASS_NAMES[BENIGN]: (BENIGN,),
    CLASS_NAMES[MALIGNANT]: (MALIGNANT,),
    "both": (BENIGN, MALIGNANT),
}
_ALLOWED = {
    "class": "benign, malignant or both",
    "count": f"a whole number from 1 to {MAX_COUNT}",
    "first": "a whole number from 0",
    "truncation": "a number from 0.1 to 1",
    "generator": "the name of an installed generator",
    "mass": "a seed: a whole number from 0",
    "mass_class": "benign or malignant",
}


@dataclass(frozen=True)
class MassRequest:
    """What the controls say."""

    generator: str
    mass_class: str
    count: int
    first_seed: int
    truncation: float

    @property
    def ids(self) -> list[MassId]:
        """The masses asked for, in the order of `gan sample`."""
        classes = CLASSES[self.mass_class]
        return list(masses_in_order(classes, self.count, self.first_seed, self.truncation))

    @property
    def command(self) -> str:
        """Returns the same request as a command for the terminal."""
        options = f"--count {self.count} --seed {self.first_seed} --class {self.mass_class}"
        return (
            f"python -m mammo_core gan sample --generator models/{self.generator} {options} "
            f"--truncation {self.truncation:g} --out DIR"
        )


def controls() -> MassRequest:
    """Draws the controls; their values live in the URL."""
    which, how = st.columns([3, 4], gap="medium", vertical_alignment="bottom")
    with which:
        name = st.selectbox(
            "Generator",
            list(drawing.cards()),
            key="generator",
            bind="query-params",
            help="The model that draws. Its card says what it learned from and what it guarantees.",
        )
        mass_class = choose_one(
            "Class",
            list(CLASSES),
            "class",
            default="both",
            help="The class that the generator was told to draw. *How good they are* shows how well "
            "it does.",
        )
    with how:
        left, right = st.columns(2)
        count = left.number_input("How many", 1, MAX_COUNT, 32, key="count", bind="query-params")
        first = right.number_input(
            "First seed",
            0,
            LAST_SEED,
            0,
            key="first",
            bind="query-params",
            help="A seed is the number of a mass. The same seed always gives the same mass.",
        )
        truncation = st.slider(
            "Variety (truncation)",
            0.1,
            1.0,
            1.0,
            0.05,
            key="truncation",
            bind="query-params",
            help="1 draws the whole variety. Smaller values draw typical masses that are more alike.",
        )
    return MassRequest(name, mass_class, int(count), int(first), float(truncation))


def guarantee_in_words(name: str) -> str:
    """Says in Markdown what a generator guarantees to the patients it learned from."""
    card = drawing.cards()[name]
    if card.guarantee is None:
        return (
            f"**{escape_markdown(name)} guarantees nothing.** It was trained without differential "
            "privacy and may reveal something about its patients "
            f"({escape_markdown(card.training_data, longest=500)})."
        )
    guarantee = card.guarantee
    return (
        f"**{escape_markdown(name)} guarantees ({guarantee.epsilon:.3g}, "
        f"{guarantee.delta:g})-differential privacy to each {guarantee.unit}** of "
        f"{guarantee.num_units} ({escape_markdown(card.training_data, longest=500)}). Its masses "
        "would look almost the same without any one of them. ε bounds how much anyone can learn "
        f"about one {guarantee.unit}. A smaller ε protects more, and 10 is a loose bound. δ is "
        "the slack: a probability may exceed the bound by at most δ."
    )


def explain_bad_link(asked: dict[str, str]) -> None:
    """Says which values of the URL could not be used, and what can be; Streamlit has removed them from it.

    Args:
        asked: The URL's parameters before any widget was drawn.
    """
    dropped = {
        name: value
        for name, value in asked.items()
        if name in _ALLOWED
        and name not in st.query_params
        and name in st.session_state
        and str(st.session_state[name]) != value
    }
    for name, value in dropped.items():
        st.warning(
            f"The link asks for {name} = {escape_markdown(repr(value[:40]))}, which cannot be "
            f"used. Expected {_ALLOWED[name]}. The usual value is shown instead.",
            icon=":material/link_off:",
        )
