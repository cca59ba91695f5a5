"""The tags of a recorded run in MLflow: what it says of itself besides its numbers.

A site may be called what no metric may: its metrics then begin with another name, and a tag says which.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from mammo_core.storage.mlflow_store import metric_name

HEAD_TAG = "head"  # of runs that keep their head
NETWORK_TAG = "network"  # of those that keep a whole network
TEST_SETS_TAG = "test_sets"  # what the names of metrics stand for, as JSON
ORIGIN_IMPORTED = "imported"  # the origin of runs that were trained elsewhere
SOURCE_TAG, CHARGED_TAG = "source_run", "charged_cohorts"  # of these: their id and cohorts there
MADE_TAG, PACKAGE_TAG = "made_elsewhere", "package_sha256"  # of these: what is known of them


def names_as_tag(test_sets: Iterable[str]) -> str:
    """Encodes test sets by the prefix of their metrics; `names_from_tags` finds them again."""
    return json.dumps({metric_name(name): name for name in test_sets})


def names_from_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Decodes test sets by the prefix of their metrics; none for runs recorded before there was such a tag."""
    return json.loads(tags.get(TEST_SETS_TAG, "{}"))
