"""Attacks trained models and generators, and bounds their ε from below."""
