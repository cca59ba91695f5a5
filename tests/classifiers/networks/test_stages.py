import pytest
import timm

from mammo_core.classifiers.networks.stages import freeze_first_stages, stages_of
from mammo_core.errors import InvalidRequestError


def headless(name):
    network = timm.create_model(name, pretrained=False)
    network.reset_classifier(0)
    return network


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("test_efficientnet", 6),
        ("resnet18", 5),
        ("convnext_atto", 5),
        ("swin_tiny_patch4_window7_224", 5),
        ("vit_tiny_patch16_224", 13),
    ],
)
def test_every_parameter_is_in_one_stage_from_stem_to_final_norm(name, stages):
    network = headless(name)

    found = stages_of(network)

    names = [name for stage in found for name in stage]
    assert len(found) == stages
    assert sorted(names) == sorted(name for name, _ in network.named_parameters())
    first, last = (next(network.named_parameters())[0], list(network.named_parameters())[-1][0])
    assert first in found[0]
    assert last in found[-1]


def test_last_stages_stay_trainable():
    network = headless("test_convnext")

    count = freeze_first_stages(network, 2)

    trainable = [name for name, own in network.named_parameters() if own.requires_grad]
    assert count == 5
    assert sorted(trainable) == sorted(name for stage in stages_of(network)[-2:] for name in stage)


def test_more_stages_than_there_are_is_refused():
    with pytest.raises(InvalidRequestError, match="at most the 5 stages .* got 6"):
        freeze_first_stages(headless("test_convnext"), 6)
