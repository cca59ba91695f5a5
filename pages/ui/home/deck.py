"""One talk through the whole subject: slides of every page in the order of a story."""

from __future__ import annotations

from collections.abc import Callable

from pages.ui.case.slides import one_answer
from pages.ui.components.messages import shown_errors
from pages.ui.components.slides import Slide, show_slides
from pages.ui.live.slides import move_it_yourself
from pages.ui.masses import slides as masses
from pages.ui.privacy import slides as privacy
from pages.ui.trade_off import slides as trade_off

_TEST_SET = "bcdr"  # the external one, where synthetic masses bring most
_OF_MASSES = ("benign masses", "malignant masses")
_OF_TRADE_OFF = (
    "no privacy",
    "private, real masses only",
    "synthetic first, then private",
    "where privacy is cheap",
)
_PRICE_OF_A_GENERATOR = "what a generator guarantees"


def slides() -> dict[str, Callable[[], Slide]]:
    """Returns the slides of the story by name: masses, accuracy, the slider, attackers, one answer."""
    of_masses, of_trade_off = masses.slides(), trade_off.slides("patient", _TEST_SET)
    of_privacy = {f"attackers: {name}": make for name, make in privacy.slides().items()}
    return (
        {name: of_masses[name] for name in _OF_MASSES}
        | {f"accuracy: {name}": of_trade_off[name] for name in _OF_TRADE_OFF}
        | {"move it yourself": move_it_yourself}
        | of_privacy
        | {"one answer under noise": one_answer}
        | {_PRICE_OF_A_GENERATOR: of_masses[_PRICE_OF_A_GENERATOR]}
    )


def show_talk() -> None:
    """Draws the slide that the URL names."""
    with shown_errors("This slide cannot be drawn"):
        show_slides("Mammo Privacy Explorer", slides(), "deck")
