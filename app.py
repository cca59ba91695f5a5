"""Mammo Privacy Explorer: the entry point. The pages are declared in `pages/ui/navigation.py`."""

from pages.ui.navigation import run_app

run_app()
