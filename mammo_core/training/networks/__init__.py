"""Trains whole networks on images, with checkpoints and validation on the way."""
