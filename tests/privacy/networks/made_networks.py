"""Small networks of every kind, units of several inputs, and gradients computed one unit after another."""

from __future__ import annotations

import timm
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from mammo_core.privacy.networks.private_layers import freeze_raw_parameters
from mammo_core.privacy.networks.unit_source import UnitBatch
from mammo_core.privacy.noise.kinds import CLIP_MARGIN

UNITS = torch.tensor([0, 0, 1, 2, 2, 2, 3])  # four units of 2, 1, 3 and 1 inputs


class AsItWas(nn.Module):
    """A batch normalisation with fixed statistics; its scale and shift train."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias

    def forward(self, maps: Tensor) -> Tensor:
        return (0.9 * maps - 0.1) * self.weight[:, None, None] + self.bias[:, None, None]


class Twice(nn.Module):
    """Calls one layer two times."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.shared, self.last = nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, vectors: Tensor) -> Tensor:
        return self.last(torch.tanh(self.shared(torch.tanh(self.shared(vectors)))))


def conv_net() -> nn.Module:
    """Every kind of convolution, norms, in-place activations, a position-wise layer."""
    return nn.Sequential(
        Conv2dSame(3, 8, 3, stride=2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.GroupNorm(2, 8),
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        AsItWas(nn.BatchNorm2d(8)),
        nn.SiLU(inplace=True),
        nn.Conv2d(8, 12, 1, stride=2),
        nn.Conv2d(12, 6, 3, padding=2, dilation=2, groups=3),
        nn.Conv2d(6, 6, 3, padding="same", padding_mode="reflect"),
        Conv2dSame(6, 6, 3, stride=1, groups=2, bias=True),
        nn.Flatten(2),
        nn.LayerNorm(16),
        nn.Linear(16, 5),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(30, 1),
    )


def timm_net(name: str, **options) -> nn.Module:
    """A timm network with one output, fixed batch statistics and frozen tables."""
    network = timm.create_model(name, num_classes=1, **options)
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            network.set_submodule(name, nn.Sequential(AsItWas(module), module.act))
    freeze_raw_parameters(network)
    return network


def small_swin() -> nn.Module:
    """Two stages of Swin, with shifted windows in the second block."""
    return timm_net(
        "swin_tiny_patch4_window7_224",
        embed_dim=8,
        depths=(2, 1),
        num_heads=(2, 2),
        img_size=56,
    )


NETWORKS = {
    "linear": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 1)), 8),
    "mlp without biases": (
        lambda: nn.Sequential(
            nn.Flatten(),
            nn.Linear(192, 20, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(20, 1, bias=False),
        ),
        8,
    ),
    "group norms": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1),
            nn.GroupNorm(2, 8),
            nn.SiLU(),
            nn.Conv2d(8, 8, 3, padding=1, groups=8),
            nn.Flatten(2),
            nn.LayerNorm(64),
            nn.Linear(64, 5),
            nn.Flatten(),
            nn.Linear(40, 1),
        ),
        16,
    ),
    "convolutions": (conv_net, 16),
    "deep convolutions": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 40, 8, stride=4, padding=1),
            nn.Tanh(),
            Conv2dSame(40, 40, 3, stride=2),
            nn.Flatten(),
            nn.Linear(160, 1),
        ),
        16,
    ),
    "ViT": (lambda: timm_net("test_vit"), 160),
    "EfficientNet": (lambda: timm_net("test_efficientnet"), 40),
    "ConvNeXt": (lambda: timm_net("test_convnext"), 32),
    "Swin": (small_swin, 56),
}


def make_network(kind: str, *, seed: int = 0) -> tuple[nn.Module, int]:
    """A network of one output in float64 eval mode, and the side of its inputs."""
    make, size = NETWORKS[kind]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return make().double().eval(), size


def make_inputs(size: int, count: int = len(UNITS), *, seed: int = 1) -> Tensor:
    """(N, 3, S, S) float64."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, size, size, generator=rng, dtype=torch.float64)


def squared_outputs(outputs: Tensor) -> Tensor:
    """A loss for each input."""
    return (outputs[:, 0] - 1) ** 2


def one_unit_after_another(
    network: nn.Module, inputs: Tensor, units: Tensor, losses, max_grad_norm: float
) -> tuple[list[Tensor], Tensor]:
    """The sum of clipped gradients and the norms before, by one backward pass for each unit."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    sums, norms = [torch.zeros_like(parameter) for parameter in trained], []
    for unit in units.unique():
        loss = losses(network(inputs[units == unit])).sum()
        gradients = torch.autograd.grad(loss, trained, allow_unused=True, materialize_grads=True)
        norm = torch.stack([gradient.norm() for gradient in gradients]).norm()
        norms.append(norm)
        for summed, gradient in zip(sums, gradients, strict=True):
            summed += min(1.0, max_grad_norm * (1 - CLIP_MARGIN) / float(norm)) * gradient
    return sums, torch.stack(norms)


class MadeSource:
    """Units with one to three inputs whose first numbers tell the label."""

    def __init__(
        self, num_units: int = 24, shape: tuple[int, ...] = (6,), *, seed: int = 0
    ) -> None:
        rng = torch.Generator().manual_seed(seed)
        self.num_units = num_units
        self._sizes = torch.arange(num_units) % 3 + 1
        self._starts = self._sizes.cumsum(0) - self._sizes
        count = int(self._sizes.sum())
        self._labels = (torch.arange(count) % 2).float()
        self._inputs = torch.randn(count, *shape, generator=rng)
        self._inputs[:, 0] += 2 * self._labels.view(-1, *[1] * (len(shape) - 1))

    def batch(self, units: Tensor, draw: torch.Generator) -> UnitBatch:
        shifts = 0.01 * torch.randn(len(self._labels), generator=draw)
        rows = torch.cat(
            [self._starts[unit] + torch.arange(int(self._sizes[unit])) for unit in units]
        )
        inputs = self._inputs[rows]
        return UnitBatch(
            inputs=inputs + shifts[rows].view(-1, *[1] * (inputs.ndim - 1)),
            labels=self._labels[rows],
            weights=torch.ones(len(rows)),
            unit_of_input=torch.arange(len(units)).repeat_interleave(self._sizes[units]),
        )
