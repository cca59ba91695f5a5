import math

import pytest

from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.errors import InvalidRequestError


def test_default_trains_the_whole_network_with_all_units_in_every_step():
    recipe = NetworkRecipe()

    assert (recipe.trained_part, recipe.trained_stages) == ("network", None)
    assert not recipe.is_sampled
    assert NetworkRecipe(sample_rate=0.1).is_sampled


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"trained_part": "tail"}, "trained_part"),
        ({"trained_part": "head", "trained_stages": 2}, "stages"),
        ({"trained_stages": 0}, "trained_stages"),
        ({"adapter_rank": 0}, "adapter_rank"),
        ({"head": "deep"}, "head"),
        ({"outputs": 3}, "outputs"),
        ({"batch_norm": "batch"}, "batch_norm"),
        ({"steps": 0}, "steps"),
        ({"sample_rate": 0.0}, "sample_rate"),
        ({"sample_rate": 1.5}, "sample_rate"),
        ({"sample_rate": math.nan}, "sample_rate"),
        ({"optimizer": "lion"}, "optimizer"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"weight_decay": -1.0}, "weight_decay"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"max_grad_norm": 0.0}, "max_grad_norm"),
        ({"views": 0}, "views"),
        ({"augmentation": "crops"}, "augmentation"),
        ({"ema_decay": 1.0}, "ema_decay"),
        ({"precision": "float16"}, "precision"),
        ({"pretraining_steps": -1}, "pretraining_steps"),
        ({"pretraining_part": "adapters"}, "pretraining_part"),
        ({"kept": "first"}, "kept"),
        ({"accountant": "gdp"}, "accountant"),
        ({"synthetic_weight": math.inf}, "synthetic_weight"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(values, named):
    with pytest.raises(InvalidRequestError, match=named):
        NetworkRecipe(**values)
