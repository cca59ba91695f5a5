import time

import numpy as np
import pytest
import torch
from safetensors import safe_open

from mammo_core.classifiers import features as features_module
from mammo_core.classifiers.backbones import Backbone, load_backbone
from mammo_core.classifiers.features import (
    FLIP_VIEWS,
    FeatureStore,
    compute_features,
    feature_space_id,
    preprocess,
    views_of,
)
from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import BackboneError
from tests.conftest import make_cohort

TINY = BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=1)


@pytest.fixture
def images():
    return make_cohort(6, 1).images


@pytest.fixture
def computed(monkeypatch):
    """How many masses each call of compute_features was given."""
    counts, original = [], features_module.compute_features

    def counting(images, *args, **kwargs):
        counts.append(len(images))
        return original(images, *args, **kwargs)

    monkeypatch.setattr(features_module, "compute_features", counting)
    return counts


def test_features_are_computed_once_and_survive_on_disk(tmp_path, images, computed):
    first = FeatureStore(tmp_path).features(images, TINY)
    again = FeatureStore(tmp_path).features(images[::-1], TINY)

    assert computed == [6]
    assert first.shape[:2] == (6, 1)
    assert first.dtype == np.float16
    np.testing.assert_array_equal(again, first[::-1])


def test_changed_image_is_recomputed_alone(tmp_path, images, computed):
    before = FeatureStore(tmp_path).features(images, TINY)
    images = images.copy()
    images[2] = 255 - images[2]

    after = FeatureStore(tmp_path).features(images, TINY)

    assert computed == [6, 1]
    assert (after[2] != before[2]).any()
    np.testing.assert_array_equal(np.delete(after, 2, 0), np.delete(before, 2, 0))


def test_other_preprocessing_or_weights_never_share_features(tmp_path, images):
    store = FeatureStore(tmp_path)
    store.features(images, TINY)

    for other in (
        BackboneConfig(name="test_efficientnet", weights="random", image_size_px=64, views=1),
        BackboneConfig(name="test_efficientnet", weights="random", image_size_px=32, views=8),
        BackboneConfig(name="test_resnet", weights="random", image_size_px=32, views=1),
    ):
        assert store.count_missing(images, other) == 6
    assert store.count_missing(images, TINY) == 0


def test_interrupted_computation_keeps_finished_shards(tmp_path, images, computed, monkeypatch):
    monkeypatch.setattr(features_module, "SHARD_ROWS", 2)

    def stop_in_second_shard(done, _):
        if done > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        FeatureStore(tmp_path).features(images, TINY, on_progress=stop_in_second_shard)
    FeatureStore(tmp_path).features(images, TINY)

    assert computed == [2, 2, 2, 2]  # one whole, one stopped, the two that were missing


def test_damaged_shard_is_computed_anew_with_a_warning(tmp_path, images, computed):
    before = FeatureStore(tmp_path).features(images, TINY)
    (shard,) = tmp_path.glob("*/*.safetensors")
    shard.write_bytes(shard.read_bytes()[:100])

    with pytest.warns(UserWarning, match="is damaged"):
        after = FeatureStore(tmp_path).features(images, TINY)

    assert computed == [6, 6]
    np.testing.assert_array_equal(after, before)


def test_progress_counts_up_to_all_masses(tmp_path, images):
    seen = []

    FeatureStore(tmp_path).features(images, TINY, on_progress=lambda *args: seen.append(args))

    assert seen[-1] == (6, 6)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_shards_are_safetensors_with_the_hash_of_every_image(tmp_path, images):
    FeatureStore(tmp_path).features(images, TINY)

    (shard,) = tmp_path.glob("*/*.safetensors")
    with safe_open(shard, "numpy") as tensors:
        assert tensors.get_tensor("keys").shape == (6, 32)


def test_preprocessing_is_grey_in_three_channels_in_the_networks_range():
    config = BackboneConfig(image_size_px=224, views=1)
    backbone = load_backbone(config)
    black_and_white = np.stack([np.zeros((128, 128), np.uint8), np.full((128, 128), 255, np.uint8)])

    inputs = preprocess(torch.from_numpy(black_and_white), backbone, config)

    assert inputs.shape == (2, 3, 224, 224)
    torch.testing.assert_close(inputs[0], torch.full((3, 224, 224), -1.0))
    torch.testing.assert_close(inputs[1], torch.full((3, 224, 224), 1.0))


