"""Writes the table of the paper's experiments into the documentation: `python -m tools.paper_document`."""

from __future__ import annotations

from pathlib import Path

from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.training.paper.presets import Preset, PublishedAuroc, paper_presets

DOCUMENT = Path(__file__).parents[1] / "docs" / "reference" / "paper-experiments.md"
BEGIN, END = "<!-- experiments: begin (generated) -->", "<!-- experiments: end -->"
_HEADER = "| preset | what is trained | steps | masses per step | our path | paper, CBIS-DDSM | paper, BCDR |"


def experiments_section() -> str:
    """A table of all experiments, then what differs and what was inferred, with the presets it holds for."""
    presets = list(paper_presets().values())
    lines = ["### All experiments", "", _HEADER, "|---|---|---|---|---|---|---|"]
    lines += [_row(preset) for preset in presets]
    lines += ["", "### What differs", ""]
    lines += _with_names([(preset.name, preset.differences) for preset in presets])
    lines += ["", "### What was inferred", ""]
    lines += _with_names([(preset.name, preset.inferred) for preset in presets])
    return "\n".join(lines) + "\n"


def renewed(document: str) -> str:
    """The document with the section between its two marks replaced."""
    before, rest = document.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{experiments_section()}\n{END}{after}"


def _row(preset: Preset) -> str:
    recipe = preset.config.recipe
    steps = f"{recipe.steps}"
    if isinstance(recipe, NetworkRecipe) and recipe.pretraining_steps:
        steps = f"{recipe.pretraining_steps} + {recipe.steps}"
    cells = (
        preset.name,
        preset.meaning,
        steps,
        f"1 in {round(1 / recipe.sample_rate)}",
        preset.path,
        *map(_auroc, preset.published),
    )
    return f"| {' | '.join(cells)} |"


def _auroc(published: PublishedAuroc) -> str:
    values = [auroc for _, auroc in published.by_seed]
    return f"{published.mean:.3f} ({min(values):.3f} to {max(values):.3f})"


def _with_names(sentences_of: list[tuple[str, tuple[str, ...]]]) -> list[str]:
    """Each sentence once, in order, with the presets it holds for."""
    names: dict[str, list[str]] = {}
    for name, sentences in sentences_of:
        for sentence in sentences:
            names.setdefault(sentence, []).append(name)
    return [
        f"- {sentence} *({'all' if len(held) == len(sentences_of) else ', '.join(held)})*"
        for sentence, held in names.items()
    ]


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
