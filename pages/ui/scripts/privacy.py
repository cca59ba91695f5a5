"""Prints what an attacker can learn at most from one model, as the page Privacy does."""

from mammo_core.privacy.accounting.gaussian import mu_for
from mammo_core.privacy.accounting.risk import attacker_auc, attacker_tpr, careful_odds, fair_odds

EPSILON = 6.0
DELTA = 1e-4
UNIT = "patient"

mu = mu_for(EPSILON, DELTA)  # of Gaussian differential privacy
print(f"At ε = {EPSILON:g} and δ = {DELTA:g} per {UNIT} (μ = {mu:.3g}), an attacker can at most:")

fair, careful = fair_odds(mu), careful_odds(mu)
print(f"- identify {fair.tpr} of 100 who took part and wrongly flag {fair.fpr} of 100 others,")
print(f"- or identify {careful.tpr} of 100 and wrongly flag {careful.fpr}.")
print(f"Of those who took part, {attacker_tpr(mu, 0.01):.1%} are identified at 1 % flagged.")
print(f"The attacker's area under the ROC curve is {attacker_auc(mu):.3f} at most.")
