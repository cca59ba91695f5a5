"""The stages of a network from input to output, as timm groups its layers."""

from __future__ import annotations

from timm.models import group_parameters
from torch import nn

from mammo_core.classifiers.layer_maps import timm_model
from mammo_core.errors import InvalidRequestError

_INTO_LAST = (99999,)  # timm's mark of layers that belong to the group before


def stages_of(backbone: nn.Module) -> list[list[str]]:
    """Lists the parameter names of each stage, the stem first; final norms belong to the last stage.

    Convolutional networks and Swin transformers have about five stages; of a plain vision transformer every block
    is one.
    """
    matcher = {**timm_model(backbone).group_matcher(coarse=True), "rest": [(r".*", _INTO_LAST)]}
    groups = group_parameters(backbone, matcher)
    return [groups[depth] for depth in sorted(groups)]


def freeze_first_stages(backbone: nn.Module, trained: int) -> int:
    """Freezes all but the last stages.

    Args:
        trained: How many stages stay trainable.

    Returns:
        How many stages there are.

    Raises:
        InvalidRequestError: If there are not so many.
    """
    stages = stages_of(backbone)
    if trained > len(stages):
        raise InvalidRequestError(
            f"Expected to train at most the {len(stages)} stages that the network has, its stem counted; got "
            f"{trained}. Train fewer, or leave the number out to train all."
        )
    for stage in stages[: len(stages) - trained]:
        for name in stage:
            backbone.get_parameter(name).requires_grad_(False)
    return len(stages)
