"""Inhibition: an alert is not told of while others fire that explain it.

A rule has one or more sources, each with matchers and the labels that have to be equal. A target is inhibited where
every source of a rule finds a firing alert. A label that is absent is equal to an empty one, and without labels to be
equal any such alert will do. Where the target itself matches a source, alerts that match both sides don't count, so
that nothing inhibits itself. That an alert is itself inhibited or silenced does not keep it from inhibiting others;
that it is resolved does.

Source: https://github.com/prometheus/alertmanager/blob/main/inhibit/inhibit.go
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .labels import Fingerprint, Labels, fingerprint
from .matchers import Matcher, matches_all


@dataclass(frozen=True, slots=True)
class InhibitSource:
    """What has to fire: the alerts that match, with the same values as the target has in the `equal` labels."""

    matchers: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """Alerts that match `targets` are inhibited while every source finds one.

    The configuration's source_match, source_match_re, source_matchers and equal are one source; target_match,
    target_match_re and target_matchers together are the targets' matchers. `name` is for people, and may be empty.
    """

    sources: tuple[InhibitSource, ...]
    targets: tuple[Matcher, ...] = ()
    name: str = ""

    def has_source(self, labels: Mapping[str, str]) -> bool:
        """Say whether an alert with these labels would be a source while it fires."""
        return any(matches_all(source.matchers, labels) for source in self.sources)


@dataclass(frozen=True, slots=True)
class Inhibition:
    """Why a target is inhibited: the rule, and an alert that fires for each of its sources."""

    rule: InhibitRule
    sources: tuple[Fingerprint, ...]


def can_inhibit(rules: Iterable[InhibitRule], labels: Mapping[str, str]) -> bool:
    """Say whether an alert with these labels may inhibit others, so that a copy is kept among the inhibitors."""
    return any(rule.has_source(labels) for rule in rules)


def inhibiting(rules: Sequence[InhibitRule], target: Labels, firing: Iterable[Labels]) -> tuple[Fingerprint, ...]:
    """Return who inhibits one target, as `Inhibitors.inhibiting` does; for several targets build that once."""
    return Inhibitors(rules, ((fingerprint(labels), labels) for labels in firing)).inhibiting(target)


class Inhibitors:
    """The firing alerts that can inhibit, indexed by rule, source and equal labels; immutable once built.

    A question costs the matchers of the rules' targets, however many alerts fire.
    """

    __slots__ = ("_rules",)

    def __init__(self, rules: Iterable[InhibitRule], firing: Iterable[tuple[Fingerprint, Labels]]) -> None:
        alerts = sorted(firing, key=lambda alert: alert[0])
        self._rules = [(rule, [_index(rule, source, alerts) for source in rule.sources]) for rule in rules]

    def inhibiting(self, target: Labels) -> tuple[Fingerprint, ...]:
        """Return the alerts that inhibit a target, one for each source of the rules that apply; empty if none does."""
        found = (alert for inhibition in self.explain(target) for alert in inhibition.sources)
        return tuple(dict.fromkeys(found))

    def explain(self, target: Labels) -> tuple[Inhibition, ...]:
        """Return every rule that inhibits a target, in the order of the rules, with the alerts that make it."""
        return tuple(self._inhibitions(target))

    def _inhibitions(self, target: Labels) -> Iterator[Inhibition]:
        for rule, indexes in self._rules:
            if not matches_all(rule.targets, target):
                continue
            one_sided = rule.has_source(target)
            sources = zip(rule.sources, indexes, strict=True)
            found = [_find(source, index, target, one_sided=one_sided) for source, index in sources]
            if found and None not in found:
                yield Inhibition(rule, tuple(dict.fromkeys(alert for alert in found if alert is not None)))


@dataclass(slots=True)
class _Bucket:
    """Of the alerts with the same equal labels, the first, and the first that is not a target of the rule itself."""

    first: Fingerprint
    first_one_sided: Fingerprint | None = None


_Index = dict[tuple[str, ...], _Bucket]


def _index(rule: InhibitRule, source: InhibitSource, alerts: Iterable[tuple[Fingerprint, Labels]]) -> _Index:
    index: _Index = {}
    for alert, labels in alerts:
        if not matches_all(source.matchers, labels):
            continue
        bucket = index.setdefault(_values(source, labels), _Bucket(alert))
        if bucket.first_one_sided is None and not matches_all(rule.targets, labels):
            bucket.first_one_sided = alert
    return index


def _values(source: InhibitSource, labels: Labels) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in source.equal)


def _find(source: InhibitSource, index: _Index, target: Labels, *, one_sided: bool) -> Fingerprint | None:
    bucket = index.get(_values(source, target))
    if bucket is None:
        return None
    return bucket.first_one_sided if one_sided else bucket.first
