"""Says a privacy statement in a few short sentences, and what it leaves out in some more."""

from __future__ import annotations

from mammo_core.config.runs import Unit
from mammo_core.privacy.accounting.guarantee import Guarantee
from mammo_core.privacy.noise.kinds import FLOAT_NOISE
from mammo_core.privacy.statements.statement import Statement
from mammo_core.text.numbers import number_text

UNIT_NAMES: dict[Unit, str] = {"patient": "patient", "image": "mass"}
_PLURALS: dict[Unit, str] = {"patient": "patients", "image": "masses"}
_FPR = 0.01
LARGEST_DELTA_SHARE = 0.1  # of δ times units, without a warning


def guarantee_text(guarantee: Guarantee | None) -> str:
    """Writes a guarantee as it is shown, for example "ε = 6 per patient, δ = 0.0001"."""
    if guarantee is None:
        return "no guarantee"
    unit = UNIT_NAMES[guarantee.unit]
    return f"ε = {number_text(guarantee.epsilon)} per {unit}, δ = {guarantee.delta:.3g}"


def summary(statement: Statement) -> str:
    """Says the guarantee of a run in a few short sentences, for a reader without statistics."""
    said = [*_guaranteed(statement)]
    if statement.is_private and statement.coverage not in (
        "no patient",
        "nobody",
        "generator only",
    ):
        if statement.noise == "reproducible":
            said.append(
                "The noise of the training is reproducible, for demonstration, and protects nobody from those who "
                "know the configuration."
            )
        if not statement.backbone_saw_no_patients:
            said.append(
                "This holds only if the backbone, whose weights come from a file or a hub, never saw these patients."
            )
    if statement.uses_float_noise:
        said.append("Noise was added in single precision, and its lowest digits may tell more.")
    if statement.is_demonstration:
        said.insert(0, "Demonstration with no patients behind the masses.")
    return " ".join(said)


def caveats(statement: Statement) -> tuple[str, ...]:
    """Lists what the guarantee rests on and what it leaves out, in sentences; the most important first."""
    notes = [*_about_data(statement), *_about_generator(statement), *_about_patients(statement)]
    if statement.coverage in ("none", "no patient", "nobody"):
        return tuple(notes)
    return (
        *([FLOAT_NOISE] if statement.uses_float_noise else []),
        *notes,
        *_about_delta(statement),
        "One release only. Every further model, generator or number released from the same patients adds to the "
        "privacy cost (see the ledger).",
        "Choices made by private validation labels, such as the recipe and the thresholds, are not covered.",
        "Curves of loss and validation AUROC, and scores and measures of validation and test patients, are computed "
        "without noise. They are not covered.",
        "Audits use knowledge of who took part. They are not covered.",
        _about_number(statement),
        "The number of masses, the most masses of one patient and the time of the computation are treated as public.",
    )


def _guaranteed(statement: Statement) -> list[str]:
    units = f"{statement.num_units} {_PLURALS[statement.unit]}"
    step, generator = statement.step, f"the generator {statement.generator}"
    match statement.coverage:
        case "none":
            return [
                f"No privacy (not DP): the model may reveal any of the {units} it was trained on."
            ]
        case "no patient":
            return [
                "No privacy guarantee to any patient: only synthetic masses trained this model.",
                f"They come from {generator}, which was trained without differential privacy."
                if statement.generator
                else "The generator that made them is not known.",
            ]
        case "nobody":
            return [
                "No patient is behind this model: only simulated masses trained it.",
                f"They come from {generator}, which learned from nobody.",
            ]
        case "generator only":
            guarantee = statement.require_generator_guarantee()
            return [
                "Only synthetic masses trained this model.",
                f"It has the guarantee of {generator}: {guarantee_text(statement.end_to_end)}, to the "
                f"{guarantee.num_units} {_PLURALS[guarantee.unit]} it learned from.",
            ]
        case "end to end":
            return _attack(statement, units)
        case "end to end, simulated masses":
            return [
                *_attack(statement, units),
                f"The synthetic masses come from {generator}, which learned from nobody.",
            ]
        case "end to end, in parallel":
            return [
                *_attack(statement, units),
                f"The synthetic masses come from {generator}. It learned from other patients: no id is the same.",
            ]
        case "end to end, composed":
            return [
                f"Model and synthetic masses together guarantee {guarantee_text(statement.end_to_end)}, end to end.",
                f"The training on {units} costs {guarantee_text(step)}.",
                _saw(statement, "with differential privacy"),
                *_for_patient(statement, statement.end_to_end_for_patient),
            ]
        case _:
            return [
                f"The privacy budget ({guarantee_text(step)}) covers only the private training step on {units}.",
                *_for_patient(statement, statement.step_for_patient),
                *_uncovered(statement),
            ]


def _attack(statement: Statement, units: str) -> list[str]:
    found = statement.attacker_tpr(_FPR)
    return [
        f"Anyone who sees this model and wrongly flags {_FPR:.0%} of those who did not take part "
        f"identifies at most {found:.1%} of the {units} it was trained on.",
        f"The privacy budget is {guarantee_text(statement.step)}, end to end.",
        *_for_patient(statement, statement.step_for_patient),
    ]


