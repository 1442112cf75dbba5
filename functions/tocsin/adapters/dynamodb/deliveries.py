"""Deliveries: what each integration has heard of a group, and a claim so that one invocation at a time tells it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ...core.notifications import Notification, format_time, parse_time
from ...core.receivers import IntegrationKey
from ...core.routing import GroupId
from ...errors import ConflictError
from ...ports import Claim, Delivery, DeliveryState, Thread
from .table import Condition, Item, Table, epoch, put_action, sortable, update_action

# Longer than a notifier may run (its Timeout in template.yaml): an older claim is a crashed one's.
LEASE = timedelta(seconds=70)
KEPT_FOR = timedelta(days=30)
_NAMES = {name: name[1:] for name in ("#claim_id", "#claimed_until", "#delivered_seq")}


class DynamoDeliveries:
    """The `delivery#…` partitions."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(self, notification: Notification, *, now: datetime) -> Claim:
        condition = Condition(
            "(attribute_not_exists(#delivered_seq) OR #delivered_seq < :seq)"
            " AND (attribute_not_exists(#claimed_until) OR #claimed_until <= :now)",
            {**_NAMES, "#expires_at": "expires_at"},
            {
                ":seq": notification.seq,
                ":now": sortable(now),
                ":until": sortable(now + LEASE),
                ":id": notification.id,
                ":expires_at": epoch(now + KEPT_FOR),
            },
        )
        expression = "SET #claim_id = :id, #claimed_until = :until, #expires_at = :expires_at"
        try:
            self._table.update(_partition(notification.group), notification.key, expression, condition)
        except ConflictError:
            return self._why_not(notification)
        return Claim.GRANTED

    def _why_not(self, notification: Notification) -> Claim:
        item = self._table.get(_partition(notification.group), notification.key) or {}
        delivered = item.get("delivered_seq", -1)
        if delivered == notification.seq:
            return Claim.DELIVERED
        return Claim.STALE if delivered > notification.seq else Claim.BUSY

    def record(self, notification: Notification, state: DeliveryState, outcome: str, *, now: datetime) -> None:
        names = {"#claim_id": "claim_id", "#claimed_until": "claimed_until"}
        values: dict[str, str | int] = {":id": notification.id}
        expression = "REMOVE #claim_id, #claimed_until"
        if state is DeliveryState.DELIVERED:
            names["#delivered_seq"] = "delivered_seq"
            values[":seq"] = notification.seq
            expression = f"SET #delivered_seq = :seq {expression}"
        condition = Condition("#claim_id = :id", names, values)
        pk = _partition(notification.group)
        self._table.transact(
            [
                update_action(pk, notification.key, expression, condition),
                put_action(self._item(pk, notification, state, outcome, now=now)),
            ]
        )

    def _item(self, pk: str, notification: Notification, state: DeliveryState, outcome: str, *, now: datetime) -> Item:
        before = self._table.get(pk, _log_key(notification)) or {}
        return {
            "pk": pk,
            "sk": _log_key(notification),
            "id": notification.id,
            "integration": notification.key,
            "seq": notification.seq,
            "state": state.value,
            "attempts": before.get("attempts", 0) + 1,
            "at": format_time(now),
            "status": notification.status.value,
            "reason": notification.reason.value,
            "outcome": outcome[:1000],
            "expires_at": epoch(now + KEPT_FOR),
        }

    def load_deliveries(self, group: GroupId) -> Sequence[Delivery]:
        """Return every delivery that is still on record, by integration and then in order."""
        return [_delivery(item) for item in self._table.query(_partition(group)) if "id" in item]

    def load_thread(self, notification: Notification, *, now: datetime) -> Thread | None:
        item = self._table.get(_partition(notification.group), notification.key) or {}
        thread = item.get("thread")
        if not thread or thread["until"] <= epoch(now):
            return None
        return Thread(thread["channel"], thread["message"])

    def save_thread(self, notification: Notification, thread: Thread | None, *, now: datetime) -> None:
        names, values, expression = {"#thread": "thread"}, {}, "REMOVE #thread"
        if thread is not None:
            until = epoch(now + KEPT_FOR)
            values = {":thread": {"channel": thread.channel, "message": thread.message, "until": until}}
            expression = "SET #thread = :thread"
        self._table.update(_partition(notification.group), notification.key, expression, Condition("", names, values))


def _partition(group: GroupId) -> str:
    return f"delivery#{group}"


def _log_key(notification: Notification) -> str:
    return f"{notification.key}#{notification.seq:015d}"


def _delivery(item: Item) -> Delivery:
    return Delivery(
        notification_id=item["id"],
        integration=IntegrationKey(item["integration"]),
        seq=item["seq"],
        state=DeliveryState(item["state"]),
        attempts=item["attempts"],
        at=parse_time(item["at"]),
        status=item["status"],
        reason=item["reason"],
        outcome=item["outcome"],
    )
