"""Fixtures that many tests share: small cohorts, a workbench of made-up features, a private home."""

import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mammo_core.cohorts.cohort import Cohort
from mammo_core.config.runs import BackboneConfig
from mammo_core.evaluation.bootstrap import PatientBootstrap
from mammo_core.privacy.networks import steps
from mammo_core.privacy.noise import sources
from tests.helpers.stores import make_template, stores_from

REAL_DATA = Path(
    os.environ.get("MAMMO_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")
).resolve()


@pytest.fixture(autouse=True)
def private_home(tmp_path, monkeypatch):
    """No test reads or writes the user's own features, runs, data or list of stores."""
    monkeypatch.setenv("MAMMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MAMMO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path / "home"


@pytest.fixture(scope="session", autouse=True)
def private_state(tmp_path_factory):
    """What runs for several tests, a server for example, leaves the user's own folders alone, too."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        changed.setenv("MAMMO_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(autouse=True)
def known_randomness(monkeypatch):
    """What a test draws is the same in every run and order: the operating system's random bytes, and torch's own seed."""
    entropy = SimpleNamespace(urandom=np.random.default_rng(0).bytes)
    for module in (sources, steps):
        monkeypatch.setattr(module, "os", entropy)
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def store_template(tmp_path_factory) -> Path:
    """The file of an empty MLflow store."""
    return make_template(tmp_path_factory.mktemp("store") / "mlflow.db")


@pytest.fixture(scope="session", autouse=True)
def quick_stores(store_template):
    """No test waits for the migrations of a store that it only wants empty."""
    with stores_from(store_template):
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; absent, tests are skipped, but never in CI."""
    if not REAL_DATA.is_dir():
        message = f"no real data at {REAL_DATA} (set MAMMO_TEST_DATA)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return REAL_DATA


def make_cohort(
    num_patients: int = 30,
    masses_each: int = 2,
    *,
    site: str = "site",
    split: str = "train",
    source: str = "real",
    seed: int = 0,
    size: int = 16,
) -> Cohort:
    """Noise images whose mean grey tells the class, with some overlap."""
    rng = np.random.default_rng(seed)
    count = num_patients * masses_each
    labels = np.repeat(np.arange(num_patients) % 2, masses_each)
    images = rng.normal(100 + 40 * labels[:, None, None], 60, (count, size, size))
    patients = np.repeat([f"{site}{split}{i}" for i in range(num_patients)], masses_each)
    return Cohort(
        images=images.clip(0, 255).astype(np.uint8),
        labels=labels.astype(np.int64),
        patient_ids=patients,
        image_ids=np.array([f"i{i}" for i in range(count)]),
        mass_ids=np.array([f"m{i}" for i in range(count)]),
        sites=np.full(count, site),
        splits=np.full(count, split),
        source=source,
    )


def made_features(cohort: Cohort, dims: int = 12, seed: int = 0) -> torch.Tensor:
    """Features (N, 1, D) in which the first direction carries the class."""
    noise = torch.randn(
        len(cohort), 1, dims, generator=torch.Generator().manual_seed(seed + len(cohort))
    )
    noise[:, 0, 0] += 1.5 * torch.from_numpy(cohort.labels).float()
    return noise.half()


@pytest.fixture
def dataset():
    """A workbench with made-up features: 60 training patients, two test sites, 80 synthetic masses."""
    from mammo_core.training.heads.feature_dataset import FeatureDataset, TestSet

    train = make_cohort(60)
    tests = {
        name: make_cohort(25, site=name, split="test", seed=seed)
        for seed, name in enumerate(("here", "elsewhere"), start=1)
    }
    synthetic = make_cohort(80, 1, site="made", source="synthetic", seed=5)
    return FeatureDataset(
        backbone=BackboneConfig(weights="random", image_size_px=32, views=1),
        train=train,
        train_features=made_features(train),
        test_sets={
            name: TestSet(
                test, PatientBootstrap(test.labels, test.patient_ids, 200), made_features(test)
            )
            for name, test in tests.items()
        },
        synthetic=synthetic,
        synthetic_features=made_features(synthetic),
        texture_features=made_features(synthetic, seed=9),
    )
