"""Generators of synthetic masses: networks, training steps, sampling and quality measures."""
