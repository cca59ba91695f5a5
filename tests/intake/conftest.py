import pytest

from mammo_core.intake import folder_survey, importing
from tests.intake.in_process import map_here


@pytest.fixture
def in_process(monkeypatch):
    """No processes are started."""
    for module in (folder_survey, importing):
        monkeypatch.setattr(module, "map_safely", map_here)
