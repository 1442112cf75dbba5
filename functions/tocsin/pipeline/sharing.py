"""One alert by several rules: it fires as long as one of them fires it, and it ends once.

Rules whose alerts have the same labels speak of one alert, in groups that they have in common. Where it ends by one of
them while another fires it, nobody is told of an end: the rule owes it, and the other's words take the place of its
own. It is told when no rule fires the alert any more, by whoever saw it last. What is owed stays in the rule's record
until then, so that a crash or a tick beside this one leaves an end that is told twice rather than never.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ..core.labels import Fingerprint
from ..core.rules import ActiveAlert, AlertState, RuleKey
from ..ports import RuleRecord
from .placing import Receivers
from .tick import RuleOutcome

# Who fires an alert, by rule: as it is there, and to whom that rule's alerts go.
_Firing = Mapping[Fingerprint, Mapping[RuleKey, tuple[ActiveAlert, Receivers]]]
_Told = tuple[tuple[ActiveAlert, bool], ...]


def settle_shared(
    outcomes: Sequence[RuleOutcome], records: Mapping[RuleKey, RuleRecord], *, now: datetime
) -> list[RuleOutcome]:
    """Return the outcomes without the ends of what another rule fires; `records` also has what is not due."""
    shared = _known_twice(outcomes, records)
    concerned = [each for each in outcomes if each.before.owed or not shared.isdisjoint(_known(each))]
    settled = {each.rule.key: each for each in _settle(concerned, _who_fires(outcomes, records), now=now)}
    return [settled.get(each.rule.key, each) for each in outcomes]


def _known_twice(outcomes: Iterable[RuleOutcome], records: Mapping[RuleKey, RuleRecord]) -> set[Fingerprint]:
    """Return the alerts that more than one rule knows; most often there is none, and nothing to settle."""
    known = {key: {*record.active, *record.telling} for key, record in records.items()}
    known |= {outcome.rule.key: _known(outcome) for outcome in outcomes}
    seen: set[Fingerprint] = set()
    twice: set[Fingerprint] = set()
    for keys in known.values():
        twice |= seen & keys
        seen |= keys
    return twice


def _known(outcome: RuleOutcome) -> set[Fingerprint]:
    return {*outcome.before.active, *outcome.before.telling, *outcome.active}


def _settle(outcomes: Sequence[RuleOutcome], firing: _Firing, *, now: datetime) -> list[RuleOutcome]:
    begun = [_begun(outcome, firing) for outcome in outcomes]
    held = {outcome.rule.key: _held(outcome, firing) for outcome in begun}
    retold = _retold(begun, firing, held)
    tellers = _tellers(begun, held)
    return [
        _settled(outcome, firing, held[outcome.rule.key], retold.get(outcome.rule.key, ()), tellers, now=now)
        for outcome in begun
    ]


def _who_fires(outcomes: Iterable[RuleOutcome], records: Mapping[RuleKey, RuleRecord]) -> _Firing:
    found: dict[Fingerprint, dict[RuleKey, tuple[ActiveAlert, Receivers]]] = {}

    def add(key: RuleKey, alerts: Mapping[Fingerprint, ActiveAlert], receivers: Receivers) -> None:
        for each, alert in alerts.items():
            if alert.state is AlertState.FIRING:
                found.setdefault(each, {})[key] = (alert, receivers)

    evaluated = set()
    for outcome in outcomes:
        evaluated.add(outcome.rule.key)
        add(outcome.rule.key, outcome.active, outcome.rule.receivers)
    for key, record in records.items():
        if key not in evaluated:
            add(key, record.announced, record.receivers)
    return found


def _others(outcome: RuleOutcome, key: Fingerprint, firing: _Firing) -> dict[RuleKey, ActiveAlert]:
    """Return the other rules that fire an alert in a group that this one may have told of it."""
    return {
        rule: alert
        for rule, (alert, receivers) in firing.get(key, {}).items()
        if rule != outcome.rule.key and _meet(receivers, outcome.rule.receivers)
    }


def _meet(ones: Receivers, others: Receivers) -> bool:
    return bool(set(ones) & set(others)) if ones and others else not ones and not others


def _begun(outcome: RuleOutcome, firing: _Firing) -> RuleOutcome:
    """Return the outcome with what fires elsewhere already begun as early as there: it is one alert."""
    earlier = {}
    for alert, is_over in outcome.told:
        starts = [each.fired_at for each in _others(outcome, alert.fingerprint, firing).values() if each.fired_at]
        if not is_over and starts and alert.fired_at and min(starts) < alert.fired_at:
            earlier[alert.fingerprint] = replace(alert, fired_at=min(starts))
    if not earlier or outcome.after is None:
        return outcome
    active = {key: earlier.get(key, alert) for key, alert in outcome.after.active.items()}
    told = tuple((earlier.get(alert.fingerprint, alert), is_over) for alert, is_over in outcome.told)
    return replace(outcome, after=replace(outcome.after, active=active), told=told)


def _held(outcome: RuleOutcome, firing: _Firing) -> dict[Fingerprint, ActiveAlert]:
    """Return what has ended by this rule, now or before, and fires by another."""
    return {key: alert for key, alert in {**_owed(outcome), **_ended(outcome)}.items() if _others(outcome, key, firing)}


def _owed(outcome: RuleOutcome) -> dict[Fingerprint, ActiveAlert]:
    """Return what ended before, and has not begun here anew."""
    active = outcome.active
    return {
        key: alert
        for key, alert in outcome.before.owed.items()
        if key not in active or active[key].state is not AlertState.FIRING
    }


def _ended(outcome: RuleOutcome) -> dict[Fingerprint, ActiveAlert]:
    return {alert.fingerprint: alert for alert, is_over in outcome.told if is_over}


def _retold(
    outcomes: Sequence[RuleOutcome], firing: _Firing, held: Mapping[RuleKey, Mapping[Fingerprint, ActiveAlert]]
) -> dict[RuleKey, list[Fingerprint]]:
    """Return what each rule is to tell of again, as another's words about it stand in the groups."""
    able = {outcome.rule.key for outcome in outcomes if not outcome.error}
    found: dict[RuleKey, list[Fingerprint]] = {}
    for outcome in outcomes:
        for key in sorted(_ended(outcome).keys() & held[outcome.rule.key].keys()):
            others = sorted(_others(outcome, key, firing).keys() & able)
            for other in others[:1]:
                found.setdefault(other, []).append(key)
    return found


