"""Exports finished runs as ZIP files, and imports them after checks."""
