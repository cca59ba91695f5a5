"""Reads one case: what many models say of one mass."""
