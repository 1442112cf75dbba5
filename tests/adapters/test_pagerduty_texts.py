"""PagerDuty with texts of the settings' own: every field of an event."""

from __future__ import annotations

from typing import Any

from dev.receivers import check_pagerduty
from tests.adapters.samples import NOW, alert, notification
from tests.adapters.scripted import ListedSecrets, outlets
from tests.golden import assert_golden_json
from tocsin.adapters.http import Response, encode
from tocsin.adapters.pagerduty import PagerdutySender, render
from tocsin.core.receivers import Kind

PAGERDUTY = Kind.PAGERDUTY
KEY = "a" * 32
SETTINGS: dict[str, Any] = {
    "description": "{{ .CommonLabels.service }} is {{ .Status }}",
    "severity": "{{ if eq .CommonLabels.severity `critical` }}critical{{ end }}",
    "class": "{{ .CommonLabels.alertname }}",
    "component": "web",
    "group": "{{ .CommonLabels.service }}",
    "source": "eu-west-1",
    "client": "Ops",
    "client_url": "https://example.com/{{ .CommonLabels.service }}",
    "details": {
        "runbook": "{{ .CommonAnnotations.runbook_url }}",
        "count": "{{ len .Alerts }}",
        "nested": {"labels": "{{ .CommonLabels | toJson }}"},
        "firing": "{{ .Alerts.Firing | toJson }}",
        "num_firing": "{{ .Alerts.Firing | len }}",
    },
    "images": [
        {"src": "https://example.com/graph.png", "alt": "{{ .Status }}", "href": "https://example.com"},
        {"src": "{{ .CommonAnnotations.graph }}"},
    ],
    "links": [{"href": "https://example.com/wiki", "text": "Wiki"}, {"href": "{{ .CommonAnnotations.nothing }}"}],
}


def problems(event: dict[str, Any]) -> list[str]:
    return check_pagerduty(encode({**event, "routing_key": KEY}))[1]


def test_the_settings_fill_every_field() -> None:
    event = render(notification(PAGERDUTY, alert(), settings=SETTINGS))
    assert problems(event) == []
    assert_golden_json("pagerduty/settings.json", event)
    details = event["payload"]["custom_details"]
    assert (details["count"], details["nested"]["labels"]["service"]) == (1, "checkout")
    assert details["firing"][0]["alert"] == "HighErrorRate", "a default of Alertmanager's leaves ours"


def test_a_text_that_fails_says_so_and_what_there_is_to_say() -> None:
    settings = {**dict.fromkeys(SETTINGS, "{{ .Broken }"), "details": {"x": "{{ nothing }}"}, "images": [], "links": []}
    event = render(notification(PAGERDUTY, alert(), settings=settings))
    assert problems(event) == []
    assert event["payload"]["summary"].startswith("[FIRING:1] HighErrorRate")
    assert_golden_json("pagerduty/broken_template.json", event)


def test_details_that_are_too_large_leave_the_alerts_their_room() -> None:
    event = render(notification(PAGERDUTY, alert(), settings={"details": {"x": "y" * 300_000}}))
    assert problems(event) == []
    assert "left out" in event["payload"]["custom_details"]["error"]


def deliver(settings: dict[str, Any]) -> bytes:
    work, transport = outlets(Response(202, {}, b"{}"), secrets=ListedSecrets(KEY))
    PagerdutySender(work)(notification(PAGERDUTY, alert(labels={"key": "b" * 32}), settings=settings), now=NOW)
    return transport.requests[0].body


def test_labels_may_choose_the_service() -> None:
    assert b'"routing_key":"' + b"b" * 32 in deliver({"routing_key": "{{ .CommonLabels.key }}"})
