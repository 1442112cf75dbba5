"""Alerts that others send us: merged with what is known of them, told to their groups, remembered.

A sender repeats itself every minute. A repetition that says nothing new is not written down; one that only moves the
end is, where it moves it far enough to matter. What is new is written down first as untold, then the groups are told,
then it is remembered as told: whatever a crash leaves, the sender's next word of the alert tells the groups again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ..core.alerts import Alert, Status
from ..core.configuration import Configuration
from ..core.labels import Fingerprint
from ..core.merging import Posted, Received, RefusedAlertError, merge, receive
from ..core.rules import AlertState
from ..errors import ConflictError
from ..ports import Configurations, Groups, Ingested, IngestedAlert, Inhibitors, LoadedConfiguration, Log, Rules, Timers
from .configurations import REFRESH_INTERVAL
from .inhibiting import keep_inhibitors
from .patience import UNHURRIED, Patience
from .placing import place, receivers_of, tell_groups

ATTEMPTS = 5
# So many alerts are told and remembered before the next ones: a request that is cut short has got somewhere.
CHUNK = 50
# An end that moves by less is not written down, and nor is one that moves by less than a quarter of what is left.
LEAST_MOVE = timedelta(seconds=60)
# Every function looks for a changed configuration after REFRESH_INTERVAL, and may take a request's time longer.
SEEN_BY_ALL_WITHIN = 2 * REFRESH_INTERVAL


@dataclass(frozen=True, slots=True)
class Ingester:
    """What taking alerts works with."""

    configurations: Configurations
    ingested: Ingested
    rules: Rules
    groups: Groups
    inhibitors: Inhibitors
    timers: Timers
    log: Log


class News(StrEnum):
    """What a word of an alert says that was not known."""

    NOTHING = "nothing new"
    OVER = "over when it was first heard of"
    FIRST = "first heard of"
    FIRING = "fires again"
    RESOLVED = "resolved"
    CHANGED = "annotations, start or link changed"
    PROLONGED = "end moved"
    UNTOLD = "known, but its groups were not told"
    REROUTED = "routed elsewhere"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many alerts said what, and why the others were refused, in the order in which they were sent."""

    news: Mapping[News, int]
    refused: tuple[str, ...] = ()


def ingest(world: Ingester, posted: Sequence[Posted], *, now: datetime, hold: timedelta | None = None) -> Outcome:
    """Take what is valid of the alerts that are sent; `hold` is how long one without an end holds.

    Without it that is the configuration's resolve_timeout. Raises ConflictError or StoreError; whoever sends again then
    does no harm.
    """
    loaded = world.configurations.current(now=now)
    received, refused = _receive(posted, hold or loaded.configuration.resolve_timeout, now=now)
    counts: dict[News, int] = {}
    for chunk in _chunks(loaded.configuration, received):
        for news in _take(world, loaded, chunk, now=now):
            counts[news] = counts.get(news, 0) + 1
    _report(world, counts, refused)
    return Outcome(counts, refused)


def tell_anew(
    world: Ingester, loaded: LoadedConfiguration, *, now: datetime, patience: Patience = UNHURRIED
) -> tuple[int, bool]:
    """Tell the groups of a changed configuration of what fires.

    Returns how many alerts were routed elsewhere, and whether that is all: some are told though no time is left.
    """
    digest = loaded.configuration.routes_digest
    kept = [each for each in world.ingested.load_ingested(now=now) if each.routes_digest != digest]
    firing = [each.received for each in kept if each.alert.status_at(now) is Status.FIRING]
    known = {each.alert.fingerprint: replace(each, alert=replace(each.alert, updated_at=now)) for each in firing}
    told = 0
    for chunk in _chunks(loaded.configuration, known):
        if told and patience.is_over:
            return told, False
        told += len(_take(world, loaded, chunk, now=now))
    return told, True


class Rerouting:
    """Tells anew what was sent to us when the configuration has changed, or when it cannot know whether it has.

    It looks again until whoever takes alerts must have seen the change too: until then they may still be told by the
    old routes. What it has no time for it tells the next time.
    """

    def __init__(self, world: Ingester) -> None:
        self._world = world
        self._digest = ""
        self._until: datetime | None = None

    def __call__(self, loaded: LoadedConfiguration, *, now: datetime, patience: Patience = UNHURRIED) -> int:
        is_new = loaded.configuration.routes_digest != self._digest
        if not is_new and self._until is None:
            return 0
        told, is_all = tell_anew(self._world, loaded, now=now, patience=patience)
        if not is_all:
            return told
        self._digest = loaded.configuration.routes_digest
        if is_new:
            self._until = now + SEEN_BY_ALL_WITHIN
        elif self._until is not None and now >= self._until:
            self._until = None
        return told


def _receive(
    posted: Iterable[Posted], resolve_timeout: timedelta, *, now: datetime
) -> tuple[dict[Fingerprint, Received], tuple[str, ...]]:
    """Return the valid alerts, several words of one merged in their order, and why others are refused."""
    received: dict[Fingerprint, Received] = {}
    refused: list[str] = []
    for each in posted:
        try:
            one = receive(each, now=now, resolve_timeout=resolve_timeout)
        except RefusedAlertError as error:
            refused.append(str(error))
            continue
        key = one.alert.fingerprint
        received[key] = merge(received.get(key), one, now=now)
    return received, tuple(refused)


def _chunks(configuration: Configuration, received: Mapping[Fingerprint, Received]) -> Iterator[list[Received]]:
    """Yield the alerts of a group beside each other: a chunk has few groups to tell, however many there are in all."""
    keys = sorted(received)
    if len(keys) > CHUNK:
        keys.sort(key=lambda key: _groups_of(configuration, received[key].alert))
    for start in range(0, len(keys), CHUNK):
        yield [received[key] for key in keys[start : start + CHUNK]]


