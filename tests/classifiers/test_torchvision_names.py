import timm
import torch
import torchvision

from mammo_core.classifiers.backbones import load_backbone
from mammo_core.classifiers.torchvision_names import is_torchvision_swin, timm_names
from mammo_core.config.runs import BackboneConfig

SWIN = "swin_tiny_patch4_window7_224"


def test_file_of_torchvisions_swin_gives_the_same_features_in_timms(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        original = torchvision.models.swin_t(weights=None).eval()
        with torch.no_grad():  # norms and tables differ from where they start, as after training
            for parameter in original.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    torch.save(original.state_dict(), tmp_path / "swin_t.pth")
    inputs = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))

    loaded = load_backbone(BackboneConfig(name=SWIN, weights=str(tmp_path / "swin_t.pth")))

    original.head = torch.nn.Identity()
    with torch.inference_mode():
        expected = original(inputs)
    torch.testing.assert_close(loaded.extract(inputs), expected, rtol=1e-4, atol=1e-4)
    assert expected.std() > 0.1  # else anything would agree


def test_all_weights_of_timms_swin_are_named():
    with torch.device("meta"):
        theirs = torchvision.models.swin_t(weights=None).state_dict()
        ours = timm.create_model(SWIN, pretrained=False).state_dict()

    renamed = timm_names(theirs)

    assert {name: tensor.shape for name, tensor in renamed.items()} == {
        name: tensor.shape for name, tensor in ours.items()
    }


def test_timms_own_names_are_not_taken_for_torchvisions():
    with torch.device("meta"):
        assert not is_torchvision_swin(timm.create_model(SWIN, pretrained=False).state_dict())
        assert not is_torchvision_swin(torchvision.models.vgg11(weights=None).state_dict())
        assert is_torchvision_swin(torchvision.models.swin_t(weights=None).state_dict())
