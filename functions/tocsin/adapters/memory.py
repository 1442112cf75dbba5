"""The whole world in memory: for stories in virtual time, for trying things out, and for evaluating without AWS.

The same contract suite runs against these and against the real adapters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ..core.alerts import Alert, Status
from ..core.cooldowns import Cooldown
from ..core.grouping import Flush, Group, GroupState
from ..core.incidents import Event, Incident, IncidentId, execution_name
from ..core.labels import Fingerprint
from ..core.notifications import Notification, as_json, encode
from ..core.oncall import Override, by_schedule
from ..core.rate_limits import Held, RateLimit, held
from ..core.receivers import IntegrationKey, Kind
from ..core.routing import GroupId, GroupIdentity
from ..core.rules import RuleKey, Sample
from ..core.silences import Silence, SilenceId
from ..errors import ConflictError, QueryError, StoreError
from ..ports import (
    Claim,
    Delivery,
    DeliveryState,
    IngestedAlert,
    LoadedConfiguration,
    OutboxEntry,
    OutboxKind,
    Query,
    RuleRecord,
    SilenceChange,
    Thread,
)

LEASE = timedelta(seconds=70)
SILENCES_KEPT_FOR = timedelta(days=5)
INGESTED_KEPT_FOR = timedelta(minutes=15)
OVERRIDES_KEPT_FOR = timedelta(days=30)
DROPPED_FOR = timedelta(hours=1)


@dataclass(slots=True)
class _Group:
    group: Group
    alerts: dict[Fingerprint, Alert] = field(default_factory=dict)
    cooldowns: dict[Fingerprint, Cooldown] = field(default_factory=dict)
    outbox: dict[tuple[int, IntegrationKey], OutboxEntry] = field(default_factory=dict)


@dataclass(slots=True)
class _Claim:
    delivered_seq: int = -1
    id: str = ""
    until: datetime | None = None
    wait_until: datetime | None = None
    believes: bool = False
    believed: bool = False


class MemoryStore:
    """Rules, groups, incidents and deliveries, with the conditions of the table."""

    def __init__(self) -> None:
        self.rules: dict[RuleKey, RuleRecord] = {}
        self.groups: dict[GroupId, _Group] = {}
        self.dropped: dict[tuple[GroupId, Fingerprint], tuple[datetime, datetime]] = {}
        self.notifications: dict[str, str] = {}
        self.incidents: dict[IncidentId, Incident] = {}
        self.events: dict[IncidentId, tuple[Event, ...]] = {}
        self.inhibitors: dict[Fingerprint, Alert] = {}
        self.silences: dict[SilenceId, Silence] = {}
        self.overrides: dict[str, Override] = {}
        self.ingested: dict[Fingerprint, IngestedAlert] = {}
        self.claims: dict[tuple[GroupId, IntegrationKey], _Claim] = {}
        self.deliveries: dict[tuple[GroupId, IntegrationKey, int], Delivery] = {}
        self.threads: dict[tuple[GroupId, IntegrationKey], Thread] = {}
        self.counts: dict[str, int] = {}
        self.windows: dict[tuple[IntegrationKey, datetime], set[str]] = {}
        self.held: dict[tuple[IntegrationKey, GroupId], tuple[datetime, Held]] = {}
        self.writes = 0

    # Rules

    def load_rules(self, *, now: datetime) -> Mapping[RuleKey, RuleRecord]:
        return dict(self.rules)

    def save_rule(self, record: RuleRecord, *, now: datetime) -> RuleRecord:
        stored = self.rules.get(record.key)
        _expect(stored.version if stored else 0, record.version, f"rule {record.key}")
        self.writes += 1
        self.rules[record.key] = replace(record, version=record.version + 1)
        return self.rules[record.key]

    # Groups

    def tell(
        self,
        identity: GroupIdentity,
        alerts: Sequence[Alert],
        *,
        first_flush_at: datetime,
        look_at: datetime | None = None,
    ) -> None:
        if len({alert.fingerprint for alert in alerts}) < len(alerts):
            raise StoreError(f"group {identity.id}: one alert is told twice at once")  # as a transaction refuses it
        stored = self.groups.get(identity.id)
        known = stored.alerts if stored else {}
        for alert in alerts:
            if alert.fingerprint in known and known[alert.fingerprint].updated_at > alert.updated_at:
                raise ConflictError(f"group {identity.id} was told something newer of {alert.fingerprint}")
            told_at, _ = self.dropped.get((identity.id, alert.fingerprint), (alert.updated_at, None))
            if told_at > alert.updated_at:
                raise ConflictError(f"group {identity.id} was told of the end of {alert.fingerprint}")
        stored = self.groups.setdefault(identity.id, _Group(Group(identity)))
        stored.alerts.update({alert.fingerprint: alert for alert in alerts})
        stored.group = replace(
            stored.group,
            version=stored.group.version + 1,
            next_flush_at=stored.group.next_flush_at or first_flush_at,
            look_at=look_at or stored.group.look_at or first_flush_at,
        )
        self.writes += 1

    def load_group(self, group: GroupId, *, now: datetime) -> GroupState | None:
        stored = self.groups.get(group)
        if stored is None:
            return None
        cooldowns = {key: each for key, each in stored.cooldowns.items() if each.until > now}
        unconfirmed = {
            entry.integration: entry.subject
            for _, entry in sorted(stored.outbox.items())
            if entry.kind is OutboxKind.NOTIFICATION
        }
        return GroupState(stored.group, dict(stored.alerts), cooldowns, unconfirmed)

    def commit(self, before: Group, flush: Flush, *, now: datetime) -> Sequence[Alert]:
        stored = self.groups[before.identity.id]
        _expect(stored.group.version, before.version, f"group {before.identity.id}")
        for incident in flush.incidents:
            self._check_incident(incident)
        for alert in flush.dropped:
            if stored.alerts.get(alert.fingerprint) != alert:
                raise ConflictError(f"alert {alert.fingerprint} was told anew")
        self.writes += 1
        stored.group = replace(flush.group, version=before.version + 1)
        stored.cooldowns.update(flush.cooldowns)
        self.dropped = {key: each for key, each in self.dropped.items() if each[1] > now}
        self.drop(before.identity.id, flush.dropped, now=now)
        for notification in flush.notifications:
            self.notifications[notification.id] = encode(as_json(notification))
            entry = _outbox_entry(before.identity.id, notification, now=now)
            stored.outbox[entry.seq, entry.integration] = entry
        for incident in flush.incidents:
            self._put_incident(incident)
        if flush.climbing is not None:
            self._put_start(flush.climbing, seq=flush.group.seq, now=now)
        return ()

    def drop(self, group: GroupId, alerts: Sequence[Alert], *, now: datetime) -> None:
        known = self.groups[group].alerts
        for alert in alerts:
            if known.get(alert.fingerprint) == alert:
                del known[alert.fingerprint]
                self.dropped[group, alert.fingerprint] = (alert.updated_at, now + DROPPED_FOR)

    def load_outbox(self, group: GroupId) -> Sequence[OutboxEntry]:
        stored = self.groups.get(group)
        return [entry for _, entry in sorted(stored.outbox.items())] if stored else []

    def load_notification(self, notification_id: str) -> Mapping[str, Any] | None:
        text = self.notifications.get(notification_id)
        return None if text is None else json.loads(text)

    def mark_published(self, entry: OutboxEntry, *, retry_at: datetime) -> bool:
        outbox = self.groups[entry.group].outbox
        if outbox.get((entry.seq, entry.integration)) != entry:
            return False
        self.writes += 1
        outbox[entry.seq, entry.integration] = replace(entry, is_published=True, retry_at=retry_at)
        return True

    def postpone(self, entry: OutboxEntry, *, retry_at: datetime) -> None:
        outbox = self.groups[entry.group].outbox if entry.group in self.groups else {}
        kept = outbox.get((entry.seq, entry.integration))
        if kept is not None and kept.is_published:
            self.writes += 1
            outbox[entry.seq, entry.integration] = replace(kept, retry_at=retry_at, held_until=retry_at)

    def confirm(self, entry: OutboxEntry) -> None:
        self.writes += 1
        if entry.group in self.groups:
            self.groups[entry.group].outbox.pop((entry.seq, entry.integration), None)

    def overdue(self, *, before: datetime, limit: int) -> Sequence[GroupId]:
        due = sorted((at, group) for group in self.groups for at in self._due_times(group) if at <= before)
        return list(dict.fromkeys(group for _, group in due))[:limit]

    def active_groups(self) -> Sequence[GroupId]:
        due = sorted((at, group) for group in self.groups for at in self._due_times(group))
        return list(dict.fromkeys(group for _, group in due))

    def _due_times(self, group: GroupId) -> Iterator[datetime]:
        stored = self.groups[group]
        if stored.group.look_at is not None:
            yield stored.group.look_at
        yield from (entry.retry_at for entry in stored.outbox.values())

    # Incidents

    def load_incident(self, incident: IncidentId) -> Incident | None:
        return self.incidents.get(incident)

    def save_incident(self, incident: Incident, *, now: datetime) -> None:
        self._check_incident(incident)
        self.writes += 1
        self._put_incident(incident)

    def load_events(self, incident: IncidentId) -> Sequence[Event]:
        return self.events.get(incident, ())

    def _put_incident(self, incident: Incident) -> None:
        self.events[incident.id] = (*self.events.get(incident.id, ()), *incident.news)
        self.incidents[incident.id] = replace(incident, version=incident.version + 1, news=())

    def _put_start(self, incident: Incident, *, seq: int, now: datetime) -> None:
        key = IntegrationKey(f"escalation/{incident.climb}")
        name = execution_name(incident.id, incident.climb)
        entry = OutboxEntry(incident.group, OutboxKind.ESCALATION, name, seq, key, now, now)
        self.groups[incident.group].outbox[seq, key] = entry

    def escalate(
        self, incident: Incident, receivers: Mapping[str, int], *, starts: bool = False, now: datetime
    ) -> None:
        stored = self.groups.get(incident.group)
        if stored is None:
            raise ConflictError(f"there is no group {incident.group}")
        self.save_incident(incident, now=now)
        stored.group = replace(
            stored.group,
            version=stored.group.version + 1,
            escalated={**stored.group.escalated, **receivers},
            look_at=now,
        )
        if starts:
            self._put_start(incident, seq=int(now.timestamp() * 1000), now=now)

    def _check_incident(self, incident: Incident) -> None:
        stored = self.incidents.get(incident.id)
        _expect(stored.version if stored else 0, incident.version, f"incident {incident.id}")

    # Overrides

    def load_overrides(self, *, now: datetime) -> Mapping[str, Sequence[Override]]:
        return by_schedule(each for each in self.overrides.values() if each.end > now - OVERRIDES_KEPT_FOR)

    def add_overrides(self, overrides: Sequence[Override], *, now: datetime) -> None:
        for override in overrides:
            if override.id in self.overrides:
                raise ConflictError(f"override {override.id} is there already")
        self.writes += 1
        self.overrides.update({override.id: override for override in overrides})

    def remove_override(self, override: Override, *, now: datetime) -> None:
        self.writes += 1
        self.overrides.pop(override.id, None)

    # Inhibitors

    def load_inhibitors(self, *, now: datetime) -> Sequence[Alert]:
        found = (self.inhibitors[key] for key in sorted(self.inhibitors))
        return [alert for alert in found if alert.status_at(now) is Status.FIRING]

    def save_inhibitors(self, alerts: Sequence[Alert], *, now: datetime) -> None:
        for alert in alerts:
            known = self.inhibitors.get(alert.fingerprint)
            if known is None or known.updated_at <= alert.updated_at:
                self.writes += 1
                self.inhibitors[alert.fingerprint] = alert

    # Silences

    def load_silences(self, *, now: datetime) -> Sequence[Silence]:
        kept = (self.silences[key] for key in sorted(self.silences))
        return [silence for silence in kept if silence.ends_at > now - SILENCES_KEPT_FOR]

    def load_silence(self, silence: SilenceId, *, now: datetime) -> Silence | None:
        return next((each for each in self.load_silences(now=now) if each.id == silence), None)

    def save_silences(self, changes: Sequence[SilenceChange]) -> None:
        for change in changes:
            if self.silences.get(change.after.id) != change.before:
                raise ConflictError(f"silence {change.after.id} was changed meanwhile")
        self.writes += 1
        self.silences.update({change.after.id: change.after for change in changes})

    # Counters

    def add(self, name: str, amount: int, *, expires_at: datetime) -> int:
        self.writes += 1
        self.counts[name] = self.counts.get(name, 0) + amount
        return self.counts[name]

    # Rate limits

    def take(self, notification: Notification, limit: RateLimit, *, now: datetime) -> bool:
        told = self.windows.setdefault((notification.key, limit.window(now)), set())
        if notification.id not in told and len(told) >= limit.notifications:
            return False
        self.writes += 1
        told.add(notification.id)
        return True

    def hold(self, notification: Notification, limit: RateLimit, *, now: datetime) -> None:
        self.writes += 1
        key = (notification.key, notification.group)
        known = self.held.get(key)
        since = known[1].since if known and known[0] > now else limit.window(now)
        self.held[key] = (limit.forgotten_at(now), held(notification, since))

    def release(self, notification: Notification) -> None:
        self.writes += 1
        self.held.pop((notification.key, notification.group), None)

    def load_held(self, key: IntegrationKey, *, now: datetime) -> Sequence[Held]:
        found = sorted((group, each) for (holder, group), each in self.held.items() if holder == key)
        return [each for _, (forgotten_at, each) in found if forgotten_at > now]

    # Alerts that were sent to us

    def load_ingested(self, *, now: datetime) -> Sequence[IngestedAlert]:
        kept = (self.ingested[key] for key in sorted(self.ingested))
        return [each for each in kept if each.alert.over_at is None or each.alert.over_at > now - INGESTED_KEPT_FOR]

    def find_ingested(
        self, fingerprints: Sequence[Fingerprint], *, now: datetime
    ) -> Mapping[Fingerprint, IngestedAlert]:
        kept = {each.alert.fingerprint: each for each in self.load_ingested(now=now)}
        return {key: kept[key] for key in fingerprints if key in kept}

    def save_ingested(self, records: Sequence[IngestedAlert], *, now: datetime) -> Sequence[IngestedAlert]:
        stored = self.find_ingested([record.alert.fingerprint for record in records], now=now)
        for record in records:
            key = record.alert.fingerprint
            _expect(stored[key].version if key in stored else 0, record.version, f"alert {key}")
        written = [replace(record, version=record.version + 1) for record in records]
        self.writes += len(records)
        self.ingested.update({record.alert.fingerprint: record for record in written})
        return written

    # Deliveries

    def claim(self, notification: Notification, *, now: datetime) -> Claim:
        claim = self.claims.setdefault((notification.group, notification.key), _Claim())
        if claim.delivered_seq == notification.seq:
            return Claim.DELIVERED
        if claim.delivered_seq > notification.seq:
            return Claim.STALE
        if claim.until is not None and claim.until > now:
            return Claim.BUSY
        is_over = notification.status is Status.RESOLVED
        if is_over and notification.follows_unconfirmed and not claim.believes:
            self.writes += 1
            claim.delivered_seq = notification.seq
            return Claim.UNHEARD
        if claim.wait_until is not None and claim.wait_until > now:
            return Claim.WAITING
        self.writes += 1
        claim.id, claim.until = notification.id, now + LEASE
        if not is_over:
            claim.believed, claim.believes = claim.believes, True
        return Claim.GRANTED

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
        claim = self.claims.setdefault((notification.group, notification.key), _Claim())
        if claim.id != notification.id:
            raise ConflictError(f"the claim of notification {notification.id} is another's by now")
        self.writes += 1
        claim.id, claim.until, claim.wait_until = "", None, wait_until
        if state is DeliveryState.DELIVERED:
            claim.delivered_seq = notification.seq
            claim.believes = notification.status is Status.FIRING
        elif notification.status is Status.FIRING and not may_have_arrived:
            claim.believes = claim.believed
        key = (notification.group, notification.key, notification.seq)
        before = self.deliveries.get(key)
        self.deliveries[key] = Delivery(
            notification_id=notification.id,
            integration=notification.key,
            seq=notification.seq,
            state=state,
            attempts=before.attempts + 1 if before else 1,
            at=now,
            status=notification.status.value,
            reason=notification.reason.value,
            outcome=outcome[:1000],
        )

    def load_deliveries(self, group: GroupId) -> Sequence[Delivery]:
        return [delivery for key, delivery in sorted(self.deliveries.items()) if key[0] == group]

    def load_thread(self, notification: Notification, *, now: datetime) -> Thread | None:
        return self.threads.get((notification.group, notification.key))

    def save_thread(self, notification: Notification, thread: Thread | None, *, now: datetime) -> None:
        self.writes += 1
        if thread is None:
            self.threads.pop((notification.group, notification.key), None)
        else:
            self.threads[notification.group, notification.key] = thread


def _expect(stored: int, read: int, what: str) -> None:
    if stored != read:
        raise ConflictError(f"{what} is at version {stored}, not {read}")


def _outbox_entry(group: GroupId, notification: Notification, *, now: datetime) -> OutboxEntry:
    return OutboxEntry(
        group=group,
        kind=OutboxKind.NOTIFICATION,
        subject=notification.id,
        seq=notification.seq,
        integration=notification.key,
        decided_at=now,
        retry_at=now,
    )


class MemoryMetrics:
    """Query results by expression: samples, an error, or a function of the query's time."""

    def __init__(self) -> None:
        self.results: dict[str, Sequence[Sample] | QueryError | Callable[[datetime], Sequence[Sample]]] = {}
        self.queries: list[Query] = []

    def query_all(self, queries: Sequence[Query], *, budget_seconds: float) -> Sequence[Sequence[Sample] | QueryError]:
        self.queries.extend(queries)
        return [self._answer(query) for query in queries]

    def _answer(self, query: Query) -> Sequence[Sample] | QueryError:
        result = self.results.get(query.expr, ())
        return result(query.at) if callable(result) else result


