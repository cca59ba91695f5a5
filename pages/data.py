"""Data: shows what is installed, fetches the paper's data and imports mammograms."""

from pages.ui.data.tabs import show_tabs
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter, leave
from pages.ui.state import jobs

enter()
page_header(
    "Data",
    "Classifiers learn from these masses and are tested on them. See what is installed, fetch "
    "the paper's data, or import your own mammograms. Images stay on the computer that runs this "
    "app.",
)
jobs.prepare()
show_tabs()
leave()
