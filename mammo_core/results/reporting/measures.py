"""The fields of a report that say what was measured on test masses, and how: sentences, empty if not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mammo_core.config.names import TEST_SET_NAMES
from mammo_core.evaluation.bootstrap import LEVEL, Estimate
from mammo_core.evaluation.metrics import METRIC_NAMES, SPECIFICITY
from mammo_core.evaluation.operating_point import confusion_at, threshold_at_specificity
from mammo_core.evaluation.patients import PATIENT_RULE
from mammo_core.figures.trade_off import measure_label
from mammo_core.results.reporting.context import RunFacts
from mammo_core.text.numbers import with_interval
from mammo_core.training.outcome import FinishedRun


def metrics(_: RunFacts) -> str:
    """Names the measures and the unit of evaluation."""
    names = ", ".join(measure_label(metric) for metric in METRIC_NAMES)
    return (
        f"{names}. Each is measured per mass and per patient. Per patient, {PATIENT_RULE} The run card also draws ROC and "
        "calibration curves."
    )


def uncertainty(facts: RunFacts) -> str:
    """Says what the intervals cover, with the spread over seeds."""
    said = (
        f"{LEVEL:.0%} percentile intervals by bootstrap over test patients, whose masses stay together (Davison and Hinkley "
        "1997). They do not cover the randomness of training."
    )
    return " ".join(filter(None, [said, repeats(facts)]))


def repeats(facts: RunFacts) -> str:
    """Gives the mean AUROC over seeds."""
    points = facts.context.repeats
    if points.empty:
        return ""
    found = "; ".join(
        f"{name_of_test_set(str(point['test_set']))} {float(point['mean']):.3f} (lowest {float(point['seed_low']):.3f}, highest "
        f"{float(point['seed_high']):.3f})"
        for point in points.to_dict("records")
    )
    seeds = int(points["num_seeds"].min())
    return f"Repeated with {seeds} seeds on the same data, the mean AUROC is: {found}."


def performance(facts: RunFacts) -> str:
    """Gives every measure on every test set."""
    return _measured(facts.run, facts.run.estimates)


def auroc(facts: RunFacts) -> str:
    """Gives the AUROC on every test set."""
    return _measured(facts.run, facts.run.estimates, METRIC_NAMES[:1])


def _measured(
    run: FinishedRun, test_sets: Iterable[str], wanted: Sequence[str] = METRIC_NAMES
) -> str:
    """Writes measures with their intervals, a sentence for each test set and evaluation unit."""
    return " ".join(
        f"{name_of_test_set(name)}, per {unit}: "
        + ", ".join(_estimate_text(metric, estimates[name][metric]) for metric in wanted)
        + "."
        for name in test_sets
        for unit, estimates in run.estimates_per_unit.items()
        if name in estimates
    )


def _estimate_text(metric: str, found: Estimate) -> str:
    label = measure_label(metric).partition(" (")[0]
    return f"{label} {with_interval(found.value, found.low, found.high)}"


def internal(facts: RunFacts) -> str:
    """Gives every measure on the training site's own test set."""
    return _of_sites(facts, is_own=True)


def external(facts: RunFacts) -> str:
    """Gives every measure on the test sets of other sites."""
    return _of_sites(facts, is_own=False)


def _of_sites(facts: RunFacts, *, is_own: bool) -> str:
    cohort = facts.context.cohort
    if cohort is None:
        return ""
    names = [name for name in facts.run.estimates if (name == cohort.name) == is_own]
    return _measured(facts.run, names)


def threshold(facts: RunFacts) -> str:
    """Gives the threshold that validation masses choose."""
    if facts.run.validated is None:
        return ""
    chosen = threshold_at_specificity(*facts.run.validated, SPECIFICITY)
    return (
        f"The threshold {chosen:.3g} is the lowest with a specificity of at least {SPECIFICITY:.0%} on "
        f"{masses_text(len(facts.run.validation))} for validation."
    )


def decisions(facts: RunFacts) -> str:
    """Gives sensitivity, specificity and predictive values at that threshold."""
    run = facts.run
    if run.validated is None:
        return ""
    chosen = threshold_at_specificity(*run.validated, SPECIFICITY)
    said = []
    for name, (labels, scores) in run.tested.items():
        rates = confusion_at(labels, scores, chosen).rates()
        shown = ", ".join(
            f"{rate} {with_interval(found.value, found.low, found.high)}"
            for rate, found in rates.items()
            if found is not None
        )
        said.append(f"{name_of_test_set(name)}: {shown}.")
    return " ".join([threshold(facts), *said, "Intervals are Wilson's, per mass."])


def masses_text(count: int) -> str:
    """Writes a number of masses."""
    return f"{count:,} mass{'' if count == 1 else 'es'}"


def name_of_test_set(test_set: str) -> str:
    """Names a test set as the pages do."""
    return TEST_SET_NAMES.get(test_set, test_set)
