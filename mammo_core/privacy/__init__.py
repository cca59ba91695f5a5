"""Differential privacy: accounting, noise, private training of heads and networks, statements."""
