"""What fuzzing has found, each as short as it can be said: inputs on which a door once crashed, or never ended."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fuzz import worlds
from tests.fuzz.guards import bounded
from tests.fuzz.targets import TARGETS
from tocsin.adapters.dynamodb import DynamoRules, Table
from tocsin.adapters.dynamodb.table import encode_all, pack
from tocsin.core.rules import RuleKey

DEEP = "[" * 20_000


def vector(labels: str) -> bytes:
    return (
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":%s,"value":[1,"1"]}]}}'
        % labels.encode()
    )


def told(**changes: Any) -> bytes:
    return json.dumps({**worlds.message(), **changes}).encode()


def by_sns(message: str) -> bytes:
    return json.dumps({"Records": [{"Sns": {"Message": message}}]}).encode()


def items(read: str, *found: dict[str, Any]) -> bytes:
    return json.dumps({"read": read, "items": found}).encode()


FINDINGS: dict[str, tuple[str, bytes]] = {
    "a time zone of a thousand parts": ("time intervals", b"- location: " + b"a/" * 2_000 + b"b"),
    "a time before the first year": ("events of the schedule", b'{"now": "0001-01-01T00:00:00+23:59"}'),
    "a question before the first year": (
        "questions of the state machine",
        b'{"incident": "inc-0", "now": "0001-01-01T00:00:00+23:59"}',
    ),
    "an alert before the first year": (
        "notifications by SNS",
        by_sns(told(created_at="0001-01-01T00:00:00+01:00").decode()),
    ),
    "a wait that no duration can hold": ("notifications by SNS", by_sns(told(retry_after_seconds=1e308).decode())),
    "a receiver that is a list": ("notifications to every receiver", told(receiver=["team"])),
    "a notification without an id": ("notifications to every receiver", told(id="")),
    "a message as deep as the stack": ("notifications by SNS", by_sns(DEEP)),
    "a timer as deep as the stack": (
        "events of timers",
        json.dumps({"Records": [{"messageId": "m", "body": DEEP}]}).encode(),
    ),
    "a label that is a list": ("answers of metrics", vector('{"a": ["b"]}')),
    "a label that is a truth value": ("answers of metrics", vector('{"a": true}')),
    "half a surrogate pair for a name": ("answers of metrics", vector(r'{"\ud800": "a"}')),
    "half a surrogate pair for a value": ("answers of metrics", vector(r'{"a": "\udc00"}')),
    "an answer as deep as the stack": ("answers of metrics", DEEP.encode()),
    "a receiver that asks for no wait": ("answers of receivers", b"0"),
    "a token of half a surrogate pair": ("answers of receivers", rb'{"access_token": "\ud800", "expires_in": 9}'),
    "a rule's record that is empty": ("items of the table", items("rules", {"sk": "r", "parts": 1, "version": 1})),
    "a record of a thousand million parts": (
        "items of the table",
        items("rules", {"sk": "r", "parts": 10**9, "version": 1, "digest": "d", "data": "", "receivers": []}),
    ),
    "a record whose parts are a text": ("items of the table", items("rules", {"sk": "r", "parts": "1"})),
    "a group without its identity": ("items of the table", items("groups", {"sk": "head", "version": 1})),
    "an alert's copy that is a number": ("items of the table", items("inhibitors", {"sk": "a", "alert": 1})),
    "a silence without a silence": ("items of the table", items("silences", {"sk": "a"})),
    "an item that never expires": ("items of the table", items("silences", {"sk": "a", "expires_at": 10**18})),
    "an incident without a receiver": ("items of the table", items("incidents", {"sk": "head", "id": "i"})),
    "a delivery without attempts": ("items of the table", items("deliveries", {"sk": "a#1", "state": "failed"})),
    "a configuration without its parts": ("items of the table", items("config", {"sk": "last-good", "parts": 2})),
}


@pytest.mark.parametrize(("target", "data"), FINDINGS.values(), ids=FINDINGS.keys())
def test_it_is_taken_or_refused(target: str, data: bytes) -> None:
    with bounded():
        TARGETS[target].try_out(data)


def test_a_rule_that_cannot_be_read_keeps_no_other_from_being_evaluated() -> None:
    good = {
        "pk": "rules",
        "sk": "good",
        "version": 3,
        "parts": 1,
        "digest": "x",
        "health": "ok",
        "error": "",
        "routes_digest": "d",
        "receivers": [],
        "data": pack('{"active": {}, "telling": {}}'),
    }
    bad = {**good, "sk": "bad", "version": 7, "data": b"no data"}

    class Client:
        def query(self, **_: Any) -> dict[str, Any]:
            return {"Items": [encode_all(good), encode_all(bad)]}

    found = DynamoRules(Table("t", Client)).load_rules(now=worlds.told().created_at)
    assert {key: record.version for key, record in found.items()} == {"good": 3, "bad": 7}
    assert found[RuleKey("bad")].is_lost
    assert found[RuleKey("good")].error == ""


def test_a_secret_nested_deeply_is_no_secret_of_ours() -> None:
    TARGETS["secrets"].try_out(b"[" * 2000)


@pytest.mark.parametrize("log", [10**40, "text", None])
def test_a_log_that_is_no_bytes_is_an_item_that_cannot_be_read(log: Any) -> None:
    head = {"pk": "group#g", "sk": "head", "version": 1, "identity": {"receiver": "r", "route_key": "{}", "labels": {}}}
    item = {**head, "log": log, "log_parts": 10**40, "log_version": 1}
    with bounded():
        TARGETS["items of the table"].try_out(json.dumps({"read": "groups", "items": [item]}).encode())
