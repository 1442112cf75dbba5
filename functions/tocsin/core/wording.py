"""What a person is told about a notification, in words that every integration shares.

The title is Alertmanager's (`[FIRING:2] HighErrorRate (…)`). Annotations used by convention: `summary`, `description`,
`recommendations`, `value` and `threshold` (texts), `runbook_url`, `dashboard_url`.

Source: https://github.com/prometheus/alertmanager/blob/main/template/default.tmpl
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .alerts import Alert, Status
from .drills import marked
from .labels import ALERTNAME
from .links import Link, links_of
from .notifications import Notification, Reason

NAMES_IN_TITLE = 3
LABELS_IN_TITLE = 6
_COLOURS = {
    "critical": "#c92a2a",
    "page": "#c92a2a",
    "error": "#d9480f",
    "high": "#d9480f",
    "warning": "#b86200",
    "medium": "#b86200",
    "info": "#1971c2",
    "low": "#1971c2",
}
_UNKNOWN_COLOUR = "#667380"
_RESOLVED_COLOUR = "#2b8a3e"
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029]")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Facts:
    """One alert, ready to be said: texts are clean, empty where there is nothing to say."""

    name: str
    status: Status
    summary: str
    description: str
    value: str
    threshold: str
    when: str
    starts_at: datetime
    recommendations: str
    labels: tuple[tuple[str, str], ...]
    links: tuple[Link, ...]

    @property
    def headline(self) -> str:
        """Return the one line that says it: the summary, else the name."""
        return self.summary or self.name


def facts(alert: Alert, *, now: datetime) -> Facts:
    """Return what to say about an alert; `labels` leaves the name out."""
    notes = alert.annotations
    return Facts(
        name=one_line(alert.name) or "(no alertname)",
        status=alert.status_at(now),
        summary=one_line(notes.get("summary", "")),
        description=clean(notes.get("description", "")),
        value=one_line(notes.get("value", "")) or value_text(alert.value),
        threshold=one_line(notes.get("threshold", "")),
        when=when_text(alert, now=now),
        starts_at=alert.starts_at,
        recommendations=clean(notes.get("recommendations", "")),
        labels=tuple((one_line(name), one_line(value)) for name, value in alert.labels.without(ALERTNAME).items()),
        links=links_of(alert),
    )


def firing(notification: Notification) -> tuple[Alert, ...]:
    return tuple(alert for alert in notification.alerts if alert.status_at(notification.created_at) is Status.FIRING)


def resolved(notification: Notification) -> tuple[Alert, ...]:
    return tuple(alert for alert in notification.alerts if alert.status_at(notification.created_at) is Status.RESOLVED)


def title(notification: Notification) -> str:
    """Return `[FIRING:2] Name (group labels)`, on one line; a drill's says so first."""
    labels = [
        f"{one_line(name)}={one_line(value)}"
        for name, value in sorted(notification.group_labels.items())
        if name != ALERTNAME
    ]
    about = f" ({', '.join(_some(labels, LABELS_IN_TITLE))})" if labels else ""
    return marked(notification, f"[{_status(notification)}] {_names(notification)}{about}")


def why(notification: Notification) -> str:
    """Return why this was sent, as a sentence without its full stop."""
    if notification.incident is None or notification.step is None:
        return str(notification.reason)
    step = f"escalation step {notification.step} of incident {notification.incident}"
    if notification.reason is Reason.ESCALATED:
        # The first step comes at once: there was nobody yet who could have.
        return f"{step}: nobody has acknowledged it" if notification.step > 1 else step
    return f"{notification.reason} ({step})"


def acknowledgement(notification: Notification) -> str | None:
    """Return the command that acknowledges what fires; None where there is nothing to acknowledge."""
    return f"tocsin alert ack {notification.incident}" if is_acknowledgeable(notification) else None


