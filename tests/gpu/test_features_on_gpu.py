import numpy as np
import pytest
import torch

from mammo_core.config.runs import BackboneConfig
from tests.conftest import make_cohort

pytestmark = pytest.mark.gpu


@pytest.fixture
def images():
    return make_cohort(20, 2, size=64).images


def config_of(name, **changes):
    return BackboneConfig(name=name, weights="random", image_size_px=160, **changes)


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit", "tf_efficientnet_lite0"])
def test_features_are_those_of_the_processor_up_to_rounding(gpu, images, name):
    from mammo_core.classifiers.backbones import load_backbone
    from mammo_core.classifiers.features import compute_features

    config = config_of(name)
    on_cpu = compute_features(images, load_backbone(config), config).astype(np.float64)
    on_gpu = compute_features(images, load_backbone(config, gpu), config).astype(np.float64)

    # convolutions in TF32 round to 10 bits, as float16 does
    scale = np.abs(on_cpu).max()
    np.testing.assert_allclose(on_gpu, on_cpu, atol=0.01 * scale)
    cosines = (on_gpu * on_cpu).sum(-1) / np.linalg.norm(on_gpu, axis=-1)
    np.testing.assert_allclose(cosines / np.linalg.norm(on_cpu, axis=-1), 1, atol=1e-3)


def test_stored_features_are_computed_on_the_gpu(gpu, images, tmp_path, monkeypatch):
    from mammo_core.classifiers import features

    devices, compute = [], features.compute_features

    def watched(images, backbone, config, **kwargs):
        devices.append(next(backbone.network.parameters()).device.type)
        return compute(images, backbone, config, **kwargs)

    monkeypatch.setattr(features, "compute_features", watched)
    features.FeatureStore(tmp_path).features(images[:4], config_of("test_efficientnet", views=1))

    assert devices == ["cuda"]


def test_batch_that_the_gpu_cannot_hold_is_made_smaller(gpu):
    from mammo_core.system.device import parts_that_fit

    each = torch.cuda.get_device_properties(gpu).total_memory // 6
    tried = []

    def fill(rows):
        tried.append(rows.stop - rows.start)
        torch.empty(tried[-1] * each, dtype=torch.uint8, device=gpu)
        return tried[-1]

    parts = list(parts_that_fit(fill, num_rows=9, rows_at_once=8))

    assert sum(parts) == 9
    assert tried[0] == 8
    assert max(parts) <= 4


def test_gpu_is_named_with_its_memory(gpu):
    from mammo_core.system.device import choose_device, device_name

    assert choose_device() == choose_device("cuda") == gpu
    assert device_name(gpu).startswith(torch.cuda.get_device_name(gpu))
    assert device_name(gpu).endswith(" GB")
