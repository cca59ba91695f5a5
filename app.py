"""Mammo Privacy Explorer: the entry point. The pages are declared in `pages/ui/shell/navigation.py`."""

from pages.ui.shell.navigation import run_app

run_app()
