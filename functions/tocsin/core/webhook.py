"""The body of a webhook, version 4: the data of notification templates, and which group it is about.

Where `max_alerts` leaves alerts out, Alertmanager says the status and the common labels of those that are left: the
status can be "resolved" while an unlisted alert fires. Here they are those of all alerts, unless that is asked for.

Source: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config, notify/webhook/webhook.go
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .alerts import Status
from .notifications import Notification
from .templates.json_values import to_json
from .templates.notification_data import Alerts, in_order, notification_data
from .templates.values import Struct

VERSION = "4"
CONTENT_TYPE = "application/json"


def payload(
    notification: Notification,
    *,
    max_alerts: int = 0,
    external_url: str | None = None,
    route_labels: Mapping[str, str] | None = None,
    status_of_listed: bool = False,
) -> dict[str, Any]:
    """Return the body as JSON values, in the order of Alertmanager's keys.

    `max_alerts` 0 lists all, `external_url` None is the notification's own, `route_labels` are those of the route with
    their templates expanded. `status_of_listed` does as Alertmanager does with alerts that are left out.
    """
    message = _message(
        notification,
        max_alerts=max_alerts,
        external_url=external_url,
        route_labels=route_labels,
        status_of_listed=status_of_listed,
    )
    values: dict[str, Any] = json.loads(to_json(message))
    return values


def body(
    notification: Notification,
    *,
    max_alerts: int = 0,
    external_url: str | None = None,
    route_labels: Mapping[str, str] | None = None,
    status_of_listed: bool = False,
) -> bytes:
    """Return the bytes that are posted: Alertmanager's own for the same notification, its line break included."""
    message = _message(
        notification,
        max_alerts=max_alerts,
        external_url=external_url,
        route_labels=route_labels,
        status_of_listed=status_of_listed,
    )
    return (to_json(message) + "\n").encode("utf-8", "replace")


def _message(
    notification: Notification,
    *,
    max_alerts: int,
    external_url: str | None,
    route_labels: Mapping[str, str] | None,
    status_of_listed: bool,
) -> Struct:
    listed = in_order(notification.alerts)[: max_alerts or None]
    left_out = len(notification.alerts) - len(listed)
    told = notification
    if left_out and status_of_listed:
        fires = any(alert.status_at(notification.created_at) is Status.FIRING for alert in listed)
        told = replace(notification, alerts=tuple(listed), status=Status.FIRING if fires else Status.RESOLVED)
    data = notification_data(told, route_labels=route_labels, external_url=external_url)
    alerts = data.fields["Alerts"]
    assert isinstance(alerts, Alerts)
    fields = {
        **data.fields,
        "Alerts": Alerts(alerts[: len(listed)]),
        "version": VERSION,
        "groupKey": notification.group_key,
        "truncatedAlerts": left_out + notification.truncated,
    }
    return Struct(data.go_type, fields)
