"""Why an integration is told, what it is told, and that the bytes say the same when they are read again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.alerts import Alert, Status
from tocsin.core.labels import Fingerprint, Labels
from tocsin.core.notifications import (
    ALERTS_IN_MESSAGE,
    MESSAGE_BYTES,
    Notification,
    Reason,
    Sent,
    alert_as_json,
    alert_from_json,
    as_json,
    compose,
    encode,
    format_time,
    from_json,
    highest_severity,
    message_json,
    notification_id,
    parse_time,
    reason_to_notify,
)
from tocsin.core.receivers import Integration, IntegrationKey, Kind
from tocsin.core.routing import GroupId, GroupIdentity

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
GROUP = GroupIdentity("team", '{}/{severity="critical"}', Labels({"alertname": "DiskFull"}))
SLACK = Integration("team", Kind.SLACK, 0, True, {"api_url_file": "secret:slack#team"})


def prints(text: str) -> frozenset[Fingerprint]:
    return frozenset(Fingerprint(letter) for letter in text)


def last(firing: str, resolved: str = "", *, ago: timedelta = SECOND) -> Sent:
    return Sent(prints(firing), prints(resolved), NOW - ago)


REASONS = {
    "a first alert": (None, "a", "", True, Reason.FIRST),
    "nothing ever fired": (None, "", "", True, Reason.NONE),
    "resolved before it was ever told": (None, "", "a", True, Reason.NONE),
    "the same again": (last("ab"), "ab", "", True, Reason.NONE),
    "a smaller set alone is no news": (last("ab"), "a", "", True, Reason.NONE),
    "a new alert": (last("a"), "ab", "", True, Reason.NEW_ALERTS),
    "another alert instead": (last("a"), "b", "a", True, Reason.NEW_ALERTS),
    "one of two is resolved": (last("ab"), "a", "b", True, Reason.NEW_RESOLVED),
    "one of two is resolved, for who does not hear of that": (last("ab"), "a", "b", False, Reason.NONE),
    "a resolution that was told": (last("a", "b"), "a", "b", True, Reason.NONE),
    "all are resolved": (last("a"), "", "a", True, Reason.ALL_RESOLVED),
    "all are resolved, for who does not hear of that": (last("a"), "", "a", False, Reason.ALL_RESOLVED),
    "all are resolved and already dropped": (last("a"), "", "", True, Reason.ALL_RESOLVED),
    "nothing after the end": (last("", "a"), "", "a", True, Reason.NONE),
    "it fires again after the end": (last("", "a"), "a", "", True, Reason.FIRST),
    "at the repeat interval": (last("a", ago=HOUR), "a", "", True, Reason.NONE),
    "after the repeat interval": (last("a", ago=HOUR + SECOND), "a", "", True, Reason.REPEAT),
    "news before a repeat": (last("a", ago=2 * HOUR), "ab", "", True, Reason.NEW_ALERTS),
}


@pytest.mark.parametrize(("sent", "firing", "resolved", "send_resolved", "expected"), REASONS.values(), ids=REASONS)
def test_why_an_integration_is_told(sent, firing, resolved, send_resolved, expected):
    reason = reason_to_notify(
        sent, prints(firing), prints(resolved), repeat_interval=HOUR, send_resolved=send_resolved, now=NOW
    )
    assert reason is expected


sets = st.frozensets(st.sampled_from("abcd"), max_size=4).map(lambda letters: prints("".join(letters)))


@given(sets, sets, sets, sets, st.integers(0, 7200), st.booleans())
def test_nothing_is_repeated_before_its_interval(firing, resolved, fires, ended, age, send_resolved):
    sent = Sent(firing, resolved, NOW - age * SECOND)
    reason = reason_to_notify(sent, fires, ended, repeat_interval=HOUR, send_resolved=send_resolved, now=NOW)
    assert (reason is Reason.REPEAT) <= (age > 3600)


@given(st.none() | st.builds(Sent, sets, sets, st.just(NOW)), sets, sets, st.booleans())
def test_what_was_told_is_no_news_at_once(sent, firing, resolved, send_resolved):
    def reason(entry):
        return reason_to_notify(entry, firing, resolved, repeat_interval=HOUR, send_resolved=send_resolved, now=NOW)

    if reason(sent) is not Reason.NONE:
        assert reason(Sent(firing, resolved, NOW)) is Reason.NONE


# What is told


def alert(name: str = "DiskFull", *, ended: bool = False, annotations: dict | None = None, **labels: str) -> Alert:
    return Alert(
        Labels({"alertname": name, **labels}),
        annotations or {},
        starts_at=NOW - HOUR,
        updated_at=NOW,
        ends_at=NOW if ended else None,
        generator_url="https://prometheus.example.com",
        value=0.97,
    )


def notification(*alerts: Alert, now: datetime = NOW, integration: Integration = SLACK) -> Notification:
    return compose(
        GROUP,
        integration,
        alerts,
        seq=int(now.timestamp() * 1000),
        reason=Reason.FIRST,
        retry_after=timedelta(minutes=5),
        incident="inc-1",
        step=2,
        external_url="https://tocsin.example.com",
        now=now,
    )


def test_firing_alerts_come_first_and_each_part_in_its_order():
    told = notification(
        alert(instance="b", ended=True), alert(instance="d"), alert(instance="a", ended=True), alert(instance="c")
    )
    assert [each.labels["instance"] for each in told.alerts] == ["c", "d", "a", "b"]


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        pytest.param([alert(), alert(instance="b", ended=True)], Status.FIRING, id="while anything fires, it fires"),
        pytest.param([alert(ended=True)], Status.RESOLVED, id="resolved when all are"),
    ],
)
def test_a_notifications_status(alerts, expected):
    assert notification(*alerts).status is expected


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        pytest.param(["info", "critical", "warning"], "critical", id="the gravest"),
        pytest.param(["warning", "Error"], "Error", id="capital letters rank alike"),
        pytest.param(["info", "page", "error"], "page", id="what is to page"),
        pytest.param(["page", "critical"], "critical", id="what is to page, beside what is critical"),
        pytest.param(["p1", "low"], "low", id="an unknown one ranks last"),
        pytest.param(["p1", "a9"], "a9", id="among unknown ones the first by name, so that it is always the same"),
        pytest.param([], "none", id="no severity at all"),
    ],
)
def test_the_severity(severities, expected):
    assert highest_severity([alert(severity=each) for each in severities] + [alert()]) == expected


def test_a_resolved_alert_does_not_raise_the_severity_of_what_fires():
    told = notification(alert(severity="warning"), alert(severity="critical", ended=True))
    assert told.severity == "warning"
    assert notification(alert(severity="critical", ended=True)).severity == "critical"


def test_a_notifications_id_is_of_its_group_integration_and_number():
    ids = {
        notification_id(GroupId(group), IntegrationKey(key), seq)
        for group in ("a", "b")
        for key in ("x/slack/0", "x/slack/1")
        for seq in (1, 2)
    }
    assert len(ids) == 8
    assert notification_id(GroupId("a"), IntegrationKey("x/slack/0"), 1) in ids
    assert all(len(each) == 32 for each in ids)


def test_counts_and_what_is_common_are_of_all_alerts():
    full = as_json(notification(alert(instance="a", job="x"), alert(instance="b", job="x", ended=True)))
    assert (full["firing_count"], full["resolved_count"], full["truncated"]) == (1, 1, 0)
    assert full["common_labels"] == {"alertname": "DiskFull", "job": "x"}


# Bytes

times = st.timedeltas(-1000 * DAY, 1000 * DAY).map(lambda distance: NOW + distance)
texts = st.text(st.characters(codec="utf-8"), max_size=12)
names = st.sampled_from(["alertname", "instance", "job", "severity", "zone"])
alerts = st.builds(
    Alert,
    labels=st.dictionaries(names, texts).map(Labels),
    annotations=st.dictionaries(texts, texts, max_size=3),
    starts_at=times,
    updated_at=times,
    ends_at=st.none() | times,
    generator_url=texts,
    value=st.none() | st.floats(allow_nan=False),
)
integrations = st.builds(
    Integration,
    receiver=texts,
    kind=st.sampled_from(Kind),
    index=st.integers(0, 5),
    send_resolved=st.booleans(),
    settings=st.dictionaries(texts, st.none() | st.booleans() | st.integers() | texts | st.lists(texts), max_size=3),
)
notifications = st.builds(
    lambda found, now, integration: notification(*found, now=now, integration=integration),
    st.lists(alerts, max_size=4),
    times,
    integrations,
)


@given(alerts, times)
def test_an_alert_survives_its_json(given_alert, now):
    assert alert_from_json(json.loads(encode(alert_as_json(given_alert, now=now)))) == given_alert


@given(notifications)
def test_a_notification_survives_its_json(frozen):
    assert from_json(json.loads(encode(as_json(frozen)))) == frozen


@given(notifications)
def test_the_same_notification_is_the_same_bytes(frozen):
    again = replace(
        frozen, group_labels=dict(reversed(frozen.group_labels.items())), alerts=tuple(map(replace, frozen.alerts))
    )
    assert encode(as_json(again)) == encode(as_json(frozen))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 1e300, 0.1 + 0.2])
def test_every_value_survives(value):
    given_alert = replace(alert(), value=value)
    assert repr(alert_from_json(json.loads(encode(alert_as_json(given_alert, now=NOW)))).value) == repr(value)


def test_a_small_notification_travels_whole():
    full = as_json(notification(alert()))
    assert json.loads(message_json(full)) == full


@pytest.mark.parametrize(
    ("count", "length"), [(21, 10), (5000, 10), (20, 20_000), (3, 200_000)], ids=["one more", "many", "long", "huge"]
)
def test_a_large_notification_travels_with_its_first_alerts_and_a_count(count, length):
    many = [alert(instance=f"{number:05d}", annotations={"summary": f"{number:0{length}d}"}) for number in range(count)]
    full = as_json(notification(*many))
    text = message_json(full)
    told = from_json(json.loads(text))
    assert len(text.encode()) <= MESSAGE_BYTES
    assert len(told.alerts) <= ALERTS_IN_MESSAGE
    assert len(told.alerts) + told.truncated == count
    assert told.alerts == tuple(many[: len(told.alerts)])
    assert json.loads(text)["firing_count"] == count


@given(times)
def test_a_time_survives_its_text(instant):
    assert parse_time(format_time(instant)) == instant
    assert format_time(instant).endswith("Z")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-11-20T03:00:00Z", NOW, id="as Z"),
        pytest.param("2026-11-20T04:00:00+01:00", NOW, id="with an offset"),
        pytest.param("2026-11-20T03:00:00.123Z", NOW + timedelta(milliseconds=123), id="with milliseconds"),
    ],
)
def test_a_time_is_read(text, expected):
    assert parse_time(text) == expected
    assert parse_time(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["2026-11-20T03:00:00", "yesterday", ""])
def test_what_is_no_instant_is_refused(text):
    with pytest.raises(ValueError, match=r"zone|isoformat"):
        parse_time(text)


def test_a_time_is_written_in_utc():
    assert format_time(NOW.astimezone(timezone(timedelta(hours=5)))) == "2026-11-20T03:00:00Z"


@pytest.mark.parametrize("name", ["", "a b", "a@b", "\n", "é"])
def test_an_id_that_is_none_of_ours_is_refused(name):
    with pytest.raises(ValueError, match="no id of a notification"):
        from_json({**as_json(notification(alert())), "id": name})


@pytest.mark.parametrize("spoil", ["id", "integration", "alerts", "created_at"])
def test_what_is_no_notification_is_refused(spoil):
    full = as_json(notification(alert()))
    del full[spoil]
    with pytest.raises(KeyError):
        from_json(full)
