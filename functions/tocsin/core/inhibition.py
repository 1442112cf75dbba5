"""Inhibition: an alert is not told of while others fire that explain it.

A rule has one or more sources, each with matchers and the labels that have to be equal. A target is inhibited where
every source of a rule finds a firing alert. A label that is absent is equal to an empty one, and without labels to be
equal any such alert will do. Where the target itself matches a source, alerts that match both sides don't count, so
that nothing inhibits itself. That an alert is itself inhibited or silenced does not keep it from inhibiting others;
that it is resolved does.

Source: https://github.com/prometheus/alertmanager/blob/main/inhibit/inhibit.go
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .labels import Fingerprint
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

    def matches_a_source(self, labels: Mapping[str, str]) -> bool:
        return any(matches_all(source.matchers, labels) for source in self.sources)


@dataclass(frozen=True, slots=True)
class Inhibition:
    """Why a target is inhibited: the rule, and for each of its sources one alert that fires."""

    rule: InhibitRule
    sources: tuple[Fingerprint, ...]
