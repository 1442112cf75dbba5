"""`tocsin template render`: a notification template with its data filled in, with amtool's options.

Without --template.glob the configuration's own template files are there, besides the shipped ones, which always are.

Source: https://github.com/prometheus/alertmanager/blob/main/cli/template_render.go
"""

from __future__ import annotations

import argparse
import glob
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..core.templates import Struct, TemplateError
from ..core.templates.alertmanager import TemplateSet
from ..core.templates.clock import ZERO_TIME, Time
from ..core.templates.notification_data import ALERT, DATA, KV, Alerts
from ..errors import TocsinError
from ..wiring import compile_pattern
from .failures import UsageError
from .session import Session, load_configuration

_TEXTS = {
    "Receiver": "receiver",
    "Status": "status",
    "NotificationReason": "notificationReason",
    "ExternalURL": "externalURL",
}
_MAPS = ("groupLabels", "commonLabels", "commonAnnotations", "routeLabels")


class RenderError(TocsinError):
    """The template cannot be rendered."""


def render(arguments: argparse.Namespace, session: Session) -> int:
    """Print the text, with nothing added to its end."""
    data = _example(session.now) if arguments.data is None else _read_data(arguments.data)
    try:
        templates = TemplateSet(_files(arguments, session), compile=compile_pattern)
        is_html = arguments.type == "html"
        text = templates.expand(arguments.text, notification_value(data), now=session.now, as_html=is_html)
    except TemplateError as error:
        raise RenderError(str(error)) from None
    sys.stdout.write(text)
    return 0


def _files(arguments: argparse.Namespace, session: Session) -> Mapping[str, str]:
    if not arguments.globs:
        return load_configuration(session.workplace(CONFIG_URI=arguments.config)).templates
    paths = [path for pattern in arguments.globs for path in sorted(glob.glob(pattern))]
    return {path: Path(path).read_text(encoding="utf-8") for path in paths}


def _read_data(path: str) -> Mapping[str, Any]:
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"--template.data: {path} is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise UsageError(f"--template.data: {path} is not a JSON object")
    return data


def notification_value(data: Mapping[str, Any]) -> Struct:
    """Return what a template sees of a notification that is written as Alertmanager's webhook sends it."""
    try:
        fields: dict[str, Any] = {name: str(data.get(key) or "") for name, key in _TEXTS.items()}
        fields["Alerts"] = Alerts(_alert(each) for each in data.get("alerts") or ())
        for key in _MAPS:
            fields[key[0].upper() + key[1:]] = _labels(data.get(key))
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"--template.data: not the data of a notification: {error}") from None
    return Struct(DATA, fields)


def _alert(data: Mapping[str, Any]) -> Struct:
    fields = {
        "Status": str(data.get("status") or ""),
        "Labels": _labels(data.get("labels")),
        "Annotations": _labels(data.get("annotations")),
        "StartsAt": _time(data.get("startsAt")),
        "EndsAt": _time(data.get("endsAt")),
        "GeneratorURL": str(data.get("generatorURL") or ""),
        "Fingerprint": str(data.get("fingerprint") or ""),
    }
    return Struct(ALERT, fields)


def _labels(data: Mapping[str, Any] | None) -> KV:
    return KV(None if data is None else {str(name): str(value) for name, value in data.items()})


def _time(text: str | None) -> Time:
    if not text:
        return Time(ZERO_TIME)
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"a time needs a zone: {text}")
    return Time(instant.astimezone(UTC))


def _example(now: datetime) -> Mapping[str, Any]:
    """Return the data of a notification of two alerts, one of which is over."""
    common = {"alertname": "HighLatency", "severity": "warning", "service": "shop"}
    annotations = {"summary": "Requests take long", "runbook_url": "https://runbooks.example.com/high-latency"}
    firing = _example_alert({**common, "instance": "shop-1"}, annotations, now - timedelta(minutes=12), None)
    over = _example_alert({**common, "instance": "shop-2"}, annotations, now - timedelta(minutes=40), now)
    return {
        "receiver": "team-shop",
        "status": "firing",
        "alerts": [firing, over],
        "groupLabels": {"alertname": "HighLatency"},
        "commonLabels": common,
        "commonAnnotations": annotations,
        "externalURL": "https://tocsin.example.com",
    }


def _example_alert(
    labels: Mapping[str, str], annotations: Mapping[str, str], starts_at: datetime, ends_at: datetime | None
) -> Mapping[str, Any]:
    return {
        "status": "resolved" if ends_at else "firing",
        "labels": labels,
        "annotations": {**annotations, "description": f"{labels['instance']} answers in 2.4 s"},
        "startsAt": starts_at.isoformat(),
        "endsAt": ends_at.isoformat() if ends_at else None,
        "generatorURL": "https://prometheus.example.com/graph?g0.expr=latency",
        "fingerprint": "5f7a9b2c4d6e8f01" if ends_at else "1c3e5a7b9d0f2468",
    }
