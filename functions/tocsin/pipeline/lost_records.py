"""Rule records that cannot be read: what they said of firing alerts is put together again from the groups' copies.

A rule that began anew would never tell of what has ended meanwhile, and what waits for its `for` again would seem to
have ended. Only what was pending is lost: it waits again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from ..core.alerts import Alert
from ..core.configuration import Configuration
from ..core.labels import Fingerprint
from ..core.rules import ActiveAlert, AlertState, Rule, RuleKey
from ..ports import RuleRecord
from .left_behind import MOST_GROUPS
from .moving import Moved
from .tick import Evaluator


def restore(
    world: Evaluator, configuration: Configuration, records: Mapping[RuleKey, RuleRecord], *, now: datetime
) -> Moved:
    """Return the records, and write those that were lost; where that fails their rules wait as they are."""
    lost = [key for key, record in sorted(records.items()) if record.is_lost]
    if not lost:
        return Moved(records)
    world.log.error("rule_records_lost", rules=lost)
    world.log.count("RuleRecordsLost", len(lost))
    restored = dict(records)
    rules = {rule.key: rule for rule in configuration.rules()}
    try:
        copies = dict(_copies(world, records, {_name(key) for key in lost}, now=now))
        for key in tuple(lost):
            active = {each: _active(copy) for each, copy in copies.items() if _may_be_of(copy, key, rules.get(key))}
            record = replace(records[key], active=active, error="", is_lost=False)
            restored[key] = world.rules.save_rule(record, now=now)
            lost.remove(key)
    except Exception as error:  # the other rules do not wait for these
        world.log.error("rule_records_not_restored", rules=lost, error=repr(error))
    return Moved(restored, frozenset(lost))


def _copies(
    world: Evaluator, records: Mapping[RuleKey, RuleRecord], names: set[str], *, now: datetime
) -> Iterator[tuple[Fingerprint, Alert]]:
    """Yield what groups have as firing, of alerts of these names that no other rule accounts for."""
    known = {key for record in records.values() for key in (*record.active, *record.telling, *record.owed)}
    groups = world.groups.active_groups()
    if len(groups) > MOST_GROUPS:
        world.log.warning("lost_alerts_not_looked_for", groups=len(groups) - MOST_GROUPS)
    for group in groups[-MOST_GROUPS:]:
        state = world.groups.load_group(group, now=now)
        for key, alert in sorted(state.alerts.items()) if state else ():
            # What was sent to us has an end of its own.
            if alert.ends_at is None and alert.name in names and key not in known:
                yield key, alert


def _may_be_of(alert: Alert, key: RuleKey, rule: Rule | None) -> bool:
    """Say whether an alert has the name and the labels that a rule gives; of one that is gone, its name is known."""
    given = rule.fixed_labels if rule else {}
    return alert.name == _name(key) and all(alert.labels.get(name) == text for name, text in given.items())


def _name(key: RuleKey) -> str:
    return key.rsplit(";", 3)[2]


def _active(alert: Alert) -> ActiveAlert:
    return ActiveAlert(
        labels=alert.labels,
        annotations=alert.annotations,
        value=math.nan if alert.value is None else alert.value,
        state=AlertState.FIRING,
        active_at=alert.starts_at,
        fired_at=alert.starts_at,
        refreshed_at=alert.updated_at,
    )
