"""One test in two sizes: a few cases in `make test`, many in `make slow`."""

import pytest


def few_or_many(name, few, many):
    """Parametrises a test with a small number and, marked slow, a large one."""
    return pytest.mark.parametrize(name, [few, pytest.param(many, marks=pytest.mark.slow)])
