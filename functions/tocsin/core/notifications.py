"""Whether an integration should hear from a group again, and what it is told.

Semantics: Alertmanager's dedup stage. A changed annotation or a smaller set alone notifies nobody.

Source: https://github.com/prometheus/alertmanager/blob/main/notify/dedup_stage.go
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from .alerts import Alert, Status, presentation_order
from .labels import Fingerprint, Labels, common
from .receivers import Integration, IntegrationKey, Kind
from .redaction import Redaction
from .routing import GroupId, GroupIdentity

# How many alerts travel in the message itself; the others are read from the table by its id (the claim check).
ALERTS_IN_MESSAGE = 20
# SNS takes 256 KiB for all protocols' texts together and escapes the quotes of the JSON once more.
MESSAGE_BYTES = 96 * 1024
NO_SEVERITY = "none"
SEVERITIES = ("critical", "page", "error", "high", "warning", "medium", "info", "low")


class Reason(StrEnum):
    """Why an integration is told, or is not."""

    NONE = "none"
    FIRST = "first notification"
    NEW_ALERTS = "new alerts added"
    NEW_RESOLVED = "some alerts resolved"
    ALL_RESOLVED = "all alerts resolved"
    REPEAT = "repeat interval elapsed"
    ESCALATED = "escalation step reached"
    UPDATE = "incident changed"
    ACKNOWLEDGED = "withheld: acknowledged"
    MUTED = "withheld: muted"


@dataclass(frozen=True, slots=True)
class Sent:
    """What an integration was last told about a group: one entry of the notification log.

    `step` is the escalation step that it was told for, `standing` the last change of the incident that it knows of,
    `ties` what tells its incidents in PagerDuty apart, newest last.
    """

    firing: frozenset[Fingerprint]
    resolved: frozenset[Fingerprint]
    at: datetime
    seq: int = 0
    notification_id: str = ""
    step: int = 0
    standing: int = 0
    ties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """How an incident stood when a notification was frozen.

    `said` is what was said of it last, as a sentence without its full stop; `source` from where it was changed.
    """

    state: str
    owner: str = ""
    changed_by: str = ""
    source: str = ""
    comment: str = ""
    said: str = ""
    number: int = 0
    is_acknowledgeable: bool = True
    fired: int = 0


def reason_to_notify(
    last: Sent | None,
    firing: frozenset[Fingerprint],
    resolved: frozenset[Fingerprint],
    *,
    repeat_interval: timedelta,
    send_resolved: bool,
    now: datetime,
) -> Reason:
    """Return why the integration should be told now, or Reason.NONE."""
    if last is None or not last.firing:
        return Reason.FIRST if firing else Reason.NONE
    if not firing <= last.firing:
        return Reason.NEW_ALERTS
    if not firing:
        # Said even to integrations that ignore resolutions: it clears our record.
        return Reason.ALL_RESOLVED
    if send_resolved and not resolved <= last.resolved:
        return Reason.NEW_RESOLVED
    if now - last.at > repeat_interval:
        return Reason.REPEAT
    return Reason.NONE


@dataclass(frozen=True, slots=True)
class Notification:
    """What one integration is told, frozen: a retry sends these bytes under this id again.

    What must not leave is redacted in it, that many values of its alerts. It follows something unconfirmed where the
    integration may not have heard of what this is about: nothing has been confirmed since then. `acknowledge_url` is a
    capability: it is put in where it is delivered, and never frozen with it.
    """

    id: str
    seq: int
    group: GroupId
    group_key: str
    integration: Integration
    status: Status
    reason: Reason
    severity: str
    created_at: datetime
    retry_after: timedelta
    alerts: tuple[Alert, ...]
    group_labels: Mapping[str, str]
    incident: str | None = None
    standing: Standing | None = None
    step: int | None = None
    external_url: str = ""
    truncated: int = 0
    route_labels: Mapping[str, str] = field(default_factory=dict)
    is_compatible: bool = False
    redacted: int = 0
    follows_unconfirmed: bool = False
    unconfirmed_since: datetime | None = None
    ties: tuple[str, ...] = ()
    acknowledge_url: str = field(default="", repr=False)

    @property
    def receiver(self) -> str:
        return self.integration.receiver

    @property
    def key(self) -> IntegrationKey:
        return self.integration.key


def notification_id(group: GroupId, key: IntegrationKey, seq: int) -> str:
    """Return the id of what a group tells an integration under a sequence number: same input, same id."""
    return hashlib.sha256(f"{group}\0{key}\0{seq}".encode()).hexdigest()[:32]


def compose(
    identity: GroupIdentity,
    integration: Integration,
    alerts: Sequence[Alert],
    *,
    seq: int,
    reason: Reason,
    retry_after: timedelta,
    incident: str | None,
    standing: Standing | None = None,
    step: int | None,
    external_url: str,
    route_labels: Mapping[str, str] | None = None,
    is_compatible: bool = False,
    redaction: Redaction | None = None,
    follows_unconfirmed: bool = False,
    unconfirmed_since: datetime | None = None,
    ties: tuple[str, ...] = (),
    now: datetime,
) -> Notification:
    """Return the notification for these alerts, firing ones first and in the order of presentation."""
    ordered = sorted(alerts, key=lambda alert: (alert.status_at(now) is Status.RESOLVED, presentation_order(alert)))
    shown, redacted = redaction.alerts(ordered) if redaction else (ordered, 0)
    firing = [alert for alert in shown if alert.status_at(now) is Status.FIRING]
    identity_labels = redaction.pairs(identity.labels) if redaction else dict(identity.labels)
    return Notification(
        id=notification_id(identity.id, integration.key, seq),
        seq=seq,
        group=identity.id,
        group_key=_shown_key(identity, identity_labels),
        integration=integration,
        status=Status.FIRING if firing else Status.RESOLVED,
        reason=reason,
        severity=highest_severity(firing or shown),
        created_at=now,
        retry_after=retry_after,
        alerts=tuple(shown),
        group_labels=identity_labels,
        incident=incident,
        standing=_shown_standing(standing, redaction) if standing and redaction else standing,
        step=step,
        external_url=external_url,
        route_labels=dict(route_labels or {}),
        is_compatible=is_compatible,
        redacted=redacted,
        follows_unconfirmed=follows_unconfirmed,
        unconfirmed_since=unconfirmed_since,
        ties=ties,
    )


def _shown_standing(standing: Standing, redaction: Redaction) -> Standing:
    """Return it with what people have typed as it may be shown: as the API shows it."""
    return replace(
        standing,
        owner=redaction.named("owner", standing.owner),
        changed_by=redaction.named("changed_by", standing.changed_by),
        comment=redaction.named("comment", standing.comment),
        said=redaction.named("said", standing.said),
    )


def _shown_key(identity: GroupIdentity, labels: Mapping[str, str]) -> str:
    """Return the group's key; where its labels are redacted, with a sign that no other group has."""
    if labels == dict(identity.labels):
        return identity.key
    return f"{identity.shown_key(Labels(labels))}#{identity.id[:12]}"


