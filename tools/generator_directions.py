"""Writes models/NAME.directions.safetensors, what the sliders of a shipped generator change: python -m tools.generator_directions NAME"""

from __future__ import annotations

import sys

from mammo_core.evaluation.appearance import APPEARANCES
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.synthesis.latent.directions import directions_file, find_directions, save_directions
from mammo_core.system.paths import models_dir

if __name__ == "__main__":
    for name in sys.argv[1:]:
        generator, card = load_generator(models_dir() / name)
        directions = find_directions(generator)
        save_directions(directions, directions_file(models_dir() / name), card.sha256)
        print(f"{name}: {', '.join(one.name for one in APPEARANCES)}")
        for index, changes in enumerate(directions.changes.tolist()):
            named = directions.named(index)
            shown = "  ".join(f"{change:+.2f}" for change in changes)
            print(f"{index}  {shown}  {named.name if named else 'none of these'}")
