"""Simulates breast masses from what the literature says of them: no patient is behind any number in this file.

A mass is described by its parameters (size, margin, spiculation, density, …). Each follows from one latent, which is
standard normal, and is shifted for each class as BI-RADS describes benign and malignant masses. Tissue is streaked
power-law noise with fibres. The mass is a projected blob with a lobed, more or less sharp margin, spicules and
calcifications. What a picture shows besides its parameters comes from its grain.

Sources: Burgess, Jacobson and Judy 2001, Medical Physics 28, 419-437 (power-law tissue with an exponent of about 3);
de Sisternes et al. 2015, doi:10.1118/1.4921804 (masses with random bumps and spicules); D'Orsi et al. 2013, ACR BI-RADS
Atlas (shape, margin and density of benign and malignant masses); Badano et al. 2018,
doi:10.1001/jamanetworkopen.2018.5474 (simulated trials without patients).
"""

# pyright: reportUnknownMemberType=false
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from mammo_core.errors import InvalidRequestError
from mammo_core.labels import CLASS_NAMES, MALIGNANT
from mammo_core.synthesis.config import GanConfig

_HARMONICS, _LOBES = 16, 3  # of an outline, from the second on; the first few are its lobes
_ANGLES = 1024  # that an outline is computed at
_SPICULES, _CALCIFICATIONS, _FIBRES = 24, 16, 24
_AT_A_TIME = 4  # lines that are drawn together
_SHAPE_PX = 16  # side of the grain that outlines and lines are drawn from
_TISSUE_TEXTURE = 0.5  # by which the inside of a mass is rougher than tissue
_PADDING = 8  # a picture is blurred with a mirrored margin of its side over this


@dataclass(frozen=True)
class Parameter:
    """One property of a simulated mass: `typical * ratio ** latent`, within bounds.

    Attributes:
        malignant: By how much the latent is higher for malignant masses than for benign ones.
        in_words: What it is, with its unit.
    """

    name: str
    typical: float
    ratio: float
    lowest: float
    highest: float
    malignant: float
    in_words: str

    def value(self, latents: Tensor) -> Tensor:
        """Converts latents to values."""
        return (self.typical * self.ratio**latents).clamp(self.lowest, self.highest)


PARAMETERS = (
    Parameter("size", 0.24, 1.3, 0.08, 0.42, 0.3, "radius over the picture's side"),
    Parameter("density", 2.0, 1.5, 0.3, 8.0, 0.6, "brightness over the tissue's deviation"),
    Parameter("margin", 0.2, 1.6, 0.02, 0.7, 1.0, "width over the radius; wide is indistinct"),
    Parameter("lobulation", 0.1, 1.6, 0.0, 0.4, -0.5, "height of the lobes over the radius"),
    Parameter("irregularity", 0.04, 1.8, 0.0, 0.4, 1.2, "height of small bumps over the radius"),
    Parameter("spiculation", 0.06, 2.2, 0.0, 1.0, 1.4, "brightness of spicules over the mass's"),
    Parameter("calcification", 0.15, 3.0, 0.0, 12.0, 0.4, "number of calcifications"),
    Parameter("elongation", 1.15, 1.15, 0.7, 1.8, 0.0, "longer axis over the shorter one"),
    Parameter("dome", 0.6, 1.4, 0.1, 1.0, 0.0, "0 is a flat plate, 1 a ball"),
    Parameter("spicule_length", 1.8, 1.25, 1.1, 3.5, 0.0, "length over the radius"),
    Parameter("texture", 0.12, 1.4, 0.0, 1.0, 0.4, "unevenness of the mass over its brightness"),
    Parameter("tissue_exponent", 3.2, 1.1, 2.0, 4.0, 0.0, "fall of power with frequency"),
    Parameter(
        "streaks", 1.8, 1.3, 1.0, 4.0, 0.0, "length of clouds in the tissue over their width"
    ),
    Parameter("fibres", 0.5, 1.7, 0.0, 4.0, 0.2, "brightness over the tissue's deviation"),
    Parameter("fibre_spread", 0.5, 1.5, 0.1, 1.5, 0.0, "deviation of directions, in radians"),
    Parameter("gradient", 0.6, 1.7, 0.0, 3.0, 0.0, "slope of the tissue over its deviation"),
    Parameter("skin", 0.05, 3.5, 0.0, 1.0, 0.0, "share of the picture outside the breast"),
    Parameter("blur", 1.1, 1.4, 0.3, 3.0, 0.0, "deviation in pixels"),
    Parameter("grain", 0.04, 1.7, 0.0, 0.5, 0.0, "of the film, over the picture's deviation"),
    Parameter("brightness", 0.5, 1.25, 0.15, 0.85, 0.0, "mean grey, 0 is black and 1 white"),
    Parameter("contrast", 0.09, 1.5, 0.02, 0.3, 0.0, "deviation of the grey"),
    Parameter("gamma", 1.0, 1.25, 0.5, 2.0, 0.0, "exponent of the grey scale"),
)
_Values = dict[str, Tensor]  # of each parameter, (N, 1, 1)