def _groups_of(configuration: Configuration, alert: Alert) -> list[str]:
    routed = [(alert, receivers) for receivers in receivers_of(configuration, alert.name)]
    return [placed.identity.id for placed in place(configuration.root, routed)]


def _take(world: Ingester, loaded: LoadedConfiguration, received: Sequence[Received], *, now: datetime) -> list[News]:
    for _ in range(ATTEMPTS):
        try:
            return _take_once(world, loaded, received, now=now)
        except ConflictError:
            world.log.info("alerts_changed_meanwhile", alerts=len(received))
    raise ConflictError(f"alerts changed {ATTEMPTS} times while they were to be told")


def _take_once(
    world: Ingester, loaded: LoadedConfiguration, received: Sequence[Received], *, now: datetime
) -> list[News]:
    digest = loaded.configuration.routes_digest
    known = world.ingested.find_ingested([each.alert.fingerprint for each in received], now=now)
    decided = [_decide(known.get(each.alert.fingerprint), each, digest, now=now) for each in received]
    changed = [record for news, record in decided if news not in (News.NOTHING, News.OVER)]
    if changed:
        # An end that moves needs no note beforehand: the groups have the alert, and the next word moves it again.
        noted = [record for news, record in decided if news in _NOTED]
        written = world.ingested.save_ingested(noted, now=now) if noted else ()
        records = {record.alert.fingerprint: record for record in (*changed, *written)}
        is_rerouted = any(each.routes_digest != digest or not each.is_told for each in known.values())
        alerts = [record.alert for record in records.values()]
        _tell(world, loaded.configuration, alerts, is_rerouted=is_rerouted, now=now)
        world.ingested.save_ingested([replace(record, is_told=True) for record in records.values()], now=now)
    return [news for news, _ in decided]


_NOTED = frozenset({News.FIRST, News.FIRING, News.RESOLVED, News.CHANGED})


def _decide(
    known: IngestedAlert | None, received: Received, digest: str, *, now: datetime
) -> tuple[News, IngestedAlert]:
    """Return what is new, and the record to keep."""
    merged = merge(known.received if known else None, received, now=now)
    record = IngestedAlert(merged, digest, version=known.version if known else 0)
    status = merged.alert.status_at(now)
    if known is None:
        return (News.FIRST if status is Status.FIRING else News.OVER), record
    if _told_status(known, now) is not status:
        return (News.FIRING if status is Status.FIRING else News.RESOLVED), record
    if not known.is_told:
        return News.UNTOLD, record
    if status is Status.RESOLVED:
        # Its end may not have been said yet; then it is said with the newest words.
        is_reworded = dict(known.alert.annotations) != dict(merged.alert.annotations)
        return (News.CHANGED if is_reworded else News.NOTHING), record
    if known.routes_digest != digest:
        return News.REROUTED, record
    if _gist(known.alert) != _gist(merged.alert):
        return News.CHANGED, record
    if _has_moved(known.alert, merged.alert, now=now):
        return News.PROLONGED, record
    return News.NOTHING, record


def _told_status(known: IngestedAlert, now: datetime) -> Status:
    return known.alert.status_at(now)


def _gist(alert: Alert) -> tuple[object, ...]:
    return alert.starts_at, dict(alert.annotations), alert.generator_url


def _has_moved(before: Alert, after: Alert, *, now: datetime) -> bool:
    if before.ends_at is None or after.ends_at is None:
        return before.ends_at != after.ends_at
    return abs(after.ends_at - before.ends_at) >= min(LEAST_MOVE, (after.ends_at - now) / 4)


def _tell(
    world: Ingester, configuration: Configuration, alerts: Sequence[Alert], *, is_rerouted: bool, now: datetime
) -> None:
    held = _held_by_rules(world, configuration, alerts, now=now)
    told = [held.get(alert.fingerprint, alert) for alert in alerts]
    keep_inhibitors(world.inhibitors, configuration.inhibit_rules, told, is_rerouted=is_rerouted, now=now)
    routed = ((alert, receivers) for alert in told for receivers in receivers_of(configuration, alert.name))
    placed = place(configuration.root, routed)
    tell_groups(world.timers, world.groups, placed, configuration.policies, now=now)


def _held_by_rules(
    world: Ingester, configuration: Configuration, alerts: Sequence[Alert], *, now: datetime
) -> dict[Fingerprint, Alert]:
    """Return the alerts that a rule of ours sees firing as well: for their groups they have no end, whoever says so."""
    names = {rule.name for rule in configuration.rules()}
    suspects = {alert.fingerprint: alert for alert in alerts if alert.name in names}
    if not suspects:
        return {}
    return {
        key: replace(suspects[key], ends_at=None, starts_at=min(suspects[key].starts_at, active.fired_at or now))
        for record in world.rules.load_rules(now=now).values()
        for key, active in record.active.items()
        if key in suspects and active.state is AlertState.FIRING
    }


def _report(world: Ingester, counts: Mapping[News, int], refused: Sequence[str]) -> None:
    if refused:
        world.log.warning("alerts_refused", count=len(refused), reasons=list(dict.fromkeys(refused))[:10])
        world.log.count("AlertsRefused", len(refused))
    total = sum(counts.values())
    if total:
        world.log.count("AlertsReceived", total)
    told = {news.value: count for news, count in counts.items() if news not in (News.NOTHING, News.OVER)}
    if told:
        world.log.info("alerts_received", alerts=total, news=told)
