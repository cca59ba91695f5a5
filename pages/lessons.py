"""Lessons: asks students for a prediction, lets them try it out, and says whether they were right and why."""

from pages.ui.lessons import settings, sheets, view
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave

enter()
page_header(
    "Lessons",
    "Predict first. Then move a slider, and see whether you were right, and why. Nothing is trained.",
)
chosen = settings.choose()
number = view.number_of_link()
if number is None:
    view.show_list(chosen)
    sheets.show_answer_sheet()
    sheets.show_teachers_sheet(chosen)
else:
    view.show_lesson(number, chosen)
    sheets.show_answer_sheet()
leave()
