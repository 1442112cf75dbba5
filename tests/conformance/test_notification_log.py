"""Whether an integration is told again: as Alertmanager's dedup stage decides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.cases import load_cases, of_kind
from tocsin.core.labels import Fingerprint
from tocsin.core.notifications import Reason, Sent, reason_to_notify

CASES = load_cases("notification_log.json")
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
BEGINNING = datetime.min.replace(tzinfo=UTC)
# How the original says it, where the cases carry its reason.
REASONS = {
    "none": Reason.NONE,
    "first notification": Reason.FIRST,
    "new alerts in group": Reason.NEW_ALERTS,
    "new resolved alerts": Reason.NEW_RESOLVED,
    "all alerts resolved": Reason.ALL_RESOLVED,
    "repeat interval elapsed": Reason.REPEAT,
}
# The cases of merging are those of test_notification_log_merge.py.
MERGES = {"notification_log-014", "notification_log-016", "notification_log-017", "notification_log-019"}


def fingerprints(numbers):
    return frozenset(Fingerprint(f"{number:016x}") for number in numbers)


def sent(entry):
    if entry is None:
        return None
    at = BEGINNING if entry["age_s"] is None else NOW - timedelta(seconds=entry["age_s"])
    return Sent(fingerprints(entry["firing"]), fingerprints(entry["resolved"]), at)


@pytest.mark.parametrize("case", of_kind(CASES, "needs_update"))
def test_an_integration_is_told_again_where_alertmanager_would(case):
    reason = reason_to_notify(
        sent(case["entry"]),
        fingerprints(case["firing"]),
        fingerprints(case["resolved"]),
        repeat_interval=timedelta(seconds=case["repeat_s"]),
        send_resolved=case["send_resolved"],
        now=NOW,
    )
    assert (reason is not Reason.NONE) is case["notify"], reason
    if "reason" in case:
        assert reason is REASONS[case["reason"]]


def test_every_other_case_is_listed_as_not_covered_yet():
    assert {case["id"] for case in CASES if case["kind"] != "needs_update"} == MERGES
