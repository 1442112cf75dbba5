"""What Opsgenie's Alert API refuses.

Source: https://docs.opsgenie.com/docs/alert-api
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_LENGTHS = {"message": 130, "alias": 512, "description": 15_000, "entity": 512, "source": 100, "note": 25_000}
_LISTS = {"responders": 50, "visibleTo": 50, "actions": 10, "tags": 20}
_CREATE_KEYS = frozenset({*_LENGTHS, *_LISTS, "details", "priority", "user"})
_KINDS = frozenset({"team", "user", "escalation", "schedule"})
_PATHS = re.compile(r"/v2/alerts(?:/(?P<alias>[^/?]+)/(?P<verb>close|message|description)\?identifierType=alias)?")


def check_opsgenie(method: str, path: str, body: bytes) -> tuple[Any, list[str]]:
    """Return a request's body and everything that is wrong with the request."""
    found = _PATHS.fullmatch(path)
    if found is None:
        return None, [f"{path}: no such path"]
    try:
        payload = json.loads(body)
    except ValueError as error:
        return None, [f"Request body is not processable: {error}"]
    if not isinstance(payload, dict):
        return payload, ["Request body is not an object"]
    verb = found["verb"]
    expected = "PUT" if verb in ("message", "description") else "POST"
    wrong = [] if method == expected else [f"{method}: expected {expected}"]
    rules = _create(payload) if verb is None else _change(verb, payload)
    return payload, [*wrong, *rules]


def _create(alert: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"{name}: not a field of an alert" for name in sorted(set(alert) - _CREATE_KEYS))
    if not str(alert.get("message", "")).strip():
        yield "Message can not be empty."
    for name, length in _LENGTHS.items():
        if len(alert.get(name, "")) > length:
            yield f"{name}: {len(alert[name])} characters, {length} allowed"
    for name, most in _LISTS.items():
        if len(alert.get(name, [])) > most:
            yield f"{name}: {len(alert[name])}, {most} allowed"
    if alert.get("priority", "P3") not in ("P1", "P2", "P3", "P4", "P5"):
        yield "Priority should be one of [P1, P2, P3, P4, P5]"
    details = alert.get("details", {})
    if not all(isinstance(value, str) for value in details.values()):
        yield "details: a value is no text"
    if sum(len(name) + len(value) for name, value in details.items()) > 8000:
        yield "details: more than 8000 characters"
    for responder in alert.get("responders", []):
        if responder.get("type") not in _KINDS or not {"id", "name", "username"} & set(responder):
            yield f"responders: {responder!r} is none"


def _change(verb: str, payload: Mapping[str, Any]) -> Iterator[str]:
    if verb == "close":
        yield from (f"{name}: not a field" for name in sorted(set(payload) - {"source", "note", "user"}))
    elif not payload.get(verb) or len(payload[verb]) > _LENGTHS[verb]:
        yield f"{verb}: empty or too long"
