"""A methods paragraph of a run, to be pasted into a paper, with the sources that it names."""

from __future__ import annotations

from mammo_core.privacy.statements.table import NEIGHBOURING, accountant, randomness, sampling
from mammo_core.results.reporting.context import RunFacts
from mammo_core.results.reporting.document import Bullets, Document, Heading, Paragraph
from mammo_core.results.reporting.fields import FIELDS

_TOLD = {
    "Data": ("data", "counts", "partitions", "preprocessing"),
    "Model and training": ("model", "initialisation", "training", "ensembling", "selection"),
    "Privacy": ("privacy",),
    "Evaluation": ("metrics", "uncertainty", "threshold", "software"),
}
_ABADI = (
    "Clipped gradients with Gaussian noise: Abadi et al. 2016, Deep Learning with Differential Privacy, "
    "arXiv:1607.00133."
)
_DONG = "Gaussian differential privacy: Dong, Roth and Su 2022, J. R. Stat. Soc. B 84(1), arXiv:1905.02383."
_PLD = (
    "Privacy loss distributions: Koskela, Jälkö and Honkela 2020, arXiv:1906.03049; Doroshenko et al. 2022, "
    "arXiv:2207.04380."
)
_BOOTSTRAP = "Bootstrap over patients: Davison and Hinkley 1997, Bootstrap Methods and their Application, section 3.8."


def methods_paragraph(facts: RunFacts) -> Document:
    """Writes the paragraph, a part for each subject, and lists the sources."""
    statement = facts.run.statement
    parts = {
        name: " ".join(filter(None, (FIELDS[field](facts) for field in fields)))
        for name, fields in _TOLD.items()
    }
    sources = [_BOOTSTRAP]
    if statement.is_private:
        terms = {
            "Neighbouring data": NEIGHBOURING,
            "Sampling": sampling(statement),
            "Accountant": accountant(statement),
            "Randomness": randomness(statement),
        }
        for name, said in terms.items():
            parts["Privacy"] += f" {name} ({said})."
        sources = [_ABADI, _PLD if statement.is_sampled else _DONG, _BOOTSTRAP]
    blocks = [part for name, text in parts.items() for part in (Heading(name), Paragraph(text))]
    return Document(title="Methods", blocks=(*blocks, Heading("Sources"), Bullets(tuple(sources))))
