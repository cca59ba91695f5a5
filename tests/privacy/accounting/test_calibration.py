import math

import pytest
from opacus.accountants.utils import get_noise_multiplier

from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.runs import HeadRecipe, PrivacyConfig, RunConfig
from mammo_core.privacy.accounting.calibration import calibrate_run
from mammo_core.privacy.accounting.gaussian import calibrate_gaussian
from mammo_core.privacy.statements.statement import make_statement
from mammo_core.privacy.statements.training_data import TrainingData

DELTA = 1e-4


def config(recipe, epsilon=6.0):
    privacy = PrivacyConfig(target_epsilon=epsilon, target_delta=DELTA)
    return RunConfig(strategy="real", privacy=privacy, recipe=recipe)


def spent(run):
    data = TrainingData(num_patients=500, num_images=900, num_synthetic=0, largest_patient=3)
    return make_statement(run, data, calibrate_run(run)).epsilon


def test_without_dp_there_is_none():
    assert calibrate_run(config(NetworkRecipe(sample_rate=0.1), math.inf)) == 0.0


@pytest.mark.parametrize("recipe", [HeadRecipe(steps=60), NetworkRecipe(steps=60)])
def test_full_batches_need_exactly_what_one_gaussian_mechanism_does(recipe):
    assert calibrate_run(config(recipe)) == calibrate_gaussian(6.0, DELTA, 60)


@pytest.mark.parametrize("epsilon", [0.5, 6.0])
def test_noise_of_sampled_steps_never_spends_more_than_the_budget_and_little_less(epsilon):
    run = config(NetworkRecipe(steps=60, sample_rate=0.1), epsilon)

    assert 0.95 * epsilon < spent(run) <= epsilon


@pytest.mark.filterwarnings("ignore:Optimal order is the largest alpha")  # Opacus' own search
def test_noise_of_the_papers_accountant_is_opacus_own():
    run = config(NetworkRecipe(steps=60, sample_rate=0.1, accountant="rdp"))

    theirs = get_noise_multiplier(
        target_epsilon=6.0, target_delta=DELTA, sample_rate=0.1, steps=60, accountant="rdp"
    )
    assert calibrate_run(run) == pytest.approx(theirs, rel=0.01)
    assert spent(run) < 6.0