class MemoryTimers:
    """Timers and ticks as a list of what is to happen when."""

    def __init__(self) -> None:
        self.announced: list[tuple[datetime, GroupId]] = []
        self.ticks: list[datetime] = []

    def announce(self, group: GroupId, *, at: datetime, now: datetime) -> None:
        self.announced.append((at, group))

    def announce_all(self, groups: Sequence[GroupId], *, at: datetime, now: datetime) -> None:
        for group in groups:
            self.announce(group, at=at, now=now)

    def announce_tick(self, at: datetime, *, now: datetime) -> None:
        self.ticks.append(at)

    def take_due(self, now: datetime) -> list[tuple[datetime, GroupId]]:
        due = sorted(entry for entry in self.announced if entry[0] <= now)
        self.announced = [entry for entry in self.announced if entry[0] > now]
        return due


class MemoryTopic:
    """What was published, in order."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def publish(self, message: str) -> bool:
        self.messages.append(message)
        return bool(json.loads(message)["integration"] != Kind.SNS.value)


class MemoryEscalations:
    """Which state machines were started, for which incidents in order; a second start of one is none."""

    def __init__(self) -> None:
        self.started: list[IncidentId] = []
        self.executions: list[tuple[IncidentId, int]] = []

    def start(self, incident: IncidentId, climb: int) -> None:
        if (incident, climb) not in self.executions:
            self.executions.append((incident, climb))
        if incident not in self.started:
            self.started.append(incident)


class FixedConfigurations:
    """A configuration that is at hand."""

    def __init__(self, loaded: LoadedConfiguration) -> None:
        self.loaded = loaded

    def current(self, *, now: datetime, fresh: bool = False) -> LoadedConfiguration:
        return self.loaded


@dataclass(slots=True)
class MemoryLog:
    """Log lines, counters and durations, to be looked at."""

    lines: list[tuple[str, str, dict[str, object]]] = field(default_factory=list)
    counts: dict[str, float] = field(default_factory=dict)
    observed: dict[str, list[float]] = field(default_factory=dict)

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.lines.append(("error", event, fields))

    def count(self, metric: str, value: float = 1, **dimensions: str) -> None:
        self.counts[metric] = self.counts.get(metric, 0) + value

    def observe(self, metric: str, seconds: float, **dimensions: str) -> None:
        self.observed.setdefault(metric, []).append(seconds)

    def events(self, event: str) -> list[dict[str, object]]:
        return [fields for _, name, fields in self.lines if name == event]
