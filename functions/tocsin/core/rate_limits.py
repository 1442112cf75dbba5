"""Rate limits: how many notifications an integration is told in a window of time. What is more is held back.

Rules:
- What is held stays in the outbox, as if its receiver did not answer, and is tried again: the newest of each group goes
  out as soon as a later window has room. What is over before anybody has heard of it is never told.
- What is grave is not held, nor counted: it never waits behind anything else.
- When a window is over, one digest says what of it is still held.

An integration knows its limit: it travels in its settings, so that who delivers needs no configuration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .alerts import Status
from .notifications import SEVERITIES, Notification, Reason
from .receivers import Integration
from .routing import GroupId
from .watching import is_way
from .wording import plural, title

RATE_LIMIT = "rate_limit"
NEVER_HELD = ("critical", "page", "error")
TITLES_IN_DIGEST = 30
# What is held is noted anew each time that it is tried: what was not, so long after it should have been, is gone.
_FORGOTTEN_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class RateLimit:
    """So many notifications in each window of `per`; what is of one of the severities `exempt` always goes out."""

    notifications: int
    per: timedelta
    exempt: tuple[str, ...] = NEVER_HELD

    def window(self, now: datetime) -> datetime:
        """Return when the window began that an instant is in; windows lie beside each other since 1970."""
        seconds = self.per.total_seconds()
        return datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)

    def next_try(self, notification_id: str, now: datetime) -> datetime:
        """Return when what is held is tried again: in the next window, each somewhere else in it."""
        share = int(notification_id[:8], 16) / 16**8
        return self.window(now) + self.per + share * self.per

    def forgotten_at(self, now: datetime) -> datetime:
        """Return until when what is held now counts as held, if it is not tried again."""
        return self.window(now) + 2 * self.per + _FORGOTTEN_AFTER


@dataclass(frozen=True, slots=True)
class Held:
    """What is held back of a group: its newest notification, since which window."""

    group: GroupId
    since: datetime
    status: Status
    severity: str
    title: str
    alerts: int


def as_settings(limit: RateLimit) -> dict[str, Any]:
    """Return a limit as it travels in an integration's settings."""
    return {
        "notifications": limit.notifications,
        "per_seconds": limit.per.total_seconds(),
        "exempt": list(limit.exempt),
    }


def limit_of(integration: Integration) -> RateLimit | None:
    """Return an integration's limit; None where it has none."""
    found = integration.settings.get(RATE_LIMIT)
    if not isinstance(found, Mapping):
        return None
    return RateLimit(found["notifications"], timedelta(seconds=found["per_seconds"]), tuple(found["exempt"]))


def is_exempt(limit: RateLimit, notification: Notification) -> bool:
    """Say whether a notification is never held: what is grave, changes of what was told, what we say of ourselves."""
    is_grave = notification.severity.lower() in limit.exempt
    return is_grave or notification.reason is Reason.UPDATE or is_way(notification.group_key.rsplit(":{", 1)[0])


def held(notification: Notification, since: datetime) -> Held:
    """Return what is noted of a notification that is held back."""
    return Held(
        group=notification.group,
        since=since,
        status=notification.status,
        severity=notification.severity,
        title=title(notification),
        alerts=len(notification.alerts) + notification.truncated,
    )


def digest(limit: RateLimit, held_back: Sequence[Held]) -> tuple[str, str]:
    """Return what is held back in a line, and in full: what still fires by its severity, and how much is over."""
    firing = sorted((each for each in held_back if each.status is Status.FIRING), key=_gravity)
    over = len(held_back) - len(firing)
    counts = Counter(each.severity for each in firing)
    by_severity = ", ".join(f"{counts[name]} {name}" for name in dict.fromkeys(each.severity for each in firing))
    alerts = sum(each.alerts for each in firing)
    summary = f"Held back: {plural(len(firing), 'group')} with {plural(alerts, 'alert')}"
    lines = [
        f"More than {plural(limit.notifications, 'notification')} in {int(limit.per.total_seconds())} s: these groups "
        "still fire, and are told one by one as there is room. Nothing is lost.",
        *(f"{each.severity}: {each.title}" for each in firing[:TITLES_IN_DIGEST]),
        *([f"and {len(firing) - TITLES_IN_DIGEST} more"] if len(firing) > TITLES_IN_DIGEST else []),
        *([f"{plural(over, 'group')} had an end meanwhile"] if over else []),
    ]
    return f"{summary} ({by_severity})" if by_severity else summary, "\n".join(lines)


def _gravity(each: Held) -> tuple[int, str, str]:
    rank = SEVERITIES.index(each.severity.lower()) if each.severity.lower() in SEVERITIES else len(SEVERITIES)
    return rank, each.severity, each.title
