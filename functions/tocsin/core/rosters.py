"""Whom escalation can tell, as configuration has it: policies, who is on call, and how users are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from .configuration import Configuration
from .escalation import Methods, Roster
from .oncall import Override, in_force, who
from .users import contact_name


def roster_of(configuration: Configuration, overrides: Mapping[str, Sequence[Override]] | None = None) -> Roster:
    """Return the roster; `overrides` by schedule, made at run time, are stronger than the schedules' own."""

    schedules = in_force(configuration.schedules, overrides or {}, configuration.users)

    def on_call(schedule: str, at: datetime) -> str | None:
        return who(schedules[schedule], at) if schedule in schedules else None

    def methods(user: str, is_important: bool) -> Methods:
        found = configuration.users.get(user)
        rules = found.rules_for(is_important=is_important) if found else ()
        return tuple((rule.after, contact_name(user, rule.by)) for rule in rules)

    return Roster(
        policies={policy.name: policy for policy in configuration.policies},
        intervals=configuration.time_intervals,
        on_call=on_call,
        methods=methods,
        receivers=configuration.receivers.keys(),
    )
