"""What PagerDuty's Events APIs refuse: version 2, and version 1 for service keys.

Sources: https://developer.pagerduty.com/docs/send-alert-event
https://raw.githubusercontent.com/PagerDuty/api-schema/main/reference/events-v1/openapiv3.json
https://raw.githubusercontent.com/PagerDuty/api-schema/main/reference/events-v2/openapiv3.json
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

EVENT_BYTES = 512 * 1024
ROUTING_KEY_LENGTH = 32
DEDUP_KEY_LENGTH = 255
SUMMARY_LENGTH = 1024
ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "error", "warning", "info")
_KEYS = frozenset({"routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url"})
_KEYS_V1 = frozenset(
    {"service_key", "event_type", "incident_key", "description", "details", "client", "client_url", "contexts"}
)
_PAYLOAD_KEYS = frozenset(
    {"summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details"}
)


def check_pagerduty(body: bytes) -> tuple[Any, list[str]]:
    """Return a request's event and everything that is wrong with it."""
    return _checked(body, _event)


def check_pagerduty_v1(body: bytes) -> tuple[Any, list[str]]:
    """Return the event of a request to version 1 and everything that is wrong with it."""
    return _checked(body, _event_v1)


def _checked(body: bytes, check: Callable[[Mapping[str, Any]], Iterator[str]]) -> tuple[Any, list[str]]:
    try:
        event = json.loads(body)
    except ValueError as error:
        return None, [f"not JSON: {error}"]
    if not isinstance(event, dict):
        return event, ["Event object is not an object"]
    problems = [f"{len(body)} bytes, {EVENT_BYTES} allowed"] if len(body) > EVENT_BYTES else []
    return event, [*problems, *check(event)]


def _event_v1(event: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"'{name}' is not a field of an event" for name in sorted(set(event) - _KEYS_V1))
    kind, key, said = (event.get(name) for name in ("event_type", "incident_key", "description"))
    if not isinstance(event.get("service_key"), str) or not event["service_key"]:
        yield "Service key is missing or blank"
    if kind not in ACTIONS:
        yield "Event type is invalid"
    if not isinstance(key, str) or not 0 < len(key) <= DEDUP_KEY_LENGTH:
        yield f"Incident key is missing, or longer than {DEDUP_KEY_LENGTH} characters"
    if not isinstance(said, str) or not said.strip():
        yield "Description is missing or blank"
    elif len(said) > SUMMARY_LENGTH:
        yield f"Description is longer than {SUMMARY_LENGTH} characters"
    if not isinstance(event.get("details", {}), dict):
        yield "Details are not an object"
    for name in ("client", "client_url"):
        if name in event and (kind != "trigger" or not isinstance(event[name], str)):
            yield f"{name} is not a text of a trigger"
    if "client_url" in event and not _is_web(event["client_url"]):
        yield "client_url is not a URL"


def _event(event: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"'{name}' is not a field of an event" for name in sorted(set(event) - _KEYS))
    yield from _routing_key(event.get("routing_key"))
    action, dedup_key = event.get("event_action"), event.get("dedup_key")
    if action not in ACTIONS:
        yield f"'event_action' is missing or invalid (must be one of {', '.join(ACTIONS)})"
    if dedup_key is not None and not (isinstance(dedup_key, str) and 0 < len(dedup_key) <= DEDUP_KEY_LENGTH):
        yield f"Length of 'dedup_key' is incorrect (should be at most {DEDUP_KEY_LENGTH} characters)"
    if action in ("acknowledge", "resolve") and not dedup_key:
        yield f"'dedup_key' is missing or blank ('{action}' needs it)"
    payload = event.get("payload")
    if payload is None:
        if action == "trigger":
            yield "'payload' is missing or blank"
    elif not isinstance(payload, dict):
        yield "'payload' is not an object"
    else:
        yield from _payload(payload)
    yield from _linked(event, "links", "href")
    yield from _linked(event, "images", "src")
    for name in ("client", "client_url"):
        if name in event and not isinstance(event[name], str):
            yield f"'{name}' is not a text"
    if "client_url" in event and not _is_web(event["client_url"]):
        yield "'client_url' is not a URL"


def _routing_key(key: Any) -> Iterator[str]:
    if not isinstance(key, str) or not key:
        yield "'routing_key' is missing or blank"
    elif len(key) != ROUTING_KEY_LENGTH:
        yield f"Length of 'routing_key' is incorrect (should be {ROUTING_KEY_LENGTH} characters)"


def _payload(payload: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"'payload.{name}' is not a field of a payload" for name in sorted(set(payload) - _PAYLOAD_KEYS))
    for name in ("summary", "source"):
        if not isinstance(payload.get(name), str) or not payload[name].strip():
            yield f"'payload.{name}' is missing or blank"
    summary = payload.get("summary")
    if isinstance(summary, str) and len(summary) > SUMMARY_LENGTH:
        yield f"Length of 'payload.summary' is incorrect (should be at most {SUMMARY_LENGTH} characters)"
    if payload.get("severity") not in SEVERITIES:
        yield f"'payload.severity' is invalid (must be one of {', '.join(SEVERITIES)})"
    if "timestamp" in payload and not _is_time(payload["timestamp"]):
        yield "'payload.timestamp' is not an ISO 8601 time"
    for name in ("component", "group", "class"):
        if name in payload and not isinstance(payload[name], str):
            yield f"'payload.{name}' is not a text"
    if not isinstance(payload.get("custom_details", {}), dict):
        yield "'payload.custom_details' is not an object"


def _linked(event: Mapping[str, Any], name: str, key: str) -> Iterator[str]:
    for index, each in enumerate(event.get(name, [])):
        if not isinstance(each, dict) or not _is_web(each.get(key)):
            yield f"'{name}[{index}].{key}' is not a URL"


def _is_web(url: Any) -> bool:
    return isinstance(url, str) and urlsplit(url).scheme in ("http", "https") and " " not in url


def _is_time(text: Any) -> bool:
    try:
        return isinstance(text, str) and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
