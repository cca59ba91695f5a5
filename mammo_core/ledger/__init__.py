"""Writes down every release from a cohort before it is made, and composes what all cost."""
