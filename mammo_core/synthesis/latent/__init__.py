"""Directions of a latent space, named by what they change in the masses drawn."""
