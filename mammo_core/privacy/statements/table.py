"""Writes a privacy statement as a table: every fact and number with its meaning."""

from __future__ import annotations

from typing import NamedTuple

from mammo_core.config.runs import HEAD_ON_FEATURES, Unit
from mammo_core.privacy.noise.kinds import (
    CLIP_MARGIN,
    FLOAT_NOISE,
    Randomness,
    randomness_of,
)
from mammo_core.privacy.statements.statement import Coverage, Statement
from mammo_core.privacy.statements.words import guarantee_text
from mammo_core.text.numbers import number_text

NEIGHBOURING = "the records of one whole unit are emptied; the number of units stays"
_RANDOMNESS: dict[Randomness, str] = {
    "secret": "secret: operating system's cryptographic generator",
    "sum of four": "secret: operating system's cryptographic generator, sum of four Gaussians",
    "keyed": "secret: expanded by Philox from a key of 128 bits of the operating system's generator",
    "reproducible": "reproducible noise: for demonstration",
}
_UNITS: dict[Unit, str] = {"patient": "patient", "image": "image (one mass)"}
_NOISE_MEANING: dict[Randomness, str] = {
    "secret": "Nobody can draw it again.",
    "sum of four": "Nobody can draw it again; the sum of four makes attacks on floating-point numbers harder.",
    "keyed": "Drawn so where millions of weights need noise. Philox was made for simulation, not against "
    "attackers: none is known, and none is ruled out. Gaussians are not sums of four.",
    "reproducible": "It follows from the configuration: whoever knows that can subtract it.",
}
_COVERAGE_MEANING: dict[Coverage, str] = {
    "end to end": "No synthetic masses were used. Everything learned from these patients is covered.",
    "end to end, composed": "The generator of the synthetic masses saw the same patients with differential "
    "privacy. Both guarantees are composed.",
    "end to end, in parallel": "The generator of the synthetic masses learned from other patients only: "
    "no id is the same.",
    "end to end, simulated masses": "The synthetic masses are simulated, and no patient is behind them. Everything "
    "learned from these patients is covered.",
    "training step only, generator without DP": "What the synthetic masses reveal of the same patients is not "
    "covered.",
    "training step only, unknown generator": "Who made the synthetic masses is not known. The worst is assumed: a "
    "generator without differential privacy that saw the same patients.",
    "training step only, guarantees do not compose": "The generator's guarantee cannot be composed with the "
    "run's, so what the synthetic masses reveal is not covered.",
    "generator only": "Only the generator read patients. Its guarantee holds for everything made from its masses.",
    "no patient": "Only synthetic masses trained this model. Nothing is known to protect the patients of their "
    "generator.",
    "nobody": "Only simulated masses trained this model, and no patient is behind them.",
    "none": "Trained without clipping and noise.",
}


_TRAINED = {
    "head": "head of the network, backbone frozen",
    "adapters": "low-rank adapters of the network, and its head",
    "network": "network, or its last stages",
}


class StatementRow(NamedTuple):
    """One fact of a statement and what it means."""

    name: str
    value: str
    meaning: str


def sampling(statement: Statement) -> str:
    """Says which units take part in a step."""
    if statement.is_sampled:
        return (
            f"Poisson: each unit takes part in a step with chance {statement.sample_rate:.4g}, drawn anew, "
            "independently of all others"
        )
    return "none: every unit takes part in every step"


def accountant(statement: Statement) -> str:
    """Says how ε is counted."""
    if statement.is_sampled:
        return "privacy loss distributions (dp-accounting), an upper bound"
    return "exact composition of Gaussian mechanisms"


def randomness(statement: Statement) -> str:
    """Says where the noise comes from."""
    return _RANDOMNESS[_source(statement)]


def arithmetic(statement: Statement) -> tuple[str, str]:
    """Says how noise and sums are computed, and how far the guarantee holds for what is computed."""
    if statement.arithmetic == "float":
        return "single precision", FLOAT_NOISE
    exact = (
        "Noisy sums are those of the Gaussian mechanism on real numbers, rounded to multiples of a power of two that noise and "
        "clipping norm decide: arithmetic adds nothing to δ. "
    )
    kept = f"Clipping leaves {CLIP_MARGIN:.1%} of its norm to roundings of sums, "
    if statement.trained_part == HEAD_ON_FEATURES:
        kept += "which is more than they can come to."
    else:
        kept += "which is more than they came to in tests; for a network there is no proof."
    return "float64, noise rounded to a grid", exact + kept


