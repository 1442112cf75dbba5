"""Groups: record, alerts' copies, cooldowns and outbox in one partition each; whole notifications beside them.

A query is no snapshot: what is written while it runs may be seen in part. So the record is read before its alerts, and
whatever changes after that makes the commit conflict.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from ...core.alerts import Alert
from ...core.cooldowns import Cooldown
from ...core.grouping import Flush, Group, GroupState
from ...core.incidents import Incident, IncidentId, execution_name
from ...core.labels import Fingerprint, Labels
from ...core.muting import Mute, MuteKind
from ...core.notifications import (
    Notification,
    Sent,
    alert_as_json,
    alert_from_json,
    as_json,
    encode,
    format_time,
    parse_time,
)
from ...core.receivers import IntegrationKey
from ...core.routing import GroupId, GroupIdentity
from ...errors import ConflictError, StoreError
from ...ports import OutboxEntry, OutboxKind
from . import incident_items
from .table import (
    DUE_SHARD,
    TRANSACTION_BYTES,
    TRANSACTION_ITEMS,
    Condition,
    Item,
    Table,
    at_version,
    epoch,
    expiry,
    has_expired,
    pack,
    part_key,
    put_action,
    sortable,
    split,
    stored,
    unpack,
    update_action,
)

HEAD, ALERT, COOLDOWN, OUTBOX = "head", "alert#", "cooldown#", "outbox#"
# Longer than any repeat is likely to be: what was told must be known when the alert comes back.
KEPT_FOR = timedelta(days=14)
# The end of a dropped alert is remembered longer than a function may stall: an older word must not bring it back.
DROPPED_FOR = timedelta(hours=1)
_READINGS = 5
# Some 150 KB, compressed.
COOLDOWNS_IN_ITEM = 5000


def partition(group: GroupId) -> str:
    return f"group#{group}"


class DynamoGroups:
    """The `group#…` and `notification#…` partitions."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def tell(
        self,
        identity: GroupIdentity,
        alerts: Sequence[Alert],
        *,
        first_flush_at: datetime,
        look_at: datetime | None = None,
    ) -> None:
        pk = partition(identity.id)
        for batch in _batches(alerts):
            puts = [put_action(_alert_item(pk, alert), _not_older(alert)) for alert in batch]
            self._table.transact([_plan_action(pk, identity, first_flush_at, look_at), *puts])

    @stored
    def load_group(self, group: GroupId, *, now: datetime) -> GroupState | None:
        for _ in range(_READINGS):
            head = self._table.get(partition(group), HEAD)
            if head is None or has_expired(head, now):
                return None
            items = {item["sk"]: item for item in self._table.query(partition(group))}
            if (log := _whole_log(head, items)) is not None:
                return self._state(head, log, items, now=now)
        raise StoreError(f"group {group} is written again and again while it is read")

    def _state(self, head: Item, log: Mapping[str, Any], items: Mapping[str, Item], *, now: datetime) -> GroupState:
        alerts = [
            alert_from_json(json.loads(item["alert"]))
            for sk, item in items.items()
            if sk.startswith(ALERT) and "alert" in item and not has_expired(item, now)
        ]
        return GroupState(
            group=_group(head, log),
            alerts={alert.fingerprint: alert for alert in alerts},
            cooldowns=_cooldowns([item for sk, item in sorted(items.items()) if sk.startswith(COOLDOWN)], now=now),
            unconfirmed={
                IntegrationKey(item["integration"]): item["subject"]
                for sk, item in sorted(items.items())
                if sk.startswith(OUTBOX) and item["kind"] == OutboxKind.NOTIFICATION.value
            },
        )

    def commit(self, before: Group, flush: Flush, *, now: datetime) -> Sequence[Alert]:
        pk = partition(before.identity.id)
        head, *tails = _head_items(replace(flush.group, version=before.version + 1), now=now)
        actions = [put_action(head, at_version(before.version)), *map(put_action, tails)]
        actions += [put_action(_outbox_item(pk, each, now=now)) for each in flush.notifications]
        if flush.climbing:
            actions.append(start_action(before.identity.id, flush.climbing, seq=flush.group.seq, now=now))
        actions += [action for each in flush.incidents for action in incident_items.save_actions(each, now=now)]
        cooldowns = list(_cooldown_items(pk, flush.cooldowns, version=before.version + 1))
        actions += map(put_action, cooldowns)
        # What does not fit into the transaction is written just before it, and named by it.
        payloads = [item for each in flush.notifications for item in _payload_items(each, now=now)]
        is_small = (
            sum(len(item["data"]) for item in (*payloads, *cooldowns)) <= TRANSACTION_BYTES
            and len(actions) + len(payloads) <= TRANSACTION_ITEMS
        )
        actions += map(put_action, payloads if is_small else [])
        room = max(TRANSACTION_ITEMS - len(actions), 0)
        actions += [update_action(pk, *_drop(alert, now=now)) for alert in flush.dropped[:room]]
        self._table.each(self._table.put, [] if is_small else payloads)
        self._table.transact(actions)
        return flush.dropped[room:]

    def drop(self, group: GroupId, alerts: Sequence[Alert], *, now: datetime) -> None:
        pk = partition(group)
        for start in range(0, len(alerts), TRANSACTION_ITEMS):
            batch = alerts[start : start + TRANSACTION_ITEMS]
            try:
                self._table.transact([update_action(pk, *_drop(alert, now=now)) for alert in batch])
            except ConflictError:
                self._table.each(lambda alert: self._drop_alone(pk, alert, now=now), batch)

    def _drop_alone(self, pk: str, alert: Alert, *, now: datetime) -> None:
        with contextlib.suppress(ConflictError):  # it was told anew meanwhile
            self._table.update(pk, *_drop(alert, now=now))

    @stored
    def load_outbox(self, group: GroupId) -> Sequence[OutboxEntry]:
        return [_outbox_entry(group, item) for item in self._table.query(partition(group), prefix=OUTBOX)]

    @stored
    def load_notification(self, notification_id: str) -> Mapping[str, Any] | None:
        items = {item["sk"]: item for item in self._table.query(f"notification#{notification_id}")}
        if HEAD not in items:
            return None
        data = b"".join(items[part_key(HEAD, number)]["data"] for number in range(items[HEAD]["parts"]))
        full: dict[str, Any] = json.loads(unpack(data))
        return full

    def mark_published(self, entry: OutboxEntry, *, retry_at: datetime) -> bool:
        """Note that an entry is published; False if it was confirmed or marked meanwhile, which it then stays."""
        condition = Condition(
            "#published = :was AND #retry_at = :read",
            {"#published": "published", "#due_at": "due_at", "#retry_at": "retry_at"},
            {
                ":was": entry.is_published,
                ":read": format_time(entry.retry_at),
                ":yes": True,
                ":due": epoch(retry_at),
                ":retry": format_time(retry_at),
            },
        )
        expression = "SET #published = :yes, #due_at = :due, #retry_at = :retry"
        try:
            self._table.update(partition(entry.group), _outbox_key(entry.seq, entry.integration), expression, condition)
        except ConflictError:
            return False
        return True

    def postpone(self, entry: OutboxEntry, *, retry_at: datetime) -> None:
        condition = Condition(
            "#published = :yes",
            {"#published": "published", "#due_at": "due_at", "#retry_at": "retry_at", "#held_until": "held_until"},
            {":yes": True, ":due": epoch(retry_at), ":retry": format_time(retry_at)},
        )
        key = _outbox_key(entry.seq, entry.integration)
        with contextlib.suppress(ConflictError):  # it is confirmed meanwhile
            expression = "SET #due_at = :due, #retry_at = :retry, #held_until = :retry"
            self._table.update(partition(entry.group), key, expression, condition)

    def confirm(self, entry: OutboxEntry) -> None:
        self._table.delete(partition(entry.group), _outbox_key(entry.seq, entry.integration))

    @stored
    def overdue(self, *, before: datetime, limit: int) -> Sequence[GroupId]:
        return list(islice(_group_ids(self._table.query_due(before=before)), limit))

    @stored
    def active_groups(self) -> Sequence[GroupId]:
        return list(_group_ids(self._table.query_due(before=None)))


