"""Deliveries: what each integration has heard of a group, and a claim so that one invocation at a time tells it.

`believes` says that a receiver may think that something fires: it is set before anything is sent, and taken back only
where that certainly did not arrive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ...core.alerts import Status
from ...core.notifications import Notification, format_time, parse_time
from ...core.receivers import IntegrationKey
from ...core.routing import GroupId
from ...errors import ConflictError
from ...ports import Claim, Delivery, DeliveryState, Thread
from .table import Condition, Item, Table, epoch, put_action, sortable, stored, update_action

# Longer than a notifier may run (its Timeout in template.yaml): an older claim is a crashed one's.
LEASE = timedelta(seconds=70)
KEPT_FOR = timedelta(days=30)
_NAMES = {
    f"#{name}": name
    for name in ("claim_id", "claimed_until", "delivered_seq", "wait_until", "believes", "believed", "expires_at")
}
_NEWER = "(attribute_not_exists(#delivered_seq) OR #delivered_seq < :seq)"
_FREE = "(attribute_not_exists(#claimed_until) OR #claimed_until <= :now)"
_PATIENT = "(attribute_not_exists(#wait_until) OR #wait_until <= :now)"


class DynamoDeliveries:
    """The `delivery#…` partitions."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim(self, notification: Notification, *, now: datetime) -> Claim:
        conditions = [_NEWER, _FREE, _PATIENT]
        values: dict[str, Any] = {
            ":seq": notification.seq,
            ":now": sortable(now),
            ":until": sortable(now + LEASE),
            ":id": notification.id,
            ":expires_at": epoch(now + KEPT_FOR),
        }
        expression = "SET #claim_id = :id, #claimed_until = :until, #expires_at = :expires_at"
        if notification.status is Status.FIRING:
            expression += ", #believed = if_not_exists(#believes, :no), #believes = :yes"
            values |= {":yes": True, ":no": False}
        elif notification.follows_unconfirmed:
            conditions.append("#believes = :yes")
            values |= {":yes": True}
        try:
            self._update(notification, expression, conditions, values)
        except ConflictError:
            return self._why_not(notification, now=now)
        return Claim.GRANTED

    def _why_not(self, notification: Notification, *, now: datetime) -> Claim:
        item = self._table.get(_partition(notification.group), notification.key) or {}
        delivered = item.get("delivered_seq", -1)
        if delivered >= notification.seq:
            return Claim.DELIVERED if delivered == notification.seq else Claim.STALE
        if item.get("claimed_until", "") > sortable(now):
            return Claim.BUSY
        is_over = notification.status is Status.RESOLVED and notification.follows_unconfirmed
        if is_over and not item.get("believes"):
            return self._pass_over(notification, now=now)
        return Claim.WAITING if item.get("wait_until", "") > sortable(now) else Claim.BUSY

    def _pass_over(self, notification: Notification, *, now: datetime) -> Claim:
        """Have nothing that is older than this delivered any more, and this neither."""
        conditions = [_NEWER, _FREE, "(attribute_not_exists(#believes) OR #believes = :no)"]
        values = {
            ":seq": notification.seq,
            ":now": sortable(now),
            ":no": False,
            ":expires_at": epoch(now + KEPT_FOR),
        }
        try:
            self._update(notification, "SET #delivered_seq = :seq, #expires_at = :expires_at", conditions, values)
        except ConflictError:
            return Claim.BUSY
        return Claim.UNHEARD

    def _update(
        self, notification: Notification, expression: str, conditions: Sequence[str], values: Mapping[str, Any]
    ) -> None:
        text = " AND ".join(conditions)
        used = {name: attribute for name, attribute in _NAMES.items() if re.search(rf"{name}\b", expression + text)}
        self._table.update(_partition(notification.group), notification.key, expression, Condition(text, used, values))

    def record(
        self,
        notification: Notification,
        state: DeliveryState,
        outcome: str,
        *,
        now: datetime,
        may_have_arrived: bool = True,
        wait_until: datetime | None = None,
    ) -> None:
        names = {f"#{name}": name for name in ("claim_id", "claimed_until", "wait_until")}
        values: dict[str, Any] = {":id": notification.id}
        sets, removed = [], ["#claim_id", "#claimed_until"]
        if state is DeliveryState.DELIVERED:
            names |= {"#delivered_seq": "delivered_seq", "#believes": "believes"}
            values |= {":seq": notification.seq, ":fires": notification.status is Status.FIRING}
            sets += ["#delivered_seq = :seq", "#believes = :fires"]
        elif notification.status is Status.FIRING and not may_have_arrived:
            names |= {"#believes": "believes", "#believed": "believed"}
            sets.append("#believes = #believed")
        if wait_until is None:
            removed.append("#wait_until")
        else:
            sets.append("#wait_until = :wait_until")
            values[":wait_until"] = sortable(wait_until)
        expression = f"{'SET ' + ', '.join(sets) if sets else ''} REMOVE {', '.join(removed)}"
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

    @stored
    def load_deliveries(self, group: GroupId) -> Sequence[Delivery]:
        """Return every delivery that is still on record, by integration and then in order."""
        return [_delivery(item) for item in self._table.query(_partition(group)) if "id" in item]

    @stored
    def load_thread(self, notification: Notification, *, now: datetime) -> Thread | None:
        item = self._table.get(_partition(notification.group), notification.key) or {}
        thread = item.get("thread")
        if not thread or thread["until"] <= epoch(now):
            return None
        return Thread(thread["channel"], thread["message"], thread.get("incident", ""))

    def save_thread(self, notification: Notification, thread: Thread | None, *, now: datetime) -> None:
        names, values, expression = {"#thread": "thread"}, {}, "REMOVE #thread"
        if thread is not None:
            until = epoch(now + KEPT_FOR)
            place = {"channel": thread.channel, "message": thread.message, "incident": thread.incident}
            values = {":thread": {**place, "until": until}}
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
