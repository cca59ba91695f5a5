"""Data: what is installed, the paper's data in one step, and mammograms of one's own."""

from pages.ui.data.tabs import show_tabs
from pages.ui.shell.header import page_header
from pages.ui.shell.navigation import enter
from pages.ui.state import jobs

enter()
page_header(
    "Data",
    "The masses that classifiers here learn from and are tested on: look at what is installed and what is wrong "
    "with it, fetch the paper's data, or cut masses out of mammograms of your own. Images stay on the computer that runs this app.",
)
jobs.prepare()
show_tabs()