def escalate_action(group: GroupId, receivers: Mapping[str, int], *, now: datetime) -> dict[str, Any]:
    """Return the write that adds an escalation step's receivers to a group and has it looked at."""
    names = {f"#{name}": name for name in ("due_at", "due_shard", "version", "look_at")}
    if receivers:
        names["#escalated"] = "escalated"
    values: dict[str, Any] = {":due": epoch(now), ":shard": DUE_SHARD, ":one": 1, ":now": format_time(now)}
    sets = ["#due_at = :due", "#due_shard = :shard", "#look_at = :now"]
    for number, (receiver, step) in enumerate(sorted(receivers.items())):
        names[f"#r{number}"] = receiver
        values[f":s{number}"] = step
        sets.append(f"#escalated.#r{number} = :s{number}")
    condition = Condition("attribute_exists(pk)", names, values)
    return update_action(partition(group), HEAD, f"SET {', '.join(sets)} ADD #version :one", condition)


def _plan_action(
    pk: str, identity: GroupIdentity, first_flush_at: datetime, look_at: datetime | None
) -> dict[str, Any]:
    """Return the write that has a group looked at, unless that is planned; it makes the group where there is none."""
    names = {f"#{name}": name for name in ("identity", "next_flush_at", "look_at", "due_at", "due_shard")}
    names |= {f"#{name}": name for name in ("escalated", "version", "expires_at")}
    values = {
        ":identity": {"receiver": identity.receiver, "route_key": identity.route_key, "labels": dict(identity.labels)},
        ":at": format_time(first_flush_at),
        ":look": format_time(look_at or first_flush_at),
        ":due": epoch(look_at or first_flush_at),
        ":shard": DUE_SHARD,
        ":none": {},
        ":one": 1,
    }
    look = (
        "#look_at = :look, #due_at = :due"
        if look_at
        else "#look_at = if_not_exists(#look_at, :look), #due_at = if_not_exists(#due_at, :due)"
    )
    expression = (
        f"SET #identity = :identity, #next_flush_at = if_not_exists(#next_flush_at, :at), {look}, #due_shard = :shard,"
        " #escalated = if_not_exists(#escalated, :none) REMOVE #expires_at ADD #version :one"
    )
    return update_action(pk, HEAD, expression, Condition("", names, values))


