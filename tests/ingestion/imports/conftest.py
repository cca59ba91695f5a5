import pytest

from mammo_core.ingestion.imports import run as importing
from mammo_core.ingestion.imports import source_files
from tests.ingestion.imports.in_process import map_here


@pytest.fixture
def in_process(monkeypatch):
    """No processes are started."""
    for module in (importing, source_files):
        monkeypatch.setattr(module, "map_safely", map_here)
