"""Blinded reader studies: frozen cases, an own order for each reader, answers kept at once, and their analysis."""