def _head_items(group: Group, *, now: datetime) -> list[Item]:
    pk, parts = partition(group.identity.id), split(pack(_log_text(group)))
    identity = group.identity
    head: Item = {
        "pk": pk,
        "sk": HEAD,
        "version": group.version,
        "seq": group.seq,
        "identity": {"receiver": identity.receiver, "route_key": identity.route_key, "labels": dict(identity.labels)},
        "next_flush_at": format_time(group.next_flush_at) if group.next_flush_at else None,
        "look_at": format_time(group.look_at) if group.look_at else None,
        "due_at": epoch(group.look_at) if group.look_at else None,
        "due_shard": DUE_SHARD if group.look_at else None,
        "escalated": dict(group.escalated),
        "incident": group.incident,
        "log": parts[0],
        "log_parts": len(parts),
        "log_version": group.version,
        "expires_at": None if group.look_at else epoch(now + KEPT_FOR),
    }
    tails: list[Item] = [
        {"pk": pk, "sk": part_key(HEAD, number), "log": part, "log_version": group.version}
        for number, part in enumerate(parts[1:], start=1)
    ]
    return [head, *tails]


def _log_text(group: Group) -> str:
    """Return the notification log and the mutes as text; a set that several integrations share is written once."""
    sets: dict[frozenset[Fingerprint], int] = {}
    entries = {
        key: {
            "firing": sets.setdefault(entry.firing, len(sets)),
            "resolved": sets.setdefault(entry.resolved, len(sets)),
            "at": format_time(entry.at),
            "seq": entry.seq,
            "id": entry.notification_id,
            "step": entry.step,
            **({"standing": entry.standing} if entry.standing else {}),
            **({"ties": list(entry.ties)} if entry.ties else {}),
        }
        for key, entry in sorted(group.sent.items())
    }
    muted = {
        key: {"kind": mute.kind.value, "by": list(mute.by), "since": format_time(mute.since)}
        for key, mute in group.muted.items()
    }
    counted = None if group.counted is None else sets.setdefault(group.counted, len(sets))
    log = {"sets": [sorted(each) for each in sets], "entries": entries, "muted": muted}
    return encode(log if counted is None else {**log, "counted": counted})


