"""What a lesson is: a question, a prediction, something to try, and the right answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pages.ui.components.inputs import require_within
from pages.ui.lessons.settings import LessonSettings

Prediction = float | str
_ROUNDING = 1e-9


@dataclass(frozen=True)
class AskedNumber:
    """A prediction that is a number.

    Attributes:
        low, high: The possible range; both belong to it.
        within: How far from the right value still counts as right.
        is_share: Whether `within` is a share of the right value.
        step: Of the input; a whole number asks for whole numbers.
    """

    label: str
    low: float
    high: float
    within: float
    is_share: bool = False
    step: float = 0.1

    @property
    def tolerance(self) -> str:
        """What counts as right, in words."""
        far = f"{100 * self.within:g} %" if self.is_share else f"{self.within:g}"
        return f"at most {far} off"

    def ask(self, key: str) -> Prediction | None:
        """Draws the input, empty at first."""
        return st.number_input(self.label, value=None, step=self.step, key=key, width=420)

    def require(self, prediction: Prediction) -> None:
        """Ends the page with the reason if the prediction is impossible."""
        require_within(self.label, float(prediction), self.low, self.high)

    def shown(self, prediction: Prediction) -> str:
        """Writes a prediction."""
        return f"{float(prediction):.6g}"

    def is_right(self, prediction: Prediction, right: Prediction) -> bool:
        """Whether a prediction is close enough."""
        allowed = self.within * (abs(float(right)) if self.is_share else 1)
        return abs(float(prediction) - float(right)) <= allowed + _ROUNDING


@dataclass(frozen=True)
class AskedChoice:
    """A prediction that is one of several options, in order.

    Attributes:
        steps: How many options from the right one still count as right.
    """

    label: str
    options: tuple[Prediction, ...]
    steps: int = 0

    @property
    def tolerance(self) -> str:
        """What counts as right, in words."""
        return "the neighbours on the list, too" if self.steps else "only this answer"

    def ask(self, key: str) -> Prediction | None:
        """Draws the options, none of them chosen."""
        return st.radio(
            self.label, self.options, index=None, format_func=self.shown, horizontal=True, key=key
        )

    def require(self, prediction: Prediction) -> None:
        """Nothing to check: every option is possible."""

    def shown(self, prediction: Prediction) -> str:
        """Writes an option."""
        return prediction if isinstance(prediction, str) else f"{prediction:g}"

    def is_right(self, prediction: Prediction, right: Prediction) -> bool:
        """Whether a prediction is near enough on the list."""
        places = [self.options.index(one) for one in (prediction, right)]
        return abs(places[0] - places[1]) <= self.steps


@dataclass(frozen=True)
class Answer:
    """The right answer for some settings.

    Attributes:
        value: What a prediction is compared with.
        text: The same in words, with its interval where it has one.
        why: Two sentences.
    """

    value: Prediction
    text: str
    why: str


@dataclass(frozen=True)
class Lesson:
    """One thing to find out.

    Attributes:
        question: One short sentence for some settings; what it names is all that the answer depends on.
        asked: What is predicted.
        experiment: Draws a slider and what follows from it; instant, and it trains nothing.
        answer: Computes the right answer.
    """

    title: str
    question: Callable[[LessonSettings], str]
    asked: Callable[[LessonSettings], AskedNumber | AskedChoice]
    experiment: Callable[[LessonSettings], None]
    answer: Callable[[LessonSettings], Answer]
