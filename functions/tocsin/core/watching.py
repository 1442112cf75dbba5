"""What Tocsin does to see that it works: a watchdog that always fires, and a canary once a day.

Both are alerts like any other and go the whole way: rule, group, topic, integration, delivery. The watchdog goes to a
receiver of its own, which disturbs nobody; the canary goes to real receivers, to those that were chosen.

Rules:
- Each goes straight to its receivers, in groups of its own: nobody's alerts wait for it or are mixed with it. Such a
  group waits for nothing, opens no incident and knows no cooldown. Silences and inhibition hold for it as for others.
- A canary fires for half an hour, and as long as somebody has not heard of it. What has not been confirmed a quarter of
  an hour after its time is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

WATCHDOG, CANARY, CANARY_MISSING = "TocsinWatchdog", "TocsinCanary", "TocsinCanaryMissing"
WATCHDOG_RECEIVER = "tocsin-watchdog"
# Before a receiver's name: the way of a canary to it.
CANARY_PREFIX = "tocsin-canary/"
# And that of what is said of notifications that a rate limit holds back.
DIGEST_PREFIX = "tocsin-digest/"
# template.yaml's alarm rings after three that did not arrive.
WATCHDOG_EVERY = timedelta(minutes=10)
CANARY_FIRES_FOR, CANARY_EXPECTED_AFTER = timedelta(minutes=30), timedelta(minutes=15)
# What failed is tried again at each look at the group.
_CANARY_LOOKED_AT_EVERY = timedelta(minutes=5)
_DIGEST_LOOKED_AT_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Way:
    """How an alert of ours goes to a receiver: looked at so often, told again after so long."""

    receiver: str
    group_interval: timedelta
    repeat_interval: timedelta


def way_of(name: str) -> Way | None:
    """Return the way that a rule of ours names in place of a receiver; None where the name is a receiver's."""
    if name == WATCHDOG_RECEIVER:
        # Less than the interval, so that every look tells it again.
        return Way(name, WATCHDOG_EVERY, WATCHDOG_EVERY / 2)
    if name.startswith(CANARY_PREFIX):
        return Way(name.removeprefix(CANARY_PREFIX), _CANARY_LOOKED_AT_EVERY, timedelta(days=1))
    if name.startswith(DIGEST_PREFIX):
        return Way(name.removeprefix(DIGEST_PREFIX), _DIGEST_LOOKED_AT_EVERY, timedelta(days=1))
    return None


def canary_way(receiver: str) -> str:
    """Return the name of a canary's way to a receiver."""
    return f"{CANARY_PREFIX}{receiver}"


def digest_way(receiver: str) -> str:
    """Return the name of the way to a receiver of what is said of its rate limit."""
    return f"{DIGEST_PREFIX}{receiver}"


def is_way(route_key: str) -> bool:
    """Say whether a route, by its key, is a way of ours."""
    own = (f"/[{prefix}" in route_key for prefix in (CANARY_PREFIX, DIGEST_PREFIX))
    return route_key.endswith(f"/[{WATCHDOG_RECEIVER}]") or any(own)


@dataclass(frozen=True, slots=True)
class Canary:
    """Who is sent a test notification, and at which time of each day there; None is UTC."""

    receivers: tuple[str, ...]
    at: time
    location: tzinfo | None = None

    def last_due(self, now: datetime) -> datetime:
        """Return when it was last due: today, or yesterday where that is still to come."""
        day = now.astimezone(self.location or UTC).date()
        today, yesterday = (
            datetime.combine(date, self.at, tzinfo=self.location or UTC).astimezone(UTC)
            for date in (day, day - timedelta(days=1))
        )
        return today if today <= now else yesterday

    def is_firing(self, now: datetime) -> bool:
        return now - self.last_due(now) < CANARY_FIRES_FOR

    def is_expected(self, now: datetime) -> bool:
        """Say whether it fires and should have arrived by now."""
        return CANARY_EXPECTED_AFTER <= now - self.last_due(now) < CANARY_FIRES_FOR
