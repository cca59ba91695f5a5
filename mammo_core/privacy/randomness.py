"""Where noise that protects patients comes from."""

import secrets

import torch


def secret_generator() -> torch.Generator:
    """Seeded by the operating system; the seed is kept nowhere, so the noise can't be drawn again.

    The generator behind it (Mersenne Twister) is statistically sound but not cryptographic.
    """
    return torch.Generator().manual_seed(secrets.randbits(63))