def _for_patient(statement: Statement, guarantee: Guarantee | None) -> list[str]:
    """Says the guarantee of a patient where the unit is one mass."""
    if statement.unit == "patient" or guarantee == statement.end_to_end:
        return []
    if guarantee is None:
        return ["A patient with several masses has no privacy guarantee."]
    return [
        f"A patient with {statement.largest_patient} masses is guaranteed only ε = "
        f"{number_text(guarantee.epsilon)}."
    ]


def _saw(statement: Statement, how: str) -> str:
    """Says that the generator saw the same patients, and how it was trained."""
    generator = f"The generator {statement.generator}"
    if statement.generator_patients == "same":
        return f"{generator} saw the same patients, {how}."
    return (
        f"{generator} was trained {how}. Its patients are not recorded, so they are assumed to be the "
        "same."
    )


def _uncovered(statement: Statement) -> list[str]:
    match statement.coverage:
        case "training step only, unknown generator":
            return [
                "The generator of the synthetic masses is not known.",
                "The masses are assumed to reveal any of the same patients.",
            ]
        case "training step only, generator without DP":
            return [
                "The synthetic masses may reveal any of these patients.",
                _saw(statement, "without differential privacy"),
            ]
        case _:
            return [
                "It does not cover what the synthetic masses reveal.",
                _saw(
                    statement,
                    f"with a guarantee ({guarantee_text(statement.generator_guarantee)}) that cannot be composed "
                    "with this one",
                ),
            ]


def _about_data(statement: Statement) -> list[str]:
    notes: list[str] = []
    if statement.is_demonstration:
        notes.append(
            "Demonstration: the patients are synthetic, drawn from a generator. The statement reads as it would for "
            "real ones. It says nothing about the patients that the generator learned from."
        )
    if statement.strategy == "synthetic" and statement.is_private:
        notes.append(
            f"The ε = {number_text(statement.epsilon)} spent in training hides single synthetic masses "
            f"({statement.num_units} of them). It protects no patient."
        )
    if statement.kept == "best on validation" and statement.is_private:
        notes.append(
            "The released weights are those of the step that did best on validation masses. Their labels made that "
            "choice, and no ε covers it."
        )
    if not statement.backbone_saw_no_patients:
        notes.append(
            "The backbone's weights come from a file or a hub. If they were learned from the same patients without "
            "differential privacy, they may reveal these patients. No ε here covers that."
        )
    return notes


def _about_generator(statement: Statement) -> list[str]:
    guarantee = statement.generator_guarantee
    match statement.coverage:
        case "end to end, in parallel":
            return [
                "Patients are compared by their ids. A patient listed under two ids goes unnoticed.",
                f"The patients that {statement.generator} learned from: "
                + (
                    f"{guarantee}."
                    if guarantee
                    else "no guarantee, since it was trained without differential privacy."
                ),
            ]
        case "end to end, composed":
            return [
                f"How the two are put together: {_how_composed(statement)}. The generator's part is as its card says."
            ]
        case "generator only":
            mechanism = statement.require_generator_guarantee().mechanism
            return [f"The generator's guarantee is as its card says ({mechanism})."]
        case _:
            return []


def _how_composed(statement: Statement) -> str:
    if statement.end_to_end and statement.end_to_end.mu is not None:
        return "both are Gaussian mechanisms and compose exactly"
    if not statement.is_sampled:
        return "the generator counts as the worst mechanism with its ε and δ, and the δ add up"
    if statement.require_generator_guarantee().mu is not None:
        return "their privacy losses are composed numerically, and the ε is an upper bound"
    return "their ε and their δ add up, which holds for any two mechanisms"


def _about_delta(statement: Statement) -> list[str]:
    share = statement.delta * statement.num_units
    if share <= LARGEST_DELTA_SHARE:
        return []
    return [
        f"δ is large for {statement.num_units} {_PLURALS[statement.unit]}: δ × units is {share:.2g}. With about this "
        f"probability, such a δ allows to publish one unit's data. Use δ of at most "
        f"{LARGEST_DELTA_SHARE / statement.num_units:.1g}."
    ]


def _about_number(statement: Statement) -> str:
    is_of_generator = statement.coverage == "generator only"
    unit = statement.require_generator_guarantee().unit if is_of_generator else statement.unit
    return (
        f"The number of {_PLURALS[unit]} is public, and no ε hides it: scale of noise, learning rate, sampling and the "
        "limit of δ follow from it."
    )


def _about_patients(statement: Statement) -> list[str]:
    if statement.unit == "patient" or statement.step_for_patient is None:
        return []
    return [
        f"The unit is one mass. By group privacy the training step guarantees {guarantee_text(statement.step_for_patient)} "
        f"to any patient with at most {statement.largest_patient} masses, the most that one has here."
    ]
