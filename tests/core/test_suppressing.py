"""Suppression: silences on exactly these alerts, in as many as fit."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.adapters.silence_json import silence_as_json
from tocsin.core.alerts import Alert
from tocsin.core.incidents import Incident, incident_id
from tocsin.core.labels import Labels
from tocsin.core.matchers import Matcher, MatchType
from tocsin.core.routing import GroupId
from tocsin.core.silences import Change, ChangeKind, Draft, Silence, SilenceId, decide_change, silencing
from tocsin.core.suppressing import silences_on, suppressing

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
GROUP = GroupId("0" * 32)
INCIDENT = Incident(incident_id(GROUP, NOW), GROUP, "team", "default", (), "Down", "critical", opened_at=NOW)


def alerts(count: int) -> list[Alert]:
    labels = ({"alertname": "Down", "instance": f"10.0.0.{n}:9100", "path": "/" * 100} for n in range(count))
    return [Alert(labels=Labels(each), annotations={}, starts_at=NOW, updated_at=NOW) for each in labels]


def on(given: list[Alert]) -> tuple[Silence, ...]:
    return silences_on(INCIDENT, given, by="ann", comment="maintenance", until=NOW + HOUR, now=NOW)


@pytest.mark.parametrize(("count", "parts"), [(1, 1), (2500, 3), (10_000, 10)])
def test_each_alert_is_silenced_once_by_what_fits_into_an_item(count: int, parts: int):
    given = alerts(count)
    made = on(given)
    assert len({each.id for each in made}) == len(made) == parts
    assert max(len(json.dumps(silence_as_json(each))) for each in made) < 300 * 1024
    assert all(len(silencing(made, alert.labels, now=NOW)) == 1 for alert in given)
    assert on(given) == made, "the same order again"
    assert suppressing(made, INCIDENT.id, now=NOW) == made
    assert suppressing(made, INCIDENT.id, now=NOW + HOUR) == ()


@pytest.mark.parametrize(
    "labels",
    [
        {"alertname": "Down", "instance": "10.0.0.0:9100", "path": "/" * 100, "zone": "b"},
        {"alertname": "Down", "instance": "10.0.0.0:9100"},
        {"alertname": "Down", "instance": "10.0.0.1:9100", "path": "/" * 100},
    ],
    ids=["more labels", "fewer labels", "other labels"],
)
def test_nothing_else_is_silenced(labels: dict[str, str]):
    assert silencing(on(alerts(1)), labels, now=NOW) == ()


def changed(ends_at: datetime, *more: Matcher) -> Change:
    (stored,) = on(alerts(1))
    draft = Draft(((*stored.matchers[0], *more),), NOW, ends_at, "bob", "longer", id=stored.id)
    return decide_change(stored, draft, new_id=SilenceId("new"), now=NOW)


def test_a_client_that_moves_its_end_leaves_it_as_exact_as_it_was():
    (stored,), change = on(alerts(1)), changed(NOW + 2 * HOUR)
    assert change.kind is ChangeKind.UPDATED
    assert change.silence == replace(stored, ends_at=NOW + 2 * HOUR, created_by="bob", comment="longer")


def test_one_that_asks_for_something_else_gets_a_silence_like_any_other():
    change = changed(NOW + HOUR, Matcher("zone", MatchType.EQUAL, "b"))
    assert (change.kind, change.silence.is_exact, change.silence.annotations) == (ChangeKind.REPLACED, False, {})
