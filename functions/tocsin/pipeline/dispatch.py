"""A look at a group: decide whom to tell, commit that with the outbox, send the outbox, plan the next look.

The timer for the next look is announced before the commit and SNS is told after it (laws 5 and 6): a crash between
leaves a timer that finds nothing, or an outbox that the next look sends with the same bytes under the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from .. import ports
from ..core.alerts import Alert, Status
from ..core.configuration import Configuration
from ..core.flushing import Surroundings, decide_flush
from ..core.grouping import Flush, Group, GroupState, Owed
from ..core.incidents import SYSTEM, Incident, read_execution_name, resolve
from ..core.inhibition import Inhibitors
from ..core.muting import Muters
from ..core.notifications import alert_from_json, message_json, parse_time
from ..core.receivers import IntegrationKey, Kind
from ..core.rosters import roster_of
from ..core.routing import GroupId, Route, find_route
from ..errors import ConfigUnreachableError, ConflictError
from ..ports import (
    Configurations,
    Escalations,
    Groups,
    Incidents,
    LoadedConfiguration,
    Log,
    OutboxEntry,
    OutboxKind,
    Timers,
    Topic,
)

ATTEMPTS = 5
# A delivery may take its function's whole time; asking again before that would only meet its claim.
LEAST_RETRY_AFTER = timedelta(seconds=75)
# Whatever the group's interval: a receiver that works again should not wait for hours.
MOST_RETRY_AFTER = timedelta(minutes=5)
# What a rate limit holds back has not been tried: that time does not count.
RETRIED_FOR = timedelta(hours=24)
# So many ended alerts at most are taken over from what is not confirmed: a receiver that is dead for good is to cost
# its group no look.
MOST_OWED = 5000


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """What looking at groups works with."""

    configurations: Configurations
    groups: Groups
    incidents: Incidents
    inhibitors: ports.Inhibitors
    silences: ports.Silences
    timers: Timers
    topic: Topic
    escalations: Escalations
    log: Log
    external_url: str = ""


def run(world: Dispatcher, group: GroupId, *, at: datetime, now: datetime) -> Flush | None:
    """Look at a group that a timer names; returns what was decided, or None where there was nothing to look at."""
    if at > now:
        world.timers.announce(group, at=at, now=now)  # longer than one delay can be: hop
        return None
    flush, left = _flush(world, group, now=now)
    try:
        _send_outbox(world, group, now=now)
    finally:
        if left:
            world.groups.drop(group, left, now=now)
    return flush


def _flush(world: Dispatcher, group: GroupId, *, now: datetime) -> tuple[Flush | None, Sequence[Alert]]:
    """Decide and commit; returns what was decided, and the ended alerts that are still to be dropped."""
    for _ in range(ATTEMPTS):
        try:
            return _flush_once(world, group, now=now)
        except ConflictError:
            world.log.info("group_changed_meanwhile", group=group)
    raise ConflictError(f"group {group} changed {ATTEMPTS} times while it was looked at")


def _flush_once(world: Dispatcher, group: GroupId, *, now: datetime) -> tuple[Flush | None, Sequence[Alert]]:
    state = world.groups.load_group(group, now=now)
    if state is None:
        return None, ()
    route, loaded = _route_of(world, state, now=now)
    if route is None:
        return None, _forget(world, state, now=now)
    kept = _with_owed(world, state if loaded.is_unreachable else _routed_here(state, loaded), now=now)
    incident = _load_incident(world, state.group)
    muters = _load_muters(world, loaded.configuration, now=now)
    roster = roster_of(loaded.configuration)
    around = Surroundings(route, loaded.configuration, world.external_url, muters, roster)
    flush = decide_flush(kept, incident, around, now=now)
    flush = replace(flush, dropped=(*flush.dropped, *(a for k, a in state.alerts.items() if k not in kept.alerts)))
    # Only a new plan: a timer for the one that stands is on its way, and each look would multiply it.
    if flush.group.next_flush_at not in (None, state.group.next_flush_at):
        world.timers.announce(group, at=flush.group.next_flush_at, now=now)
    left = () if _changes_nothing(state.group, flush) else world.groups.commit(state.group, flush, now=now)
    _report(world, flush, incident)
    _report_given_up(world, kept, flush)
    return flush, left


def _route_of(world: Dispatcher, state: GroupState, *, now: datetime) -> tuple[Route | None, LoadedConfiguration]:
    """Return the group's route, None where it is gone; before it or a member is held to be, the newest is asked.

    What tells groups may know a newer configuration than this function does: it would drop what has just been told.
    Raises ConfigUnreachableError where the route is gone from what is known, and nothing newer can be read.
    """
    identity = state.group.identity
    loaded = world.configurations.current(now=now)
    route = find_route(loaded.configuration.root, identity.receiver, identity.route_key)
    if route is None or _routed_here(state, loaded) is not state:
        loaded = world.configurations.current(now=now, fresh=True)
        route = find_route(loaded.configuration.root, identity.receiver, identity.route_key)
    if route is None and loaded.is_unreachable:
        raise ConfigUnreachableError(f"group {identity.id} has no route, as far as is known: {loaded.refused}")
    return route, loaded


def _routed_here(state: GroupState, loaded: LoadedConfiguration) -> GroupState:
    """Return the group without alerts that a changed configuration has routed elsewhere.

    They leave the record of what was told as well: leaving is no resolution, and must not be announced as one. So does
    an integration that is gone before it has heard all: it is told anew if it comes back.
    """
    configuration, identity = loaded.configuration, state.group.identity
    gone = {key for key, alert in state.alerts.items() if not configuration.is_routed_to(identity, alert)}
    deaf = state.unconfirmed.keys() & state.group.sent.keys()
    deaf = {key for key in deaf if not configuration.has_integration(key)}
    if not gone and not deaf:
        return state
    sent = {
        key: replace(entry, firing=entry.firing - gone, resolved=entry.resolved - gone)
        for key, entry in state.group.sent.items()
        if key not in deaf
    }
    alerts = {key: alert for key, alert in state.alerts.items() if key not in gone}
    return replace(state, group=replace(state.group, sent=sent), alerts=alerts)


def _with_owed(world: Dispatcher, state: GroupState, *, now: datetime) -> GroupState:
    """Return the group with the ended alerts of what is not confirmed: what is newer takes its place."""
    found = {key: world.groups.load_notification(each) for key, each in state.unconfirmed.items()}
    owed = {key: _owed(world, state, key, full, now=now) for key, full in found.items() if full}
    return replace(state, owed=owed) if owed else state


def _owed(world: Dispatcher, state: GroupState, key: IntegrationKey, full: Mapping[str, Any], *, now: datetime) -> Owed:
    """Return what an integration is still owed of a notification: after a day without any answer, a day's ends."""
    alerts = [alert_from_json(each) for each in full["alerts"] if each["status"] == Status.RESOLVED]
    since = parse_time(full.get("unconfirmed_since") or full["created_at"])
    if now - since >= RETRIED_FOR:
        entries = world.groups.load_outbox(state.group.identity.id)
        since = max([since, *(each.held_until for each in entries if each.integration == key and each.held_until)])
    kept = sorted(alerts, key=lambda alert: alert.ends_at or now)
    if now - since >= RETRIED_FOR:
        kept = [alert for alert in kept if now - (alert.ends_at or now) < RETRIED_FOR]
    kept = kept[-MOST_OWED:]
    return Owed(kept, since, len(alerts) - len(kept))


