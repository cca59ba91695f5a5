"""Reports on runs: the label says what the statement says, checklists are whole, names from outside stay text."""

import io
import re
from dataclasses import replace

import docx
import pandas as pd
import pytest

from mammo_core.cohorts.cohort import join
from mammo_core.config.recipes import network_recipe
from mammo_core.errors import InvalidRequestError
from mammo_core.evaluation.operating_point import confusion_at, threshold_at_specificity
from mammo_core.ledger.book import Budget
from mammo_core.ledger.ledger import open_ledger
from mammo_core.ledger.releases import release_of_measures
from mammo_core.privacy.statements.table import table
from mammo_core.privacy.statements.words import caveats, summary
from mammo_core.results.archive import RunArchive
from mammo_core.results.exchange.export import export_runs
from mammo_core.results.exchange.load import import_runs
from mammo_core.results.recording import RunRecorder
from mammo_core.results.reporting.checklists import UNKNOWN, filled_checklist, read_checklist
from mammo_core.results.reporting.context import RunContext, RunFacts, context_of
from mammo_core.results.reporting.document import (
    FORMATS,
    KINDS,
    Bullets,
    Document,
    Paragraph,
    Table,
)
from mammo_core.results.reporting.fields import FIELDS
from mammo_core.results.reporting.label import privacy_label
from mammo_core.results.reporting.methods import methods_paragraph
from mammo_core.results.reporting.report import make_report
from mammo_core.results.reporting.writers import write_report
from mammo_core.system.secret_key import sealed_identity
from mammo_core.training.dataset import TestedMasses
from tests.helpers.made_ledgers import run_many
from tests.training.heads.test_runs import make_config

HOSTILE = "<script>alert(1)</script>|*x*"


def record(home, dataset, epsilon=6.0, strategy="real", *, seed=0, **privacy):
    """Trains, charges and records one run; returns it as it is read back."""
    ledger = open_ledger(home).on_behalf_of("train", job="j1")
    config = make_config(dataset, strategy, epsilon, seed=seed, **privacy)
    (result,) = run_many(dataset, [config], ledger=ledger)
    return RunArchive(home).load(RunRecorder(home).record(result, origin="train", job_id="j1"))


def facts_of(home, run):
    return RunFacts(run, context_of(home, run))


def facts_without_store(dataset, epsilon=6.0, strategy="real", **options):
    """Of a run that is in no store, charged to the patients of the dataset."""
    (result,) = run_many(dataset, [make_config(dataset, strategy, epsilon, **options)])
    run = replace(result, run_id="0123abcd", started=pd.Timestamp("2026-11-30", tz="UTC"))
    context = RunContext(
        cohort=dataset.cohort_identity,
        releases=("Three releases.",),
        audits=("No audit.",),
        num_tried=2,
        repeats=pd.DataFrame(),
    )
    return RunFacts(run, context)


def report(facts, kind):
    """As `make_report`, of a run that is in no store."""
    match kind:
        case "label":
            return privacy_label(facts)
        case "methods":
            return methods_paragraph(facts)
        case _:
            name = {"claim": "claim_2024", "tripod": "tripod_ai"}[kind]
            return filled_checklist(facts, read_checklist(name))


def texts_of(document):
    """Every text of a report."""
    texts = [document.title]
    for block in document.blocks:
        match block:
            case Bullets(items):
                texts += items
            case Table():
                texts += [*block.columns, *(cell for row in block.rows for cell in row)]
            case _:
                texts.append(block.text)
    return texts


def rows_of(document):
    return [row for block in document.blocks if isinstance(block, Table) for row in block.rows]


def docx_texts(content):
    file = docx.Document(io.BytesIO(content))
    cells = [cell.text for each in file.tables for row in each.rows for cell in row.cells]
    return [*(paragraph.text for paragraph in file.paragraphs), *cells]


@pytest.fixture
def private(dataset, private_home):
    return record(private_home, dataset)


@pytest.mark.parametrize(
    ("strategy", "epsilon", "unit"),
    [("real", 6.0, "patient"), ("pretrain", 2.0, "image"), ("synthetic", 6.0, "patient")],
)
def test_label_says_of_the_guarantee_what_the_statement_says(dataset, strategy, epsilon, unit):
    facts = facts_without_store(dataset, epsilon, strategy, unit=unit)

    label = privacy_label(facts)

    run, texts = facts.run, texts_of(label)
    assert summary(run.statement) in texts
    assert {(row.name, row.value) for row in table(run.statement)} <= set(rows_of(label))
    assert set(caveats(run.statement)) <= set(texts)


def test_label_of_a_run_without_privacy_says_that_there_is_no_guarantee(dataset):
    label = privacy_label(facts_without_store(dataset, float("inf")))

    assert label.blocks[0] == Paragraph("End to end, for a whole patient: no guarantee.")
    assert "No privacy (not DP)" in label.blocks[1].text
    rows = dict(rows_of(label))
    assert rows["end to end"] == "no guarantee" and "δ" not in rows
    assert "deployment model" not in rows


