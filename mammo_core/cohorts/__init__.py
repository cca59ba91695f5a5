"""Cohorts of masses: read from folders, checked, listed, and the built-in demo."""
