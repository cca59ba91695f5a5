"""Plotly figures, made from numbers alone, and their export as images."""
