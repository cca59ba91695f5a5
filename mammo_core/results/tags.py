"""What a recorded run says of itself in MLflow besides its numbers, and how test sets are named there.

A site may be called what no metric may: its metrics then begin with another name, and a tag says which.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable

TEST_SETS_TAG = "test_sets"  # what the names of metrics stand for, as JSON
ORIGIN_IMPORTED = "imported"  # the origin of runs that were trained elsewhere
SOURCE_TAG, CHARGED_TAG = "source_run", "charged_cohorts"  # of these: their id and cohorts there
_PLAIN = re.compile(r"[A-Za-z0-9][\w .-]{0,99}")


def metric_prefix(test_set: str) -> str:
    """The test set itself, or a name made from it where MLflow would refuse it.

    Example:
        >>> metric_prefix("cbis-ddsm"), metric_prefix("<b>site</b>")
        ('cbis-ddsm', 'set-cb5c95af')
    """
    if _PLAIN.fullmatch(test_set) and ".." not in test_set:
        return test_set
    return f"set-{hashlib.sha256(test_set.encode()).hexdigest()[:8]}"


def names_as_tag(test_sets: Iterable[str]) -> str:
    """What `names_from_tags` needs to find the test sets again."""
    return json.dumps({metric_prefix(name): name for name in test_sets})


def names_from_tags(tags: dict[str, str]) -> dict[str, str]:
    """Test sets by the prefix of their metrics; empty for runs that were recorded before there was such a tag."""
    return json.loads(tags.get(TEST_SETS_TAG, "{}"))
