"""Imports mammograms as cohorts of masses."""
