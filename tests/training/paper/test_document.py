from mammo_core.training.paper.presets import paper_presets
from tools.paper_document import DOCUMENT, experiments_section, renewed


def test_document_has_the_experiments_as_the_presets_have_them():
    """If this fails: python -m tools.paper_document"""
    document = DOCUMENT.read_text(encoding="utf-8")

    assert renewed(document) == document


def test_section_names_every_experiment_and_every_difference_once():
    section = experiments_section()

    for preset in paper_presets().values():
        assert section.count(f"\n| {preset.name} |") == 1
        for sentence in (*preset.differences, *preset.inferred):
            assert section.count(sentence) == 1


def test_section_has_the_papers_mean_and_seeds():
    (row,) = [line for line in experiments_section().splitlines() if line.startswith("| dbr1 |")]

    assert "0.572 (0.539 to 0.613)" in row
    assert "2700" in row
    assert "1 in 9" in row
