import pytest
import torch

from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.networks import build_generator

TINY = {
    "resgan": GanConfig(image_size_px=16, latent_dim=6, width=2, batch_size=4),
    "mcgan": GanConfig(architecture="mcgan", image_size_px=16, latent_dim=6, width=4, batch_size=4),
}


@pytest.fixture(params=TINY)
def config(request):
    return TINY[request.param]


@pytest.fixture
def generator(config):
    torch.manual_seed(0)
    built = build_generator(config).eval()
    for name, parameter in built.named_parameters():
        if "grain" in name or "style" in name:  # zero at first: give them something to do
            torch.nn.init.normal_(parameter, std=0.3)
    return built
