"""Computes what noisy steps cost together, and how much noise a target ε needs."""
