"""Asks which masses to show, and keeps the choices in the URL."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from mammo_core.labels import BENIGN, CLASS_NAMES, MALIGNANT
from mammo_core.synthesis.mass_id import MAX_SEED, MassId, masses_in_order
from pages.ui.components.inputs import choose_one, number_input
from pages.ui.components.links import linked
from pages.ui.components.messages import escape_markdown
from pages.ui.masses import drawing

MAX_COUNT = 256
LAST_SEED = MAX_SEED - MAX_COUNT
CLASSES = {
    CLASS_NAMES[BENIGN]: (BENIGN,),
    CLASS_NAMES[MALIGNANT]: (MALIGNANT,),
    "both": (BENIGN, MALIGNANT),
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
    def constants(self) -> dict[str, object]:
        """Returns the same request as the constants of the script `synthetic`."""
        return {
            "generator": self.generator,
            "classes": CLASSES[self.mass_class],
            "count": self.count,
            "first_seed": self.first_seed,
            "truncation": self.truncation,
        }

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
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = linked(st.selectbox)(
            "Generator",
            list(drawing.cards()),
            key="generator",
            width=200,
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
        count = linked(number_input)("How many", 1, MAX_COUNT, 32, key="count", width=120)
        first = linked(number_input)(
            "First seed",
            *(0, LAST_SEED, 0),
            key="first",
            width=130,
            help="A seed is the number of a mass. The same seed always gives the same mass.",
        )
        truncation = linked(st.slider)(
            "Variety (truncation)",
            0.1,
            1.0,
            1.0,
            0.05,
            key="truncation",
            width=190,
            help="1 draws the whole variety. Smaller values draw typical masses that are more alike.",
        )
    return MassRequest(name, mass_class, int(count), int(first), float(truncation))


def guarantee_in_words(name: str) -> str:
    """Says in Markdown what a generator guarantees to the patients it learned from."""
    card = drawing.cards()[name]
    if not card.saw_patients:
        return (
            f"**{escape_markdown(name)} learned from nobody.** It computes masses from what the "
            "literature says of them. No picture of a patient is behind them, so they can reveal "
            "nothing about any patient."
        )
    if card.guarantee is None:
        return (
            f"**{escape_markdown(name)} gives no privacy guarantee.** It was trained without differential "
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
