"""Reader study: shows masses to readers who do not know what they are, and says how well they did."""

from pages.ui.components.inputs import draw_open_tab
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave
from pages.ui.study import reading, results, setup, studies

enter()
page_header(
    "Reader study",
    "Judge masses without knowing what they are. Then see how well you did, and whether the help of a private model "
    "changed it.",
)
study, reader = studies.choose()
draw_open_tab(
    {
        "Read": lambda: reading.show(study, reader),
        "Results": lambda: results.show(study),
        "Set up": setup.show,
    },
    "study_tab",
)
leave()