def test_label_counts_releases_audits_and_trials(dataset, private_home):
    run = record(private_home, dataset)
    record(private_home, dataset, 2.0)
    rows = dict(rows_of(privacy_label(facts_of(private_home, run))))
    assert "holds 2 releases from these patients" in rows["other releases"]
    assert "No budget is set" in rows["other releases"]
    assert "2 configurations are recorded here" in rows["tried on validation"]
    assert rows["audits"] == "The ledger holds no attack on these patients and no audit."

    ledger, cohort = open_ledger(private_home), dataset.cohort_identity
    attack = release_of_measures("attacks on real only at ε = 6", plan=1)
    ledger.on_behalf_of("audit").record(cohort, [attack])
    ledger.set_budget(cohort, Budget(epsilon=20.0, delta=1e-4))

    rows = dict(rows_of(privacy_label(facts_of(private_home, run))))
    assert "holds 3 releases from these patients" in rows["other releases"]
    assert "Budget of site" in rows["other releases"]
    assert cohort.key[:6] not in rows["other releases"]
    assert sealed_identity(cohort.key)[:6] in rows["other releases"]
    assert "attacks on real only at ε = 6" in rows["audits"]


def test_repeats_with_other_seeds_are_told_with_their_mean(dataset, private_home):
    runs = [record(private_home, dataset)]
    assert FIELDS["repeats"](facts_of(private_home, runs[0])) == ""
    runs.append(record(private_home, dataset, seed=1))
    record(private_home, dataset, 2.0, seed=2)

    said = FIELDS["repeats"](facts_of(private_home, runs[0]))

    mean = sum(run.estimates["here"]["auroc"].value for run in runs) / 2
    assert "Repeated with 2 seeds" in said
    assert f"here {mean:.3f}" in said


def test_run_made_elsewhere_claims_nothing_about_its_ledger(private, private_home, tmp_path):
    file, elsewhere = tmp_path / "runs.zip", tmp_path / "elsewhere"
    file.write_bytes(export_runs(private_home, [private.run_id]))
    (imported,) = import_runs(file, elsewhere)

    run = RunArchive(elsewhere).load(imported.run_id)
    facts = facts_of(elsewhere, run)

    rows = dict(rows_of(privacy_label(facts)))
    assert "made in another installation" in rows["other releases"]
    assert "configuration" not in rows["tried on validation"]
    assert FIELDS["disjoint"](facts) == ""  # ids were replaced


def test_run_that_the_ledger_does_not_know_says_so(dataset, private_home):
    (result,) = run_many(dataset, [make_config(dataset, "real")])
    run = RunArchive(private_home).load(RunRecorder(private_home).record(result, origin="script"))

    context = context_of(private_home, run)

    assert context.cohort is None
    assert context.releases == ("The ledger of this installation holds no record of this run.",)


def test_partitions_are_compared_by_the_ids_of_patients(dataset):
    facts = facts_without_store(dataset)
    assert "no patient is in two of elsewhere, here, training" in FIELDS["disjoint"](facts)

    shared = join(
        [
            dataset.test_sets["here"].cohort,
            dataset.train.where(dataset.train.patient_ids == "sitetrain0"),
        ]
    )
    tests = {"here": TestedMasses.of(shared)}
    predictions = pd.DataFrame(
        {
            "test_set": "here",
            "patient_id": tests["here"].cohort.patient_ids,
            "label": tests["here"].cohort.labels,
            "score": 0.5,
        }
    )

    said = FIELDS["disjoint"](replace(facts, run=replace(facts.run, predictions=predictions)))
    assert "1 patient in here and training" in said


def test_methods_name_what_the_run_was_trained_with(dataset):
    facts = facts_without_store(dataset)
    (said,) = [
        block.text
        for block in methods_paragraph(facts).blocks
        if isinstance(block, Paragraph) and "gradient step" in block.text
    ]

    recipe = facts.run.config.recipe
    assert f"{recipe.steps} gradient steps" in said
    assert f"norm {recipe.max_grad_norm:g}" in said
    assert f"noise multiplier {facts.run.noise_multiplier:.4g}" in said


def test_network_on_sampled_patients_is_told_with_its_accountant(dataset):
    facts = facts_without_store(dataset)
    recipe = replace(network_recipe("real", "adapters"), kept="best on validation")
    statement = replace(facts.run.statement, sample_rate=0.25, trained_part="adapters")
    config = replace(facts.run.config, recipe=recipe)

    run = replace(facts.run, config=config, statement=statement)
    said = " ".join(texts_of(methods_paragraph(replace(facts, run=run))))

    assert "each unit with chance 0.25 in each" in said and "Optimiser adamw" in said
    assert "privacy loss distributions (dp-accounting)" in said and "arXiv:1906.03049" in said
    assert "did best on validation masses" in said and "moving average" in said
    assert "default of the program" not in said  # it keeps other weights


