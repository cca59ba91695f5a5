"""Fetching the paper's data, every file compared."""
