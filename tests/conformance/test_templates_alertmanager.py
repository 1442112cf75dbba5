"""Notification templates: what Alertmanager makes of them, of its default templates, and of its data."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from tests.conformance.cases import load_cases, of_kind
from tocsin.config.patterns import compile_pattern
from tocsin.core.alerts import Alert
from tocsin.core.labels import Labels
from tocsin.core.notifications import Notification, Reason, compose
from tocsin.core.receivers import Integration, Kind
from tocsin.core.routing import GroupId, GroupIdentity
from tocsin.core.templates import Struct, TemplateError
from tocsin.core.templates.alertmanager import TemplateSet
from tocsin.core.templates.clock import ZERO_TIME, Time
from tocsin.core.templates.json_values import to_json
from tocsin.core.templates.notification_data import ALERT, DATA, KV, Alerts, Strings, notification_data

CASES = load_cases("templates_alertmanager.json")
NOW = datetime(2026, 8, 1, tzinfo=UTC)

# The shipped e-mail says what Alertmanager's says in markup of our own: what a reader sees and where links lead is
# compared, not the tags.
OWN_MARKUP = frozenset({"templates_alertmanager-214", "templates_alertmanager-215"})


def instant(text):
    return datetime.fromisoformat(text).astimezone(UTC) if text else ZERO_TIME


def typed_value(data):
    value = data.get("value")
    match data["type"]:
        case "nil" | "string" | "map":
            return value
        case "number":
            return float(value)
        case "string_list":
            return Strings(value)
        case "float_list":
            return [float(item) for item in value]
        case "int_list" | "uint_list":
            return [int(item) for item in value]
        case "time":
            return Time(instant(value))
        case "notification":
            return notification_value(value)
    raise AssertionError(f"unknown data type {data['type']}")


def notification_value(value):
    """Return the data of a notification that says exactly what the case says, however odd."""
    fields = {
        "Receiver": value.get("receiver", ""),
        "Status": value.get("status", ""),
        "Alerts": Alerts(alert_value(alert) for alert in value.get("alerts") or ()),
        "NotificationReason": "",
        "GroupLabels": KV(value.get("groupLabels")),
        "CommonLabels": KV(value.get("commonLabels")),
        "CommonAnnotations": KV(value.get("commonAnnotations")),
        "RouteLabels": KV(value.get("routeLabels")),
        "ExternalURL": value.get("externalURL", ""),
    }
    return Struct(DATA, fields)


def alert_value(alert):
    fields = {
        "Status": alert.get("status", ""),
        "Labels": KV(alert.get("labels")),
        "Annotations": KV(alert.get("annotations")),
        "StartsAt": Time(instant(alert.get("startsAt"))),
        "EndsAt": Time(instant(alert.get("endsAt"))),
        "GeneratorURL": alert.get("generatorURL", ""),
        "Fingerprint": alert.get("fingerprint", ""),
    }
    return Struct(ALERT, fields)


def run(case):
    files = {f"{number}.tmpl": text for number, text in enumerate(case.get("defs") or ())}
    route_labels = (
        (case["data"].get("value") or {}).get("routeLabels") if case["data"]["type"] == "notification" else {}
    )
    templates = TemplateSet(files, compile=compile_pattern)
    data = typed_value(case["data"])
    return templates.expand(case["text"], data, now=NOW, route_labels=route_labels, as_html=case.get("html", False))


class _Reader(HTMLParser):
    """What somebody reads in a page, and where its links lead."""

    def __init__(self):
        super().__init__()
        self.texts = []
        self.links = []
        self.hidden = 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag == "style"
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag):
        self.hidden -= tag == "style"

    def handle_data(self, data):
        if not self.hidden:
            self.texts.append(data)


def read(page):
    reader = _Reader()
    reader.feed(page)
    return re.sub(r"\s+", " ", " ".join(reader.texts)).strip(), reader.links


@pytest.mark.parametrize("case", of_kind(CASES, "template"))
def test_a_template_gives_what_alertmanager_gives(case):
    if "error" in case:
        with pytest.raises(TemplateError):
            run(case)
    elif case["id"] in OWN_MARKUP:
        assert read(run(case)) == read(case["output"])
    else:
        assert run(case) == case["output"]


def notification(case) -> Notification:
    alerts = [
        Alert(
            labels=Labels(alert["labels"]),
            annotations=alert["annotations"],
            starts_at=instant(alert["startsAt"]),
            updated_at=NOW,
            ends_at=instant(alert["endsAt"]) if alert.get("endsAt") else None,
        )
        for alert in case["alerts"]
    ]
    return compose(
        GroupIdentity(GroupId("0" * 32), "{}:{}", Labels(case["groupLabels"])),
        Integration(case["receiver"], Kind.SLACK, 0, send_resolved=True),
        alerts,
        seq=1,
        reason=Reason.FIRST,
        retry_after=timedelta(hours=4),
        incident=None,
        step=None,
        external_url=case["externalURL"],
        now=NOW,
    )


def _by_fingerprint(data):
    """Return data with its alerts in any one order: these cases hand them over unsorted."""
    return {**data, "alerts": sorted(data["alerts"], key=lambda alert: alert["fingerprint"])}


@pytest.mark.parametrize("case", of_kind(CASES, "data"))
def test_a_notification_becomes_the_data_that_alertmanager_gives_to_templates(case):
    assert _by_fingerprint(json.loads(to_json(notification_data(notification(case))))) == _by_fingerprint(case["data"])
