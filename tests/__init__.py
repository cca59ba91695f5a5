"""Tests run side by side, so each computes with one thread; read when torch is imported, so set before.

All run at the lowest priority: workers of jobs lower theirs, and would starve beside busy tests.
"""

import os

for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
if hasattr(os, "nice"):  # not on Windows
    os.nice(19)
