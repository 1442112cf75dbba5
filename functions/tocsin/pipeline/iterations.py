"""When rule groups were last evaluated, so that a slow or late schedule loses no iteration for good.

Groups of one interval are due together, so that one record serves all of them. It is written when they have been
evaluated, and when an interval is first seen; groups that are due in every tick have none. Where a rule of one of them
has to be evaluated again, all groups of the interval are due in the next tick too: twice is once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import replace
from datetime import datetime, timedelta

from ..core.configuration import Configuration
from ..core.rules import RuleGroup, RuleKey, has_own_pace, interval_key, is_due, missed_iterations
from ..errors import ConflictError
from ..ports import Log, RuleRecord, Rules

Records = Mapping[RuleKey, RuleRecord]


def last_evaluated(group: RuleGroup, records: Records) -> datetime | None:
    """Return when the groups of this interval were last evaluated, where that is known."""
    record = records.get(interval_key(group.interval)) if group.interval else None
    return record.changed_at if record else None


def remember_iterations(
    store: Rules,
    log: Log,
    configuration: Configuration,
    records: Records,
    *,
    again: Set[RuleKey],
    tick: timedelta,
    now: datetime,
) -> None:
    """Write down what was evaluated now, and count the iterations that never were.

    The intervals of the rules that are to be evaluated `again` stay due.
    """
    groups = [group for group in configuration.rule_groups if has_own_pace(group, tick=tick)]
    unfinished = {
        group.interval
        for group in groups
        if any(rule.key in again for rule in group.rules)
        and is_due(group, now=now, tick=tick, last=last_evaluated(group, records))
    }
    missed = 0
    for interval, number in Counter(group.interval for group in groups).items():
        assert interval is not None  # it is longer than a tick
        key = interval_key(interval)
        record = records.get(key) or RuleRecord(key)
        passed = missed_iterations(interval, record.changed_at, now=now)
        if passed is None or (interval in unfinished and record.changed_at is not None):
            continue
        # The first of all iterations has none before it that would say that it is due.
        evaluated_at = now - interval if interval in unfinished else now
        try:
            store.save_rule(replace(record, changed_at=evaluated_at), now=now)
        except ConflictError:
            continue  # another invocation has counted it
        except Exception as error:  # they are evaluated once more
            log.error("iteration_not_remembered", interval=interval.total_seconds(), error=repr(error))
            continue
        missed += passed * number
    if missed:
        log.count("RuleGroupIterationsMissed", missed)
