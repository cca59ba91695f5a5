"""The lessons, in their order."""

from __future__ import annotations

from pages.ui.lessons import attacker, cost, intervals, releases, unit
from pages.ui.lessons.lesson import Lesson

LESSONS: dict[int, Lesson] = dict(
    enumerate((one.LESSON for one in (cost, attacker, unit, releases, intervals)), start=1)
)
