"""`gan sample`: samples synthetic masses into a folder of PNG or DICOM files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.config import validate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from mammo_core.generators.files import DrawRequest
    from mammo_core.synthesis.cards import GeneratorCard
    from mammo_core.synthesis.sampling import MassGenerator


def add_part(parts: argparse._SubParsersAction) -> None:
    """Adds `gan sample`."""
    from mammo_core.system.paths import DEFAULT_GENERATOR, models_dir

    sample = parts.add_parser(
        "sample",
        help="sample synthetic masses",
        description="Writes masses as PNG files that load back as synthetic masses, with a manifest.csv. "
        "A mass depends only on generator, class, seed and truncation.",
    )
    sample.add_argument(
        "--generator",
        type=Path,
        default=models_dir() / DEFAULT_GENERATOR,
        metavar="NAME",
        help="NAME.safetensors and NAME.json; default: the shipped generator",
    )
    sample.add_argument(
        "--count", type=int, default=3000, help="number of masses; default: %(default)s"
    )
    sample.add_argument(
        "--class",
        dest="mass_class",
        choices=("malignant", "benign", "both"),
        default="both",
        help="both: half of each; default: %(default)s",
    )
    sample.add_argument(
        "--seed", type=int, default=0, help="seed of the first mass; default: %(default)s"
    )
    sample.add_argument(
        "--truncation", type=float, default=1.0, help="below 1: more typical, less varied"
    )
    ways = sample.add_mutually_exclusive_group()
    ways.add_argument(
        "--twins", action="store_true", help="sample every seed in both classes, all else the same"
    )
    ways.add_argument(
        "--towards", type=int, metavar="SEED", help="interpolate from --seed to this seed"
    )
    ways.add_argument(
        "--along",
        type=int,
        metavar="K",
        help="move the mass of --seed along the K-th principal direction (1 is the strongest), from -3 "
        "to 3 standard deviations",
    )
    _add_format(sample)
    sample.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="a new or empty folder"
    )
    sample.set_defaults(run=run_sample)


def _add_format(sample: argparse.ArgumentParser) -> None:
    group = sample.add_argument_group("files")
    group.add_argument(
        "--format",
        choices=("png", "dicom"),
        default="png",
        help="dicom writes Secondary Capture images without a patient, marked as synthetic; it needs masses of "
        "seeds. Default: %(default)s",
    )
    group.add_argument(
        "--burn-in",
        action="store_true",
        help="with dicom: add a strip under the mass whose pixels say that it is synthetic",
    )
    group.add_argument(
        "--uid-root",
        metavar="ROOT",
        help="with dicom: the UID root registered for your organisation, at most 39 characters. Default: "
        "2.25, which needs no registration",
    )


def run_sample(options: argparse.Namespace) -> int:
    """Samples masses into a folder."""
    from mammo_core.cli.progress import progress_bar
    from mammo_core.generators.files import write_masses
    from mammo_core.synthesis.checkpoints import load_generator

    generator, card = load_generator(options.generator)
    requests = _requests(generator, options)
    suffix, encode = _file_format(requests, card, options)
    with progress_bar("sampling", "masses") as on_progress:
        write_masses(
            generator,
            card,
            options.generator.stem,
            requests,
            options.out,
            suffix=suffix,
            encode=encode,
            on_progress=on_progress,
        )
    print(
        f"{len(requests)} synthetic masses in {options.out}. The generator: {card.provenance} "
        "Research use only, not for diagnosis."
    )
    return 0


def _file_format(
    requests: Sequence[DrawRequest], card: GeneratorCard, options: argparse.Namespace
) -> tuple[str, Callable[[np.ndarray, DrawRequest], bytes] | None]:
    """Returns the suffix of the files, and the function that encodes a mass."""
    from mammo_core.errors import InvalidRequestError

    if options.format == "png":
        if options.burn_in or options.uid_root is not None:
            raise InvalidRequestError(
                "Expected --burn-in and --uid-root with --format dicom; got --format png. Add --format dicom or leave "
                "them out."
            )
        return ".png", None
    from mammo_core.generators.dicom import UUID_ROOT, DicomOptions, dicom_file
    from mammo_core.generators.files import SyntheticMass
    from mammo_core.synthesis.mass_id import MassId

    if any(request.seed is None for request in requests):
        raise InvalidRequestError(
            "Expected masses of seeds for DICOM, whose identifiers follow from them; got --towards or --along. Write "
            "these as PNG."
        )
    root = UUID_ROOT if options.uid_root is None else options.uid_root
    chosen = DicomOptions(burn_in=options.burn_in, uid_root=root)

    def encode(image: np.ndarray, request: DrawRequest) -> bytes:
        assert request.seed is not None  # checked above
        mass = SyntheticMass(MassId(request.label, request.seed, options.truncation), image)
        return dicom_file(mass, card, options.generator.stem, chosen)

    return ".dcm", encode


def _requests(generator: MassGenerator, options: argparse.Namespace) -> list[DrawRequest]:
    """Lists the masses that the options ask for: `--count` in all."""
    from functools import partial

    from mammo_core.generators.files import DrawRequest
    from mammo_core.labels import CLASS_NAMES
    from mammo_core.synthesis.sampling import along, between, origin_of_seed, principal_directions

    start = partial(origin_of_seed, generator, truncation=options.truncation)
    classes = [
        label for label, name in sorted(CLASS_NAMES.items()) if options.mass_class in (name, "both")
    ]
    seed, count = options.seed, options.count
    if options.twins:
        return [
            DrawRequest(f"seed{number}", label, start(number), number)
            for number in range(seed, seed + -(-count // len(CLASS_NAMES)))
            for label in sorted(CLASS_NAMES)
        ]
    if options.towards is None and options.along is None:
        return [
            DrawRequest(f"seed{seed + i}", classes[i % len(classes)], start(seed + i), seed + i)
            for i in range(count)
        ]
    steps = -(-count // len(classes))
    if options.towards is not None:
        origins = between(start(seed), start(options.towards), steps)
        stem = f"seed{seed}to{options.towards}"
    else:
        validate.at_least(1, along=options.along)
        direction = principal_directions(generator, options.along)[-1]
        origins = along(start(seed), direction, 3.0, steps)
        stem = f"seed{seed}along{options.along}"
    return [
        DrawRequest(f"{stem}step{step}", label, origin)
        for step, origin in enumerate(origins)
        for label in classes
    ]