def highest_severity(alerts: Sequence[Alert]) -> str:
    """Return the gravest `severity` label among alerts; an unknown one ranks last, none at all is `none`."""
    return gravest(alert.labels["severity"] for alert in alerts if "severity" in alert.labels)


def gravest(severities: Iterable[str]) -> str:
    """Return the gravest of severities; `none`, which says that there is none, ranks behind those that are unknown."""
    ranks = {name: rank for rank, name in enumerate(SEVERITIES)}
    found = set(severities) - {NO_SEVERITY}
    return min(found, key=lambda name: (ranks.get(name.lower(), len(ranks)), name), default=NO_SEVERITY)


def as_json(notification: Notification) -> dict[str, Any]:
    """Return the notification as JSON values: the message of SNS and the record of the outbox."""
    integration, alerts, now = notification.integration, notification.alerts, notification.created_at
    resolved = sum(alert.status_at(now) is Status.RESOLVED for alert in alerts)
    return {
        "version": 1,
        "id": notification.id,
        "seq": notification.seq,
        "group": notification.group,
        "group_key": notification.group_key,
        "receiver": integration.receiver,
        "integration": integration.kind.value,
        "index": integration.index,
        "send_resolved": integration.send_resolved,
        "settings": dict(integration.settings),
        "status": notification.status.value,
        "reason": notification.reason.value,
        "severity": notification.severity,
        "created_at": format_time(now),
        "retry_after_seconds": notification.retry_after.total_seconds(),
        "incident": notification.incident,
        **({"standing": asdict(notification.standing)} if notification.standing else {}),
        "step": notification.step,
        "external_url": notification.external_url,
        "group_labels": dict(notification.group_labels),
        "common_labels": common([alert.labels for alert in alerts]),
        "common_annotations": common([alert.annotations for alert in alerts]),
        "alerts": [alert_as_json(alert, now=now) for alert in alerts],
        "firing_count": len(alerts) - resolved,
        "resolved_count": resolved,
        "truncated": notification.truncated,
        "route_labels": dict(notification.route_labels),
        "is_compatible": notification.is_compatible,
        **({"redacted": notification.redacted} if notification.redacted else {}),
        **({"follows_unconfirmed": True} if notification.follows_unconfirmed else {}),
        **({"unconfirmed_since": format_time(since)} if (since := notification.unconfirmed_since) else {}),
        **({"ties": list(notification.ties)} if notification.ties else {}),
    }


