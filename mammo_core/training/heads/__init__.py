"""Trains linear heads on cached features: single runs, plans of many, live curves."""
