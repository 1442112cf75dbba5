"""Merging an alert that is sent again with the one that is kept, as Alertmanager does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.cases import load_cases, of_kind
from tocsin.core.alerts import Alert
from tocsin.core.labels import Labels
from tocsin.core.merging import Received, merge

CASES = load_cases("notification_log.json")
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def _received(version):
    alert = Alert(
        labels=Labels({"alertname": "case"}),
        annotations={},
        starts_at=_at(version["startsAt_s"]),
        updated_at=_at(version["updatedAt_s"]),
        ends_at=_at(version["endsAt_s"]),
    )
    return Received(alert, version["timeout"])


def _at(seconds):
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize("case", of_kind(CASES, "merge"))
def test_two_versions_become_what_alertmanager_makes_of_them(case):
    assert merge(_received(case["A"]), _received(case["B"]), now=NOW) == _received(case["result"])


@pytest.mark.parametrize("case", of_kind(CASES, "merge"))
def test_the_order_in_which_two_versions_arrive_does_not_matter(case):
    assert merge(_received(case["B"]), _received(case["A"]), now=NOW) == _received(case["result"])
