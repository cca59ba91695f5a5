"""Made-up cohorts and charges, and a process that charges; brings no torch, so processes start soon."""

import dataclasses

from mammo_core.errors import BudgetExceededError
from mammo_core.ledger.ledger import open_ledger
from mammo_core.ledger.releases import CohortIdentity, cost_of_budget, planned_releases

DELTA = 1e-4


def cohort(*patients, key="c1", most=2):
    return CohortIdentity(
        key=key,
        name="site",
        patients=frozenset(patients or ("a", "b", "c")),
        num_masses=6,
        largest_patient=most,
        is_demonstration=False,
    )


def charge(epsilon=4.0, unit="patient", release="r", **changes):
    (planned,) = planned_releases(cost_of_budget(epsilon, DELTA, unit, 2), 1)
    return dataclasses.replace(planned, release=release, target_epsilon=epsilon, **changes)


def charge_when_all_are_ready(home, barrier, results):
    """Charges one release once every process has opened its ledger, and says what came of it."""
    ledger = open_ledger(home)
    barrier.wait()
    try:
        ledger.on_behalf_of("train").record(cohort(), [charge(4.0)])
        results.put("charged")
    except BudgetExceededError:
        results.put("refused")
