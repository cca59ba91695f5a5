"""Importing mammograms as cohorts of masses."""