def _forget(world: Dispatcher, state: GroupState, *, now: datetime) -> Sequence[Alert]:
    """Drop a group whose route is gone, with its incident: evaluate tells its alerts where they belong now."""
    ended = replace(state.group, next_flush_at=None, look_at=None, sent={}, escalated={}, incident=None)
    incident = _load_incident(world, state.group)
    closed = resolve(incident, by=SYSTEM, comment="the route of its group is gone", now=now) if incident else None
    world.log.warning("group_rerouted", group=state.group.identity.id, group_key=state.group.identity.key)
    flush = Flush(
        group=ended,
        dropped=tuple(state.alerts.values()),
        closed=closed if isinstance(closed, Incident) else None,
    )
    return world.groups.commit(state.group, flush, now=now)


def _load_incident(world: Dispatcher, group: Group) -> Incident | None:
    return world.incidents.load_incident(group.incident) if group.incident else None


def _load_muters(world: Dispatcher, configuration: Configuration, *, now: datetime) -> Muters:
    """Return what may mute now; the firing alerts that inhibit are read only where a rule asks for them."""
    rules = configuration.inhibit_rules
    firing = world.inhibitors.load_inhibitors(now=now) if rules else ()
    return Muters(
        inhibitors=Inhibitors(rules, ((alert.fingerprint, alert.labels) for alert in firing)),
        silences=world.silences.load_silences(now=now),
        intervals=configuration.time_intervals,
    )


def _changes_nothing(before: Group, flush: Flush) -> bool:
    return flush.group == before and not (flush.notifications or flush.dropped or flush.cooldowns or flush.incidents)


def _send_outbox(world: Dispatcher, group: GroupId, *, now: datetime) -> None:
    """Tell the world what was decided, in order; what was not confirmed in time is told again with the same bytes.

    One entry's failure is not another's: all are tried, then the first error is raised, and the timer comes back.
    """
    entries = world.groups.load_outbox(group)
    newest = {entry.integration: entry.seq for entry in entries}
    errors: list[Exception] = []
    for entry in entries:
        try:
            _send(world, entry, is_newest=entry.seq == newest[entry.integration], now=now)
        except Exception as error:  # the bulkhead between integrations
            world.log.error("outbox_entry_failed", subject=entry.subject, kind=entry.kind.value, error=repr(error))
            errors.append(error)
    if errors:
        raise errors[0]


