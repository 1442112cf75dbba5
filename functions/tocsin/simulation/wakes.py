"""When a rule has to be looked at again: only then can its evaluation come to anything.

Between these instants the same series are there, nothing that is pending has been so for long enough, nothing that is
kept firing has been for long enough, and no firing alert's value is due to be written down. An instant too many costs
time; one too few would change what is told, so every state in doubt is looked at on the next tick.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..core.labels import Fingerprint
from ..core.rules import REFRESH_INTERVAL, ActiveAlert, AlertState, Rule
from ..ports import Health, RuleRecord
from .timelines import Timeline

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A template that only repeats labels gives the same for the same series, whatever their values and the time.
_OF_LABELS_ALONE = re.compile(r"\{\{-?\s*\$labels\.\w+\s*-?\}\}")


def next_tick(at: datetime, *, tick: timedelta) -> datetime:
    """Return the first tick at an instant or after it."""
    return at + (EPOCH - at) % tick


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of a rule beforehand: its samples, its group's interval, what its templates depend on."""

    rule: Rule
    timeline: Timeline
    tick: timedelta
    interval: timedelta | None = None

    def first(self, start: datetime) -> datetime:
        """Return the rule's first evaluation."""
        return self._due(start)

    def next_after(self, record: RuleRecord | None, now: datetime) -> datetime | None:
        """Return when the rule is to be evaluated again, or None if never."""
        later = [at for at in self._instants(record, now) if at is not None]
        return self._due(max(min(later), now + self.tick)) if later else None

    def is_known(self, now: datetime) -> bool:
        return self.timeline.is_known(now - self.rule.query_offset)

    def _instants(self, record: RuleRecord | None, now: datetime) -> Iterator[datetime | None]:
        offset = self.rule.query_offset
        yield _moved(self.timeline.next_change(now - offset), offset)
        if record is None:
            return
        if record.health is Health.FAILING or record.telling:
            yield now
        if record.active:
            yield from self._of_alerts(record.active, now)
            if not _is_of_labels(self.rule.labels):
                yield _moved(self.timeline.next_value(now - offset), offset)

    def _of_alerts(self, active: Mapping[Fingerprint, ActiveAlert], now: datetime) -> Iterator[datetime | None]:
        is_stale = False
        for alert in active.values():
            if alert.state is AlertState.PENDING:
                yield alert.active_at + self.rule.hold_for
            elif alert.keep_firing_since is not None:
                yield alert.keep_firing_since + self.rule.keep_firing_for
            elif alert.refreshed_at is not None and alert.refreshed_at + REFRESH_INTERVAL > now:
                yield alert.refreshed_at + REFRESH_INTERVAL
            else:
                is_stale = True
        if is_stale:
            # As it stands its value is the one that was written down: the next other one is written at once.
            yield _moved(self.timeline.next_value(now - self.rule.query_offset), self.rule.query_offset)

    def _due(self, at: datetime) -> datetime:
        """Return the first tick from an instant on at which the rule's group is due."""
        at = next_tick(at, tick=self.tick)
        if self.interval is None or self.interval <= self.tick:
            return at
        into = (at - EPOCH) % self.interval
        return at if into < self.tick else next_tick(at + self.interval - into, tick=self.tick)


def _moved(at: datetime | None, offset: timedelta) -> datetime | None:
    return None if at is None else at + offset


def _is_of_labels(templates: Mapping[str, str]) -> bool:
    return all("{{" not in _OF_LABELS_ALONE.sub("", text) for text in templates.values())
