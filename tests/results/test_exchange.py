"""Runs taken out and in: the same in another installation, no ids by default, and nothing believed that is not checked."""

import hashlib
import io
import json
import shutil
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch

from mammo_core.errors import IngestionError, InvalidRequestError
from mammo_core.ledger.ledger import open_ledger
from mammo_core.results.archive import RunArchive
from mammo_core.results.exchange.export import export_runs
from mammo_core.results.exchange.load import import_runs
from mammo_core.results.head_store import HeadStore
from mammo_core.results.recording import RunRecorder
from tests.helpers.dictionaries import found_in
from tests.helpers.made_ledgers import run_many
from tests.training.heads.test_runs import make_config


@pytest.fixture
def made(dataset, private_home):
    """Two recorded runs, one of them without DP, charged in the ledger; their ids."""
    ledger = open_ledger(private_home).on_behalf_of("train", job="j1")
    tracker = RunRecorder(private_home)
    ids = []
    for epsilon in (6.0, float("inf")):
        (result,) = run_many(dataset, [make_config(dataset, "pretrain", epsilon)], ledger=ledger)
        ids.append(tracker.record(result, origin="train", job_id="j1"))
    return ids


@pytest.fixture
def other_home(tmp_path):
    return tmp_path / "elsewhere"


def zipped(home, ids, path, **options):
    path.write_bytes(export_runs(home, ids, **options))
    return path


_EXPORTED: list[
    bytes
] = []  # one run, made by the first test that needs it: stores are slow to make


@pytest.fixture
def folder(request, private_home, tmp_path):
    """One exported run, unpacked."""
    if not _EXPORTED:
        made = request.getfixturevalue("made")
        _EXPORTED.append(export_runs(private_home, made[:1]))
    with zipfile.ZipFile(io.BytesIO(_EXPORTED[0])) as archive:
        archive.extractall(tmp_path / "out")
    (found,) = (tmp_path / "out").iterdir()
    return found


def change(folder, name, edit):
    """Edits a JSON file or text of a run and makes the manifest agree with it."""
    path = folder / name
    if name.endswith(".json"):
        values = json.loads(path.read_text())
        edit(values)
        content = json.dumps(values).encode()
    else:
        content = edit(path.read_text()).encode()
    path.write_bytes(content)
    if name != "manifest.json":
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["files"][name] = {
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))


def test_imported_runs_are_the_same_and_marked_as_made_elsewhere(
    made, private_home, other_home, tmp_path
):
    file = zipped(private_home, made, tmp_path / "runs.zip", keep_patient_ids=True)

    imported = import_runs(file, other_home)

    assert [run.is_new for run in imported] == [True, True]
    there, here = RunArchive(private_home), RunArchive(other_home)
    for before in map(there.load, made):
        after = here.load(here.find(before.run_id))
        assert after.config == before.config and after.estimates == before.estimates
        assert (after.epsilon, after.mu, after.num_units) == (
            before.epsilon,
            before.mu,
            before.num_units,
        )
        assert after.statement == before.statement
        pd.testing.assert_frame_equal(
            after.predictions.reset_index(drop=True), before.predictions.reset_index(drop=True)
        )
        assert after.started == before.started
        assert after.origin == "imported" and "asked for by train" in after.made_elsewhere
        first, _ = HeadStore(private_home).load(before.run_id)
        second, _ = HeadStore(other_home).load(after.run_id)
        assert torch.equal(first.weights, second.weights)
        assert torch.equal(first.projection.matrix, second.projection.matrix)


def test_import_charges_no_ledger_but_says_that_another_was_charged(
    made, private_home, other_home, tmp_path
):
    file = zipped(private_home, made, tmp_path / "runs.zip")

    (run, _) = import_runs(file, other_home)

    assert not open_ledger(other_home).book().entries
    assert len(RunArchive(other_home).load(run.run_id).charged_cohorts) == 1
    assert RunArchive(other_home).count_imported() == 2
    assert RunArchive(private_home).count_imported() == 0
    entries = json.loads(zipfile.ZipFile(file).read(f"run_{made[0][:12]}/ledger.json"))
    assert [entry["charge"]["target_epsilon"] for entry in entries] == [6.0]
    assert "patients" not in json.dumps(entries)


@pytest.mark.pitfall("A list of those who took part")
def test_who_guesses_finds_in_what_is_exported_neither_patients_nor_their_data(
    made, dataset, private_home
):
    entries = open_ledger(private_home).book().entries
    archive = RunArchive(private_home)
    run = archive.load(made[0])
    guesses = {
        *dataset.train.patient_ids.tolist(),
        *(patient for test in dataset.test_sets.values() for patient in test.cohort.patient_ids),
        run.data_hash,
        dataset.train.content_hash,
        *(entry.release.release for entry in entries),
        *archive.finished_keys(run.data_hash),
    }

    assert not found_in(export_runs(private_home, made), guesses)
    assert not found_in(json.dumps(run.card).encode(), guesses)
    assert found_in(json.dumps(run.recorded_card).encode(), guesses) == {run.data_hash}