def _tellers(
    outcomes: Sequence[RuleOutcome], held: Mapping[RuleKey, Mapping[Fingerprint, ActiveAlert]]
) -> set[tuple[Fingerprint, Receivers]]:
    """Return what this tick tells the end of, and to whom; its rule's record answers for that."""
    return {
        (key, tuple(outcome.rule.receivers))
        for outcome in outcomes
        for key in _ended(outcome).keys() - held[outcome.rule.key].keys()
    }


def _settled(
    outcome: RuleOutcome,
    firing: _Firing,
    held: Mapping[Fingerprint, ActiveAlert],
    retold: Sequence[Fingerprint],
    tellers: set[tuple[Fingerprint, Receivers]],
    *,
    now: datetime,
) -> RuleOutcome:
    receivers = tuple(outcome.rule.receivers)
    told = {alert.fingerprint: (alert, is_over) for alert, is_over in outcome.told}
    for key in _ended(outcome).keys() & held.keys():
        del told[key]
    for key, alert in _owed(outcome).items():
        if key not in held and (key, receivers) not in tellers:
            told[key] = (alert, True)
    for key in retold:
        told.setdefault(key, (firing[key][outcome.rule.key][0], False))
    ordered: _Told = tuple(told[key] for key in sorted(told))
    over = {key for key, (_, is_over) in told.items() if is_over}
    elsewhere = frozenset(key for key in over if firing.get(key, {}).keys() - {outcome.rule.key})
    if ordered == outcome.told and held == outcome.before.owed:
        return replace(outcome, elsewhere=elsewhere)
    after = outcome.after or replace(outcome.before, changed_at=now)
    return replace(outcome, after=replace(after, owed=held), told=ordered, elsewhere=elsewhere)
