"""Draws the noise of private training, and adds it to clipped sums."""
