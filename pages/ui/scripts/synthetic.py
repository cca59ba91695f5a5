"""Draws the masses of the page Synthetic masses and saves them side by side as synthetic_masses.png."""

from pathlib import Path

from mammo_core.figures.contact_sheet import contact_sheet
from mammo_core.figures.provenance import Provenance
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.synthesis.mass_id import masses_in_order
from mammo_core.synthesis.sampling import sample_masses
from mammo_core.system.paths import models_dir

GENERATOR = "cascade"
CLASSES = (0, 1)  # 0 is benign, 1 is malignant; the masses take turns
COUNT = 32
FIRST_SEED = 0
TRUNCATION = 1.0

generator, card = load_generator(models_dir() / GENERATOR)
masses = list(masses_in_order(CLASSES, COUNT, FIRST_SEED, TRUNCATION))
images = sample_masses(
    generator,
    [mass.label for mass in masses],
    [mass.seed for mass in masses],
    truncation=TRUNCATION,
).numpy()

captions = [f"{mass.class_name}, seed {mass.seed}" for mass in masses]
about = Provenance(title=f"Synthetic masses of {GENERATOR}", notes=(card.provenance,))
Path("synthetic_masses.png").write_bytes(contact_sheet(list(images), captions, about))
print(f"{len(masses)} masses of {GENERATOR} in synthetic_masses.png")
