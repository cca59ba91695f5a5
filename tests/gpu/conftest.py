"""What every test here needs: an NVIDIA GPU. Each imports what it tests itself, so that what is not installed skips."""

import pytest
import torch


@pytest.fixture
def gpu():
    """The GPU; without one the test is skipped."""
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU that PyTorch can use")
    yield torch.device("cuda")
    torch.cuda.empty_cache()


@pytest.fixture
def cpu():
    return torch.device("cpu")
