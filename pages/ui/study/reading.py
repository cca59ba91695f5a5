"""Shows one case after the other, takes the answers, and keeps each at once.

Before the answer, nothing of what is sent to the browser depends on where a mass is from or what it is: its pixels, and
texts that are the same for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from mammo_core.errors import MammoError
from mammo_core.text.numbers import budget_name, counted
from pages.ui.components.browser_part import browser_part, draw_unseen
from pages.ui.components.image_grid import Tile, image_grid
from pages.ui.components.messages import escape_markdown, shown_errors
from pages.ui.components.talk_mode import hand_on_keys
from pages.ui.study import aid, clock, studies, words

if TYPE_CHECKING:
    import numpy as np

    from mammo_core.studies.aid import Aid
    from mammo_core.studies.store import Answer, ReaderAnswers
    from mammo_core.studies.study import Reading, Study

_FOCUS = browser_part("study_focus", "focus")
_TOLD, _ERROR, _BEGUN = "study_told", "study_error", "study_begun"
_ANSWER, _BREAK, _PICK = "A", "B", ("1", "2")  # keys
_SHORTEST_S = 0.2  # what is quicker answers the case before: a double click, for example


def show(study: Study, reader: str) -> None:
    """Draws the reader's next case, or what comes between: a beginning, a break, the truth, the end."""
    with shown_errors("This study cannot be read"):
        images = studies.images(study)
        known = studies.store().read(study, reader)
    if failed := st.session_state.pop(_ERROR, None):
        st.error(escape_markdown(failed, longest=1000), icon=":material/error:")
    told: Answer | None = _told(study, known)
    reading = known.next
    if told is None and reading is None:
        _show_end(study, known)
        return
    if told is None and reading is not None and not _is_begun(study, known, reading):
        return
    shown = told.reading if told is not None else reading
    assert shown is not None  # else it has returned above
    help = aid.find(study, shown.cases[0], images[shown.cases[0]]) if shown.aided else None
    picture, beside = st.columns([3, 2], gap="medium")
    with picture:
        _show_pictures(
            shown, images, is_hidden=told is None and clock.is_paused(study, known, shown)
        )
    with beside:
        if told is not None:
            _tell(study, known, told)
        else:
            _ask(study, known, shown, help)


def _show_pictures(reading: Reading, images: dict[str, np.ndarray], *, is_hidden: bool) -> None:
    if is_hidden:
        return
    names = ("first", "second") if len(reading.cases) == 2 else ("",)
    image_grid(
        [
            Tile(
                name or "case",
                images[case],
                name.capitalize(),
                f"The {name} mass to judge".replace("  ", " "),
            )
            for name, case in zip(names, reading.cases, strict=True)
        ],
        key="study_case",
        label="What is to be judged",
        tile="25rem" if len(names) == 1 else "18rem",
        columns=len(names),
        tools=True,
    )


def _is_begun(study: Study, known: ReaderAnswers, reading: Reading) -> bool:
    """Whether the pass of a step has begun; otherwise draws what comes before it. The example begins at once."""
    begun: set[tuple[str, str, bool]] = st.session_state.setdefault(_BEGUN, set())
    this_pass = (study.key, known.reader, reading.aided)
    is_first = not known.answers
    if this_pass in begun or (is_first and study.key == studies.example().key):
        return True
    if is_first or (reading.aided and not known.answers[-1].reading.aided):
        _show_before(study, known, reading)
    else:
        st.markdown(
            f"**{escape_markdown(known.reader)}** has answered {len(known.answers)} of {len(known.asked)}. The time "
            "of the next case begins when you go on."
        )
    st.button(
        "Go on" if known.answers else "Begin",
        key="study_begin",
        type="primary",
        icon=":material/play_arrow:",
        on_click=lambda: begun.add(this_pass),
    )
    return False


def _show_before(study: Study, known: ReaderAnswers, reading: Reading) -> None:
    """Says what is to be read in the pass that comes."""
    steps = [step for step in known.asked if step.aided == reading.aided]
    training = sum(step.purpose == "training" for step in steps)
    if reading.aided:
        assert study.aid_epsilon is not None  # there is such a pass
        st.markdown(
            f"**Now the same cases with a model's help.** The score of a model trained with ε = "
            f"{budget_name(study.aid_epsilon)} stands beside each case. They come in another order. In a study, let "
            "some weeks pass first, so that you do not recognise them."
        )
        return
    what = "case" if study.form == "scale" else "pair"
    st.markdown(
        f"**{counted(len(steps), what)} to judge.** "
        + (f"For training, and not counted, at the beginning: {training}. " if training else "")
        + (
            "After each answer you learn the truth."
            if study.mode == "teaching"
            else "You learn no truth before the end."
        )
        + f" You read as **{escape_markdown(known.reader)}**. Change the name above to go on under it anywhere."
    )


