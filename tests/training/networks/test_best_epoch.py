import math

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import nn

from mammo_core.errors import PrivacyError
from mammo_core.training.networks.best_epoch import evaluate_epoch, first_step_to_choose

LABELS = np.array([0, 0, 0, 1, 1])  # three benign
GOOD = np.array([0.1, 0.2, 0.3, 0.8, 0.9])
BAD = np.array([0.9, 0.2, 0.3, 0.8, 0.1])


def look(scores, step=1, network=None):
    return evaluate_epoch(step, network or nn.Linear(2, 2), LABELS, scores, 0.1)


def test_average_precision_takes_benign_for_the_positive_class():
    assert look(GOOD).average_precision == 1
    assert look(BAD).average_precision == pytest.approx(
        average_precision_score(1 - LABELS, 1 - BAD)
    )
    assert look(BAD).average_precision != pytest.approx(average_precision_score(LABELS, BAD))


def test_better_ranking_of_benign_masses_wins_whenever_it_came():
    assert look(GOOD).beats(None)
    assert look(GOOD, step=2).beats(look(BAD, step=1))
    assert not look(BAD, step=2).beats(look(GOOD, step=1))


def test_between_equals_the_lower_loss_decides_and_then_the_earlier_epoch():
    surer = np.array([0.05, 0.1, 0.1, 0.9, 0.95])

    assert look(surer, step=2).beats(look(GOOD, step=1))
    assert not look(GOOD, step=2).beats(look(GOOD, step=1))


def test_loss_is_the_networks_with_smoothed_labels():
    logits = torch.tensor([[2.0, -1.0], [0.5, 0.1], [1.0, 0.0], [-1.0, 0.5], [0.2, 0.9]])
    scores = torch.softmax(logits.double(), dim=1)[:, 1].numpy()

    expected = nn.functional.cross_entropy(
        logits.double(), torch.from_numpy(LABELS), label_smoothing=0.1
    )

    assert look(scores).loss == pytest.approx(expected.item())


def test_kept_weights_are_the_trained_ones_and_do_not_change_with_the_network():
    network = nn.Linear(2, 2)
    network.bias.requires_grad_(False)
    before = network.weight.detach().clone()

    kept = look(GOOD, network=network)
    with torch.no_grad():
        network.weight.zero_()

    assert set(kept.weights) == {"weight"}
    assert torch.equal(kept.weights["weight"], before)


def test_certain_and_wrong_scores_have_a_finite_loss():
    assert math.isfinite(look(1.0 - LABELS).loss)


def test_epochs_are_chosen_from_once_three_quarters_of_the_target_are_spent():
    asked = []

    def epsilon_after(step):
        asked.append(step)
        return 0.01 * step

    assert first_step_to_choose(epsilon_after, 8.0, 800) == 601  # 600 steps spend 6.0, not more
    assert len(asked) < 15


def test_without_dp_any_epoch_may_be_chosen():
    assert first_step_to_choose(lambda step: math.inf, math.inf, 800) == 1


def test_noise_so_large_that_no_epoch_may_be_chosen_is_refused():
    with pytest.raises(
        PrivacyError, match="spend more than 75 % of ε = 8.*they spend 2. Keep the last"
    ):
        first_step_to_choose(lambda step: 0.01 * step, 8.0, 200)
