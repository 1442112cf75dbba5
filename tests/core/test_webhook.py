"""Webhook bodies beyond what the recorded ones of Alertmanager show."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

from tests.core.test_templates_alertmanager import NOW, alert, notification
from tocsin.core.webhook import body, payload

OVER = alert(instance="a", ends_at=NOW - timedelta(minutes=1))
BURNING = alert(instance="b", ends_at=None, annotations={"summary": "a < b"})


def test_the_keys_stand_in_alertmanagers_order():
    assert list(payload(notification(), route_labels={"team": "x"})) == [
        "receiver",
        "status",
        "alerts",
        "notification_reason",
        "groupLabels",
        "commonLabels",
        "commonAnnotations",
        "routeLabels",
        "externalURL",
        "version",
        "groupKey",
        "truncatedAlerts",
    ]
    assert "routeLabels" not in payload(notification())


def test_the_bytes_are_those_of_gos_json():
    text = body(notification(BURNING)).decode()
    assert text.endswith('"truncatedAlerts":0}\n')
    assert '"annotations":{"summary":"a \\u003c b"}' in text
    assert json.loads(text) == payload(notification(BURNING))


def test_what_is_left_out_still_counts_for_the_status_and_the_common_labels():
    told = payload(notification(OVER, BURNING), max_alerts=1)
    assert [each["labels"]["instance"] for each in told["alerts"]] == ["a"]
    assert (told["status"], told["truncatedAlerts"], told["commonLabels"]) == ("firing", 1, {"alertname": "Down"})


def test_unless_it_is_asked_for_as_alertmanager_does_it():
    told = payload(notification(OVER, BURNING), max_alerts=1, status_of_listed=True)
    assert (told["status"], told["truncatedAlerts"]) == ("resolved", 1)
    assert told["commonLabels"] == {"alertname": "Down", "instance": "a"}


def test_alerts_that_did_not_travel_with_the_notification_count_as_left_out():
    assert payload(replace(notification(OVER, BURNING), truncated=3), max_alerts=1)["truncatedAlerts"] == 4


def test_the_link_back_may_be_another():
    assert payload(notification(), external_url="https://am.example")["externalURL"] == "https://am.example"
    assert payload(notification())["externalURL"] == "https://tocsin.example"
