"""Says a privacy statement in one sentence, and what it leaves out in several."""

from __future__ import annotations

from mammo_core.config.runs import Unit
from mammo_core.privacy.accounting.guarantee import Guarantee
from mammo_core.privacy.statements.statement import Statement
from mammo_core.text.numbers import number_text

UNIT_NAMES: dict[Unit, str] = {"patient": "patient", "image": "mass"}
_PLURALS: dict[Unit, str] = {"patient": "patients", "image": "masses"}
_FPR = 0.01


def guarantee_text(guarantee: Guarantee | None) -> str:
    """Writes a guarantee as it is shown, for example "ε = 6 per patient, δ = 0.0001"."""
    if guarantee is None:
        return "no guarantee"
    unit = UNIT_NAMES[guarantee.unit]
    return f"ε = {number_text(guarantee.epsilon)} per {unit}, δ = {guarantee.delta:.3g}"


def sentence(statement: Statement) -> str:
    """Says the guarantee of a run in one sentence, for a reader without statistics."""
    said = _guaranteed(statement)
    if statement.is_private and statement.coverage not in ("no patient", "generator only"):
        if statement.noise == "reproducible":
            said += (
                "; but the noise of the training is reproducible, for demonstration, and protects nobody from those who "
                "know the configuration"
            )
        if not statement.backbone_saw_no_patients:
            said += (
                "; provided that the backbone, whose weights come from a file or a hub, never saw these "
                "patients"
            )
    if statement.is_demonstration:
        return f"Demonstration with no patients behind the masses: {said}."
    return f"{said}."


def caveats(statement: Statement) -> tuple[str, ...]:
    """Lists what the guarantee rests on and what it leaves out, in sentences; the most important first."""
    notes = [*_about_data(statement), *_about_generator(statement), *_about_patients(statement)]
    if statement.coverage in ("none", "no patient"):
        return tuple(notes)
    return (
        *notes,
        "One release only: every further model, generator or number released from the same patients adds "
        "to it (see the ledger).",
        "Not covered: recipe, thresholds and all else chosen by private validation labels; curves of loss and "
        "validation AUROC, computed without noise; scores and measures of validation and test patients; audits, "
        "which use what is known of who took part.",
        "Treated as public: how many units there are, how many masses the largest patient has, and how long "
        "the computation takes.",
    )


def _guaranteed(statement: Statement) -> str:
    units = f"{statement.num_units} {_PLURALS[statement.unit]}"
    step, generator = statement.step, f"the generator {statement.generator}"
    match statement.coverage:
        case "none":
            return f"No privacy (not DP): the model may reveal any of the {units} it was trained on"
        case "no patient":
            whose = f"{generator}, which was trained without differential privacy"
            return (
                "No guarantee to any patient: only synthetic masses trained this model, and they come from "
                f"{whose if statement.generator else 'nobody knows which generator'}"
            )
        case "generator only":
            guarantee = statement.require_generator_guarantee()
            return (
                f"Only synthetic masses trained this model, so it has the guarantee of {generator}: "
                f"{guarantee_text(statement.end_to_end)}, to the {guarantee.num_units} "
                f"{_PLURALS[guarantee.unit]} it learned from"
            )
        case "end to end":
            return _attack(statement, units)
        case "end to end, in parallel":
            return (
                f"{_attack(statement, units)}; the synthetic masses come from {generator}, which learned "
                "from other patients as far as their ids tell"
            )
        case "end to end, composed":
            return (
                "Model and synthetic masses together guarantee "
                f"{guarantee_text(statement.end_to_end)}, end to end: the training on {units} spends "
                f"{guarantee_text(step)}, and {generator} {_saw(statement)}, with differential privacy"
                + _for_patient(statement, statement.end_to_end_for_patient)
            )
        case _:
            return (
                f"The privacy budget ({guarantee_text(step)}) covers only the private training step on {units}"
                f"{_for_patient(statement, statement.step_for_patient)}; {_uncovered(statement, generator)}"
            )


def _attack(statement: Statement, units: str) -> str:
    found = statement.attacker_tpr(_FPR)
    return (
        f"An attacker who sees this model and wrongly accuses {_FPR:.0%} of those who did not take "
        f"part rightly names at most {found:.1%} of the {units} it was trained on (privacy budget "
        f"{guarantee_text(statement.step)}, end to end)"
        f"{_for_patient(statement, statement.step_for_patient)}"
    )


def _for_patient(statement: Statement, guarantee: Guarantee | None) -> str:
    """Says the guarantee of a patient where the unit is one mass."""
    if statement.unit == "patient" or guarantee == statement.end_to_end:
        return ""
    if guarantee is None:
        return "; to a patient with several masses nothing is guaranteed"
    return (
        f"; to a patient with {statement.largest_patient} masses only ε = "
        f"{number_text(guarantee.epsilon)} is guaranteed"
    )


def _saw(statement: Statement) -> str:
    if statement.generator_patients == "same":
        return "saw the same patients"
    return "must be taken to have seen the same patients (its own are not recorded)"


def _uncovered(statement: Statement, generator: str) -> str:
    match statement.coverage:
        case "training step only, unknown generator":
            return (
                "nobody knows which generator the synthetic masses come from, so they must be taken to "
                "reveal any of the same patients"
            )
        case "training step only, generator without DP":
            return (
                f"the synthetic masses may reveal any of them, since {generator} {_saw(statement)}, "
                "without differential privacy"
            )
        case _:
            return (
                f"what the synthetic masses reveal is not, since {generator} {_saw(statement)}, with a guarantee "
                f"({guarantee_text(statement.generator_guarantee)}) that cannot be composed with this one"
            )


def _about_data(statement: Statement) -> list[str]:
    notes: list[str] = []
    if statement.is_demonstration:
        notes.append(
            "Demonstration: the patients are synthetic, drawn from a generator. The statement reads as it would "
            "for real ones, and says nothing of those whom that generator learned from."
        )
    if statement.strategy == "synthetic" and statement.is_private:
        notes.append(
            f"The ε = {number_text(statement.epsilon)} spent in training hides single synthetic masses "
            f"({statement.num_units} of them), and so protects no patient."
        )
    if statement.kept == "best on validation" and statement.is_private:
        notes.append(
            "The released weights are those of the step that did best on validation masses: their labels made that "
            "choice, and no ε covers it."
        )
    if not statement.backbone_saw_no_patients:
        notes.append(
            "The backbone's weights come from a file or a hub. If they were learned from the same patients without "
            "differential privacy, they may reveal them, and no ε here covers that."
        )
    return notes


def _about_generator(statement: Statement) -> list[str]:
    guarantee = statement.generator_guarantee
    match statement.coverage:
        case "end to end, in parallel":
            return [
                "Patients are told apart by their ids: somebody listed under two ids would go unnoticed.",
                f"The patients that {statement.generator} learned from: "
                + (
                    f"{guarantee}."
                    if guarantee
                    else "no guarantee, it was trained without differential privacy."
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


def _about_patients(statement: Statement) -> list[str]:
    if statement.unit == "patient" or statement.step_for_patient is None:
        return []
    return [
        f"The unit is one mass. By group privacy the training step guarantees {guarantee_text(statement.step_for_patient)} "
        f"to any patient with at most {statement.largest_patient} masses, the most that one has here."
    ]