def table(statement: Statement) -> list[StatementRow]:
    """Lists every fact and number of a statement."""
    is_synthetic = statement.strategy == "synthetic"
    unit = "synthetic mass" if is_synthetic else _UNITS[statement.unit]
    rows = [
        ("unit of privacy", unit, "What is hidden as a whole."),
        (
            "units trained on",
            str(statement.num_units),
            "Public: no ε hides it. Noise, learning rate, sampling and the limit of δ follow from it.",
        ),
        *_trained(statement),
        *_mechanism(statement),
        ("coverage", statement.coverage, _COVERAGE_MEANING[statement.coverage]),
        (
            "end to end",
            guarantee_text(statement.end_to_end),
            "Training step and synthetic masses together, where both used the same patients.",
        ),
        (
            "end to end, whole patient",
            guarantee_text(statement.end_to_end_for_patient),
            "All masses of one patient together, by group privacy where the unit is one mass.",
        ),
    ]
    if not is_synthetic:
        rows.append(
            (
                "most masses of a patient",
                "not recorded"
                if statement.largest_patient is None
                else str(statement.largest_patient),
                "The patient whom a guarantee per mass protects least.",
            )
        )
    if statement.generator is not None:
        rows += _generator(statement)
    if not statement.backbone_saw_no_patients:
        rows.append(
            (
                "backbone",
                "weights from a file or a hub",
                "Not covered if they saw the same patients.",
            )
        )
    if statement.is_demonstration:
        rows.append(("data", "demonstration", "The patients are synthetic. Nobody is behind them."))
    return [StatementRow(*row) for row in rows]


def _trained(statement: Statement) -> list[tuple[str, str, str]]:
    if statement.trained_part not in _TRAINED:
        return []
    count = "" if statement.num_weights is None else f", {statement.num_weights:,} weights"
    return [
        (
            "trained on images",
            f"{_TRAINED[statement.trained_part]}{count}",
            "Clipping and noise act on the gradient of all these weights together.",
        )
    ]


def _mechanism(statement: Statement) -> list[tuple[str, str, str]]:
    if not statement.is_private:
        return [
            ("ε spent", "∞ (not DP)", "The training step adds no noise and limits nothing."),
            ("mechanism", "none", "Plain gradient descent, without clipping and noise."),
        ]
    return [
        (
            "neighbouring data",
            NEIGHBOURING,
            "The guarantee compares trainings that differ in this way. So it hides what a unit's records say, not how many "
            "units there are. Replacing records by others counts as two such changes.",
        ),
        (
            "ε asked for",
            number_text(statement.target_epsilon),
            "The most that the training step may cost.",
        ),
        (
            "ε spent",
            number_text(statement.epsilon),
            "Taking part changes the probability of any outcome at most by the factor e^ε, plus δ.",
        ),
        (
            "δ",
            f"{statement.delta:g}",
            "The slack: a probability may exceed the factor e^ε by at most δ. It is below 1 / units.",
        ),
        *(_sampled_steps(statement) if statement.is_sampled else _full_steps(statement)),
        ("randomness", randomness(statement), _NOISE_MEANING[_source(statement)]),
        ("arithmetic", *arithmetic(statement)),
    ]


def _full_steps(statement: Statement) -> list[tuple[str, str, str]]:
    return [
        (
            "μ (Gaussian DP)",
            number_text(statement.mu or 0.0),
            "To detect one unit is as hard as to distinguish two normal distributions μ standard deviations apart.",
        ),
        (
            "mechanism",
            f"{statement.steps} full-batch steps, {_noise_and_clipping(statement)}",
            "Each step sums the clipped gradients of all units and adds Gaussian noise of noise multiplier times "
            "clipping norm.",
        ),
        (
            "sampling",
            sampling(statement),
            "No amplification is assumed, and no Poisson sampling is needed.",
        ),
        (
            "accountant",
            accountant(statement),
            "All steps together are one Gaussian mechanism, μ = √steps / noise multiplier. Tested against "
            "Opacus' PRV and dp-accounting's PLD accountant.",
        ),
    ]


def _sampled_steps(statement: Statement) -> list[tuple[str, str, str]]:
    return [
        (
            "mechanism",
            f"{statement.steps} steps on random units, {_noise_and_clipping(statement)}",
            "Each step (DP-SGD) sums the clipped gradients of the units drawn and adds Gaussian noise of noise "
            "multiplier times clipping norm.",
        ),
        (
            "sampling",
            sampling(statement),
            "Amplification by sampling is assumed. It holds while nobody learns who took part in which step.",
        ),
        (
            "accountant",
            accountant(statement),
            "Steps on random units do not add up to one Gaussian mechanism, so there is no μ. Tested against "
            "Opacus' PRV accountant.",
        ),
    ]


def _noise_and_clipping(statement: Statement) -> str:
    return (
        f"noise multiplier {statement.noise_multiplier:.4g}, "
        f"clipping norm {statement.max_grad_norm:g}"
    )


def _source(statement: Statement) -> Randomness:
    return randomness_of(statement.num_weights or 1, statement.noise, statement.arithmetic)


def _generator(statement: Statement) -> list[tuple[str, str, str]]:
    guarantee = statement.generator_guarantee
    patients = {
        "same": "some or all of this run's",
        "other": "none of this run's: no id is the same",
        "nobody": "nobody",
        "unknown": "not recorded: taken to be this run's",
    }[statement.generator_patients or "unknown"]
    guaranteed = f"{guarantee_text(guarantee)} ({guarantee.mechanism})" if guarantee else "none"
    return [
        ("generator", statement.generator or "not known", "Of the synthetic masses."),
        ("generator's patients", patients, "Whom the generator learned from."),
        ("generator's guarantee", guaranteed, "To its own patients, as its card says."),
    ]
