"""What becomes of an alert that is posted: refused, or kept with its times completed, as Alertmanager does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.cases import load_cases, of_kind
from tocsin.core.alerts import Status
from tocsin.core.matcher_syntax import Syntax
from tocsin.core.merging import Posted, RefusedAlertError, receive

CASES = load_cases("alert_api.json")
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def _at(seconds):
    return None if seconds is None else NOW + timedelta(seconds=seconds)


def _posted(alert):
    return Posted(
        labels=alert["labels"],
        annotations=alert.get("annotations", {}),
        starts_at=_at(alert.get("startsAt_s")),
        ends_at=_at(alert.get("endsAt_s")),
        generator_url=alert.get("generatorURL", ""),
    )


@pytest.mark.parametrize("case", of_kind(CASES, "post"))
def test_a_posted_alert_is_taken_as_alertmanager_takes_it(case):
    # The cases were measured on a release that knew the classic names only.
    if case["status"] != 200:
        with pytest.raises(RefusedAlertError) as refused:
            receive(_posted(case["alert"]), syntax=Syntax.CLASSIC, now=NOW)
        assert case["error"] in str(refused.value)
        return
    alert, stored = receive(_posted(case["alert"]), syntax=Syntax.CLASSIC, now=NOW).alert, case["stored"]
    assert dict(alert.labels) == stored["labels"]
    assert alert.annotations == stored["annotations"]
    assert (alert.generator_url or None) == stored["generatorURL"]
    assert (alert.starts_at, alert.ends_at) == (_at(stored["startsAt_s"]), _at(stored["endsAt_s"]))
    assert (alert.status_at(NOW) is Status.FIRING) is case["listed_as_active"]


@pytest.mark.parametrize("case", [case for case in of_kind(CASES, "post") if "newer_releases" in case.values[0]])
def test_newer_releases_take_any_name(case):
    assert dict(receive(_posted(case["alert"]), now=NOW).alert.labels) == case["alert"]["labels"]


def test_no_case_is_left_out():
    assert {case["kind"] for case in CASES} == {"post"}
