"""What a program that was written for Alertmanager's webhooks would stumble over: version 4 of their body.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

_KEYS = {
    "receiver": str,
    "status": str,
    "alerts": list,
    "groupLabels": dict,
    "commonLabels": dict,
    "commonAnnotations": dict,
    "externalURL": str,
    "version": str,
    "groupKey": str,
    "truncatedAlerts": int,
}
_ALERT_KEYS = {
    "status": str,
    "labels": dict,
    "annotations": dict,
    "startsAt": str,
    "endsAt": str,
    "generatorURL": str,
    "fingerprint": str,
}


def check_webhook(body: bytes) -> tuple[Any, list[str]]:
    """Return a body and everything that is wrong with it; other JSON than version 4 is somebody's own."""
    try:
        message = json.loads(body)
    except ValueError as error:
        return None, [f"not JSON: {error}"]
    if not isinstance(message, dict) or message.get("version") != "4":
        return message, []
    return message, list(_message(message))


def _message(message: Mapping[str, Any]) -> Iterator[str]:
    yield from _typed("", message, _KEYS)
    if message.get("status") not in ("firing", "resolved"):
        yield f"status: {message.get('status')!r}"
    for index, alert in enumerate(message.get("alerts") or ()):
        yield from _typed(f"alerts[{index}].", alert, _ALERT_KEYS)
        for name in ("startsAt", "endsAt"):
            if not _is_time(alert.get(name)):
                yield f"alerts[{index}].{name}: no time"


def _typed(where: str, found: Mapping[str, Any], types: Mapping[str, type]) -> Iterator[str]:
    for name, kind in types.items():
        if not isinstance(found.get(name), kind):
            yield f"{where}{name}: expected {kind.__name__}, found {found.get(name)!r}"


def _is_time(text: Any) -> bool:
    try:
        return isinstance(text, str) and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
