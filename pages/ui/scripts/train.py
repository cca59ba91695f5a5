"""Trains the models that the page Train describes and prints their numbers and guarantees.

A model that is recorded here is shown again. Any other is trained, and the ledger counts it as a release.
"""

from mammo_core.cohorts.installed import DataSource, load_source
from mammo_core.config.runs import BackboneConfig
from mammo_core.ledger.ledger import open_ledger
from mammo_core.privacy.statements.words import summary
from mammo_core.results.archive import RunArchive
from mammo_core.results.plans import train_plan
from mammo_core.system.paths import home_dir
from mammo_core.training.heads.feature_dataset import load_feature_dataset
from mammo_core.training.heads.sweep import SweepPlan

SOURCE = DataSource()  # without folders: the built-in demo
PLAN = SweepPlan(
    strategies=("pretrain",),
    units=("patient",),
    epsilons=(6.0,),
    seeds=(42,),
    delta=1e-4,
    backbone=BackboneConfig(views=1),
)

home = home_dir()
masses = load_source(SOURCE)
dataset = load_feature_dataset(masses, PLAN.backbone, home / "features", site=SOURCE.site)
ledger = open_ledger(home).on_behalf_of("script")
configs, engine = PLAN.configs(), PLAN.engine
for run in train_plan(dataset, configs, home, ledger=ledger, origin="script", backend=engine):
    result = run.result or RunArchive(home).load(run.run_id)
    for test_set, measures in result.estimates.items():
        auroc = measures["auroc"]
        print(f"{result.name}, {result.config.privacy.unit}: AUROC, {test_set}: {auroc.value:.3f}")
    print(summary(result.statement))
