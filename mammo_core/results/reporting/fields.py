"""The fields of a report: what the program knows of a run, each in a few sentences, for checklists and paragraphs.

A field that is not known for a run is empty. What a guarantee covers is said by `privacy.statements` alone.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib.metadata import version

import pandas as pd

import mammo_core
from mammo_core.config.names import (
    STRATEGY_NAMES,
    TRAINED_PART_NAMES,
    name_of_backbone,
    name_of_weights,
)
from mammo_core.config.network_recipe import NetworkRecipe
from mammo_core.config.recipes import RECIPES, network_recipe
from mammo_core.config.runs import HEAD_ON_FEATURES, HeadRecipe
from mammo_core.figures.provenance import RESEARCH_USE
from mammo_core.labels import MALIGNANT
from mammo_core.privacy.statements.words import caveats, summary
from mammo_core.results.reporting import measures
from mammo_core.results.reporting.context import RunFacts
from mammo_core.results.reporting.measures import masses_text, name_of_test_set
from mammo_core.system.secret_key import hash_patients, sealed_identity
from mammo_core.text.numbers import counted

_EIGHT_VIEWS = "Flips and quarter turns make eight views of a crop, whose results are averaged."
_DIRECTIONS = {True: "computed textures", False: "synthetic masses"}
_LIBRARIES = ("torch", "timm", "opacus", "dp-accounting", "scikit-learn", "numpy")


def _task(_: RunFacts) -> str:
    return (
        "Diagnosis: whether a mass on a mammogram is malignant or benign. The outcome has two classes, and malignant is "
        "the positive one."
    )


def _technology(facts: RunFacts) -> str:
    part = TRAINED_PART_NAMES[facts.run.config.trained_part]
    is_private = facts.run.statement.is_private
    how = "with differential privacy" if is_private else "without differential privacy"
    return f"Deep learning: {part}, trained {how}."


def _goal(facts: RunFacts) -> str:
    count = counted(len(facts.run.estimates), "test set")
    return f"Development of a classifier and its evaluation on {count}."


def _data(facts: RunFacts) -> str:
    run, cohort, statement = facts.run, facts.context.cohort, facts.run.statement
    said = [f"Training data: {STRATEGY_NAMES[run.config.strategy]}."]
    if cohort is not None:
        said.append(f"Site of the training patients: {cohort.name}.")
    if statement.generator:
        said.append(f"The synthetic masses come from the generator {statement.generator}.")
    elif statement.generator is not None:
        said.append("The generator of the synthetic masses is not known.")
    if statement.is_demonstration:
        said.append("This is a demonstration: the patients are synthetic.")
    said.append(f"Test sets: {', '.join(map(name_of_test_set, run.estimates))}.")
    return " ".join(said)


def _subset(_: RunFacts) -> str:
    return "Each input is a crop of one mass, not a whole mammogram."


def _preprocessing(facts: RunFacts) -> str:
    backbone = facts.run.config.backbone
    scale = (
        "the backbone's own mean and deviation"
        if backbone.normalisation == "backbone"
        else "mean and deviation 0.5"
    )
    views = "The crop is seen upright." if backbone.views == 1 else _EIGHT_VIEWS
    return (
        f"8-bit grey crops were resized to {backbone.image_size_px} × {backbone.image_size_px} px and normalised by {scale}. "
        f"{views}"
    )


def _partitions(_: RunFacts) -> str:
    return "The division into training, validation and test masses is that of the cohort's folders."


def _disjoint(facts: RunFacts) -> str:
    """Compares patients' ids; of the training patients the ledger knows hashes."""
    run, cohort = facts.run, facts.context.cohort
    if run.made_elsewhere:  # numbers may stand in the place of ids
        return ""
    parts = {
        str(name): hash_patients(table["patient_id"])
        for name, table in pd.concat([run.validation, run.predictions]).groupby("test_set")
    }
    if cohort is not None:
        parts["training"] = cohort.patients
    names = sorted(parts)
    shared = {
        f"{first} and {second}": len(parts[first] & parts[second])
        for position, first in enumerate(names)
        for second in names[position + 1 :]
    }
    compared = ", ".join(names)
    if not any(shared.values()):
        return f"Patient: by their ids, no patient is in two of {compared}."
    found = "; ".join(
        f"{counted(count, 'patient')} in {pair}" for pair, count in shared.items() if count
    )
    return f"By their ids, patients are shared ({found}). Compared were {compared}."