def _mutes(data: Mapping[str, Any]) -> dict[Fingerprint, Mute]:
    return {
        Fingerprint(key): Mute(MuteKind(mute["kind"]), tuple(mute["by"]), parse_time(mute["since"]))
        for key, mute in data.get("muted", {}).items()
    }


def _counted(data: Mapping[str, Any]) -> frozenset[Fingerprint] | None:
    return frozenset(Fingerprint(each) for each in data["sets"][data["counted"]]) if "counted" in data else None


def _log(data: Mapping[str, Any], *, newest_step: int) -> dict[IntegrationKey, Sent]:
    """Return the log; who was told before steps were written down was told for the newest one."""
    sets = [frozenset(Fingerprint(each) for each in names) for names in data["sets"]]
    return {
        IntegrationKey(key): Sent(
            firing=sets[entry["firing"]],
            resolved=sets[entry["resolved"]],
            at=parse_time(entry["at"]),
            seq=entry["seq"],
            notification_id=entry["id"],
            step=entry.get("step", newest_step),
            standing=entry.get("standing", 0),
            ties=tuple(entry.get("ties", ())),
        )
        for key, entry in data["entries"].items()
    }


def _whole_log(head: Item, items: Mapping[str, Item]) -> Mapping[str, Any] | None:
    """Return the log that belongs to a record, empty where there is none yet; None where its parts are of another."""
    if "log" not in head:
        return {"sets": [], "entries": {}}
    parts = [head]
    for number in range(1, head["log_parts"]):
        part = items.get(part_key(HEAD, number))
        if part is None or part.get("log_version") != head["log_version"]:
            return None
        parts.append(part)
    log: Mapping[str, Any] = json.loads(unpack(b"".join(part["log"] for part in parts)))
    return log


def _group(head: Item, log: Mapping[str, Any]) -> Group:
    identity = head["identity"]
    return Group(
        identity=GroupIdentity(identity["receiver"], identity["route_key"], Labels(identity["labels"])),
        version=head["version"],
        seq=head.get("seq", 0),
        next_flush_at=parse_time(head["next_flush_at"]) if "next_flush_at" in head else None,
        look_at=parse_time(head["look_at"]) if "look_at" in head else None,
        sent=_log(log, newest_step=max(head.get("escalated", {}).values(), default=0)),
        muted=_mutes(log),
        counted=_counted(log),
        escalated=head.get("escalated", {}),
        incident=IncidentId(head["incident"]) if "incident" in head else None,
    )


def _alert_item(pk: str, alert: Alert) -> Item:
    return {
        "pk": pk,
        "sk": ALERT + alert.fingerprint,
        "alert": encode(alert_as_json(alert, now=alert.updated_at)),
        "updated_at": sortable(alert.updated_at),
        "expires_at": expiry(alert.over_at, KEPT_FOR) if alert.over_at else None,
    }


