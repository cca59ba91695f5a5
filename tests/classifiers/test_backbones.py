import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image

from mammo_core.classifiers import backbones
from mammo_core.classifiers.backbones import (
    build_network,
    load_backbone,
    load_in_order,
    shipped_weights_path,
    weights_identity,
)
from mammo_core.config.runs import BackboneConfig
from mammo_core.errors import BackboneError

SMALL = "test_efficientnet.r160_in1k"


def top_classes(name, image):
    """The five likeliest ImageNet classes of a photograph."""
    backbone = load_backbone(BackboneConfig(name=name))
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    square = torch.from_numpy(image[top : top + side, left : left + side].copy())
    inputs = square.permute(2, 0, 1)[None].float() / 255
    inputs = torch.nn.functional.interpolate(
        inputs,
        size=backbone.network.pretrained_cfg["input_size"][1:],
        mode="bicubic",
        antialias=True,
    )
    with torch.inference_mode():
        logits = backbone.network((inputs - 0.5) / 0.5)
    return logits[0].topk(5).indices.tolist()


@pytest.mark.parametrize("size", [0, 1, 2])
def test_shipped_weights_recognise_photographs(size):
    """The weights sit in the right places: scikit-learn's two photographs are seen for what they show."""
    name = f"tf_efficientnet_lite{size}"

    temple = top_classes(name, load_sample_image("china.jpg"))
    flower = top_classes(name, load_sample_image("flower.jpg"))

    imagenet = timm.data.ImageNetInfo()
    temple_names = " ".join(imagenet.index_to_description(index) for index in temple)
    assert "palace" in temple_names or "stupa" in temple_names, temple_names
    flower_names = " ".join(imagenet.index_to_description(index) for index in flower)
    # ImageNet has no dahlia: what it knows of such flowers are their kin and their visitors
    assert any(word in flower_names for word in ("daisy", "bee", "rose hip")), flower_names


def test_unknown_name_suggests_close_ones():
    with pytest.raises(
        BackboneError, match=r"got 'net_lite0'. Did you mean .*tf_efficientnet_lite0"
    ):
        build_network(BackboneConfig(name="net_lite0"))


def test_weights_of_another_network_are_refused():
    weights = torch.load(
        shipped_weights_path("tf_efficientnet_lite1"), map_location="cpu", weights_only=True
    )

    with pytest.raises(BackboneError, match="belong to another network"):
        load_in_order(timm.create_model("tf_efficientnet_lite0"), weights)


def test_hub_out_of_reach_says_what_else_to_do(monkeypatch):
    def no_network(*_, pretrained, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(backbones.timm, "create_model", no_network)

    with pytest.raises(BackboneError, match="no route to host.*local file .* with --weights FILE"):
        build_network(BackboneConfig(name="swin_tiny_patch4_window7_224"))


def test_local_file_gives_the_same_features_as_the_network_it_came_from(tmp_path):
    original = timm.create_model(SMALL, pretrained=False).eval()
    without_classifier = {
        name: tensor for name, tensor in original.state_dict().items() if "classifier" not in name
    }
    save_file(without_classifier, tmp_path / "weights.safetensors")

    config = BackboneConfig(name=SMALL, weights=str(tmp_path / "weights.safetensors"))
    inputs = torch.randn(2, 3, 64, 64)

    with torch.inference_mode():
        expected = original.forward_head(original.forward_features(inputs), pre_logits=True)
    torch.testing.assert_close(load_backbone(config).extract(inputs), expected)


def test_local_file_with_missing_tensors_names_the_first(tmp_path):
    weights = timm.create_model(SMALL, pretrained=False).state_dict()
    weights.pop("conv_stem.weight")
    save_file(weights, tmp_path / "weights.safetensors")

    with pytest.raises(BackboneError, match="the first: conv_stem.weight"):
        build_network(BackboneConfig(name=SMALL, weights=str(tmp_path / "weights.safetensors")))


def test_missing_local_file_is_named():
    config = BackboneConfig(weights="nowhere.safetensors")
    with pytest.raises(BackboneError, match=r"Expected a weights file at nowhere.safetensors"):
        build_network(config)
    with pytest.raises(BackboneError, match=r"Expected a weights file at nowhere.safetensors"):
        weights_identity(config)


@pytest.mark.pitfall("Files that run code when opened")
def test_pickled_code_in_a_weights_file_is_not_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "owned"), "w"))

    torch.save({"weight": Evil()}, tmp_path / "evil.pth")

    with pytest.raises(BackboneError, match="more than tensors .* Nothing in it was run"):
        build_network(BackboneConfig(weights=str(tmp_path / "evil.pth")))
    assert not (tmp_path / "owned").exists()


def test_transformer_with_fixed_size_is_built_for_the_size_asked():
    config = BackboneConfig(name="test_vit", weights="random", image_size_px=160, views=1)

    pooled = load_backbone(config).extract(torch.zeros(1, 3, 160, 160))

    assert pooled.shape[0] == 1
    assert np.isfinite(pooled.numpy()).all()
