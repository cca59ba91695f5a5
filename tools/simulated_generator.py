"""Writes models/simulated, the generator of masses that nobody had: python -m tools.simulated_generator"""

from __future__ import annotations

from mammo_core.synthesis.cards import GeneratorCard
from mammo_core.synthesis.checkpoints import save_generator
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.sampling import build_generator
from mammo_core.synthesis.simulator import PARAMETERS
from mammo_core.system.paths import models_dir

CARD = GeneratorCard(
    config=GanConfig(architecture="simulator", latent_dim=len(PARAMETERS)),
    training_data="no masses: simulated from the literature",
    licence="Apache-2.0, as this project; no image of a patient is behind it",
    images_seen=0,
    device="CPU",
    command="python -m tools.simulated_generator",
    notes="Computed, not learned: see mammo_core/synthesis/simulator.py for the sources. No number was fitted to an image; "
    "published mammograms were looked at while it was written. Seen by eye: tissue and fibres are too even, many masses "
    "are faint, outlines are often too regular, and vessels, lymph nodes and clips are missing. Its classes differ as "
    "BI-RADS describes them, which is simpler than what patients have.",
)

if __name__ == "__main__":
    save_generator(build_generator(CARD.config), CARD, models_dir() / "simulated")