@pytest.mark.parametrize(
    ("name", "kind", "main_items", "rows"),
    [("claim_2024", "claim", 44, 44), ("tripod_ai", "tripod", 27, 52)],
)
def test_every_item_is_answered_or_left_to_the_authors(dataset, name, kind, main_items, rows):
    items = read_checklist(name).items
    numbers = [item.number for item in items]
    assert len(items) == len(set(numbers)) == rows
    mains = [int(re.match(r"\d+", number)[0]) for number in numbers]
    assert sorted(mains) == mains and set(mains) == set(range(1, main_items + 1))
    assert {field for item in items for field in item.fields} <= set(FIELDS)

    filled = rows_of(report(facts_without_store(dataset), kind))

    assert [row[0] for row in filled] == numbers
    for _, _, _, said, left, page in filled:
        assert (said != UNKNOWN or left != UNKNOWN) and said and left and page == ""
    assert sum(said != UNKNOWN for _, _, _, said, *_ in filled) > 20


def test_field_that_is_not_known_is_left_to_the_authors(dataset):
    facts = facts_without_store(dataset)
    assert facts.run.validation.empty  # so there is no threshold to report

    rows = {row[0]: row for row in rows_of(report(facts, "claim"))}

    assert FIELDS["decisions"](facts) == ""
    assert rows["38"][3:5] == (UNKNOWN, "Comparison with readers or other models, if any.")


def test_decisions_are_those_at_the_threshold_that_validation_chooses(dataset):
    facts = facts_without_store(dataset)
    validation = facts.run.predictions[facts.run.predictions["test_set"] == "here"]
    facts = replace(facts, run=replace(facts.run, validation=validation))

    said = FIELDS["decisions"](facts)

    threshold = threshold_at_specificity(*facts.run.validated, 0.9)
    counted = confusion_at(*facts.run.tested["elsewhere"], threshold)
    assert said.startswith(f"The threshold {threshold:.3g} is the lowest")
    sensitivity = f"{counted.rates()['sensitivity'].value:.3f}".lstrip("0")
    assert f"elsewhere: sensitivity {sensitivity} (" in said
    assert FIELDS["threshold"](facts) in said and "on 50 masses for validation" in said


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_in_every_format(dataset, kind):
    facts = facts_without_store(dataset)
    document = report(facts, kind)

    auroc = f"{facts.run.estimates['here']['auroc'].value:.3f}".lstrip("0")
    wanted = ["Research use only", "100 gradient steps" if kind == "methods" else auroc]
    for file_format in FORMATS:
        content = write_report(document, file_format)
        shown = " ".join(docx_texts(content)) if file_format == "docx" else content.decode()
        for text in wanted:
            assert text in shown, (file_format, text)


def test_word_file_holds_every_text(dataset):
    document = privacy_label(facts_without_store(dataset))

    texts = docx_texts(write_report(document, "docx"))

    assert set(texts_of(document)) <= set(texts)


def test_hostile_names_stay_text(dataset):
    named = replace(dataset, test_sets={HOSTILE: dataset.test_sets["here"]}, _prepared={})
    document = report(facts_without_store(named), "claim")

    page = write_report(document, "html").decode()
    assert "<script>" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;|*x*" in page
    text = write_report(document, "md").decode()
    assert "<script>" not in text.replace(r"\<", "")
    assert r"\<script\>alert(1)\</script\>\|\*x\*" in text
    columns = {len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line[:1] == "|"}
    assert columns == {7}  # no cell was split
    assert HOSTILE in " ".join(docx_texts(write_report(document, "docx")))


@pytest.mark.parametrize(
    "text", ["a\x00b\x0bc", "line\nbreak", "\u202eturned", "- list", "1. one", "---", "=="]
)
def test_texts_of_any_kind_are_written_on_one_line(text):
    document = Document(title=text, blocks=(Paragraph(text),))

    lines = write_report(document, "md").decode().splitlines()
    assert len(lines) == 5 and not re.match(r"(- |\d+\. |--|=)", lines[2])
    assert "\u202e" not in write_report(document, "html").decode()
    assert docx_texts(write_report(document, "docx"))[1]


def test_unknown_kind_format_and_run_are_refused(private, private_home):
    with pytest.raises(
        InvalidRequestError, match="kind to be one of: label, methods, claim, tripod"
    ):
        make_report(private_home, private.run_id, "poster")
    with pytest.raises(InvalidRequestError, match="format to be one of: md, html, docx; got 'pdf'"):
        write_report(Document(title="x", blocks=()), "pdf")
    with pytest.raises(InvalidRequestError, match="Expected the id of a recorded run"):
        make_report(private_home, "abc", "label")


def test_report_of_a_recorded_run_is_made_by_its_id(private, private_home):
    for kind in KINDS:
        made = make_report(private_home, private.run_id, kind)
        assert made == report(facts_of(private_home, private), kind)