def _counts(facts: RunFacts) -> str:
    run, cohort, statement = facts.run, facts.context.cohort, facts.run.statement
    if cohort is not None:
        training = f"{counted(len(cohort.patients), 'patient')}, {masses_text(cohort.num_masses)}"
    elif statement.strategy == "synthetic":
        training = f"{statement.num_units:,} synthetic masses"
    else:
        unit = "patients" if statement.unit == "patient" else "masses"
        training = f"{statement.num_units:,} {unit}"
    tables = {
        f"Test set {name_of_test_set(str(name))}": part
        for name, part in run.predictions.groupby("test_set")
    }
    if not run.validation.empty:
        tables = {"Validation": run.validation} | tables
    return " ".join(
        [
            f"Training: {training}.",
            *(
                f"{name}: {counted(part['patient_id'].nunique(), 'patient')}, "
                f"{masses_text(len(part))}, of them {(part['label'] == MALIGNANT).sum():,} malignant."
                for name, part in tables.items()
            ),
        ]
    )


def _model(facts: RunFacts) -> str:
    config, statement = facts.run.config, facts.run.statement
    weights = "" if statement.num_weights is None else f" ({statement.num_weights:,} weights)"
    place = f", features of its layer {config.backbone.layer}" if config.backbone.layer else ""
    return (
        f"Trained part: {TRAINED_PART_NAMES[config.trained_part]}{weights}. Backbone: "
        f"{name_of_backbone(config.backbone)}{place}. Input: the crop of one mass. Output: a score between 0 and 1 for "
        "malignant."
    )


def _initialisation(facts: RunFacts) -> str:
    config = facts.run.config
    head = (
        "The head starts with all weights at 0"
        if config.trained_part == HEAD_ON_FEATURES
        else "The head starts at random, by the seed"
    )
    said = [f"{head}. The backbone starts with {name_of_weights(config.backbone)}."]
    if config.strategy == "pretrain":
        said.append("Training on synthetic masses came first, then that on real ones.")
    return " ".join(said)


def _training(facts: RunFacts) -> str:
    config, recipe = facts.run.config, facts.run.config.recipe
    drawn = (
        "all units in each"
        if recipe.sample_rate == 1
        else f"each unit with chance {recipe.sample_rate:.4g} in each"
    )
    said = [f"{counted(recipe.steps, 'gradient step')}, {drawn}."]
    if isinstance(recipe, HeadRecipe):
        rate = recipe.learning_rate_at(config.privacy.target_epsilon)
        said.append(f"Gradient descent, learning rate {rate:.4g}.")
        if recipe.projection_dims is not None:
            said.append(
                f"Features were projected on up to {recipe.projection_dims} principal directions of "
                f"{_DIRECTIONS[config.strategy == 'real']}, whitened with power {recipe.whitening:g}."
            )
    else:
        said.append(
            f"Optimiser {recipe.optimizer}, learning rate {recipe.learning_rate:g}, weight decay "
            f"{recipe.weight_decay:g}, label smoothing {recipe.label_smoothing:g}, augmentation {recipe.augmentation}, "
            f"{counted(recipe.views, 'view')} of a mass in a step, {recipe.precision}."
        )
    if facts.run.statement.is_private:
        said.append(
            f"Gradients of one unit were clipped to the norm {recipe.max_grad_norm:g}; noise multiplier "
            f"{facts.run.noise_multiplier:.4g}."
        )
    return " ".join([*said, f"Seed {config.seed}."])


def _privacy(facts: RunFacts) -> str:
    return summary(facts.run.statement)