def test_imported_runs_take_no_place_of_runs_trained_here(made, private_home, other_home, tmp_path):
    import_runs(zipped(private_home, made, tmp_path / "runs.zip"), other_home)

    here, there = RunArchive(other_home), RunArchive(private_home)
    data_hash = there.load(made[0]).data_hash
    assert here.count() == 2 and len(there.finished_keys(data_hash)) == 2
    assert not here.finished_keys(data_hash)


def test_importing_again_changes_nothing(made, private_home, other_home, tmp_path):
    file = zipped(private_home, made, tmp_path / "runs.zip")
    first = import_runs(file, other_home)

    again = import_runs(zipped(private_home, made, tmp_path / "again.zip"), other_home)
    at_home = import_runs(file, private_home)

    assert [run.run_id for run in again] == [run.run_id for run in first]
    assert {run.run_id for run in at_home} == set(made)
    assert not any(run.is_new for run in [*again, *at_home])
    assert RunArchive(other_home).count() == RunArchive(private_home).count() == 2


def test_imported_run_can_be_exported_on(made, private_home, other_home, tmp_path):
    import_runs(zipped(private_home, made, tmp_path / "runs.zip"), other_home)
    ids = list(RunArchive(other_home).rows()["run_id"].unique())

    onward = zipped(other_home, ids, tmp_path / "onward.zip")

    assert not any(run.is_new for run in import_runs(onward, private_home))
    third = import_runs(onward, tmp_path / "third")
    charged = {RunArchive(tmp_path / "third").load(run.run_id).charged_cohorts for run in third}
    assert any(charged)


def test_ids_are_replaced_unless_they_are_asked_for(made, private_home):
    def ids(**options):
        archive = zipfile.ZipFile(io.BytesIO(export_runs(private_home, made, **options)))
        tables = [
            pd.read_csv(io.BytesIO(archive.read(name)))
            for name in archive.namelist()
            if name.endswith("predictions.csv")
        ]
        readme = archive.read(f"run_{made[0][:12]}/README.txt").decode()
        return tables, readme

    (first, second), readme = ids()
    (kept, _), warned = ids(keep_patient_ids=True)

    known = set(kept["patient_id"])
    assert not known & set(first["patient_id"])
    assert first["patient_id"].str.fullmatch(r"p\d+").all()
    assert first["image_id"].str.fullmatch(r"i\d+").all()
    assert first["patient_id"].tolist() == second["patient_id"].tolist()  # the same in one file
    groups = pd.factorize(first["patient_id"])[0]
    np.testing.assert_array_equal(groups, pd.factorize(kept["patient_id"])[0])
    assert "were replaced by numbers" in readme and "may identify people" in warned
    (other, _), _ = ids()
    assert other["patient_id"].tolist() != first["patient_id"].tolist()  # drawn anew each time


def test_only_files_of_runs_are_opened(folder, other_home):
    (folder / "model.pkl").write_bytes(b"\x80\x04.")

    with pytest.raises(IngestionError, match="only files of a run; got 'model.pkl'"):
        import_runs(folder, other_home)


def test_links_are_not_followed(folder, other_home, tmp_path):
    (tmp_path / "secret.txt").write_text("x")
    (folder / "README.txt").unlink()
    (folder / "README.txt").symlink_to(tmp_path / "secret.txt")

    with pytest.raises(IngestionError, match="Expected the file README.txt"):
        import_runs(folder, other_home)


