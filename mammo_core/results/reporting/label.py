"""The privacy label of a run: one page with its guarantee, what else was released from its patients, and what is not covered.

Sources of what a label should say: NIST SP 800-226 (Near et al. 2025, doi:10.6028/NIST.SP.800-226: unit, parameters, trust
model, hazards); Dibia et al. 2025, arXiv:2507.15997 (the label that 12 experts ask for); Nanayakkara, Ghazi and Vadhan 2025,
arXiv:2509.13509, with the tiers of registry.opendp.org (flavour, unit, losses, unprotected quantities, composition, security).
"""

from __future__ import annotations

from mammo_core.config.names import name_of_run
from mammo_core.privacy.statements.table import table
from mammo_core.privacy.statements.words import caveats, guarantee_text, summary
from mammo_core.results.reporting.context import RunFacts
from mammo_core.results.reporting.document import Bullets, Document, Heading, Paragraph, Table
from mammo_core.results.reporting.fields import FIELDS

_SOURCES = (
    "Fields follow NIST SP 800-226 (2025), the privacy label of Dibia et al. (2025, arXiv:2507.15997) and the deployment "
    "registry of Nanayakkara et al. (2025, arXiv:2509.13509). This label is no certificate."
)
_MODEL = "Central: the program reads the records. The guarantee is against those who see only what is released."


def privacy_label(facts: RunFacts) -> Document:
    """Writes the label; every word about the guarantee is the statement's own."""
    run, statement, context = facts.run, facts.run.statement, facts.context
    patient = guarantee_text(statement.end_to_end_for_patient)
    others = {
        "released model": FIELDS["model"](facts),
        "run": FIELDS["identity"](facts),
        **({"deployment model": _MODEL} if statement.end_to_end or statement.step else {}),
        "accuracy": FIELDS["auroc"](facts),
        "tried on validation": FIELDS["selection"](facts),
        "other releases": " ".join(context.releases),
        "audits": " ".join(context.audits),
    }
    limits = caveats(statement)
    return Document(
        title=f"Privacy label: {name_of_run(run.config)}, seed {run.config.seed}",
        blocks=(
            Paragraph(f"End to end, for a whole patient: {patient}."),
            Paragraph(summary(statement)),
            Heading("Guarantee"),
            _facts({row.name: row.value for row in table(statement)}),
            Heading("Release, and others from the same patients"),
            _facts(others),
            *([Heading("What is not covered"), Bullets(limits)] if limits else []),
            Paragraph(_SOURCES),
        ),
        is_compact=True,
    )


def _facts(named: dict[str, str]) -> Table:
    return Table(columns=("what", "value"), rows=tuple(named.items()), widths=(0.24, 0.76))
