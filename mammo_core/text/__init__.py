"""Writes numbers, and names that others chose, for people to read."""
