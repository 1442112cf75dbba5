"""PagerDuty's webhooks at our door: believed only when signed, done once, answered so that nothing is lost."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.pagerduty_account import ANN, Webhook, sign
from tests.cli.states import api_of
from tests.core.test_pagerduty import body
from tests.stories.configurations import configuration, policy, rule
from tests.stories.world import World
from tests.web.paging import NEW, OLD, Line, Without, hears_pagerduty, pages_pagerduty
from tocsin.core.incidents import IncidentState
from tocsin.pipeline.incidents import Verb
from tocsin.web.pagerduty import BODY_BYTES
from tocsin.web.signatures import is_signed_once


@pytest.fixture
def line() -> Line:
    people = [pages_pagerduty("pager")]
    found = Line(World(hears_pagerduty(configuration(rule("Down"), receivers=people, policies=[policy((0, "pager"))]))))
    found.world.metric_goes_bad("Down")
    found.world.advance(minutes=3)
    found.there.deliver()
    found.statuses.clear()
    return found


def acknowledged(line: Line) -> Webhook:
    """Return the webhook of an acknowledgement that is still to be sent."""
    line.there.acknowledge(line.incident, by=ANN)
    ((_, webhook),) = line.there._queue
    return webhook


def send(line: Line, content: bytes, signature: str, delivery: str = "d-1") -> int:
    headers = {"x-pagerduty-signature": signature, "x-webhook-id": delivery, "content-type": "application/json"}
    return line.post("", headers, content)


def state(line: Line) -> IncidentState:
    return line.world.incident().state


def counted(line: Line) -> dict[str, int]:
    """Return why requests were refused, as the metric has it."""
    lines = line.world.log.events("request_refused")
    assert line.world.log.counts.get("RequestsRefused", 0) == len(lines)
    reasons = [str(each["reason"]) for each in lines]
    return {reason: reasons.count(reason) for reason in reasons}


# RFC 4231, test cases 1 and 2, and what `openssl dgst -sha256 -hmac` says of an event of our own.
VECTORS: dict[str, tuple[bytes, str, str]] = {
    "RFC 4231, case 1": (
        b"Hi There",
        "\x0b" * 20,
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    "RFC 4231, case 2": (
        b"what do ya want for nothing?",
        "Jefe",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    "an event, by openssl": (
        b'{"event":{"id":"01TOCSIN","event_type":"pagey.ping","occurred_at":"2026-11-20T03:00:00Z"}}',
        "Zm9yIGEgdGVzdCBvbmx5",
        "05df088fb3673835beb1b6a733b9d5ca851d9cd6dad09a1224db2c3ec72a4a3c",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_signatures_are_those_of_the_standard(name: str) -> None:
    content, secret, expected = VECTORS[name]
    assert is_signed_once(content, [expected], [secret])
    assert sign(content, secret) == f"v1={expected}"


@pytest.mark.parametrize("signed_by", [(NEW,), (OLD, NEW), (NEW, OLD), ("another", NEW)])
def test_one_signature_of_several_is_enough_while_secrets_are_exchanged(line: Line, signed_by: tuple[str, ...]) -> None:
    assert send(line, acknowledged(line).body, sign(acknowledged_body(line), *signed_by)) == 202
    assert state(line) is IncidentState.ACKNOWLEDGED


def acknowledged_body(line: Line) -> bytes:
    return line.there._queue[0][1].body


@pytest.mark.parametrize("signed_by", [OLD, NEW])
def test_each_of_our_secrets_is_good(line: Line, signed_by: str) -> None:
    both = hears_pagerduty(line.world.loaded.configuration, "secret:pagerduty#old", "secret:pagerduty#new")
    line.world.configure(both)
    content = acknowledged(line).body
    assert send(line, content, sign(content, signed_by)) == 202
    assert state(line) is IncidentState.ACKNOWLEDGED


def flipped(signature: str, index: int, bit: int) -> str:
    digits = bytearray.fromhex(signature.removeprefix("v1="))
    digits[index] ^= 1 << bit
    return f"v1={digits.hex()}"


def good(content: bytes) -> str:
    return sign(content, NEW)


FORGED: dict[str, Any] = {
    "by a secret that is not ours": lambda content: sign(content, "guessed"),
    "by a secret that is no more": lambda content: sign(content, OLD),
    "by no secret": lambda content: sign(content, ""),
    "of another body": lambda content: good(content + b" "),
    "the first bit is off": lambda content: flipped(good(content), 0, 7),
    "the last bit is off": lambda content: flipped(good(content), 31, 0),
    "by the reference instead of the secret": lambda content: sign(content, "secret:pagerduty#new"),
    "of the encoded body": lambda content: sign(base64.b64encode(content), NEW),
}
MALFORMED: dict[str, Any] = {
    "none": lambda content: "",
    "only commas": lambda content: ",,,",
    "no version": lambda content: good(content).removeprefix("v1="),
    "another version": lambda content: good(content).replace("v1", "v2"),
    "cut short": lambda content: good(content)[:-2],
    "too long": lambda content: good(content) + "00",
    "no hexadecimal digits": lambda content: "v1=" + "g" * 64,
    "base64": lambda content: "v1=NvPfKMLIOnUQQDDWJ3DTrJ0pGjrrIgXaNQqFVtHMOfc=",
    "odd letters": lambda content: "v1=" + "\u0661" * 64,
    "SHA-1": lambda content: f"v1={hmac.new(NEW.encode(), content, hashlib.sha1).hexdigest()}",
}


@pytest.mark.parametrize("name", [*FORGED, *MALFORMED])
def test_what_is_not_signed_is_refused_before_it_is_read(line: Line, name: str) -> None:
    content = acknowledged(line).body
    assert send(line, content, (FORGED | MALFORMED)[name](content)) == 401
    assert state(line) is IncidentState.OPEN
    assert counted(line) == {"forged" if name in FORGED else "malformed": 1}
    assert not line.receipts.claimed
    # What is signed is taken after that as if nothing had been.
    assert send(line, content, good(content)) == 202
    assert state(line) is IncidentState.ACKNOWLEDGED


@given(index=st.integers(0, 31), bit=st.integers(0, 7))
def test_no_signature_is_good_that_is_one_bit_off(index: int, bit: int) -> None:
    content = body()
    assert not is_signed_once(content, [flipped(good(content), index, bit).removeprefix("v1=")], [NEW, OLD])
    assert is_signed_once(content, [flipped(flipped(good(content), index, bit), index, bit)[3:]], [OLD, NEW])


@given(content=st.binary(max_size=300), header=st.text(max_size=120))
def test_whatever_a_stranger_sends_is_refused_and_never_fails(content: bytes, header: str) -> None:
    line = Line(World(hears_pagerduty(configuration(rule("Down")))))
    assert send(line, content, header) == 401
    assert send(line, content, f"v1={'0' * 64},{header}") == 401


def test_a_stranger_is_told_nothing_of_what_is_wrong(line: Line) -> None:
    content = acknowledged(line).body
    answers = {
        json.dumps(line.ask(request(content, signature)).value)
        for signature in ("", "v1=0", sign(content, "guessed"), sign(content, OLD))
    }
    assert len(answers) == 1
    line.world.configure(replace(line.world.loaded.configuration, pagerduty_secrets=()))
    answers.add(json.dumps(line.ask(request(content, good(content))).value))
    assert len(answers) == 1


def request(content: bytes, signature: str) -> dict[str, Any]:
    return {
        "rawPath": "/pagerduty/webhook",
        "headers": {"X-PagerDuty-Signature": signature, "X-Webhook-Id": "d"},
        "requestContext": {"http": {"method": "POST"}},
        "body": content.decode(),
    }


def test_the_body_is_the_same_in_base64_and_as_it_is(line: Line) -> None:
    content = json.dumps(json.loads(body(title="Plattenplatz für ’s Büro ☎")), ensure_ascii=False).encode()
    headers = {"x-pagerduty-signature": good(content)}
    assert line.post("", headers, content, is_encoded=False) == 202
    assert line.post("", headers, content, is_encoded=True) == 202


def test_nothing_is_believed_where_no_secret_is_configured(line: Line) -> None:
    line.world.configure(replace(line.world.loaded.configuration, pagerduty_secrets=()))
    content = acknowledged(line).body
    assert send(line, content, sign(content, "")) == 401
    assert send(line, content, good(content)) == 401
    assert line.world.log.events("pagerduty_not_configured")


def test_a_secret_that_cannot_be_read_refuses_nobody_for_good(line: Line) -> None:
    both = hears_pagerduty(line.world.loaded.configuration, "secret:pagerduty#new", "secret:pagerduty#old")
    line.world.configure(both)
    content = acknowledged(line).body
    del line.secrets["secret:pagerduty#old"]
    assert send(line, content, sign(content, OLD)) == 503
    assert send(line, content, sign(content, NEW)) == 202
    assert state(line) is IncidentState.ACKNOWLEDGED


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"event": {"id": "x"}}', b"\xff\xfe", b"null"])
def test_what_is_signed_and_no_event_is_malformed(line: Line, content: bytes) -> None:
    assert send(line, content, good(content)) == 400
    assert counted(line) == {"malformed": 1}


def test_what_is_too_large_is_refused_before_it_is_hashed(line: Line) -> None:
    content = b" " * (BODY_BYTES + 1)
    assert send(line, content, good(content)) == 413
    assert counted(line) == {"too large": 1}
    padded = acknowledged(line).body + b" " * (200 * 1024)
    assert send(line, padded, good(padded)) == 202
    assert state(line) is IncidentState.ACKNOWLEDGED


@pytest.mark.parametrize("delivery", ["d-1", "another", ""])
def test_a_replay_is_taken_and_does_nothing_whatever_it_is_called(line: Line, delivery: str) -> None:
    content = acknowledged(line).body
    assert send(line, content, good(content)) == 202
    line.world.act(Verb.ESCALATE)
    assert send(line, content, good(content), delivery) == 202
    assert state(line) is IncidentState.OPEN
    assert counted(line) == {"replayed": 1}


def test_a_delivery_that_comes_again_is_known_by_its_id(line: Line) -> None:
    first, second = body(), body("incident.resolved")
    assert send(line, first, good(first), "d-1") == 202
    other = second.replace(b"01EVENT", b"02EVENT")
    assert send(line, other, good(other), "d-1") == 202
    assert counted(line) == {"replayed": 1}


def test_what_is_older_than_what_is_remembered_is_stale(line: Line) -> None:
    content = acknowledged(line).body
    line.world.advance(days=7, minutes=1)
    assert send(line, content, good(content)) == 202
    assert state(line) is IncidentState.OPEN
    assert counted(line) == {"stale": 1}


def test_what_happened_before_it_was_escalated_by_hand_is_stale(line: Line) -> None:
    content = acknowledged(line).body
    line.world.advance(minutes=1)
    line.world.act(Verb.ESCALATE)
    assert send(line, content, good(content)) == 202
    assert state(line) is IncidentState.OPEN
    assert counted(line) == {"stale": 1}


def test_what_happened_before_it_was_snoozed_is_stale(line: Line) -> None:
    content = acknowledged(line).body
    line.world.advance(minutes=1)
    line.world.act(Verb.SNOOZE, minutes=60)
    assert send(line, content, good(content)) == 202
    assert state(line) is IncidentState.SNOOZED
    assert counted(line) == {"stale": 1}


def test_what_pagerduty_tells_late_and_in_order_is_all_done(line: Line) -> None:
    acknowledged(line)
    line.there.note(line.incident, "it is the cable", by=ANN)
    line.there.resolve(line.incident, by=ANN)
    line.world.advance(minutes=10)
    for _, webhook in list(line.there._queue):
        assert send(line, webhook.body, good(webhook.body), webhook.id) == 202
    assert state(line) is IncidentState.RESOLVED
    assert "it is the cable" in [each.comment for each in line.world.store.load_events(line.world.incident().id)]
    assert counted(line) == {}


def test_what_failed_is_taken_at_once_when_it_comes_again(line: Line) -> None:
    content = acknowledged(line).body
    line.failing = [{"desk": replace(api_of(line.world).desk, groups=Without(line.world.store, "load_group"))}]
    assert send(line, content, good(content)) == 503
    assert send(line, content, good(content)) == 202
    assert state(line) is IncidentState.ACKNOWLEDGED


def test_while_one_does_it_another_is_told_to_come_again(line: Line) -> None:
    content = acknowledged(line).body
    twin: list[int] = []

    class Slow:
        def __getattr__(self, name: str) -> Any:
            if name == "load_group" and not twin:
                twin.append(0)
                twin.append(send(line, content, good(content)))
            return getattr(line.world.store, name)

    line.failing = [{"desk": replace(api_of(line.world).desk, groups=Slow())}]
    assert send(line, content, good(content)) == 202
    assert twin == [0, 503]
    assert send(line, content, good(content)) == 202
    assert counted(line) == {"too many requests": 1, "replayed": 1}


def test_where_nothing_can_be_remembered_it_is_told_again(line: Line) -> None:
    content = acknowledged(line).body
    line.failing = [{"receipts": None}]
    assert send(line, content, good(content)) == 503


@pytest.mark.parametrize(
    "kind",
    ["pagey.ping", "incident.priority_updated", "service.updated", "incident.triggered", "incident.workflow.started"],
)
def test_what_is_not_for_us_is_taken(line: Line, kind: str) -> None:
    content = body(kind)
    assert send(line, content, good(content)) == 202
    assert state(line) is IncidentState.OPEN
    assert line.world.log.counts["PagerdutyEvents"] == 2  # the one of the trigger before it
    assert counted(line) == {}


def test_what_is_of_an_incident_that_is_not_ours_is_taken(line: Line) -> None:
    for key in ("d3640fbd41094207a1c11e58e46b1662", "", "0" * 32 + "/pager", "f" * 64):
        content = body(incident_key=key).replace(b"01EVENT", f"01{key[:40]}".encode())
        assert send(line, content, good(content), key) == 202
    assert state(line) is IncidentState.OPEN
    outcomes = [each["outcome"] for each in line.world.log.events("pagerduty_event")]
    assert outcomes[-4:] == ["no such incident"] * 4


def test_only_posts_are_answered(line: Line) -> None:
    event = {**request(b"", ""), "requestContext": {"http": {"method": "GET"}}}
    assert line.ask(event).status in (401, 405)


def test_a_store_that_is_away_is_told_again(line: Line) -> None:
    content = acknowledged(line).body
    line.failing = [{"receipts": Without(line.receipts, "begin")}]
    assert send(line, content, good(content)) == 503
    assert send(line, content, good(content)) == 202
    assert state(line) is IncidentState.ACKNOWLEDGED
