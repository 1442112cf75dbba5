"""Escalation policies: who is told, how long after an incident opened, and on which terms it is acknowledged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from .matchers import Matcher, matches_all


@dataclass(frozen=True, slots=True)
class Step:
    """Who is told when an incident has been open for `after` without an acknowledgement.

    It is skipped outside the time intervals `during`, and for other severities than those that it names, where it names
    any, in whatever case. An important one asks users by their rules for what is important.
    """

    after: timedelta
    receivers: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    during: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    is_important: bool = False

    def is_for(self, severity: str) -> bool:
        return not self.severities or severity.lower() in {each.lower() for each in self.severities}


@dataclass(frozen=True, slots=True)
class Terms:
    """How a policy deals with an incident besides its steps.

    The steps are taken once, and `repeat` times again, each time `repeat_after` the last step. An acknowledgement ends
    after `ack_timeout` (None: with the alerts), and who has it is reminded `reminder` before. `reopens` says that new
    alerts end it too. Where nobody is on call the `fallback` receivers are told; without any, the group's own.
    """

    repeat: int = 0
    repeat_after: timedelta = timedelta(minutes=30)
    ack_timeout: timedelta | None = None
    reminder: timedelta | None = None
    is_acknowledgeable: bool = True
    reopens: bool = False
    fallback: tuple[str, ...] = ()


NO_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """Steps in ascending order, and the alerts that they are for; without matchers, for all.

    An immediate one lets no alert wait, neither for its route's group_wait nor for its group's next flush.
    """

    name: str
    steps: tuple[Step, ...]
    matchers: tuple[Matcher, ...] = ()
    terms: Terms = NO_TERMS
    is_immediate: bool = False


def choose_policy(policies: Sequence[EscalationPolicy], alerts: Iterable[Mapping[str, str]]) -> EscalationPolicy | None:
    """Return the first policy that any of the alerts matches."""
    labels = list(alerts)
    return next((policy for policy in policies if any(matches_all(policy.matchers, each) for each in labels)), None)


def is_immediate(policies: Sequence[EscalationPolicy], alerts: Iterable[Mapping[str, str]]) -> bool:
    """Say whether an immediate policy takes any of the alerts."""
    return any(policy.is_immediate for each in alerts if (policy := choose_policy(policies, [each])))


def choose_before(
    policies: Sequence[EscalationPolicy],
    name: str,
    firing: Iterable[Mapping[str, str]],
    joined: Iterable[Mapping[str, str]],
) -> EscalationPolicy | None:
    """Return the policy that takes an open incident from the one with this name: the first, where it stands before it.

    One that is configured no more gives way only to what takes an alert that has joined.
    """
    names = [policy.name for policy in policies]
    return choose_policy(policies[: names.index(name)], firing) if name in names else choose_policy(policies, joined)
