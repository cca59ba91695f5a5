"""Trains the network that the page Train describes and prints its numbers and guarantee. This takes long.

The ledger counts it as a release. After an interruption, the same script goes on from the last checkpoint.
"""

from mammo_core.cohorts.installed import DataSource, load_source
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import BackboneConfig, PrivacyConfig, RunConfig
from mammo_core.ledger.ledger import open_ledger
from mammo_core.privacy.statements.words import summary
from mammo_core.results.recording import RunRecorder
from mammo_core.system.device import choose_device
from mammo_core.system.paths import home_dir
from mammo_core.training.dataset import run_dataset
from mammo_core.training.networks.execute import execute

SOURCE = DataSource()  # without folders: the built-in demo
CONFIG = RunConfig(
    strategy="real",
    privacy=PrivacyConfig(target_epsilon=6.0),
    recipe=NetworkRecipe(trained_part="head"),
    backbone=BackboneConfig(views=1),
)
DEVICE = "auto"

home = home_dir()
data = run_dataset(load_source(SOURCE), site=SOURCE.site)
ledger = open_ledger(home).on_behalf_of("script")
result = execute(CONFIG, data, ledger=ledger, home=home, device=choose_device(DEVICE))
RunRecorder(home).record(result, origin="script")
for test_set, measures in result.estimates.items():
    print(f"AUROC, {test_set}: {measures['auroc'].value:.3f}")
print(summary(result.statement))
