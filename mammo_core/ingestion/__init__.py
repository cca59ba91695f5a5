"""Imports files from outside: reads them with mistrust, bounded, and writes cohorts of masses."""