def _send(world: Dispatcher, entry: OutboxEntry, *, is_newest: bool, now: datetime) -> None:
    if entry.kind is OutboxKind.ESCALATION:
        world.escalations.start(*read_execution_name(entry.subject))
        world.groups.confirm(entry)
    elif now - (entry.held_until or entry.decided_at) >= RETRIED_FOR:
        _give_up(world, entry)
    elif not entry.is_published:
        _publish(world, entry, now=now)
    elif entry.retry_at <= now:
        _publish_again(world, entry, is_newest=is_newest, now=now)


def _publish(world: Dispatcher, entry: OutboxEntry, *, now: datetime) -> None:
    full = world.groups.load_notification(entry.subject)
    if full is None:
        world.log.error("notification_gone", notification=entry.subject, group=entry.group)
        world.groups.confirm(entry)
        return
    if entry.decided_at < now and _is_obsolete(world, entry, full, now=now):
        world.log.warning("notification_withdrawn", notification=entry.subject, integration=entry.integration)
        world.groups.confirm(entry)
        return
    # Marked first: of two looks beside each other, one publishes. What is lost on its way is soon told again.
    marked = replace(entry, is_published=True, retry_at=now + LEAST_RETRY_AFTER)
    if not world.groups.mark_published(entry, retry_at=marked.retry_at):
        return
    try:
        is_confirmed_later = world.topic.publish(message_json(full))
    except Exception:
        world.groups.mark_published(marked, retry_at=now)
        raise
    retry_at = now + min(timedelta(seconds=full["retry_after_seconds"]), MOST_RETRY_AFTER)
    if not is_confirmed_later:
        world.groups.confirm(entry)
    elif retry_at > marked.retry_at:
        world.groups.mark_published(marked, retry_at=retry_at)


def _is_obsolete(world: Dispatcher, entry: OutboxEntry, full: Mapping[str, Any], *, now: datetime) -> bool:
    """Say whether nothing of what a late notification says is its integration's business any more.

    What fires in it has been routed elsewhere meanwhile, or is over for an integration that hears nothing of ends, or
    the integration was gone for a while: nobody would ever take it back. What ended in it counts as long as the newest
    configuration routes it here, and where nothing fires in it, it is never withdrawn.
    """
    if full["status"] == Status.RESOLVED:
        return False
    loaded = world.configurations.current(now=now, fresh=True)
    state = world.groups.load_group(entry.group, now=now)
    if loaded.is_unreachable or state is None:
        return False
    sent = state.group.sent.get(entry.integration)
    if sent is None:
        return True
    identity = state.group.identity
    return not any(
        each["fingerprint"] in sent.firing
        if each["status"] == Status.FIRING
        else loaded.configuration.is_routed_to(identity, alert_from_json(each))
        for each in full["alerts"]
    )


def _publish_again(world: Dispatcher, entry: OutboxEntry, *, is_newest: bool, now: datetime) -> None:
    fields = {"notification": entry.subject, "integration": entry.integration}
    if not is_newest:
        world.log.warning("notification_superseded", **fields)
        world.groups.confirm(entry)
    else:
        world.log.warning("notification_unconfirmed", **fields)
        world.log.count("NotificationsRetried")
        _publish(world, entry, now=now)


def _give_up(world: Dispatcher, entry: OutboxEntry) -> None:
    world.log.error("notification_given_up", notification=entry.subject, integration=entry.integration)
    world.log.count("NotificationsGivenUp")
    world.groups.confirm(entry)


def _report_given_up(world: Dispatcher, state: GroupState, flush: Flush) -> None:
    for notification in flush.notifications:
        owed = state.owed.get(notification.key)
        if owed and owed.given_up:
            fields = {"notification": notification.id, "integration": notification.key, "alerts": owed.given_up}
            world.log.error("ends_given_up", since=owed.since.isoformat(), **fields)
            world.log.count("NotificationsGivenUp")


def _report(world: Dispatcher, flush: Flush, incident: Incident | None) -> None:
    for notification in flush.notifications:
        world.log.info(
            "notification_decided",
            notification=notification.id,
            receiver=notification.receiver,
            integration=notification.integration.kind.value,
            status=notification.status.value,
            reason=notification.reason.value,
            group_key=notification.group_key,
        )
        if notification.integration.kind is not Kind.HEARTBEAT:
            world.log.count("Notifications", integration=notification.integration.kind.value)
        if notification.redacted:
            world.log.count("ValuesRedacted", notification.redacted)
    for key, reason in flush.withheld.items():
        world.log.info("notification_withheld", integration=key, reason=reason.value)
    anew = flush.changed if flush.climbs_anew else None
    changes = {"incident_opened": flush.opened, "incident_closed": flush.closed, "incident_climbs_anew": anew}
    for change, which in changes.items():
        if which is not None:
            world.log.info(change, incident=which.id, title=which.title, policy=which.policy)
    if anew is not None and incident is not None and anew.revived_at != incident.revived_at:
        world.log.warning("escalation_overdue", incident=anew.id, title=anew.title, policy=anew.policy)
