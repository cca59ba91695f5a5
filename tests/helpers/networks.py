"""Small cohorts and quick configurations of networks."""

from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import BackboneConfig, PrivacyConfig, RunConfig
from mammo_core.training.dataset import RunDataset, TestedMasses
from tests.conftest import make_cohort

TINY = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=1)


def small_data(**changes):
    """12 training patients, a validation set, a test set, 20 synthetic masses."""
    values = {
        "train": make_cohort(12),
        "test_sets": {"site": TestedMasses.of(make_cohort(8, split="test", seed=1))},
        "validation": TestedMasses.of(make_cohort(8, split="val", seed=2)),
        "synthetic": make_cohort(20, 1, site="made", source="synthetic", seed=3),
    }
    return RunDataset(**values | changes)


def small_config(
    strategy="real",
    epsilon=20.0,
    unit="patient",
    noise="reproducible",
    arithmetic="grid",
    **recipe,
):
    """Four full-batch steps unless told otherwise."""
    return RunConfig(
        strategy=strategy,
        privacy=PrivacyConfig(
            target_epsilon=epsilon,
            target_delta=1e-3,
            unit=unit,
            noise=noise,
            arithmetic=arithmetic,
        ),
        recipe=NetworkRecipe(**{"steps": 4, "trained_part": "head"} | recipe),
        backbone=TINY,
        seed=1,
    )