def _batches(alerts: Sequence[Alert]) -> Iterator[list[Alert]]:
    """Yield the alerts in as many as fit into a transaction beside the group's record."""
    batch: list[Alert] = []
    size = 0
    for alert in alerts:
        length = len(encode(alert_as_json(alert, now=alert.updated_at)).encode())
        if batch and (len(batch) == TRANSACTION_ITEMS - 1 or size + length > TRANSACTION_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(alert)
        size += length
    if batch:
        yield batch


def _not_older(alert: Alert) -> Condition:
    return Condition(
        "attribute_not_exists(#updated_at) OR #updated_at <= :updated_at",
        {"#updated_at": "updated_at"},
        {":updated_at": sortable(alert.updated_at)},
    )


def _drop(alert: Alert, *, now: datetime) -> tuple[str, str, Condition]:
    """Return the write that leaves of an alert only when it was told of last: sort key, expression, condition."""
    unchanged = Condition(
        "#updated_at = :updated_at",
        {"#updated_at": "updated_at", "#alert": "alert", "#expires_at": "expires_at"},
        {":updated_at": sortable(alert.updated_at), ":until": epoch(now + DROPPED_FOR)},
    )
    return ALERT + alert.fingerprint, "SET #expires_at = :until REMOVE #alert", unchanged


def _cooldown_items(pk: str, cooldowns: Mapping[Fingerprint, Cooldown], *, version: int) -> Iterator[Item]:
    """Yield what a flush remembers of cooldowns, many to an item; what a later version says of one holds."""
    ordered = sorted(cooldowns.items())
    for start in range(0, len(ordered), COOLDOWNS_IN_ITEM):
        some = ordered[start : start + COOLDOWNS_IN_ITEM]
        yield {
            "pk": pk,
            "sk": f"{COOLDOWN}{version:015d}#{start // COOLDOWNS_IN_ITEM:03d}",
            "data": pack(encode({key: _cooldown_json(each) for key, each in some})),
            "expires_at": epoch(max(each.until for _, each in some)),
        }


def _cooldown_json(cooldown: Cooldown) -> Mapping[str, Any]:
    data = {"starts_at": format_time(cooldown.starts_at), "until": format_time(cooldown.until), "held": cooldown.held}
    return {**data, "held_starts_at": format_time(cooldown.held_starts_at)} if cooldown.held_starts_at else data


def _cooldowns(items: Sequence[Item], *, now: datetime) -> dict[Fingerprint, Cooldown]:
    """Return the cooldowns of items in the order of their keys; older versions wrote one for each fingerprint."""
    kept = [item for item in items if not has_expired(item, now)]
    alone = {item["sk"].removeprefix(COOLDOWN): item for item in kept if "data" not in item}
    found: dict[str, Mapping[str, Any]] = dict(alone)
    for item in kept:
        found |= json.loads(unpack(item["data"])) if "data" in item else {}
    cooldowns = {Fingerprint(key): _cooldown(each) for key, each in found.items()}
    return {key: each for key, each in cooldowns.items() if each.until > now}


def _cooldown(item: Mapping[str, Any]) -> Cooldown:
    return Cooldown(
        starts_at=parse_time(item["starts_at"]),
        until=parse_time(item["until"]),
        held=item["held"],
        held_starts_at=parse_time(item["held_starts_at"]) if "held_starts_at" in item else None,
    )


def _payload_items(notification: Notification, *, now: datetime) -> list[Item]:
    parts = split(pack(encode(as_json(notification))))
    common: Item = {"pk": f"notification#{notification.id}", "expires_at": epoch(now + KEPT_FOR)}
    return [
        {**common, "sk": part_key(HEAD, number), "data": part, "parts": len(parts) if number == 0 else None}
        for number, part in enumerate(parts)
    ]


def _outbox_key(seq: int, integration: IntegrationKey) -> str:
    return f"{OUTBOX}{seq:015d}#{integration}"


def _outbox_item(pk: str, notification: Notification, *, now: datetime) -> Item:
    return _pending(pk, notification.seq, notification.key, OutboxKind.NOTIFICATION, notification.id, now=now)


def start_action(group: GroupId, incident: Incident, *, seq: int, now: datetime) -> dict[str, Any]:
    """Return the write that has an incident's state machine started."""
    key = IntegrationKey(f"escalation/{incident.climb}")
    item = _pending(
        partition(group), seq, key, OutboxKind.ESCALATION, execution_name(incident.id, incident.climb), now=now
    )
    return put_action(item)


def _pending(pk: str, seq: int, integration: IntegrationKey, kind: OutboxKind, subject: str, *, now: datetime) -> Item:
    return {
        "pk": pk,
        "sk": _outbox_key(seq, integration),
        "kind": kind.value,
        "subject": subject,
        "seq": seq,
        "integration": integration,
        "decided_at": format_time(now),
        "retry_at": format_time(now),
        "published": False,
        "due_shard": DUE_SHARD,
        "due_at": epoch(now),
    }


def _outbox_entry(group: GroupId, item: Item) -> OutboxEntry:
    return OutboxEntry(
        group=group,
        kind=OutboxKind(item["kind"]),
        subject=item["subject"],
        seq=item["seq"],
        integration=IntegrationKey(item["integration"]),
        decided_at=parse_time(item["decided_at"]),
        retry_at=parse_time(item["retry_at"]),
        is_published=item["published"],
        held_until=parse_time(item["held_until"]) if "held_until" in item else None,
    )


def _group_ids(items: Iterable[Item]) -> Iterator[GroupId]:
    """Yield each group once: what waits in its outbox is due beside it."""
    seen: set[GroupId] = set()
    for item in items:
        group = GroupId(item["pk"].removeprefix("group#"))
        if group not in seen:
            seen.add(group)
            yield group