def is_acknowledgeable(notification: Notification) -> bool:
    """Say whether what is told can be acknowledged: its incident is open, nobody has it, the policy lets people."""
    if notification.incident is None or notification.status is Status.RESOLVED:
        return False
    standing = notification.standing
    return standing is None or (standing.is_acknowledgeable and standing.state == "open")


def colour(severity: str, status: Status) -> str:
    """Return the colour (#rrggbb) of a severity; green for what is resolved, grey for a severity that is not known."""
    return _RESOLVED_COLOUR if status is Status.RESOLVED else _COLOURS.get(severity.lower(), _UNKNOWN_COLOUR)


def value_label(said: Facts) -> str:
    return "Value" if said.status is Status.FIRING else "Last value"


def measured(said: Facts) -> str:
    """Return `7.2% (threshold: 5%)`, or what there is of it."""
    if said.value and said.threshold:
        return f"{said.value} (threshold: {said.threshold})"
    return said.value or (f"threshold: {said.threshold}" if said.threshold else "")


def when_text(alert: Alert, *, now: datetime) -> str:
    """Return since when the alert fires, or from when to when it did."""
    if alert.ends_at is not None and alert.status_at(now) is Status.RESOLVED:
        lasted = duration_text(alert.ends_at - alert.starts_at)
        return f"from {time_text(alert.starts_at)} to {time_text(alert.ends_at)} ({lasted})"
    return f"since {time_text(alert.starts_at)} ({duration_text(now - alert.starts_at)})"


def time_text(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration_text(duration: timedelta) -> str:
    """Return a duration in its two largest units: `2 h 5 min`."""
    left = max(0, int(duration.total_seconds()))
    parts: list[str] = []
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def value_text(value: float | None) -> str:
    """Return a sample's value as a person writes it: three significant digits below 1, two decimals above."""
    if value is None:
        return ""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    size = abs(value)
    if size >= 1e12 or 0 < size < 1e-4:
        return f"{value:.3g}"
    text = f"{value:.2f}" if size >= 1 else f"{value:.{2 + _leading_zeros(size)}f}"
    return text.rstrip("0").rstrip(".") or "0"


def clean(text: str) -> str:
    """Return text without control characters, half characters and surrounding space; lines stay."""
    unified = _LINE_ENDS.sub("\n", text)
    return _SURROGATES.sub("\ufffd", _CONTROLS.sub("", unified)).strip()


def one_line(text: str) -> str:
    """Return clean text on one line."""
    return " ".join(clean(text).split())


def clip(text: str, limit: int, *, size: Callable[[str], int] = len) -> str:
    """Return text cut, with an ellipsis, to a limit; `size` says how much one character takes."""
    ellipsis = "…"
    taken, kept = 0, 0
    room = limit - size(ellipsis)
    # A character takes one at least, so no more of them than the limit need be looked at.
    for character in text[: limit + 1]:
        taken += size(character)
        if taken <= room:
            kept += 1
        if taken > limit:
            return text[:kept].rstrip() + ellipsis
    return text


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _status(notification: Notification) -> str:
    if notification.status is Status.RESOLVED:
        return "RESOLVED"
    burning = len(firing(notification))
    # Firing alerts come first: where even the last one told of fires, those left out may fire too.
    more = "+" if notification.truncated and burning == len(notification.alerts) else ""
    return f"FIRING:{burning}{more}"


def _names(notification: Notification) -> str:
    shown = firing(notification) if notification.status is Status.FIRING else notification.alerts
    names = [name for name in dict.fromkeys(one_line(alert.name) for alert in shown) if name]
    if not names:
        return one_line(notification.group_labels.get(ALERTNAME, "")) or "(no alertname)"
    return ", ".join(_some(names, NAMES_IN_TITLE))


def _some(texts: Iterable[str], limit: int) -> list[str]:
    every = list(texts)
    left_out = len(every) - limit
    return [*every[:limit], f"and {left_out} more"] if left_out > 0 else every


def _leading_zeros(size: float) -> int:
    return 0 if size == 0 else max(0, -math.floor(math.log10(size)))
