"""What PagerDuty's webhooks say: read as they are documented, and no text brings the reading down."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.pagerduty import (
    DEDUP_KEY_LENGTH,
    Meaning,
    PagerdutyEvent,
    WebhookError,
    dedup_key,
    first_ties,
    group_of,
    is_hashed,
    meaning,
    next_ties,
    read_event,
    said,
)
from tocsin.core.receivers import Integration, Kind, Receiver
from tocsin.core.routing import GroupId

GROUP = GroupId("0123456789abcdef" * 2)
ANN = {"id": "PANN", "type": "user_reference", "summary": "Ann Ops", "html_url": "https://x.example/users/PANN"}
OURS = {"id": "PINT", "type": "events_api_v2_inbound_integration_reference", "summary": "Tocsin"}
SERVICE = {"id": "PSVC", "type": "service_reference", "summary": "Shop"}


def body(kind: str = "incident.acknowledged", *, agent: Any = ANN, **data: Any) -> bytes:
    incident = {
        "id": "PINC",
        "type": "incident",
        "incident_key": f"{GROUP}/oncall",
        "status": "acknowledged",
        "title": "Disk is full",
        "assignees": [ANN],
        "resolve_reason": None,
    }
    event = {
        "id": "01EVENT",
        "event_type": kind,
        "resource_type": "incident",
        "occurred_at": "2026-11-20T03:02:01.123Z",
        "agent": agent,
        "client": None,
        "data": {**incident, **data},
    }
    return json.dumps({"event": event}).encode()


def noted(content: str = "rebooted it") -> bytes:
    return body(
        "incident.annotated",
        type="incident_note",
        incident={"id": "PINC", "type": "incident_reference"},
        incident_key=None,
        content=content,
        trimmed=False,
    )


def test_an_acknowledgement_is_read() -> None:
    event = read_event(body())
    assert (event.id, event.kind, event.incident) == ("01EVENT", "incident.acknowledged", "PINC")
    assert event.occurred_at == datetime(2026, 11, 20, 3, 2, 1, 123000, tzinfo=UTC)
    assert (event.agent.name, event.agent.id, event.agent.kind) == ("Ann Ops", "PANN", "user_reference")
    assert group_of(event.key) == GROUP
    assert meaning(event) is Meaning.ACKNOWLEDGE


def test_a_note_names_no_key_but_the_incident_there() -> None:
    event = read_event(noted("rebooted\r\nit \u0007"))
    assert (event.incident, event.key, event.note) == ("PINC", "", "rebooted\nit")
    assert (meaning(event), said(event)) == (Meaning.NOTE, "rebooted\nit")


MEANINGS: dict[str, tuple[bytes, Meaning]] = {
    "a person acknowledges": (body(), Meaning.ACKNOWLEDGE),
    "a person resolves": (body("incident.resolved"), Meaning.RESOLVE),
    "an automation resolves": (
        body("incident.resolved", agent={"type": "workflow_reference", "summary": "Runs"}),
        Meaning.RESOLVE,
    ),
    "our own acknowledgement comes back": (body(agent=OURS), Meaning.ECHO),
    "our own resolution comes back": (body("incident.resolved", agent=OURS), Meaning.ECHO),
    "our own, by the older API": (body(agent={"type": "generic_events_api_inbound_integration"}), Meaning.ECHO),
    "it resolves by a timeout": (body("incident.resolved", agent=SERVICE), Meaning.NOTE),
    "it resolves, and nobody did": (body("incident.resolved", agent=None), Meaning.NOTE),
    "it is merged": (body("incident.resolved", resolve_reason={"type": "merge_resolve_reason"}), Meaning.NOTE),
    "its acknowledgement times out": (body("incident.unacknowledged", agent=None), Meaning.NOTE),
    "it is opened again": (body("incident.reopened"), Meaning.NOTE),
    "it is escalated": (body("incident.escalated", agent=SERVICE), Meaning.NOTE),
    "it is reassigned": (body("incident.reassigned"), Meaning.NOTE),
    "it is delegated": (body("incident.delegated"), Meaning.NOTE),
    "it begins": (body("incident.triggered", agent=OURS), Meaning.NOTHING),
    "its priority changes": (body("incident.priority_updated"), Meaning.NOTHING),
    "a service changes": (body("service.updated", type="service"), Meaning.NOTHING),
    "Pagey says hello": (body("pagey.ping", agent=None, type="ping", message="Hello"), Meaning.NOTHING),
    "what there is not yet": (body("incident.teleported"), Meaning.NOTHING),
}


@pytest.mark.parametrize("name", MEANINGS)
def test_what_an_event_means(name: str) -> None:
    content, expected = MEANINGS[name]
    assert meaning(read_event(content)) is expected


SENTENCES: dict[str, tuple[bytes, str]] = {
    "resolved by itself": (
        body("incident.resolved", agent=None),
        "PagerDuty: the incident there was resolved by PagerDuty itself",
    ),
    "merged": (
        body("incident.resolved", resolve_reason={"type": "merge_resolve_reason"}),
        "PagerDuty: the incident there was merged into another",
    ),
    "reassigned": (body("incident.reassigned"), "PagerDuty: reassigned there to Ann Ops"),
    "unacknowledged": (body("incident.unacknowledged"), "PagerDuty: the acknowledgement there is over"),
    "two assignees": (
        body("incident.escalated", assignees=[ANN, {"summary": "Bob"}, 7]),
        "PagerDuty: escalated there to Ann Ops, Bob",
    ),
}


@pytest.mark.parametrize("name", SENTENCES)
def test_what_is_noted_of_it(name: str) -> None:
    content, expected = SENTENCES[name]
    assert said(read_event(content)) == expected


def event_without(name: str) -> bytes:
    value = json.loads(body())
    del value["event"][name]
    return json.dumps(value).encode()


WRONG: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "not JSON"),
    "no JSON": (b"{", "not JSON"),
    "a list": (b"[]", "the body is not an object"),
    "no event": (b"{}", "event is not an object"),
    "an event that is a text": (b'{"event": "x"}', "event is not an object"),
    "no id": (event_without("id"), "event.id is missing"),
    "no type": (event_without("event_type"), "event.event_type is missing"),
    "no time": (event_without("occurred_at"), "event.occurred_at is missing"),
    "a time that is none": (body().replace(b"2026-11-20T03:02:01.123Z", b"yesterday"), "is not a time"),
    "a time without a zone": (body().replace(b"03:02:01.123Z", b"03:02:01"), "is not a time"),
    "data that is a text": (b'{"event": {"data": "x"}}', "event.data is not an object"),
    "a key twice": (b'{"event": {}, "event": {}}', "not JSON"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_read_is_said(name: str) -> None:
    content, reason = WRONG[name]
    with pytest.raises(WebhookError, match=reason):
        read_event(content)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
NAMES = ("id", "event_type", "occurred_at", "agent", "client", "data", "resource_type")
DATA = ("id", "type", "incident_key", "incident", "content", "assignees", "resolve_reason")


@given(
    event=st.dictionaries(st.sampled_from(NAMES), VALUES),
    data=st.dictionaries(st.sampled_from(DATA), VALUES),
    is_whole=st.booleans(),
)
def test_whatever_comes_is_an_event_or_a_refusal(event: dict[str, Any], data: dict[str, Any], is_whole: bool) -> None:
    whole = json.loads(body())["event"] if is_whole else {}
    found = {**whole, **event, "data": {**whole.get("data", {}), **data}}
    try:
        read = read_event(json.dumps({"event": found}).encode())
    except WebhookError:
        return
    assert isinstance(read, PagerdutyEvent)
    assert len(read.key) <= DEDUP_KEY_LENGTH
    assert read.occurred_at.tzinfo is not None
    assert meaning(read) in Meaning
    if meaning(read) is Meaning.NOTE:
        assert len(said(read)) <= 2000 + len(read.to)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_event_are_refused(content: bytes) -> None:
    with pytest.raises(WebhookError):
        read_event(content)


@given(st.text(min_size=1, max_size=300))
def test_a_key_leads_back_to_its_group_unless_it_is_hashed(receiver: str) -> None:
    key = dedup_key(GROUP, receiver)
    assert len(key) <= DEDUP_KEY_LENGTH
    assert group_of(key) == (None if is_hashed(key) else GROUP)
    assert is_hashed(key) == (len(receiver) > DEDUP_KEY_LENGTH - 33)


@given(st.text(min_size=1, max_size=300), st.integers(0, 99), st.integers(0, 9))
def test_no_two_incidents_of_a_group_have_one_key_and_each_leads_back(receiver: str, number: int, turns: int) -> None:
    ties: tuple[str, ...] = (str(number),) if number else ()
    for _ in range(turns):
        ties = next_ties(ties)
    keys = [dedup_key(GROUP, receiver, ties[:end]) for end in range(1, len(ties) + 1)] or [dedup_key(GROUP, receiver)]
    assert len(set(keys)) == turns + 1
    assert {GROUP} >= {group_of(key) for key in keys if not is_hashed(key)}
    assert (dedup_key(GROUP, receiver) in keys) == (number == 0), "the first is as it always was"


def _paged(*keys: str) -> Receiver:
    settings = ({"routing_key_file": key} if key else {} for key in keys)
    return Receiver("r", tuple(Integration("r", Kind.PAGERDUTY, n, True, each) for n, each in enumerate(settings)))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (("a",), [()]),
        (("a", "b", "c"), [(), ("1",), ("2",)]),
        (("a", "b", "a", "b"), [(), ("1",), (), ("1",)]),
        (("", ""), [(), ("1",)]),
    ],
)
def test_each_service_of_a_receiver_has_a_number_and_the_first_has_none(keys: Any, expected: Any) -> None:
    paged = _paged(*keys)
    assert [first_ties(each, paged) for each in paged.integrations] == expected
    assert first_ties(paged.integrations[0], None) == ()


@pytest.mark.parametrize("key", ["", "x", "0123456789abcdef" * 2, "0123/oncall", "d3640fbd41094207a1c11e58e46b1662"])
def test_a_key_of_others_names_no_group(key: str) -> None:
    assert group_of(key) is None
