import argparse

import pytest

from mammo_core.cli.options import add_backbone_options, backbone_from
from mammo_core.config.runs import HEAD_BACKBONE, BackboneConfig


def described(*words, **settings):
    parser = argparse.ArgumentParser()
    add_backbone_options(parser, **settings)
    return backbone_from(parser.parse_args(words))


def test_backbone_of_the_shipped_results_is_meant_when_none_is_named():
    assert described() == HEAD_BACKBONE
    assert described(default=BackboneConfig()) == BackboneConfig()


def test_named_backbone_has_its_own_features_at_the_usual_size():
    assert described("--backbone", "resnet18") == BackboneConfig(name="resnet18")


@pytest.mark.parametrize("name", [[], ["--backbone", HEAD_BACKBONE.name]])
def test_size_layer_and_views_are_what_is_asked(name):
    asked = described(*name, "--image-size", "192", "--layer", "blocks.4", "--views", "1")

    assert asked == BackboneConfig(
        name=HEAD_BACKBONE.name, image_size_px=192, layer="blocks.4", views=1
    )


def test_layer_can_be_left_out():
    assert described("--layer", "").layer == ""