class MassSimulator(nn.Module):
    """Latent, class and grain to a mass.

    The parameters' latents have one normal distribution per class, `centre` and `spread`: as the literature has them, or
    fitted to patients' votes (`private_evolution`).

    Raises:
        InvalidRequestError: If the configuration asks for another number of latents than there are parameters.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, config: GanConfig) -> None:
        super().__init__()
        if config.latent_dim != len(PARAMETERS):
            raise InvalidRequestError(
                f"Expected latent_dim {len(PARAMETERS)}, the parameters of a simulated mass; got {config.latent_dim}. "
                "This version simulates other masses than the one that wrote this card."
            )
        self.image_size_px = config.image_size_px
        self.latent_dim = config.latent_dim
        shift = torch.tensor([parameter.malignant / 2 for parameter in PARAMETERS])
        centre = [shift if label == MALIGNANT else -shift for label in sorted(CLASS_NAMES)]
        self.register_buffer("centre", torch.stack(centre))
        self.register_buffer("spread", torch.eye(len(PARAMETERS)).repeat(len(CLASS_NAMES), 1, 1))

    @property
    def noise_sizes_px(self) -> list[int]:
        """Side of the square grain of tissue, mass, film, fibres and shape, in order."""
        return [self.image_size_px] * 3 + [_SHAPE_PX] * 2

    def coarse_structure(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Computes the parameters' latents of a class: (N, P) standard normal, (N,) -> (N, P)."""
        return self.centre[labels] + (self.spread[labels] @ latents[..., None])[..., 0]

    @property
    def parameter_directions(self) -> Tensor:
        """Steps (P, P) of a latent that change one parameter alone, by its `ratio`, where classes share a spread."""
        return torch.linalg.inv(self.spread[0]).T

    def forward(self, latents: Tensor, labels: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Simulates masses.

        Args:
            latents: (N, P) standard normal.
            labels: (N,) int64, BENIGN = 0 or MALIGNANT = 1.
            noise: (N, 1, S, S) standard normal each, S as `noise_sizes_px`.

        Returns:
            (N, 1, H, W) in [-1, 1].
        """
        return self.simulate(self.coarse_structure(latents, labels), noise)

    def simulate(self, coarse: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Simulates masses of given parameters, as `coarse_structure` computes them; otherwise as `forward`."""
        values = {
            parameter.name: parameter.value(coarse[:, index])[:, None, None]
            for index, parameter in enumerate(PARAMETERS)
        }
        tissue, inside, film = (grain[:, 0] for grain in noise[:3])
        lines, shape = (grain.flatten(1) for grain in noise[3:])
        down, right = _places(self.image_size_px, tissue)
        own, outline, rays, bright = shape.split(
            [8, 2 * _HARMONICS, 3 * _SPICULES, shape.shape[1] - 8 - 2 * _HARMONICS - 3 * _SPICULES],
            dim=1,
        )
        own = own[..., None, None]  # (N, 8, 1, 1): slopes, places and directions of this mass
        exponent = values["tissue_exponent"]
        seen = _power_law(tissue, exponent, _streaked(self.image_size_px, values, own[:, 7]))
        seen = seen + values["fibres"] * _fibres(lines, values, own[:, 7], down, right)
        seen = seen + values["gradient"] * (down * own[:, 0] + right * own[:, 1])
        texture = 1 + values["texture"] * _power_law(inside, exponent - _TISSUE_TEXTURE)
        distance, angle = _polar(values, own, down, right)
        blob, edge = _blob(distance, angle, outline, values)
        spicules = _spicules(distance, angle, rays, values) * (1 - 0.7 * edge)
        seen = seen + values["density"] * (blob * texture + values["spiculation"] * spicules)
        seen = seen + _calcifications(bright, values, down, right)
        seen = _blurred(seen, values["blur"])
        grain = values["grain"] * seen.std(dim=(1, 2), keepdim=True)
        seen = seen + grain * _power_law(film, values["blur"])
        return (2 * _grey(seen, _outside(values, own, down, right), values) - 1)[:, None]


def _places(side: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Returns where pixels are, from -0.5 to 0.5, downwards (H, 1) and to the right (1, W)."""
    places = (torch.arange(side).to(like) + 0.5) / side - 0.5
    return places[:, None], places[None]


def _frequencies(side: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the frequencies of a real Fourier transform, in cycles per pixel: (H, 1), (1, W / 2 + 1)."""
    return torch.fft.fftfreq(side).to(like)[:, None], torch.fft.rfftfreq(side).to(like)[None]


def _turned(down: Tensor, right: Tensor, turn: Tensor) -> tuple[Tensor, Tensor]:
    """Returns coordinates along a direction and across it."""
    return right * turn.cos() + down * turn.sin(), down * turn.cos() - right * turn.sin()


def _bell(*distances: Tensor) -> Tensor:
    """Falls from 1 at 0 about like a Gaussian, at a fraction of its cost; of several distances, the product."""
    quarter = distances[0].new_tensor(0.25)
    falls = [torch.addcmul(quarter.new_tensor(1.0), one * quarter, one) for one in distances]
    return math.prod(falls[1:], start=falls[0]).square().reciprocal()


def _few_at_a_time(draw: Callable[[slice], Tensor], lines: int) -> Tensor:
    """Draws and sums lines (N, j, H, W), few at a time so that they stay in a processor's caches: (N, H, W)."""
    parts = [slice(start, start + _AT_A_TIME) for start in range(0, lines, _AT_A_TIME)]
    return torch.stack([draw(part).sum(dim=1) for part in parts]).sum(dim=0)


def _power_law(white: Tensor, exponent: Tensor, squared: Tensor | None = None) -> Tensor:
    """Colours white noise (N, H, W) so that its power falls with this exponent; mean 0, deviation 1.

    Args:
        squared: (N, H, W / 2 + 1), the squared frequencies where they are not those of the pixels.
    """
    if squared is None:
        down, right = _frequencies(white.shape[-1], white)
        squared = (down.square() + right.square())[None]
    squared = squared.clone()
    squared[:, 0, 0] = torch.inf  # no offset
    coloured = torch.fft.rfft2(white) * squared ** (-exponent / 4)
    noise = torch.fft.irfft2(coloured, s=white.shape[-2:])
    return noise / noise.std(dim=(1, 2), keepdim=True)


def _streaked(side: int, values: _Values, turn: Tensor) -> Tensor:
    """Returns squared frequencies (N, H, W / 2 + 1) of tissue that is stretched along its main direction."""
    along, across = _turned(*_frequencies(side, turn), torch.pi * turn)
    return along.square() * values["streaks"] + across.square() / values["streaks"]


def _fibres(lines: Tensor, values: _Values, turn: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Draws thin bent lines about the main direction, as ducts and ligaments: (N, H, W), mean 0."""
    place, slope, bend, brightness, middle, width = (
        part[..., None, None]
        for part in lines[:, : 6 * _FIBRES].unflatten(1, (6, _FIBRES)).unbind(dim=1)
    )  # (N, J, 1, 1) each
    turns = torch.pi * turn[:, None] + values["fibre_spread"][:, None] * slope
    sharp = torch.exp(-0.4 * width) / 0.008  # one over a width
    sines, cosines = turns.sin(), turns.cos()

    def draw(part: slice) -> Tensor:
        thin, sine, cosine = sharp[:, part], sines[:, part], cosines[:, part]
        along = right * cosine + down * sine  # (N, j, H, W), as all below
        across = right * (-thin * sine) + (down * cosine - 0.35 * place[:, part]) * thin
        apart = torch.addcmul(across, along, along * (-0.7 * bend[:, part] * thin))
        beside = right * (cosine / 0.3) + (down * sine - 0.3 * middle[:, part]) / 0.3
        return brightness[:, part].abs() * _bell(apart, beside)

    drawn = _few_at_a_time(draw, _FIBRES)
    return drawn - drawn.mean(dim=(1, 2), keepdim=True)


def _polar(values: _Values, own: Tensor, down: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Returns distance from the middle of the mass, and angle from its longer axis: (N, H, W) each."""
    along, across = _turned(down - 0.04 * own[:, 2], right - 0.04 * own[:, 3], torch.pi * own[:, 4])
    stretch = values["elongation"].sqrt()
    return torch.hypot(along / stretch, across * stretch), torch.atan2(across, along)


def _blob(
    distance: Tensor, angle: Tensor, outline: Tensor, values: _Values
) -> tuple[Tensor, Tensor]:
    """Projects the mass, 1 where it is thickest, and where it is, 0 to 1: (N, H, W) each."""
    relative = distance / (values["size"] * (1 + _bumps(angle, outline, values)).clamp(min=0.3))
    edge = torch.sigmoid(4 * (1 - relative) / values["margin"])
    ball = (1 - relative.square()).clamp(min=0).sqrt()
    return edge * (1 - values["dome"] + values["dome"] * ball), edge


def _bumps(angle: Tensor, outline: Tensor, values: _Values) -> Tensor:
    """Sums the harmonics of the outline at each angle: (N, H, W), in radii."""
    order = torch.arange(2, _HARMONICS + 2).to(angle)
    heights, phases = outline.unflatten(1, (2, _HARMONICS)).unbind(dim=1)  # (N, K) each
    lobes, bumps = (values[name][:, 0] * order.rsqrt() for name in ("lobulation", "irregularity"))
    heights = heights * torch.where(order < _LOBES + 2, lobes, bumps)
    around = torch.linspace(-torch.pi, torch.pi, _ANGLES + 1).to(angle)
    waves = torch.cos(order[:, None] * around + torch.pi * phases[..., None])  # (N, K, A)
    summed = (heights[..., None] * waves).sum(dim=1)  # (N, A)
    index = ((angle / (2 * torch.pi) + 0.5) * _ANGLES).round().long()
    return summed.gather(1, index.flatten(1)).view_as(angle)


def _spicules(distance: Tensor, angle: Tensor, rays: Tensor, values: _Values) -> Tensor:
    """Draws thin bent rays outwards from the mass: (N, H, W)."""
    places, lengths, bends = (
        part[..., None, None] for part in rays.unflatten(1, (3, _SPICULES)).unbind(dim=1)
    )  # (N, J, 1, 1) each
    radius = (distance / values["size"])[:, None]  # (N, 1, H, W)
    turns = (0.12 * bends - torch.pi * torch.special.erf(places)) / (2 * torch.pi)
    bent = 0.06 / torch.pi * bends
    reach = values["spicule_length"][:, None] * torch.exp(0.3 * lengths)
    around = angle[:, None] / (2 * torch.pi)
    narrow = 2 * torch.pi * radius / (0.05 + 0.05 / radius.clamp(min=0.5))

    def draw(part: slice) -> Tensor:
        apart = around + turns[:, part] - radius * bent[:, part]  # (N, j, H, W), in turns
        taper = (1 - radius / reach[:, part]).clamp(min=0)
        return taper * _bell((apart - apart.round()) * narrow)

    return _few_at_a_time(draw, _SPICULES)


def _calcifications(bright: Tensor, values: _Values, down: Tensor, right: Tensor) -> Tensor:
    """Draws bright specks in and around the mass: (N, H, W)."""
    up, aside, brightness = (
        bright[:, : 3 * _CALCIFICATIONS].unflatten(1, (3, _CALCIFICATIONS)).unbind(dim=1)
    )  # (N, J) each
    reach = 0.6 * values["size"][:, 0]
    rows, columns = (
        torch.exp(-((places - (reach * middle)[..., None]) / 0.008).square() / 2)
        for places, middle in ((down[:, 0], up), (right[0], aside))
    )  # (N, J, H), (N, J, W)
    number = torch.arange(_CALCIFICATIONS).to(bright)
    shown = (values["calcification"][:, 0] - number).clamp(0, 1) * (1.5 + brightness.abs())
    return torch.einsum("nj,njh,njw->nhw", shown, rows, columns)


def _outside(values: _Values, own: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Computes how far a place lies beyond the skin, an arc: (N, H, W), 0 deep inside to 1 outside.

    The breast thins towards its skin.
    """
    across, beside = _turned(right, down, torch.pi * own[:, 5])
    depth = (
        across + 0.35 * (beside + 0.2 * own[:, 6]).square() - 0.8 + values["skin"]
    )  # 0 at the skin
    thin = 0.35 * (depth / 0.25 + 1).clamp(0, 1).square()
    return thin + (1 - thin) * torch.sigmoid(depth / 0.015)


def _blurred(images: Tensor, deviation_px: Tensor) -> Tensor:
    """Blurs (N, H, W) by Gaussians of these deviations (N, 1, 1); borders are mirrored."""
    side = images.shape[-1]
    margin = side // _PADDING
    padded = functional.pad(images[:, None], [margin] * 4, mode="reflect")[:, 0]
    down, right = _frequencies(padded.shape[-1], images)
    gain = torch.exp(-2 * torch.pi**2 * (down.square() + right.square()) * deviation_px.square())
    blurred = torch.fft.irfft2(torch.fft.rfft2(padded) * gain, s=padded.shape[-2:])
    return blurred[:, margin : margin + side, margin : margin + side]


def _grey(seen: Tensor, outside: Tensor, values: _Values) -> Tensor:
    """Sets brightness and contrast inside the breast, and black beyond: (N, H, W) in [0, 1]."""
    inside = (outside < 0.5).to(seen) + 1e-3
    inside = inside / inside.sum(dim=(1, 2), keepdim=True)
    centred = seen - (seen * inside).sum(dim=(1, 2), keepdim=True)
    deviation = (centred.square() * inside).sum(dim=(1, 2), keepdim=True).sqrt()
    grey = values["brightness"] + values["contrast"] * centred / deviation
    return (grey * (1 - outside)).clamp(0, 1) ** values["gamma"]