@pytest.mark.parametrize("name", ["run.json", "predictions.csv", "head.safetensors", "README.txt"])
def test_a_changed_file_is_noticed(folder, other_home, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    with pytest.raises(IngestionError, match="changed or damaged on the way"):
        import_runs(folder, other_home)


@pytest.mark.parametrize("name", ["run.json", "ledger.json", "manifest.json"])
def test_a_missing_file_is_noticed(folder, other_home, name):
    (folder / name).unlink()

    with pytest.raises(IngestionError, match="Expected"):
        import_runs(folder, other_home)


def better_auroc(values):
    values["metrics"]["here/auroc"] = 0.999
    values["metrics"]["here/auroc_high"] = 1.0


CLAIMS = [
    ("manifest.json", lambda v: v.update(schema="mammo-privacy-run/9"), "with the version that"),
    ("manifest.json", lambda v: v.update(run_key="0" * 16), "key is of another run"),
    ("manifest.json", lambda v: v.update(run_id="../../x"), "id is none"),
    ("manifest.json", lambda v: v.update(files=[1]), "of another form"),
    ("manifest.json", lambda v: v["files"].update({"../x": {}}), "only files of a run"),
    (
        "manifest.json",
        lambda v: v["files"].pop("head.safetensors"),
        "head.safetensors is not in it",
    ),
    ("numbers.json", better_auroc, "does not follow from its predictions"),
    ("numbers.json", lambda v: v["metrics"].update(epsilon=0.1), "does not follow from its noise"),
    ("numbers.json", lambda v: v["metrics"].update(num_units=10**6), "counts other units"),
    ("numbers.json", lambda v: v["metrics"].update(extra=1.0), "other measures"),
    ("numbers.json", lambda v: v["metrics"].update(seconds="fast"), "no number"),
    ("numbers.json", lambda v: v["metrics"].update({"here/auroc_low": 1.0}), "upside down"),
    ("numbers.json", lambda v: v.update(test_sets=["here", "here"]), "no list of test sets"),
    ("run.json", lambda v: v["config"]["privacy"].update(target_epsilon=0.5), "another"),
    ("run.json", lambda v: v["config"].update(strategy="<script>"), "of another form"),
    ("run.json", lambda v: v.update(data_hash="' or 1=1"), "of another"),
    ("run.json", lambda v: v["statement"]["facts"].update(noise_multiplier=0.0), "other noise"),
    ("run.json", lambda v: v["statement"]["facts"].update(generator={"a": 1}), "of another form"),
    ("run.json", lambda v: v["statement"]["facts"].update(unit="image"), "another configuration"),
    ("run.json", lambda v: v["statement"].update(schema="other/2"), "of the schema"),
    ("ledger.json", lambda v: v[0].update(cohort="x' or 'a'='a"), "names no cohort"),
    ("predictions.csv", lambda text: text.replace("patient_id", "patient"), "other columns"),
    ("predictions.csv", lambda text: text + "here,p1,i1,m1,1,1.5\n", "not in .0, 1."),
    ("predictions.csv", lambda text: text + "here,p1,i1,m1,7,0.5\n", "neither 0 nor 1"),
    ("predictions.csv", lambda text: text + "new,p1,i1,m1,1,0.5\n", "other test sets"),
    ("predictions.csv", lambda text: "", "of another form"),
]


@pytest.mark.parametrize(("name", "edit", "said"), CLAIMS, ids=[said for *_, said in CLAIMS])
def test_claims_that_do_not_fit_together_are_refused(folder, other_home, name, edit, said):
    change(folder, name, edit)

    with pytest.raises(IngestionError, match=said):
        import_runs(folder, other_home)

    assert not (other_home / "mlflow.db").exists()


def test_words_that_a_file_claims_beside_its_facts_are_not_taken_over(folder, other_home):
    change(folder, "run.json", lambda v: v["statement"].update(sentence="Perfectly anonymous."))

    (run,) = import_runs(folder, other_home)

    assert "anonymous" not in json.dumps(RunArchive(other_home).load(run.run_id).card)


@pytest.mark.parametrize("text", ["[" * 100_000, "NaN", "{", "\x00", '{"a": NaN}'])
def test_broken_json_is_refused_in_words(folder, other_home, text):
    (folder / "manifest.json").write_text(text)

    with pytest.raises(IngestionError, match="of another form"):
        import_runs(folder, other_home)


def test_one_bad_run_keeps_all_of_a_file_out(folder, other_home):
    bad = folder.parent / "bad"
    shutil.copytree(folder, bad)
    change(bad, "numbers.json", better_auroc)

    with pytest.raises(IngestionError, match="does not follow"):
        import_runs(folder.parent, other_home)

    assert not (other_home / "mlflow.db").exists()


@pytest.mark.parametrize("name", ["../run.json", "/etc/x", "run_1\\..\\x"])
def test_archives_with_paths_that_lead_elsewhere_are_refused(other_home, tmp_path, name):
    path = tmp_path / "runs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "{}")

    with pytest.raises(IngestionError, match="leads elsewhere|plain names"):
        import_runs(path, other_home)


def test_files_without_runs_are_refused(other_home, tmp_path):
    (tmp_path / "a.zip").write_bytes(b"no zip")
    (tmp_path / "empty").mkdir()

    with pytest.raises(IngestionError, match="damaged or cut short"):
        import_runs(tmp_path / "a.zip", other_home)
    with pytest.raises(IngestionError, match="found none in empty"):
        import_runs(tmp_path / "empty", other_home)
    with pytest.raises(IngestionError, match="found nothing at"):
        import_runs(tmp_path / "none", other_home)


def test_exporting_needs_runs_that_are_there(private_home, made):
    with pytest.raises(InvalidRequestError, match="runs >= 1"):
        export_runs(private_home, [])
    with pytest.raises(InvalidRequestError, match="id of a recorded run"):
        export_runs(private_home, ["0" * 32])
