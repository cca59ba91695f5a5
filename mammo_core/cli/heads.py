"""`heads`: trained heads that ship or stay here, and reading one mass, or one patient's two views, with them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mammo_core.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from mammo_core.ingestion.images.grey import GreyImage


def add_command(commands: argparse._SubParsersAction) -> None:
    """Adds `heads` and its parts."""
    parser = commands.add_parser("heads", help="trained heads: make a file of them, read a mass")
    parts = parser.add_subparsers(required=True, metavar="PART")
    _add_make(parts)
    _add_read(parts)


def _add_make(parts: argparse._SubParsersAction) -> None:
    from mammo_core.cli.options import (
        add_backbone_options,
        add_budget_option,
        add_data_options,
        add_delta_option,
        epsilon_list,
    )
    from mammo_core.system.paths import DEFAULT_GENERATOR

    make = parts.add_parser(
        "make",
        help="train heads at several budgets and write them with their card",
        description="Trains linear heads with secret noise, several at each privacy budget, tests them, and writes "
        "NAME.safetensors and NAME.json: weights, thresholds, quantiles of test scores, and what each of them and "
        "all together guarantee. The ledger records every head, and, as a release without DP, the bounds beyond which a mass "
        "is called unlike the others.",
    )
    add_data_options(make)
    add_backbone_options(make)
    group = make.add_argument_group("training and privacy")
    group.add_argument(
        "--epsilon",
        type=epsilon_list,
        default=epsilon_list("1,2,6,12,60,inf"),
        metavar="LIST",
        help="budgets, inf for no privacy (not DP); default: 1,2,6,12,60,inf",
    )
    group.add_argument(
        "--repeats",
        type=int,
        default=10,
        help="heads at each finite budget, which differ in noise only; default: %(default)s",
    )
    add_delta_option(group)
    add_budget_option(group)
    make.add_argument(
        "--licence", required=True, help="of the training data, with attribution; kept in the card"
    )
    make.add_argument(
        "--generator",
        default=DEFAULT_GENERATOR,
        help="in the folder models, whose masses a new one is compared with; default: %(default)s",
    )
    make.add_argument("--out", type=Path, required=True, metavar="NAME", help="without an ending")
    make.set_defaults(run=run_make)


def _add_read(parts: argparse._SubParsersAction) -> None:
    read = parts.add_parser(
        "read",
        help="what models at several budgets make of one mass, or of one patient in two views",
        description="Reads a DICOM, PNG, JPEG or TIFF image and scores a mass in it with every head of a file. "
        "The logits of two views of one patient are averaged. Nothing is kept. Research use only, not for diagnosis.",
    )
    read.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE", help="one, or two views of one patient"
    )
    read.add_argument(
        "--box",
        dest="boxes",
        type=_box_numbers,
        action="append",
        default=[],
        metavar="TOP,LEFT,HEIGHT,WIDTH",
        help="around the mass, in pixels, once for each image; default: the images are masses already cut out",
    )
    read.add_argument(
        "--same-patient",
        action="store_true",
        help="says that two images are of one patient; needed where their headers do not name one",
    )
    read.add_argument(
        "--crop",
        choices=("paper", "standard"),
        default="paper",
        help="how a box is cut: as the masses were that the shipped heads learned from, or around its middle in the "
        "grey of the display; default: %(default)s",
    )
    read.add_argument(
        "--heads",
        type=Path,
        metavar="NAME",
        help="file and card of the heads, without an ending; default: those that ship",
    )
    read.set_defaults(run=run_read)


def run_make(options: argparse.Namespace) -> int:
    """Trains, writes and prints what was made."""
    from mammo_core.cli.options import command_line, feature_dataset_from, ledger_from
    from mammo_core.cli.progress import progress_bar
    from mammo_core.cli.tables import print_table
    from mammo_core.reading.make_heads import make_heads
    from mammo_core.reading.shipped_heads import save_heads
    from mammo_core.text.numbers import with_interval

    dataset = feature_dataset_from(options)
    with progress_bar("synthetic masses", "masses") as on_progress:
        made = make_heads(
            dataset,
            options.epsilon,
            options.repeats,
            ledger=ledger_from(options, "heads make"),
            licence=options.licence,
            command=command_line(),
            generator=options.generator,
            delta=options.delta,
            on_progress=on_progress,
        )
    card = save_heads(made, options.out)
    rows: list[dict[str, object]] = []
    for head in card.heads:
        aurocs = {
            f"AUROC {name}": with_interval(auroc.value, auroc.low, auroc.high)
            for name, auroc in head.auroc.items()
        }
        head_of = {"ε": f"{head.target_epsilon:g}", "seed": head.seed}
        rows.append({**head_of, **aurocs, "threshold": f"{head.threshold:.3f}"})
    print_table(rows)
    print(f"\n{card.together}\n{card.without_noise}\n{card.notice}")
    return 0


def run_read(options: argparse.Namespace) -> int:
    """Prints one line per budget, of two views also one line for each of them."""
    from mammo_core.classifiers.backbones import load_backbone
    from mammo_core.cli.tables import print_table
    from mammo_core.ingestion.images.sandbox import read_safely
    from mammo_core.privacy.noise.kinds import FLOAT_NOISE
    from mammo_core.reading.case import case_features, outlier_check, read_case, read_patient
    from mammo_core.reading.shipped_heads import SHIPPED_HEADS, load_heads
    from mammo_core.reading.views import (
        breast_view,
        require_few,
        require_one_patient,
        shows_two_breasts,
        view_names,
    )
    from mammo_core.reading.words import (
        CAUTION,
        TWO_BREASTS,
        averaged_words,
        call_words,
        headline_words,
        noise_words,
        outlier_words,
        reading_rows,
        view_rows,
    )
    from mammo_core.system.paths import models_dir

    shipped = load_heads(options.heads or models_dir() / SHIPPED_HEADS)
    require_few(len(options.images))
    pictures = [read_safely(path, name=path.name) for path in options.images]
    require_one_patient(pictures, stated=options.same_patient)
    images = _cut_out(pictures, options)
    features = [case_features(image, [shipped.models.backbone], load_backbone) for image in images]
    readings = read_patient(features, [shipped.models])
    told = [words for picture in pictures for words in picture.warnings]
    told += [
        outlier_words(outlier_check(image, one, shipped))
        for image, one in zip(images, features, strict=True)
    ]
    if len(pictures) == 1:
        print_table(reading_rows(readings))
    else:
        shown = [breast_view(picture) for picture in pictures]
        names = view_names(shown)
        views = {
            name: read_case(one, [shipped.models])
            for name, one in zip(names, features, strict=True)
        }
        print_table(view_rows({"mean": readings, **views}))
        told += [averaged_words(names, readings), TWO_BREASTS if shows_two_breasts(shown) else ""]
        told += [f"{name}: {headline_words(read)}" for name, read in views.items()]
    print()
    told += [
        *map(call_words, readings),
        noise_words(readings),
        FLOAT_NOISE if shipped.card.uses_float_noise else "",
        CAUTION,
        shipped.card.notice,
    ]
    for words in filter(None, told):
        print(words.replace("**", ""))
    return 0


def _cut_out(pictures: Sequence[GreyImage], options: argparse.Namespace) -> list[np.ndarray]:
    """Cuts the mass out of each picture."""
    from mammo_core.ingestion.images.crops import RECIPES, WHOLE, mass_crop
    from mammo_core.ingestion.images.formats import Box

    if len(options.boxes) not in (0, len(pictures)):
        raise InvalidRequestError(
            f"Expected --box once for each image, or not at all; got {len(options.boxes)} for {len(pictures)}. "
            "Give the boxes in the order of the images."
        )
    recipe = RECIPES[options.crop] if options.boxes else WHOLE
    boxes = options.boxes or [(0, 0, *picture.shape) for picture in pictures]
    return [
        mass_crop(picture, Box(*box), recipe) for picture, box in zip(pictures, boxes, strict=True)
    ]


def _box_numbers(text: str) -> tuple[int, ...]:
    """An argparse type: "1,2,3,4" to (1, 2, 3, 4)."""
    numbers = tuple(int(part) for part in text.split(","))
    if len(numbers) != 4:
        raise ValueError(text)
    return numbers
