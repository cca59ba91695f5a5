import pytest
import torch

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.config.runs import BackboneConfig
from mammo_core.synthesis.cards import GeneratorCard
from mammo_core.synthesis.cascade_training import CascadeTrainer
from mammo_core.synthesis.config import GanConfig
from mammo_core.synthesis.flow_gan.trainer import FlowGanTrainer
from mammo_core.synthesis.mcgan_training import McganTrainer
from mammo_core.synthesis.sampling import build_generator
from mammo_core.synthesis.simulator import PARAMETERS
from mammo_core.system.secret_key import hash_patients
from tests.conftest import make_cohort

CPU = torch.device("cpu")
TINY = {
    "flow_gan": GanConfig(
        architecture="flow_gan",
        image_size_px=16,
        latent_dim=16,
        width=2,
        batch_size=4,
        structure_images=16,
    ),
    "cascade": GanConfig(
        image_size_px=16, latent_dim=6, width=2, batch_size=4, structure_images=16
    ),
    "mcgan": GanConfig(architecture="mcgan", image_size_px=16, latent_dim=6, width=4, batch_size=4),
}
TINY_SIMULATOR = GanConfig(architecture="simulator", image_size_px=16, latent_dim=len(PARAMETERS))


@pytest.fixture(params=[*TINY, "simulator"])
def config(request):
    return TINY.get(request.param, TINY_SIMULATOR)


@pytest.fixture(params=TINY)
def trained_config(request):
    return TINY[request.param]


@pytest.fixture
def generator(config):
    torch.manual_seed(0)
    built = build_generator(config).eval()
    for name, parameter in built.named_parameters():
        if "embedding" in name or "last" in name:  # zero at first: give them something to do
            torch.nn.init.normal_(parameter, std=0.3)
    return built


@pytest.fixture
def card(config):
    return GeneratorCard(
        config=config,
        training_data="a site, train split",
        licence="CC BY 3.0",
        patients=hash_patients("ab"),
        images_seen=10,
        device="CPU",
        command="gan train",
        metrics={"kid_to_validation": 0.1},
    )


def public_network():
    """A network with random weights; every caller needs one of its own."""
    return load_backbone(BackboneConfig(weights="random", image_size_px=32)).network


def make_trainer(config, cohort=None):
    cohort = cohort or make_cohort(20)
    masses = torch.from_numpy(cohort.images), torch.from_numpy(cohort.labels)
    if config.architecture == "mcgan":
        return McganTrainer(config, *masses, CPU)
    if config.architecture == "flow_gan":
        return FlowGanTrainer(config, *masses, CPU, (public_network(), public_network()))
    return CascadeTrainer(config, *masses, CPU, public_network())
