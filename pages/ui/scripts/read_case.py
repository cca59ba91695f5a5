"""Prints what models say about one mass, as the page Read a case does. This is no diagnosis."""

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.reading.case import case_features, read_case
from mammo_core.reading.models import models_of_run
from mammo_core.reading.shipped_heads import SHIPPED_HEADS, load_heads
from mammo_core.reading.words import CAUTION, call_words
from mammo_core.results.archive import RunArchive
from mammo_core.results.head_store import HeadStore
from mammo_core.synthesis.checkpoints import load_generator
from mammo_core.synthesis.mass_id import MassId
from mammo_core.synthesis.sampling import sample_masses
from mammo_core.system.paths import DEFAULT_GENERATOR, home_dir, models_dir

MASS = MassId(label=1, seed=18)  # 0 is benign, 1 is malignant
RUN_IDS = ()  # of models that were trained here; without any, the models that ship

# of your own mass, already cut out: image = np.array(PIL.Image.open("mass.png").convert("L"))
generator, _ = load_generator(models_dir() / DEFAULT_GENERATOR)
image = sample_masses(generator, [MASS.label], [MASS.seed])[0].numpy()

home = home_dir()
models = [models_of_run(RunArchive(home).load(run_id), HeadStore(home)) for run_id in RUN_IDS]
models = models or [load_heads(models_dir() / SHIPPED_HEADS).models]
features = case_features(image, [each.backbone for each in models], load_backbone)
for reading in read_case(features, models):
    print(f"{call_words(reading)} Mean score {reading.scores.mean():.3f}.")
print(CAUTION.replace("**", ""))