def _selection(facts: RunFacts) -> str:
    recipe = facts.run.config.recipe
    kept = (
        "The weights are those of the step that did best on validation masses."
        if recipe.kept == "best on validation"
        else "The weights are those of the end of training; no label chose the step."
    )
    return " ".join(filter(None, [kept, _default_recipe(facts), _tried(facts)]))


def _default_recipe(facts: RunFacts) -> str:
    config = facts.run.config
    if config.recipe == RECIPES[config.strategy] and isinstance(config.recipe, HeadRecipe):
        return "The recipe is the default of the program, which was chosen on CBIS-DDSM training and validation masses."
    if not isinstance(config.recipe, NetworkRecipe):
        return ""
    if config.recipe.preset:
        return f"The recipe is that of the paper's experiment {config.recipe.preset}."
    default = network_recipe(config.strategy, config.recipe.trained_part)
    return "The recipe is the default of the program." if config.recipe == default else ""


def _tried(facts: RunFacts) -> str:
    count = facts.context.num_tried
    if count is None:
        return ""
    masses = "validation and test masses" if len(facts.run.validation) else "test masses"
    return (
        f"On the same data, {counted(count, 'configuration')} {'is' if count == 1 else 'are'} recorded here, this one among "
        f"them, each measured on {masses}. No ε covers a choice among them."
    )


def _ensembling(facts: RunFacts) -> str:
    recipe = facts.run.config.recipe
    if isinstance(recipe, HeadRecipe):
        return f"One model: its weights are the mean over the last {recipe.averaged_share:.0%} of the steps."
    if recipe.ema_decay is not None:
        return f"One model: its weights are a moving average over the steps, decay {recipe.ema_decay:g}."
    return "None: one model."


def _not_covered(facts: RunFacts) -> str:
    return " ".join(caveats(facts.run.statement))


def _software(_: RunFacts) -> str:
    used = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return (
        f"Mammo Privacy Explorer {mammo_core.__version__}, Python {platform.python_version()}, {used}. These are the "
        "versions that wrote this report; a run does not record those it was trained with."
    )


def _identity(facts: RunFacts) -> str:
    run = facts.run
    made = f"Made elsewhere: {run.made_elsewhere}." if run.made_elsewhere else ""
    said = (
        f"Run {run.run_id}, recorded {run.started:%Y-%m-%d}, data {sealed_identity(run.data_hash)}.",
        made,
        "The command mammo runs card prints its whole configuration.",
    )
    return " ".join(filter(None, said))


def _sharing(facts: RunFacts) -> str:
    spent = "is the release that ε was spent on"
    release = spent if facts.run.statement.is_private else "guarantees nothing to the patients"
    return (
        "The command mammo runs export writes configuration, statement, measures and weights to a file that others import. "
        f"Publishing the weights {release}."
    )


def _use(_: RunFacts) -> str:
    return RESEARCH_USE


def _imbalance(_: RunFacts) -> str:
    return "No class was weighted or drawn more often than the other."


FIELDS: Mapping[str, Callable[[RunFacts], str]] = {
    "task": _task,
    "technology": _technology,
    "goal": _goal,
    "data": _data,
    "subset": _subset,
    "preprocessing": _preprocessing,
    "partitions": _partitions,
    "disjoint": _disjoint,
    "counts": _counts,
    "model": _model,
    "initialisation": _initialisation,
    "training": _training,
    "privacy": _privacy,
    "selection": _selection,
    "ensembling": _ensembling,
    "metrics": measures.metrics,
    "uncertainty": measures.uncertainty,
    "repeats": measures.repeats,
    "performance": measures.performance,
    "auroc": measures.auroc,
    "internal": measures.internal,
    "external": measures.external,
    "threshold": measures.threshold,
    "decisions": measures.decisions,
    "not_covered": _not_covered,
    "software": _software,
    "identity": _identity,
    "sharing": _sharing,
    "use": _use,
    "imbalance": _imbalance,
}