def _show_end(study: Study, known: ReaderAnswers) -> None:
    waits = " They appear once all readers have finished." if study.mode == "research" else ""
    st.success(
        f"**{escape_markdown(known.reader)}** has answered all {len(known.asked)}. *Results* says how well readers "
        f"did.{waits}",
        icon=":material/check:",
    )


def _ask(study: Study, known: ReaderAnswers, reading: Reading, help: Aid | None) -> None:
    """Draws the question, its answer and the break."""
    from mammo_core.studies.study import reader_key

    is_pair = len(reading.cases) == 2
    st.header(words.question(study), anchor=False)
    _show_progress(study, known, reading)
    if not clock.starts(study, known, reading):
        st.info("A break. The time stands still.", icon=":material/pause_circle:")
        st.button(
            "Go on", key="study_resume", type="primary", shortcut=_BREAK, on_click=clock.go_on
        )
        return
    if help is not None:
        aid.show(study, help)
    step = f"{study.key}_{reader_key(known.reader)}_{reading.number}"
    given = (study, known.reader, reading)
    if is_pair:
        for name, value, shortcut in zip(("First", "Second"), (0, 100), _PICK, strict=True):
            st.button(
                f"{name} mass",
                key=f"study_pick_{value}_{step}",
                shortcut=shortcut,
                type="primary",
                on_click=_answer,
                args=(*given, value),
            )
    else:
        low, high = study.answers
        value = st.slider(
            f"0 is surely {low}, 100 is surely {high}",
            0,
            100,
            50,
            key=f"study_score_{step}",
            persist_state="session",  # through a break
        )
        st.button(
            f"Answer {value}",
            key=f"study_answer_{step}",
            type="primary",
            shortcut=_ANSWER,
            on_click=_answer,
            args=(*given, value),
        )
    st.button(
        "Take a break", key="study_break", type="tertiary", shortcut=_BREAK, on_click=clock.pause
    )
    st.caption(
        "By keyboard: 1 or 2 answers, B takes a break."
        if is_pair
        else f"By keyboard: arrows move the score, {_ANSWER} answers and goes on, {_BREAK} takes a break."
    )
    hand_on_keys("study_keys", _ANSWER, _BREAK, *_PICK, once=True)
    draw_unseen(_FOCUS, "study_focus", data={"target": f".st-key-study_score_{step} input"})
    st.caption(
        f"{words.truth_of_study(study)} Each answer is kept at once. You can close this page and go on later."
    )


def _show_progress(study: Study, known: ReaderAnswers, reading: Reading) -> None:
    help = ", with a model's help" if reading.aided else ", without help"
    training = " Training: it does not count." if reading.purpose == "training" else ""
    st.progress(
        reading.number / len(known.asked),
        f"{reading.number + 1} of {len(known.asked)}{help if study.aid_epsilon is not None else ''}.{training}",
    )


def _tell(study: Study, known: ReaderAnswers, told: Answer) -> None:
    """Says what the answered mass was, in teaching mode."""
    from mammo_core.studies.analysis import is_right

    st.header("Right" if is_right(study, told) else "Not right", anchor=False)
    _show_progress(study, known, told.reading)
    for name, case in zip(("First", "Second"), told.reading.cases, strict=False):
        begin = f"{name}: " if len(told.reading.cases) == 2 else ""
        st.markdown(f"{begin}{words.truth_of_case(study, study.by_id[case])}")
    st.caption(
        f"You answered {told.value} after {told.seconds:.1f} s. Above 50 counts as {study.answers[1]}."
        if len(told.reading.cases) == 1
        else f"You chose the {'second' if told.value else 'first'} one after {told.seconds:.1f} s."
    )
    st.button("Next", key="study_next", type="primary", shortcut=_ANSWER, on_click=_go_on)
    hand_on_keys("study_keys", _ANSWER, once=True)


def _told(study: Study, known: ReaderAnswers) -> Answer | None:
    """The answer whose truth is being told; None while a case is to be read."""
    told: tuple[str, str, int] | None = st.session_state.get(_TOLD)
    is_it = told == (study.key, known.reader, len(known.answers) - 1)
    return known.answers[-1] if is_it else None


def _answer(study: Study, reader: str, reading: Reading, value: int) -> None:
    seconds = clock.seconds()
    if seconds < _SHORTEST_S:
        return
    begun: set[tuple[str, str, bool]] = st.session_state.setdefault(_BEGUN, set())
    begun.add((study.key, reader, reading.aided))
    try:
        studies.store().add(study, reader, reading, value, seconds)
    except MammoError as error:
        st.session_state[_ERROR] = str(error)
        return
    if study.mode == "teaching":
        st.session_state[_TOLD] = (study.key, reader, reading.number)


def _go_on() -> None:
    st.session_state.pop(_TOLD, None)
