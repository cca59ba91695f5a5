"""Made-up measured attacks and audits in the shape of the shipped tables."""

import math

import numpy as np
import pandas as pd

from mammo_core.auditing.bounds import HEADLINE_METHOD
from mammo_core.privacy.accounting import risk
from mammo_core.privacy.accounting.gaussian import mu_for

ATTACKS = ("loss threshold", "likelihood ratio")
METHODS = ("one run, Gaussian DP", HEADLINE_METHOD)


def made_up_tables(epsilons=(1.0, 6.0, math.inf), strategy="real", unit="patient", share=0.5):
    """Attacks that reach a share of the μ allowed, audits that find a share of the ε, and ROC curves."""
    point = {"strategy": strategy, "unit": unit}
    attacks, audits, curves = [], [], []
    for epsilon in epsilons:
        mu = mu_for(epsilon, 1e-4)
        point |= {"target_epsilon": epsilon}
        reached = {name: share * (1 - 0.2 * index) for index, name in enumerate(ATTACKS)}
        for name, part in reached.items():
            own = part * min(mu, 5.0)
            row = point | {"epsilon": epsilon, "mu": mu, "attack": name, "models": 8}
            row |= {"level": {"patient": "patient", "image": "mass"}[unit]}
            for measure, value, bound in (
                ("auc", risk.attacker_auc(own), risk.attacker_auc(mu)),
                ("tpr_at_1pct", risk.attacker_tpr(own, 0.01), risk.attacker_tpr(mu, 0.01)),
                ("tpr_at_01pct", risk.attacker_tpr(own, 0.001), risk.attacker_tpr(mu, 0.001)),
            ):
                row |= {measure: value, f"{measure}_low": value - 1e-3}
                row |= {f"{measure}_high": value + 1e-3, f"bound_{measure}": bound}
            attacks.append(row)
            fpr = np.geomspace(1e-4, 0.99, 20)
            curves += [
                point | {"attack": name, "level": row["level"]} | {"fpr": rate, "tpr": tpr}
                for rate, tpr in zip(
                    fpr, [risk.attacker_tpr(own, rate) for rate in fpr], strict=True
                )
            ]
        audits += [
            point
            | {"epsilon": epsilon, "mu": mu, "delta": 1e-4, "method": method, "trials": 8}
            | {"confidence": 0.95, "audited_mu": 1.0}
            | {"audited_epsilon": found * min(epsilon, 10.0)}
            for method, found in zip(METHODS, (0.0, share), strict=True)
        ]
    return pd.DataFrame(attacks), pd.DataFrame(audits), pd.DataFrame(curves)