def test_eight_views_are_all_flips_and_turns():
    image = torch.arange(9.0).view(1, 1, 3, 3)

    views = views_of(image, 8)

    assert len({tuple(view.flatten().tolist()) for view in views}) == 8
    assert torch.equal(views[0], image)


def test_the_four_flips_have_their_places_among_the_eight_views():
    image = torch.arange(9.0).view(1, 1, 3, 3)

    upright, left_right, up_down, both = (views_of(image, 8)[place] for place in FLIP_VIEWS)

    assert torch.equal(upright, image)
    assert torch.equal(left_right, image.flip(-1))
    assert torch.equal(up_down, image.flip(-2))
    assert torch.equal(both, image.flip(-1, -2))


def test_half_normalisation_maps_black_and_white_to_minus_one_and_one():
    config = BackboneConfig(
        name="test_efficientnet",
        weights="random",
        image_size_px=32,
        views=1,
        normalisation="half",
    )
    backbone = load_backbone(config)
    black_and_white = np.stack([np.zeros((16, 16), np.uint8), np.full((16, 16), 255, np.uint8)])

    inputs = preprocess(torch.from_numpy(black_and_white), backbone, config)

    assert backbone.network.pretrained_cfg["mean"] != backbone.mean
    torch.testing.assert_close(inputs[0], torch.full((3, 32, 32), -1.0))
    torch.testing.assert_close(inputs[1], torch.full((3, 32, 32), 1.0))


def test_half_normalisation_is_another_feature_space_and_the_default_one_keeps_its_id():
    default = BackboneConfig()

    assert feature_space_id(default) == "a030bd4f16889e04"  # of shipped heads and of caches
    assert feature_space_id(BackboneConfig(normalisation="half")) != feature_space_id(default)


@pytest.mark.pitfall("Batch norm and other mixing of patients")
def test_features_do_not_depend_on_the_batch(images):
    backbone = load_backbone(TINY)

    together = compute_features(images, backbone, TINY)
    alone = np.concatenate([compute_features(image[None], backbone, TINY) for image in images])

    np.testing.assert_allclose(together, alone, rtol=2e-2, atol=2e-3)


@pytest.mark.parametrize(
    ("num_images", "least"), [(8, 0.5), pytest.param(64, 0.9, marks=pytest.mark.slow)]
)
def test_extraction_runs_nearly_as_fast_as_a_bare_timm_loop(num_images, least):
    config = BackboneConfig(views=1)
    backbone = load_backbone(config)
    images = np.random.default_rng(0).integers(0, 255, (num_images, 128, 128)).astype(np.uint8)
    bare_input = torch.randn(min(32, num_images), 3, 224, 224)
    bare_input = bare_input.contiguous(memory_format=torch.channels_last)

    def bare():
        with torch.inference_mode():
            for _ in range(num_images // len(bare_input)):
                backbone.network(bare_input)

    ratios = []
    for _ in range(6):
        start = time.process_time()  # of all threads, and of this process alone
        bare()
        middle = time.process_time()
        compute_features(images, backbone, config)
        ratios.append((middle - start) / (time.process_time() - middle))

    assert max(ratios[1:]) >= least, ratios


def test_features_are_the_same_when_memory_holds_only_smaller_batches(images, monkeypatch):
    backbone = load_backbone(TINY)
    expected = compute_features(images, backbone, TINY)
    extract, seen = type(backbone).extract, []

    def short_of_memory(self, inputs):
        if len(inputs) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return extract(self, inputs)

    monkeypatch.setattr(type(backbone), "extract", short_of_memory)
    computed = compute_features(
        images, backbone, TINY, on_progress=lambda done, total: seen.append((done, total))
    )

    np.testing.assert_allclose(computed, expected, rtol=1e-2, atol=1e-3)
    assert seen == [(3, 6), (6, 6)]


def test_features_beyond_float16_are_refused_and_not_kept(tmp_path, images, monkeypatch):
    extract = Backbone.extract
    monkeypatch.setattr(
        Backbone, "extract", lambda self, inputs: torch.full_like(extract(self, inputs), 1e6)
    )

    with pytest.raises(BackboneError, match="Expected finite features of test_efficientnet"):
        FeatureStore(tmp_path).features(images, TINY)
    assert not list(tmp_path.rglob("*.safetensors"))
