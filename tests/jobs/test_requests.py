"""Requests travel as JSON; those that the version before wrote still open."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from mammo_core.auditing.heads import AuditPlan
from mammo_core.cohorts.installed import DataSource
from mammo_core.errors import InvalidRequestError
from mammo_core.jobs.requests import AuditRequest, NetworkRequest, request_from_dict
from tests.helpers.jobs import TINY, features_request, sweep_request

_LITE0 = '{"name": "tf_efficientnet_lite0", "weights": "auto", "image_size_px": 224, "views": 8}'
_COHORT = '{"real": "/data/cohort", "synthetic": null}'
WRITTEN_BEFORE = (
    f'{{"kind": "features", "source": {_COHORT}, "backbone": {_LITE0}}}',
    f'{{"kind": "sweep", "source": {_COHORT}, "plan": {{"strategies": ["real"], "units": ["patient"], '
    f'"epsilons": [1.0, "inf"], "seeds": [1], "delta": 0.0001, "backbone": {_LITE0}, "noise": "secret", '
    '"changes": {"steps": 5, "learning_rate": null, "max_grad_norm": null}, "engine": "vectorised"}, '
    '"beyond_budget": "x"}',
    f'{{"kind": "audit", "source": {_COHORT}, "plan": {{"strategy": "real", "epsilons": [1.0, "inf"], '
    f'"unit": "patient", "delta": 0.0001, "backbone": {_LITE0}, "shadows": 256, "trainings": 1024, '
    '"canaries": 64, "seed": 1}, "beyond_budget": ""}',
    '{"kind": "network", "source": {"real": null, "synthetic": null}, "config": {"strategy": "real", '
    '"privacy": {"target_epsilon": 6.0, "target_delta": 0.0001, "unit": "patient", "noise": "secret"}, '
    '"recipe": {"trained_part": "head", "trained_stages": null, "adapter_rank": 8, "head": "linear", '
    '"outputs": 1, "batch_norm": "frozen", "steps": 100, "sample_rate": 0.25, "optimizer": "adamw", '
    '"learning_rate": 0.003, "weight_decay": 0.0, "label_smoothing": 0.0, "max_grad_norm": 1.0, "views": 1, '
    '"augmentation": "turns", "ema_decay": 0.9, "precision": "float32", "synthetic_weight": 0.0, '
    '"pretraining_steps": 0, "pretraining_part": "network", "kept": "last", "accountant": "prv", '
    f'"preset": ""}}, "backbone": {_LITE0}, "seed": 42}}, "device": "auto", "micro_batch": null, '
    '"beyond_budget": ""}',
    '{"kind": "fetch", "plan": {"source": "https://example.org/data.zip", "includes_bcdr": true}, '
    '"data_dir": "/data"}',
)


@pytest.mark.parametrize("text", WRITTEN_BEFORE, ids=lambda text: json.loads(text)["kind"])
def test_request_of_the_version_before_opens_and_is_written_alike(text):
    request = request_from_dict(json.loads(text))

    assert json.dumps(request.to_dict()) == text
    assert request.title


def test_sweep_asked_for_before_there_was_a_ledger_opens():
    values = json.loads(WRITTEN_BEFORE[1])
    del values["beyond_budget"], values["plan"]["noise"]

    request = request_from_dict(values)

    assert (request.beyond_budget, request.plan.noise) == ("", "reproducible")


def test_audit_asked_for_before_it_was_charged_opens():
    values = json.loads(WRITTEN_BEFORE[2])
    del values["beyond_budget"]

    assert request_from_dict(values).beyond_budget == ""


def test_training_site_travels_with_every_request_that_trains():
    here = DataSource(Path("/data/cohort"), site="b")
    audit = AuditPlan(strategy="real", epsilons=(1.0, math.inf), delta=1e-4, backbone=TINY)
    network = replace(request_from_dict(json.loads(WRITTEN_BEFORE[3])), source=here)
    requests = [
        features_request(here),
        sweep_request(here),
        AuditRequest(source=here, plan=audit),
        network,
    ]

    for request in requests:
        values = json.loads(json.dumps(request.to_dict()))
        assert values["source"]["site"] == "b"
        assert request_from_dict(values) == request
        assert "cohort, b" in request.title
    assert isinstance(network, NetworkRequest)


@pytest.mark.parametrize("values", [{}, {"kind": "magic"}, {"kind": "sweep", "source": None}])
def test_what_is_no_request_is_refused_in_one_sentence(values):
    with pytest.raises(InvalidRequestError, match="Another version made it; start it anew"):
        request_from_dict(values)
