"""What a notification template sees: the receiver, the alerts, and the labels that they have in common.

Names, methods and texts are Alertmanager's. A firing alert has no end: its EndsAt is the zero time of year 1.

Source: https://prometheus.io/docs/alerting/latest/notifications/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cmp_to_key

from tocsin.core.alerts import Alert, Status
from tocsin.core.labels import ALERTNAME, common
from tocsin.core.notifications import Notification
from tocsin.core.templates.clock import ZERO_TIME, Time
from tocsin.core.templates.values import Function, StringMap, Struct, Value

DATA = "template.Data"
ALERT = "template.Alert"
PAIR = "template.Pair"
STRINGS = "[]string"
_REGEXP_SIGNS = re.compile(r"([\\.+*?()|\[\]{}^$])")


class Strings(tuple[str, ...], Value):
    """A []string."""

    __slots__ = ()
    go_type = STRINGS


class Pairs(tuple[Struct, ...], Value):
    """Names with their values, in order."""

    __slots__ = ()
    go_type = "template.Pairs"

    def go_string(self) -> str:
        return ", ".join(f"{pair.fields['Name']}={pair.fields['Value']}" for pair in self)

    def column(self, name: str) -> Strings:
        return Strings(str(pair.fields[name]) for pair in self)

    def go_method(self, name: str) -> Function | None:
        columns = {"Names": "Name", "Values": "Value"}
        return Function(lambda: self.column(columns[name])) if name in columns else None


class KV(StringMap, Value):
    """Labels or annotations; `is_nil` where nobody made a map at all, which JSON tells from an empty one."""

    __slots__ = ("is_nil",)
    go_type = "template.KV"

    def __init__(self, pairs: Mapping[str, str] | None = None) -> None:
        super().__init__(pairs or {})
        self.is_nil = pairs is None

    def sorted_pairs(self) -> Pairs:
        """Return the pairs by name, the alert's name before all others."""
        names = sorted(self, key=lambda name: (name != ALERTNAME, name))
        return Pairs(Struct(PAIR, {"Name": name, "Value": self[name]}) for name in names)

    def remove(self, names: Iterable[str] | None) -> KV:
        gone = frozenset(names or ())
        return KV({name: value for name, value in self.items() if name not in gone})

    def go_string(self) -> str:
        return self.sorted_pairs().go_string()

    def go_method(self, name: str) -> Function | None:
        methods = {
            "SortedPairs": Function(self.sorted_pairs),
            "Names": Function(lambda: self.sorted_pairs().column("Name")),
            "Values": Function(lambda: self.sorted_pairs().column("Value")),
            "Remove": Function(self.remove, (STRINGS,)),
            "String": Function(self.go_string),
        }
        return methods.get(name)


class AlertList(tuple[Struct, ...], Value):
    """Alerts of one status."""

    __slots__ = ()
    go_type = "[]template.Alert"


class Alerts(tuple[Struct, ...], Value):
    """All alerts of a notification."""

    __slots__ = ()
    go_type = "template.Alerts"

    def of_status(self, status: Status) -> AlertList:
        return AlertList(alert for alert in self if alert.fields["Status"] == status.value)

    def go_method(self, name: str) -> Function | None:
        statuses = {"Firing": Status.FIRING, "Resolved": Status.RESOLVED}
        return Function(lambda: self.of_status(statuses[name])) if name in statuses else None


def notification_data(
    notification: Notification, *, route_labels: Mapping[str, str] | None = None, external_url: str | None = None
) -> Struct:
    """Return the data of a notification; without an `external_url`, links lead where the notification says."""
    alerts = in_order(notification.alerts)
    return Struct(
        DATA,
        {
            "Receiver": quote_meta(notification.receiver),
            "Status": notification.status.value,
            "Alerts": Alerts(alert_data(alert, now=notification.created_at) for alert in alerts),
            "NotificationReason": notification.reason.value,
            "GroupLabels": KV(notification.group_labels),
            "CommonLabels": KV(common(alert.labels for alert in alerts)),
            "CommonAnnotations": KV(common(alert.annotations for alert in alerts)),
            "RouteLabels": KV(route_labels),
            "ExternalURL": notification.external_url if external_url is None else external_url,
        },
    )


def alert_data(alert: Alert, *, now: datetime) -> Struct:
    status = alert.status_at(now)
    ended = alert.ends_at if status is Status.RESOLVED else None
    return Struct(
        ALERT,
        {
            "Status": status.value,
            "Labels": KV(alert.labels),
            "Annotations": KV(alert.annotations),
            "StartsAt": Time(alert.starts_at),
            "EndsAt": Time(ended or ZERO_TIME),
            "GeneratorURL": alert.generator_url,
            "Fingerprint": str(alert.fingerprint),
        },
    )


def quote_meta(text: str) -> str:
    """Return text as a regular expression that matches it: that is how Alertmanager writes a receiver's name."""
    return _REGEXP_SIGNS.sub(r"\\\1", text)


def in_order(alerts: Iterable[Alert]) -> list[Alert]:
    """Return alerts as Alertmanager orders them: by job, then instance, those without one last, then by all labels.

    Source: alert/alert.go (AlertSlice), LabelSet.Before in prometheus/common
    """
    return sorted(alerts, key=cmp_to_key(_compare))


def _compare(one: Alert, other: Alert) -> int:
    for name in ("job", "instance"):
        left, right = one.labels.get(name), other.labels.get(name)
        if left != right:
            if left is None or right is None:
                return 1 if left is None else -1
            return -1 if left < right else 1
    return _compare_labels(one.labels, other.labels)


def _compare_labels(one: Mapping[str, str], other: Mapping[str, str]) -> int:
    """Fewer labels come first, then, at the first name where two sets differ, the one that lacks it, then values."""
    if len(one) != len(other):
        return len(one) - len(other)
    for name in sorted({*one, *other}):
        left, right = one.get(name), other.get(name)
        if left != right:
            if left is None or right is None:
                return -1 if left is None else 1
            return -1 if left < right else 1
    return 0