def message_json(full: Mapping[str, Any]) -> str:
    """Return the text that travels through SNS: all of it where it is small, else the first alerts and a count."""
    alerts = full["alerts"]
    for keep in range(min(len(alerts), ALERTS_IN_MESSAGE), -1, -1):
        text = encode({**full, "alerts": alerts[:keep], "truncated": len(alerts) - keep})
        if len(text.encode()) <= MESSAGE_BYTES or keep == 0:
            return text
    raise AssertionError("the loop ends at zero alerts")


def alert_as_json(alert: Alert, *, now: datetime) -> dict[str, Any]:
    """Return one alert as JSON values; `ends_at` is null while it fires."""
    return {
        "fingerprint": alert.fingerprint,
        "status": alert.status_at(now).value,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "starts_at": format_time(alert.starts_at),
        "ends_at": format_time(alert.ends_at) if alert.ends_at else None,
        "updated_at": format_time(alert.updated_at),
        "generator_url": alert.generator_url,
        "value": None if alert.value is None else repr(alert.value),
        **({"is_redacted": True} if alert.known_as else {}),
    }


def alert_from_json(data: Mapping[str, Any]) -> Alert:
    """Return the alert that `alert_as_json` wrote."""
    return Alert(
        labels=Labels(data["labels"]),
        annotations=dict(data["annotations"]),
        starts_at=parse_time(data["starts_at"]),
        updated_at=parse_time(data["updated_at"]),
        ends_at=parse_time(data["ends_at"]) if data["ends_at"] else None,
        generator_url=data["generator_url"],
        value=None if data["value"] is None else float(data["value"]),
        known_as=Fingerprint(data["fingerprint"]) if data.get("is_redacted") else None,
    )


def from_json(data: Mapping[str, Any]) -> Notification:
    """Return the notification that `as_json` wrote. Raises KeyError, ValueError or TypeError on others."""
    return Notification(
        id=_id(data["id"]),
        seq=int(data["seq"]),
        group=GroupId(_text(data["group"])),
        group_key=_text(data["group_key"]),
        integration=Integration(
            receiver=_text(data["receiver"]),
            kind=Kind(data["integration"]),
            index=int(data["index"]),
            send_resolved=bool(data["send_resolved"]),
            settings=dict(data["settings"]),
        ),
        status=Status(data["status"]),
        reason=Reason(data["reason"]),
        severity=_text(data["severity"]),
        created_at=parse_time(data["created_at"]),
        retry_after=timedelta(seconds=data["retry_after_seconds"]),
        alerts=tuple(alert_from_json(alert) for alert in data["alerts"]),
        group_labels=dict(data["group_labels"]),
        incident=data["incident"],
        standing=Standing(**data["standing"]) if data.get("standing") else None,
        step=data["step"],
        external_url=_text(data["external_url"]),
        truncated=int(data["truncated"]),
        route_labels=dict(data.get("route_labels", {})),
        is_compatible=bool(data.get("is_compatible", False)),
        redacted=int(data.get("redacted", 0)),
        follows_unconfirmed=bool(data.get("follows_unconfirmed", False)),
        unconfirmed_since=parse_time(data["unconfirmed_since"]) if data.get("unconfirmed_since") else None,
        ties=tuple(data.get("ties", ())),
    )


def _id(value: object) -> str:
    """Return an id of ours, which stands in headers as it is."""
    text = _text(value)
    if not (text.isascii() and text.replace("-", "").isalnum()):
        raise ValueError(f"no id of a notification: {text[:80]!r}")
    return text


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {type(value).__name__}")
    return value


def encode(data: Mapping[str, Any]) -> str:
    """Return the same JSON text for the same values."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def format_time(instant: datetime) -> str:
    """Return an aware datetime as RFC 3339 in UTC, with fractions only where it has them."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Return the aware UTC datetime of an RFC 3339 text; ValueError where it has no time zone or is none."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"a time needs a zone: {text!r} (expected for example 2026-01-02T03:04:05Z)")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"out of range: {text!r}") from None
