"""The rules by which Tocsin sees that its own notifications arrive: the watchdog, the canary, and the canary's absence.

Whether a canary has arrived is read from its groups: in the ticks in which it should have, and while one is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from ..core.grouping import GroupState
from ..core.labels import ALERTNAME, Labels, fingerprint
from ..core.receivers import IntegrationKey
from ..core.routing import direct_route, identify_group
from ..core.rules import Rule, RuleKey, Sample
from ..core.watching import CANARY, CANARY_MISSING, WATCHDOG, WATCHDOG_RECEIVER, Canary, canary_way
from ..ports import Groups, LoadedConfiguration, Log, RuleRecord
from .own_rules import GROUP, key_of

_FIRES = (Sample({}, 1.0),)
_MISSING_LABELS = ("receiver", "integration", "index")


def watch_rules(
    groups: Groups, log: Log, loaded: LoadedConfiguration, records: Mapping[RuleKey, RuleRecord], *, now: datetime
) -> Iterator[tuple[Rule, Sequence[Sample]]]:
    """Yield each rule that is configured, with its samples."""
    if loaded.configuration.has_watchdog:
        yield _WATCHDOG, _FIRES
    canary = loaded.configuration.canary
    if canary is None:
        return
    missing = _known(records.get(_CANARY_MISSING.key))
    if missing or canary.is_expected(now):
        try:
            missing = _missing(groups, loaded, canary, now=now)
        except Exception as error:  # what is not known does not change, and the other rules do not wait for it
            log.error("canary_not_checked", error=repr(error))
    if missing:
        log.count("CanariesMissing", len(missing))
    yield _CANARY_MISSING, [Sample(labels, 1.0) for labels in missing]
    # Who has not heard of it is tried as long as that is so.
    yield _canary(canary), _FIRES if missing or canary.is_firing(now) else ()


def _known(record: RuleRecord | None) -> list[dict[str, str]]:
    """Return what was missing at the last tick."""
    active = record.active if record else {}
    return [{name: active[key].labels[name] for name in _MISSING_LABELS} for key in sorted(active)]


def _missing(groups: Groups, loaded: LoadedConfiguration, canary: Canary, *, now: datetime) -> list[dict[str, str]]:
    """Return the integrations that are not known to have heard of the newest canary, by their labels."""
    found = []
    for name in canary.receivers:
        identity = identify_group(direct_route(loaded.configuration.root, canary_way(name)), _CANARY_LABELS)
        state = groups.load_group(identity.id, now=now)
        receiver = loaded.configuration.receivers[name]
        found += [
            {"receiver": name, "integration": integration.kind.value, "index": str(integration.index)}
            for integration in receiver.integrations
            if not _has_heard(integration.key, state, since=canary.last_due(now))
        ]
    return found


def _has_heard(key: IntegrationKey, state: GroupState | None, *, since: datetime) -> bool:
    """Say whether nothing is left to tell an integration; what is muted is left to nobody."""
    if state is None:
        return False
    if _CANARY_FINGERPRINT in state.group.muted:
        return True
    sent = state.group.sent.get(key)
    return sent is not None and sent.at >= since and key not in state.unconfirmed


_WATCHDOG = Rule(
    key=key_of(WATCHDOG),
    name=WATCHDOG,
    group=GROUP,
    expr="",
    # Not one of those by which people route, inhibit and escalate.
    labels={"severity": "none"},
    annotations={
        "summary": "This alert always fires",
        "description": "It goes the way of every alert, so that somebody notices when nothing arrives any more. "
        "There is nothing to do while it does.",
    },
    receivers=(WATCHDOG_RECEIVER,),
)
_CANARY_MISSING = Rule(
    key=key_of(CANARY_MISSING),
    name=CANARY_MISSING,
    group=GROUP,
    expr="",
    labels={"severity": "warning"},
    annotations={
        "summary": "The daily test notification has not reached {{ $labels.receiver }} ({{ $labels.integration }})",
        "description": "Alerts would not reach it either. The log of its function says why (notification_failed), and "
        "`tocsin channels test` tries it at once.",
    },
)
# What fires while all is well.
KEYS = frozenset({key_of(WATCHDOG), key_of(CANARY)})
_CANARY_LABELS = Labels({ALERTNAME: CANARY, "severity": "info"})
_CANARY_FINGERPRINT = fingerprint(_CANARY_LABELS)


def _canary(canary: Canary) -> Rule:
    return Rule(
        key=key_of(CANARY),
        name=CANARY,
        group=GROUP,
        expr="",
        labels={"severity": _CANARY_LABELS["severity"]},
        annotations={
            "summary": "This is a test: nothing is wrong",
            "description": "Sent once a day to see that alerts would arrive here (canary in tocsin.yml). "
            "There is nothing to do.",
        },
        receivers=tuple(canary_way(name) for name in canary.receivers),
    )
