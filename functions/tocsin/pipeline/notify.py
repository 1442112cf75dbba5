"""Deliver one notification: claim it, send it, record what came of it (law 7).

The claim is a conditional write: whoever has it sends, what was delivered is not sent again, and what is older than
what the integration has already heard of the group is dropped. The outbox keeps the notification until it is confirmed
here, so a failure is tried again: by the invocation's own retries where that can help, and at the group's next flush
in any case.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ..core.notifications import Notification, from_json
from ..core.rate_limits import is_exempt, limit_of
from ..core.receivers import Kind
from ..errors import DeliveryError
from ..ports import Claim, Deliveries, DeliveryState, Groups, Limits, Log, OutboxEntry, OutboxKind, Sender

# A receiver that asks for more (or for nonsense) is tried again after this.
MOST_PATIENCE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Notifier:
    """What delivering works with; `sender` is one integration's."""

    sender: Sender
    groups: Groups
    deliveries: Deliveries
    log: Log
    limits: Limits | None = None


class Outcome(StrEnum):
    DELIVERED = "delivered"
    DUPLICATE = "already delivered"
    STALE = "something newer was delivered"
    UNHEARD = "over before anybody had heard of it"
    WAITING = "the receiver has asked for patience"
    HELD = "its receiver has been told enough for now"
    FAILED = "failed for good"


_DROPPED = {Claim.DELIVERED: Outcome.DUPLICATE, Claim.STALE: Outcome.STALE, Claim.UNHEARD: Outcome.UNHEARD}


class DeliveryInProgressError(Exception):
    """Another invocation holds the claim; it may yet fail, so this one has to come back."""


def run(world: Notifier, notification: Notification, *, now: datetime) -> Outcome:
    """Deliver once. Raises DeliveryError where a retry can help, DeliveryInProgressError where it must wait."""
    claim = world.deliveries.claim(notification, now=now)
    if claim is Claim.BUSY:
        raise DeliveryInProgressError(f"{notification.key} is being told something else of group {notification.group}")
    if claim is Claim.WAITING:
        world.log.info("notification_waits", why=claim.value, **_fields(notification))
        return Outcome.WAITING  # the outbox has it published again
    if claim is not Claim.GRANTED:
        world.log.info("notification_dropped", why=claim.value, **_fields(notification))
        _release(world, notification)
        world.groups.confirm(_entry(notification))
        return _DROPPED[claim]
    if _hold(world, notification, now=now):
        return Outcome.HELD  # the outbox has it published again
    try:
        answer = world.sender(_whole(world, notification), now=now)
    except DeliveryError as error:
        _record_failure(world, notification, error, now=now)
        if error.retryable:
            raise
        return Outcome.FAILED
    world.deliveries.record(notification, DeliveryState.DELIVERED, answer, now=now)
    _release(world, notification)
    world.groups.confirm(_entry(notification))
    world.log.info("notification_delivered", answer=answer, **_fields(notification))
    if notification.integration.kind is Kind.HEARTBEAT:
        world.log.count("WatchdogDelivered")  # and nothing else: it is no notification that anybody gets
    else:
        world.log.count("NotificationsDelivered", integration=notification.integration.kind.value)
    return Outcome.DELIVERED


def _hold(world: Notifier, notification: Notification, *, now: datetime) -> bool:
    """Say whether a notification that is claimed has to wait for room; then the claim is given back."""
    limit = limit_of(notification.integration)
    if limit is None or world.limits is None or is_exempt(limit, notification):
        return False
    if world.limits.take(notification, limit, now=now):
        return False
    world.limits.hold(notification, limit, now=now)
    world.groups.postpone(_entry(notification), retry_at=limit.next_try(notification.id, now))
    world.deliveries.record(notification, DeliveryState.HELD, Outcome.HELD.value, now=now, may_have_arrived=False)
    world.log.info("notification_held", **_fields(notification))
    world.log.count("NotificationsHeld", integration=notification.integration.kind.value)
    return True


def _release(world: Notifier, notification: Notification) -> None:
    if world.limits is not None and limit_of(notification.integration) is not None:
        world.limits.release(notification)


def _entry(notification: Notification) -> OutboxEntry:
    return OutboxEntry(
        group=notification.group,
        kind=OutboxKind.NOTIFICATION,
        subject=notification.id,
        seq=notification.seq,
        integration=notification.key,
        decided_at=notification.created_at,
        retry_at=notification.created_at,
    )


def _whole(world: Notifier, notification: Notification) -> Notification:
    """Return the notification with all its alerts; where the table has it no more, the first ones have to do."""
    if not notification.truncated:
        return notification
    full = world.groups.load_notification(notification.id)
    return notification if full is None else from_json(full)


def _record_failure(world: Notifier, notification: Notification, error: DeliveryError, *, now: datetime) -> None:
    outcome = f"{error.reason.value}: {error}"
    asked = timedelta(seconds=error.retry_after_seconds or 0)
    world.deliveries.record(
        notification,
        DeliveryState.FAILED,
        outcome,
        now=now,
        may_have_arrived=error.may_have_arrived,
        wait_until=now + min(asked, MOST_PATIENCE) if asked else None,
    )
    world.log.error("notification_failed", error=str(error), retryable=error.retryable, **_fields(notification))
    world.log.count("NotificationsFailed", integration=notification.integration.kind.value, reason=error.reason.value)


def _fields(notification: Notification) -> dict[str, object]:
    return {
        "notification": notification.id,
        "receiver": notification.receiver,
        "integration": notification.integration.kind.value,
        "group_key": notification.group_key,
        "reason": notification.reason.value,
    }
