"""Training of whole networks with differential privacy: gradients clipped per unit, noise, and what it spends."""
