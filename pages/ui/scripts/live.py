"""Prints the numbers and the guarantee of one model, as the page Live does.

A model that is recorded here is shown again. Any other is trained with new secret noise: its numbers differ a
little each time, and the ledger counts it as a release.
"""

from mammo_core.cohorts.installed import DataSource, load_source
from mammo_core.config.recipes import RECIPES
from mammo_core.config.runs import BackboneConfig, PrivacyConfig, RunConfig
from mammo_core.ledger.ledger import open_ledger
from mammo_core.privacy.statements.words import summary
from mammo_core.results.archive import RunArchive
from mammo_core.results.plans import train_plan
from mammo_core.system.paths import home_dir
from mammo_core.training.heads.feature_dataset import load_feature_dataset

SOURCE = DataSource()  # without folders: the built-in demo
BACKBONE = BackboneConfig(views=1)
STRATEGY = "pretrain"
EPSILON = 6.0
UNIT = "patient"
SEED = 42
EVALUATED_PER = "mass"

home = home_dir()
masses = load_source(SOURCE)
dataset = load_feature_dataset(masses, BACKBONE, home / "features", site=SOURCE.site)
config = RunConfig(
    strategy=STRATEGY,
    privacy=PrivacyConfig(target_epsilon=EPSILON, unit=UNIT),
    recipe=RECIPES[STRATEGY],
    backbone=BACKBONE,
    seed=SEED,
)
ledger = open_ledger(home).on_behalf_of("script")
(run,) = train_plan(dataset, [config], home, ledger=ledger, origin="script")
result = run.result or RunArchive(home).load(run.run_id)

for test_set, measures in result.evaluated_per(EVALUATED_PER).estimates.items():
    auroc = measures["auroc"]
    print(f"AUROC, {test_set}: {auroc.value:.3f} (95 %: {auroc.low:.3f} to {auroc.high:.3f})")
print(summary(result.statement))
