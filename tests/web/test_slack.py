"""Slack's own requests: which are believed, what is made of them, and that nothing else comes through."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.slack_workspace import Signed, click_body, command_body, sign
from tests.cli.states import api_of
from tests.stories.configurations import configuration
from tests.stories.world import World
from tocsin.adapters.memory import MemoryStore
from tocsin.core.clicks import Button, Click, Press, as_json, from_json, read_button
from tocsin.core.slack import SlackApp
from tocsin.errors import SecretUnavailableError, StoreError
from tocsin.web.api import answer
from tocsin.web.http import Response, parse_event
from tocsin.web.slack_payloads import PayloadError, read_command, read_interaction

NOW = datetime(2026, 11, 20, 3, 5, tzinfo=UTC)
NEW, OLD = "new-signing-secret", "old-signing-secret"
INTERACTIONS, COMMANDS = "/slack/interactions", "/slack/commands"
ACKNOWLEDGE = {"type": "button", "action_id": "acknowledge", "value": "acknowledge 0 inc-1"}
CLICK = click_body(ACKNOWLEDGE, None, user="U1", name="ann", reply_to="https://hooks.slack.com/actions/T/1/x")
# The example of Slack's documentation.
EXAMPLE_SECRET, EXAMPLE_TIME = "8f742231b10e8888abcd99yyyzzz85a5", 1531420618
EXAMPLE_SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
EXAMPLE_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)


@dataclass
class Queue:
    """What was handed over; `error` is raised instead."""

    clicks: list[Click] = field(default_factory=list)
    error: Exception | None = None

    def hand_over(self, click: Click) -> None:
        if self.error:
            raise self.error
        self.clicks.append(click)


class Door:
    """The API with an app, and what came through it."""

    def __init__(self, secret: str | Callable[[], str] = NEW, *, app: SlackApp | None = None) -> None:
        kept = app or SlackApp("", "secret:slack#signing_secret")
        self.world = World(replace(configuration(), slack=kept))
        self.queue = Queue()
        self.store = MemoryStore()

        def read(reference: str, now: datetime) -> str:
            return secret() if callable(secret) else secret

        self.api = replace(api_of(self.world), read_secret=read, seen=self.store, actions=self.queue)

    def post(
        self, signed: Signed, path: str = INTERACTIONS, *, now: datetime = NOW, is_encoded: bool = False
    ) -> Response:
        body = base64.b64encode(signed.body).decode() if is_encoded else signed.body.decode()
        event = {
            "rawPath": path,
            "rawQueryString": "",
            "requestContext": {"http": {"method": "POST", "path": path, "sourceIp": "203.0.113.9"}},
            "headers": {name.title(): value for name, value in signed.headers.items()},
            "body": body,
            "isBase64Encoded": is_encoded,
        }
        return answer(self.api, parse_event(event), now=now)

    @property
    def refusals(self) -> list[str]:
        return [str(fields["reason"]) for fields in self.world.log.events("request_refused")]


def signed(body: bytes = CLICK, *, secret: str = NEW, at: datetime = NOW) -> Signed:
    return sign(secret, body, at=at.timestamp())


def altered(given_: Signed, **headers: str | None) -> Signed:
    changed = {**given_.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return Signed({name: value for name, value in changed.items() if value is not None}, given_.body)


def test_slack_s_own_example_is_believed() -> None:
    door = Door(EXAMPLE_SECRET)
    headers = {
        "x-slack-request-timestamp": str(EXAMPLE_TIME),
        "x-slack-signature": EXAMPLE_SIGNATURE,
        "content-type": "application/x-www-form-urlencoded",
    }
    at = datetime.fromtimestamp(EXAMPLE_TIME, UTC)
    response = door.post(Signed(headers, EXAMPLE_BODY), COMMANDS, now=at)
    assert (response.status, response.value["response_type"]) == (200, "ephemeral")
    assert door.refusals == []
    assert sign(EXAMPLE_SECRET, EXAMPLE_BODY, at=EXAMPLE_TIME).headers["x-slack-signature"] == EXAMPLE_SIGNATURE


@pytest.mark.parametrize("is_encoded", [False, True])
def test_a_click_is_handed_over_and_answered_with_nothing(*, is_encoded: bool) -> None:
    door = Door()
    response = door.post(signed(), is_encoded=is_encoded)
    assert (response.status, response.value, response.text) == (200, None, "")
    (click,) = door.queue.clicks
    assert click == Click(
        click.id,
        Button(Press.ACKNOWLEDGE, "inc-1"),
        "U1",
        "ann",
        NOW,
        "https://hooks.slack.com/actions/T/1/x",
    )
    assert from_json(json.loads(json.dumps(as_json(click)))) == click


SIGNATURE = signed().headers["x-slack-signature"]
REFUSED: dict[str, tuple[Signed, str]] = {
    "no signature": (altered(signed(), x_slack_signature=None), "malformed"),
    "no time": (altered(signed(), x_slack_request_timestamp=None), "malformed"),
    "another version": (altered(signed(), x_slack_signature=SIGNATURE.replace("v0", "v1")), "malformed"),
    "a signature that is cut": (altered(signed(), x_slack_signature=SIGNATURE[:-1]), "malformed"),
    "a signature in capitals": (altered(signed(), x_slack_signature="v0=" + SIGNATURE[3:].upper()), "malformed"),
    "a signature in other digits": (altered(signed(), x_slack_signature="v0=" + "٣" * 64), "malformed"),
    "two signatures": (altered(signed(), x_slack_signature=f"{SIGNATURE},{SIGNATURE}"), "malformed"),
    "a time that is none": (altered(signed(), x_slack_request_timestamp="yesterday"), "malformed"),
    "a time in other digits": (altered(signed(), x_slack_request_timestamp="١٧٠٠٠٠٠٠٠٠"), "malformed"),
    "a time with a sign": (altered(signed(), x_slack_request_timestamp="-1"), "malformed"),
    "a time beyond all": (altered(signed(), x_slack_request_timestamp="99999999999"), "stale"),
    "older than five minutes": (signed(at=NOW - timedelta(seconds=301)), "stale"),
    "of a clock that is far ahead": (signed(at=NOW + timedelta(seconds=301)), "stale"),
    "by another secret": (signed(secret="guessed"), "forged"),
    "by no secret": (signed(secret=""), "forged"),
    "another body": (Signed(signed().headers, CLICK + b"x"), "forged"),
    "another time": (altered(signed(), x_slack_request_timestamp=str(int(NOW.timestamp()) + 1)), "forged"),
    "of zeros": (altered(signed(), x_slack_signature="v0=" + "0" * 64), "forged"),
}


@pytest.mark.parametrize("path", [INTERACTIONS, COMMANDS])
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_not_slack_s_is_refused_logged_and_counted(name: str, path: str) -> None:
    door = Door()
    given_, reason = REFUSED[name]
    response = door.post(given_, path)
    # Whoever tries learns nothing from the answer.
    assert (response.status, response.value) == (401, {"code": 401, "message": "the request's signature is not valid"})
    assert door.queue.clicks == []
    assert door.refusals == [reason]
    assert door.world.log.counts["RequestsRefused"] == 1


def test_at_the_edge_of_five_minutes_it_is_believed() -> None:
    for seconds in (-300, 300):
        assert Door().post(signed(at=NOW + timedelta(seconds=seconds))).status == 200


def test_the_same_request_again_is_refused() -> None:
    door = Door()
    assert [door.post(signed(), now=NOW + timedelta(seconds=i)).status for i in range(3)] == [200, 401, 401]
    assert len(door.queue.clicks) == 1
    assert door.refusals == ["replayed", "replayed"]


def test_a_second_click_is_another_request() -> None:
    door = Door()
    door.post(signed())
    door.post(signed(at=NOW + timedelta(seconds=1)), now=NOW + timedelta(seconds=1))
    first, second = door.queue.clicks
    assert first.id != second.id


def test_where_the_table_cannot_count_a_click_is_taken_all_the_same() -> None:
    door = Door()

    class Broken:
        def add(self, *_: Any, **__: Any) -> int:
            raise StoreError("throttled")

    door.api = replace(door.api, seen=Broken())
    assert door.post(signed()).status == 200


@pytest.mark.parametrize("kept", [f"{NEW} {OLD}", f"{OLD},{NEW}", f"{NEW}\n{OLD}\n"])
def test_while_the_secret_is_exchanged_both_are_good(kept: str) -> None:
    door = Door(kept)
    assert [door.post(signed(secret=each)).status for each in (NEW, OLD, "third")] == [200, 200, 401]


def test_without_an_app_nothing_is_believed() -> None:
    door = Door(app=SlackApp("secret:slack#bot_token"))
    assert door.post(signed(secret="")).status == 401
    assert door.refusals == ["forged"]


def test_a_secret_that_cannot_be_read_is_no_reason_to_believe() -> None:
    def unreadable() -> str:
        raise SecretUnavailableError("secret:slack#signing_secret: could not be read: ThrottlingException")

    door = Door(unreadable)
    assert (door.post(signed()).status, door.queue.clicks) == (503, [])


def test_a_click_that_cannot_be_queued_is_not_taken() -> None:
    door = Door()
    door.queue.error = StoreError("the queue")
    assert door.post(signed()).status == 503
    door.api = replace(door.api, actions=None)
    assert door.post(signed(at=NOW + timedelta(seconds=1))).status == 503


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "view_submission", "user": {"id": "U1"}},
        {"type": "block_actions", "user": {"id": "U1"}, "actions": []},
        {"type": "block_actions", "user": {"id": "U1"}, "actions": [{"action_id": "runbook", "type": "button"}]},
        {"type": "block_actions", "user": {"id": "U1"}, "actions": [{"value": "approve 0 inc-1"}]},
        {"type": "block_actions", "user": {"id": "U1"}, "actions": [{"value": "acknowledge 0 "}]},
        {"type": "block_actions", "user": {"id": "U1"}, "actions": [{"selected_option": None}]},
        {"type": "block_actions", "actions": [ACKNOWLEDGE]},
        {"type": "block_actions", "user": "U1", "actions": [ACKNOWLEDGE]},
    ],
)
def test_what_is_none_of_our_buttons_is_taken_and_nothing_done(payload: dict[str, Any]) -> None:
    door = Door()
    response = door.post(signed(urlencode({"payload": json.dumps(payload)}).encode()))
    assert (response.status, door.queue.clicks, door.refusals) == (200, [], [])


@pytest.mark.parametrize("body", [b"", b"payload=", b"payload={", b"payload=[]", b"payload=1", b"\xff", b"a=1&" * 100])
def test_what_is_no_form_of_slack_s_is_malformed(body: bytes) -> None:
    door = Door()
    assert (door.post(signed(body), is_encoded=True).status, door.refusals) == (400, ["malformed"])


def typed(text: str) -> tuple[Response, list[Click]]:
    door = Door()
    body = command_body(text, user="U1", name="ann", reply_to="https://hooks.slack.com/commands/T/1/x")
    return door.post(signed(body), COMMANDS), door.queue.clicks


@pytest.mark.parametrize(
    ("text", "button", "comment"),
    [
        ("list", Button(Press.LIST), ""),
        ("  LIST ", Button(Press.LIST), ""),
        ("oncall", Button(Press.ONCALL), ""),
        ("ack inc-1", Button(Press.ACKNOWLEDGE, "inc-1"), ""),
        ("ack  inc-1  looking at it", Button(Press.ACKNOWLEDGE, "inc-1"), "looking at it"),
    ],
)
def test_a_command_is_handed_over(text: str, button: Button, comment: str) -> None:
    response, (click,) = typed(text)
    assert (response.status, response.value) == (200, None)
    assert (click.button, click.comment, click.user, click.name) == (button, comment, "U1", "ann")
    assert click.reply_to == "https://hooks.slack.com/commands/T/1/x"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "*/tocsin list*"),
        ("help", "*/tocsin list*"),
        ("reboot", "I do not know `reboot`"),
        ("<!channel>`*", "I do not know `channel`"),
        ("ack", "Which one?"),
        ("ack " + "x" * 200, "Which one?"),
    ],
)
def test_what_needs_no_work_is_answered_at_once(text: str, expected: str) -> None:
    response, clicks = typed(text)
    assert (response.status, response.value["response_type"], clicks) == (200, "ephemeral", [])
    assert expected in response.value["text"]


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"ssl_check=1&token=abc", 200), (b"token=abc&ssl_check=1", 200), (b"ssl_check=1&command=/tocsin", 401)],
)
def test_slack_may_look_at_the_certificate(body: bytes, status: int) -> None:
    door = Door()
    assert (door.post(Signed({}, body), COMMANDS).status, door.queue.clicks) == (status, [])


def test_nothing_else_may_be_done_at_these_paths() -> None:
    door = Door()
    for path in (INTERACTIONS, COMMANDS):
        event = {"rawPath": path, "requestContext": {"http": {"method": "GET", "path": path}}}
        assert answer(door.api, parse_event(event), now=NOW).status == 401  # as any path for who has no token


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.just("acknowledge 0 inc-1"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.just("block_actions") | _VALUES,
        "user": _VALUES | st.fixed_dictionaries({}, optional={"id": _VALUES, "name": _VALUES}),
        "actions": _VALUES
        | st.lists(st.fixed_dictionaries({}, optional={"value": _VALUES, "selected_option": _VALUES}), max_size=2),
        "response_url": _VALUES,
    },
)


@given(_PAYLOADS | _VALUES)
def test_whatever_a_payload_holds_it_is_a_click_or_none(payload: Any) -> None:
    body = urlencode({"payload": json.dumps(payload)}).encode()
    try:
        click = read_interaction(body, key="k", at=NOW)
    except PayloadError:
        return
    assert click is None or from_json(as_json(click)) == click


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: text.encode()))
def test_whatever_bytes_come_they_are_read_or_refused(body: bytes) -> None:
    for read in (read_interaction, read_command):
        try:
            read(body, key="k", at=NOW)
        except PayloadError:
            continue


@given(st.text(max_size=600), st.text(max_size=20))
def test_whatever_is_typed_it_is_a_command_or_an_answer(text: str, user: str) -> None:
    given_ = command_body(text.encode("utf-8", "replace").decode(), user="U" + user, name=user)
    command = read_command(given_, key="k", at=NOW)
    assert (command.click is None) == bool(command.answer)
    assert command.click is None or from_json(as_json(command.click)) == command.click


@given(
    st.sampled_from([Press.ACKNOWLEDGE, Press.RESOLVE, Press.ESCALATE]),
    st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=60),
    st.integers(1, 86400 * 30),
)
def test_a_button_is_what_it_was(press: Press, incident: str, seconds: int) -> None:
    for button in (Button(press, incident), Button(Press.SUPPRESS, incident, timedelta(seconds=seconds))):
        assert read_button(button.value) == button


@given(st.text(max_size=200))
def test_any_other_value_is_no_button(value: str) -> None:
    try:
        button = read_button(value)
    except ValueError:
        return
    assert read_button(button.value) == button
