"""The slide of Read a case: what noise does to the answer about one mass."""

from __future__ import annotations

from mammo_core.labels import MALIGNANT
from mammo_core.synthesis.mass_id import MassId
from mammo_core.system.paths import DEFAULT_GENERATOR
from pages.ui.case import answer, models
from pages.ui.case.image import FIRST_EXAMPLE
from pages.ui.components.slides import Slide
from pages.ui.masses import drawing

_TEST_SET = "cbis-ddsm"


def one_answer() -> Slide:
    """Reads the example with the shipped models.

    Raises:
        CheckpointError: If generator or models are missing or damaged.
    """
    from mammo_core.reading import words
    from mammo_core.reading.case import read_case

    (image,) = drawing.draw(DEFAULT_GENERATOR, [MassId(MALIGNANT, FIRST_EXAMPLE)])
    groups = [models.shipped_heads().models]
    (features,) = answer.features_of([image], groups)
    readings = read_case(features, groups)
    shown = [reading for reading in readings if _TEST_SET in reading.test_scores]
    figure = answer.scores_figure(shown, _TEST_SET)
    sentence = f"One mass, ten models at each ε: {words.headline_words(readings)}"
    return Slide(
        sentence,
        "A synthetic mass, drawn as malignant. Models at one ε differ in their noise alone. A score is not a "
        "probability of cancer.",
        figure,
        f"Scores of one mass along ε: {sentence}",
    )
