"""Trains linear heads with differential privacy, by Opacus or many at once."""
