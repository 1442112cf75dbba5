"""Alerts that are sent to us: what is kept of them, and what two versions of one become."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.alerts import Alert, Status
from tocsin.core.labels import Labels
from tocsin.core.matcher_syntax import Syntax
from tocsin.core.merging import Posted, Received, RefusedAlertError, merge, receive

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
ZERO = datetime(1, 1, 1, tzinfo=UTC)


def at(seconds: int) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("name", "starts_at", "ends_at", "expected"),
    [
        ("no times: it starts now, and ends by the timeout", None, None, (0, 300, True)),
        ("Go's zero time is none", ZERO, ZERO, (0, 300, True)),
        ("only a start: the timeout counts from now", at(-3600), None, (-3600, 300, True)),
        ("only an end: it starts there", None, at(60), (60, 60, False)),
        ("both are taken at their word", at(-60), at(600), (-60, 600, False)),
        ("an end in the past is one too", at(-60), at(-30), (-60, -30, False)),
    ],
)
def test_times_that_are_missing_are_made(
    name: str, starts_at: datetime | None, ends_at: datetime | None, expected: tuple[int, int, bool]
) -> None:
    received = receive(Posted({"alertname": "X"}, starts_at=starts_at, ends_at=ends_at), now=NOW)
    alert = received.alert
    starts, ends, is_timeout = expected
    assert (alert.starts_at, alert.ends_at, received.is_timeout) == (at(starts), at(ends), is_timeout), name
    assert alert.updated_at == NOW


def test_each_post_renews_the_timeout() -> None:
    first = receive(Posted({"a": "1"}), resolve_timeout=timedelta(minutes=1), now=NOW)
    second = receive(Posted({"a": "1"}), resolve_timeout=timedelta(minutes=1), now=at(50))
    merged = merge(first, second, now=at(50)).alert
    assert (merged.starts_at, merged.ends_at) == (NOW, at(110))
    assert merged.status_at(at(109)) is Status.FIRING
    assert merged.status_at(at(110)) is Status.RESOLVED


def test_times_are_kept_in_utc() -> None:
    alert = receive(Posted({"a": "1"}, ends_at=datetime.fromisoformat("2026-11-20T05:00:00+01:00")), now=NOW).alert
    assert alert.ends_at is not None
    assert alert.ends_at.isoformat() == "2026-11-20T04:00:00+00:00"


def test_empty_labels_are_left_out_and_empty_annotations_stay() -> None:
    alert = receive(Posted({"a": "1", "b": ""}, {"c": ""}), now=NOW).alert
    assert (dict(alert.labels), alert.annotations) == ({"a": "1"}, {"c": ""})


@pytest.mark.parametrize(
    ("name", "posted", "reason"),
    [
        ("no labels", Posted({}), "at least one label pair required"),
        ("only empty labels", Posted({"a": ""}), "at least one label pair required"),
        ("no name", Posted({"": "x"}), 'invalid label set: invalid name ""'),
        ("an annotation without a name", Posted({"a": "1"}, {"": "x"}), 'invalid annotations: invalid name ""'),
        ("a value that is no text", Posted({"a": "\ud800"}), "invalid label set: invalid value"),
        (
            "an end before the start",
            Posted({"a": "1"}, starts_at=at(-10), ends_at=at(-60)),
            "start time must be before end time",
        ),
        ("a start after the timeout", Posted({"a": "1"}, starts_at=at(600)), "start time must be before end time"),
    ],
)
def test_an_alert_is_refused_with_a_reason(name: str, posted: Posted, reason: str) -> None:
    with pytest.raises(RefusedAlertError) as refused:
        receive(posted, now=NOW)
    assert reason in str(refused.value), name


def test_classic_names_can_be_asked_for() -> None:
    dotted = Posted({"a.b": "1"})
    assert dict(receive(dotted, now=NOW).alert.labels) == dotted.labels
    with pytest.raises(RefusedAlertError, match="invalid name"):
        receive(dotted, syntax=Syntax.CLASSIC, now=NOW)


def version(starts: int, ends: int, updated: int = 0, *, timeout: bool = False, **annotations: str) -> Received:
    alert = Alert(Labels({"a": "1"}), annotations, at(starts), updated_at=at(updated), ends_at=at(ends))
    return Received(alert, timeout)


@pytest.mark.parametrize(
    ("name", "stored", "received", "expected"),
    [
        ("what is new is taken as it is", None, version(0, 300), version(0, 300)),
        (
            "the earliest start, the newest annotations",
            version(-60, 300, summary="then"),
            version(-30, 400, 1, summary="now"),
            version(-60, 400, 1, summary="now"),
        ),
        (
            "an end that somebody gave holds against an earlier one",
            version(-60, 600),
            version(-60, 300, 1),
            version(-60, 600, 1),
        ),
        (
            "an end that was made of a timeout does not",
            version(-60, 600, timeout=True),
            version(-60, 300, 1),
            version(-60, 300, 1),
        ),
        (
            "a resolution that comes now is believed against an announced end",
            version(-60, 600),
            version(-60, -1, 1),
            version(-60, -1, 1),
        ),
        (
            "of two resolutions the later one holds",
            version(-60, -5),
            version(-60, -10, 1),
            version(-60, -5, 1),
        ),
        (
            "an alert of its own begins where the one before is over",
            version(-600, -300, summary="then"),
            version(-60, 300, 1),
            version(-60, 300, 1),
        ),
        (
            "what only touches does not overlap",
            version(-600, -300),
            version(-300, 300, 1),
            version(-300, 300, 1),
        ),
        (
            "what was sent earlier and comes later changes no annotation",
            version(-60, 300, 5, summary="now"),
            version(-90, 300, 1, summary="then"),
            version(-90, 300, 5, summary="now"),
        ),
        (
            "an earlier alert that comes later does not come back",
            version(-60, 300, 5),
            version(-600, -300, 1),
            version(-60, 300, 5),
        ),
    ],
)
def test_what_two_versions_become(name: str, stored: Received | None, received: Received, expected: Received) -> None:
    assert merge(stored, received, now=NOW) == expected, name


def test_a_version_without_an_end_lasts() -> None:
    endless = Received(Alert(Labels({"a": "1"}), {}, at(-60), updated_at=at(-60)))
    assert merge(endless, version(-30, 300, 1), now=NOW).alert.ends_at is None
    assert merge(endless, version(-30, -1, 1), now=NOW).alert.ends_at == at(-1)


VERSIONS: Any = st.builds(
    lambda starts, length, updated, timeout: version(starts, starts + length, updated, timeout=timeout),
    st.integers(-100, 100),
    st.integers(0, 100),
    st.integers(-100, 100),
    st.booleans(),
)


@given(VERSIONS)
def test_the_same_version_twice_changes_nothing(one: Received) -> None:
    assert merge(one, one, now=NOW) == one


@given(VERSIONS, VERSIONS)
def test_the_order_of_arrival_does_not_matter(one: Received, other: Received) -> None:
    if one.alert.updated_at != other.alert.updated_at:
        assert merge(one, other, now=NOW) == merge(other, one, now=NOW)
