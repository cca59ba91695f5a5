"""Describes a run as frozen values, validated when made and written as JSON beside every result.

`PrivacyConfig` and the steps, sample rate and clipping norm of a recipe decide the guarantee; how fast a run is
(which engine or device, how many at once) is never part of a configuration.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, cast, get_args

from mammo_core.config import validate
from mammo_core.config.network_recipe import Kept, NetworkRecipe, TrainedPart
from mammo_core.errors import InvalidRequestError

Strategy = Literal["real", "real+synthetic", "synthetic", "pretrain"]
Unit = Literal["patient", "image"]
Noise = Literal["secret", "reproducible"]
Arithmetic = Literal["float", "grid"]
Normalisation = Literal["backbone", "half"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
UNITS: tuple[Unit, ...] = get_args(Unit)
NOISES: tuple[Noise, ...] = get_args(Noise)
ARITHMETICS: tuple[Arithmetic, ...] = get_args(Arithmetic)
HeadOnFeatures = Literal["head on cached features"]
HEAD_ON_FEATURES: HeadOnFeatures = "head on cached features"
NORMALISATIONS: tuple[Normalisation, ...] = get_args(Normalisation)
# whose ImageNet weights come with the installation
INSTALLED_BACKBONES = tuple(f"tf_efficientnet_lite{size}" for size in (0, 1, 2))
PAPER_DELTA = 1e-4
KEY_LENGTH = 16
# fields left out of `to_dict` at these values, so that runs hashed before the fields existed keep their hash
UNKNOWN_CONTENT = "unknown"  # of a file of weights, in runs of versions up to 0.2
_ADDED_LATER: dict[str, tuple[Any, ...]] = {
    "normalisation": ("backbone",),
    "layer": ("",),
    "site": (None,),
    "arithmetic": ("float",),
    "weights_sha256": ("", UNKNOWN_CONTENT),
}


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """A frozen network and the form of its input.

    Attributes:
        name: A timm model name.
        weights: "auto" (weights installed from PyPI, else timm's hub), "random" (for tests), or the
            path of a local file.
        image_size_px: Side of the square input.
        views: 1 (upright) or 8 (all flips and quarter turns).
        normalisation: Of grey in [0, 1]: by the "backbone"'s own mean and deviation, or by "half", mean and
            deviation of 0.5, as in the paper.
        layer: Name of the module whose output gives the features, e.g. "blocks.5": mean and deviation over
            positions. "": the network's own features, before its classifier.
        weights_sha256: Of the file of weights, read when the configuration is made: what a run is depends on what
            is in the file, not on its name. "" for others.
    """

    name: str = "tf_efficientnet_lite0"
    weights: str = "auto"
    image_size_px: int = 224
    views: int = 8
    normalisation: Normalisation = "backbone"
    layer: str = ""
    weights_sha256: str = ""
    UNWRITTEN: ClassVar[dict[str, str]] = {"weights_sha256": UNKNOWN_CONTENT}

    def __post_init__(self) -> None:
        if self.weights in ("auto", "random"):
            object.__setattr__(self, "weights_sha256", "")
        elif not self.weights_sha256:
            object.__setattr__(self, "weights_sha256", _sha256_of(Path(self.weights)))
        validate.at_least(32, image_size_px=self.image_size_px)
        validate.one_of((1, 8), views=self.views)
        validate.one_of(NORMALISATIONS, normalisation=self.normalisation)

    @property
    def saw_no_patients(self) -> bool:
        """Whether the weights are random, or installed ones that learned from photographs.

        Nothing is known about other weights, from a file or a hub.
        """
        return self.weights == "random" or (
            self.weights == "auto" and self.name in INSTALLED_BACKBONES
        )


# what heads are trained on; chosen on CBIS-DDSM training and validation masses, see docs/reference/recipes.md
HEAD_BACKBONE = BackboneConfig(name="tf_efficientnet_lite2", image_size_px=260, layer="blocks.5")
# what judges synthetic masses: no generator may learn through it
JUDGE_BACKBONE = BackboneConfig(name="tf_efficientnet_lite2", image_size_px=192, views=1)


@dataclass(frozen=True, kw_only=True)
class PrivacyConfig:
    """The guarantee that is asked for.

    Attributes:
        target_epsilon: Budget of one run, 0.05 to 1000; infinity trains without differential privacy.
        target_delta: In (0, 1), and below 1 / number of units.
        unit: Whose whole contribution is hidden: a "patient" or a single "image" (mass).
        noise: "secret" comes from the operating system and can't be repeated. "reproducible" follows from the
            configuration, for tables and talks that others can repeat. It protects nobody from those who know
            the configuration.
        arithmetic: How noise is added: "grid" as `privacy.noise.grid` does, "float" in single precision, as all runs did
            before. No run is made with "float" any more.
    """

    target_epsilon: float
    target_delta: float = PAPER_DELTA
    unit: Unit = "patient"
    noise: Noise = "secret"
    arithmetic: Arithmetic = "grid"
    # of runs from before there was secret noise, or before noise was rounded to a grid
    UNWRITTEN: ClassVar[dict[str, str]] = {"noise": "reproducible", "arithmetic": "float"}

    def __post_init__(self) -> None:
        validate.privacy_budget(self.target_epsilon)
        validate.privacy_slack(self.target_delta)
        validate.one_of(UNITS, unit=self.unit)
        validate.one_of(NOISES, noise=self.noise)
        validate.one_of(ARITHMETICS, arithmetic=self.arithmetic)

    @property
    def is_private(self) -> bool:
        """Whether noise is added at all."""
        return not math.isinf(self.target_epsilon)


@dataclass(frozen=True, kw_only=True)
class HeadRecipe:
    """How a linear head is trained on frozen features. Chosen on CBIS-DDSM validation, see `recipes`.

    Attributes:
        projection_dims: How many principal directions are kept, of *synthetic* masses' features, or of computed
            textures' in the strategy real. None keeps all features and learns nothing from any data.
        whitening: Power of the singular values divided out: 0 keeps, 1 makes all directions alike.
        bias: The constant appended to each unit-length feature vector.
        steps: Full-batch gradient steps; each is one release.
        learning_rate: Step along gradient / max_grad_norm (along the plain gradient without DP), for
            ε >= full_rate_epsilon.
        full_rate_epsilon: Below it, learning_rate shrinks with the cube root of ε.
        max_grad_norm: L2 bound of one unit's summed gradient.
        averaged_share: The last share of the iterates whose mean is the result.
        synthetic_weight: Weight of the noise-free synthetic gradient in `real+synthetic`.
    """

    projection_dims: int | None = 512
    whitening: float = 0.5
    bias: float = 0.3
    steps: int = 100
    learning_rate: float = 15.0
    full_rate_epsilon: float = 6.0
    max_grad_norm: float = 0.1
    averaged_share: float = 0.5
    synthetic_weight: float = 0.0
    sample_rate: ClassVar[float] = 1.0  # every unit takes part in every step
    kept: ClassVar[Kept] = "last"

    def __post_init__(self) -> None:
        validate.at_least(1, steps=self.steps)
        validate.positive(
            learning_rate=self.learning_rate,
            max_grad_norm=self.max_grad_norm,
            full_rate_epsilon=self.full_rate_epsilon,
        )
        if self.projection_dims is not None:
            validate.at_least(1, projection_dims=self.projection_dims)

    def learning_rate_at(self, epsilon: float) -> float:
        """Computes the learning rate at a budget: more noise, smaller steps."""
        return self.learning_rate * min(1.0, epsilon / self.full_rate_epsilon) ** (1 / 3)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """One run: everything its result depends on besides the data.

    Attributes:
        strategy: Which data train: "real", "real+synthetic", "synthetic", or "pretrain" (synthetic first, then DP on
            real).
        recipe: Of a linear head on cached features, or of a network trained on images.
        seed: Tells repetitions apart. Reproducible noise follows from it.
    """

    strategy: Strategy
    privacy: PrivacyConfig
    recipe: HeadRecipe | NetworkRecipe
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    seed: int = 42

    def __post_init__(self) -> None:
        validate.one_of(STRATEGIES, strategy=self.strategy)
        validate.at_least(0, seed=self.seed)
        if isinstance(self.recipe, NetworkRecipe) and self.backbone.layer:
            raise InvalidRequestError(
                f"Expected a whole network to train; got one that ends at {self.backbone.layer}. Leave "
                "the layer out, or train a head on cached features."
            )

    @property
    def trained_part(self) -> TrainedPart | HeadOnFeatures:
        """The part that is trained. Runs that differ in it are never joined into one curve."""
        if isinstance(self.recipe, NetworkRecipe):
            return self.recipe.trained_part
        return HEAD_ON_FEATURES

    @property
    def network_recipe(self) -> NetworkRecipe:
        """The recipe of a run that trains a network.

        Raises:
            InvalidRequestError: If it trains a head on cached features.
        """
        if isinstance(self.recipe, NetworkRecipe):
            return self.recipe
        raise InvalidRequestError(
            "Expected the recipe of a network; got one of a head on cached features. Train that with `train`."
        )

    @property
    def noise_seed(self) -> int | None:
        """The seed of reproducible noise, different for every configuration; None for secret noise.

        The same noise at two budgets would be revealed by the two models together, and neither guarantee would hold.
        """
        if self.privacy.noise == "secret":
            return None
        values = identity_of(self)
        del values["privacy"]["noise"]
        return int(short_hash(values), 16)


def to_dict(config: Any) -> dict[str, Any]:
    """Writes a dataclass as JSON-ready values, which `from_dict` reads; infinity becomes the text "inf", a path absolute.

    Example:
        >>> to_dict(PrivacyConfig(target_epsilon=math.inf))["target_epsilon"]
        'inf'
    """
    return _plain(dataclasses.asdict(config, dict_factory=_without_late_defaults))


def run_key(config: object, data_hash: str) -> str:
    """Identifies a run by 16 hex digits: its whole configuration and the very images it used."""
    return short_hash({"config": identity_of(config), "data": data_hash})


def identity_of(config: object) -> dict[str, Any]:
    """Writes a dataclass by what results depend on: as `to_dict`, but a file of weights by its content alone."""
    return _by_content(to_dict(config))


def short_hash(value: Any) -> str:
    """Identifies JSON-ready content by 16 hex digits."""
    text = json.dumps(_plain(value), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def _by_content(values: Any) -> Any:
    if not isinstance(values, dict):
        return values
    items = cast("dict[str, Any]", values)
    place = "weights" if items.get("weights_sha256") else None
    return {name: _by_content(value) for name, value in items.items() if name != place}


def _sha256_of(path: Path) -> str:
    """Hashes a file; "" if there is none, which whoever loads it will say."""
    try:
        if not path.is_file():
            return ""
        seen = path.stat()
        return _sha256_of_version(path, seen.st_mtime_ns, seen.st_size)
    except OSError as error:
        raise InvalidRequestError(
            f"Expected to read the weights in {path}; got: {error.strerror or error}. Check the file and its permissions."
        ) from error


@lru_cache(maxsize=32)
def _sha256_of_version(path: Path, _changed_ns: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _without_late_defaults(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in items if value not in _ADDED_LATER.get(name, ())}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, Path):
        return str(value.resolve())
    return "inf" if isinstance(value, float) and math.isinf(value) else value
