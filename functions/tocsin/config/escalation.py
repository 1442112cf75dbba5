"""`escalation` in tocsin.yml: policies, and which alerts take them, by matchers and first match.

policies
  name, matchers          without matchers it is for every alert
  steps                   in ascending order of `after`
    after                 how long the incident has been open (0s)
    receivers, users, schedules
                          who is told: receivers of alertmanager.yml, people, whoever is on call
    during, severities    it is skipped outside these time intervals, and for other severities
    important             people are told by their rules for what is important (false)
  repeat, repeat_after    how often the steps begin again, and how long after the last one (0, 30m)
  acknowledge_timeout     when an acknowledgement ends, and what still fires escalates again (it ends with the alerts)
  reminder                how long before that whoever has it is reminded
  reopen_on_new_alerts    new alerts in an acknowledged group let it escalate again (false)
  acknowledgeable         false: nobody can acknowledge, snooze or suppress it, or resolve what fires (true)
  immediate               true: its alerts do not wait for group_wait (false)
  fallback                receivers that are told where nobody is on call (the group's own)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import Field

from ..core.policies import EscalationPolicy, Step, Terms
from .blocks import Block, Reading, did_you_mean
from .documents import Path, Scalar
from .matching import read_matchers
from .values import Blocks, Count, Duration, FilledText, Flag, PositiveDuration, Texts

_SECTION = "escalation"
_TARGETS = ("receivers", "users", "schedules")


class _Escalation(Block):
    policies: Blocks = None


class _Policy(Block):
    name: FilledText
    matchers: Blocks = None
    steps: Blocks = None
    repeat: Count = 0
    repeat_after: PositiveDuration = timedelta(minutes=30)
    acknowledge_timeout: PositiveDuration | None = None
    reminder: PositiveDuration | None = None
    reopen_on_new_alerts: Flag = False
    acknowledgeable: Flag = True
    immediate: Flag = False
    fallback: Texts = Field(default_factory=list)


class _Step(Block):
    after: Duration = timedelta(0)
    receivers: Texts = Field(default_factory=list)
    users: Texts = Field(default_factory=list)
    schedules: Texts = Field(default_factory=list)
    during: Texts = Field(default_factory=list)
    severities: Texts = Field(default_factory=list)
    important: Flag = False


@dataclass(frozen=True, slots=True)
class Known:
    """The names that policies may use; None where they are not known, and nothing is said of them then."""

    receivers: Collection[str] | None
    users: Collection[str]
    schedules: Collection[str]
    intervals: Collection[str] | None


def read_policies(reading: Reading, known: Known) -> tuple[EscalationPolicy, ...]:
    """Return the policies; whatever is wrong with them is noted."""
    if reading.document.value.get(_SECTION) is None:
        return ()
    reading.block(_Escalation, (_SECTION,), context=_SECTION)
    return tuple(_Reader(reading, known).policies())


class _Reader:
    def __init__(self, reading: Reading, known: Known) -> None:
        self._reading = reading
        self._known: Mapping[str, tuple[str, Collection[str] | None]] = {
            "receivers": ("receiver", known.receivers),
            "fallback": ("receiver", known.receivers),
            "users": ("user", known.users),
            "schedules": ("schedule", known.schedules),
            "during": ("time interval", known.intervals),
        }

    def policies(self) -> Iterator[EscalationPolicy]:
        seen: set[str] = set()
        for path in self._items((_SECTION, "policies"), _SECTION):
            name = self._value(path).get("name")
            title = str(name) if isinstance(name, Scalar) else ""
            context = f'escalation policy "{title}"' if title else f"escalation policy {int(path[-1]) + 1}"
            if title and title in seen:
                self._reading.problem((*path, "name"), "the name stands twice", context=context)
            seen.add(title)
            policy = self._policy(path, context)
            if policy is not None:
                yield policy

    def _policy(self, path: Path, context: str) -> EscalationPolicy | None:
        has_matchers = "matchers" in self._value(path)
        matchers = tuple(read_matchers(self._reading, (*path, "matchers"), context)) if has_matchers else ()
        steps = self._steps(path, context)
        self._check_names(path, context, "fallback")
        block = self._reading.block(_Policy, path, context=context)
        if block is None:
            return None
        self._check_times(path, block, context)
        terms = Terms(
            repeat=block.repeat,
            repeat_after=block.repeat_after,
            ack_timeout=block.acknowledge_timeout,
            reminder=block.reminder,
            is_acknowledgeable=block.acknowledgeable,
            reopens=block.reopen_on_new_alerts,
            fallback=tuple(block.fallback),
        )
        return EscalationPolicy(block.name, steps, matchers, terms, is_immediate=block.immediate)

    def _check_times(self, path: Path, block: _Policy, context: str) -> None:
        if block.reminder is None:
            return
        if block.acknowledge_timeout is None:
            message = "reminder: there is nothing to be reminded of without acknowledge_timeout"
            self._reading.problem((*path, "reminder"), message, context=context)
        elif block.reminder >= block.acknowledge_timeout:
            message = "reminder: expected less than acknowledge_timeout"
            self._reading.problem((*path, "reminder"), message, context=context)

    def _steps(self, path: Path, context: str) -> tuple[Step, ...]:
        steps: list[Step] = []
        paths = self._items((*path, "steps"), context)
        if not paths and self._value(path).get("steps") in (None, []):
            self._reading.problem(path, "steps is missing: who is told, and after how long", context=context)
        for index, step_path in enumerate(paths):
            step_context = f"{context}, step {index + 1}"
            self._check_names(step_path, step_context, *_TARGETS, "during")
            block = self._reading.block(_Step, step_path, context=step_context)
            if block is None:
                continue
            if not (block.receivers or block.users or block.schedules):
                message = "a step must say who is told: receivers, users or schedules"
                self._reading.problem(step_path, message, context=step_context)
            if steps and block.after <= steps[-1].after:
                message = "after: steps must be in ascending order"
                self._reading.problem((*step_path, "after"), message, context=step_context)
            steps.append(_step(block))
        return tuple(steps)

    def _check_names(self, path: Path, context: str, *keys: str) -> None:
        for key in keys:
            kind, known = self._known[key]
            names = self._value(path).get(key)
            for index, name in enumerate(names if isinstance(names, list) and known is not None else ()):
                if isinstance(name, Scalar) and known is not None and str(name) not in known:
                    message = f'there is no {kind} "{name}"{did_you_mean(name, known)}'
                    self._reading.problem((*path, key, index), message, context=context)

    def _items(self, path: Path, context: str) -> list[Path]:
        parent = self._reading.document.at(path[:-1])
        if not isinstance(parent, dict) or path[-1] not in parent:
            return []
        return list(self._reading.items(path, context=context))

    def _value(self, path: Path) -> Mapping[str, Any]:
        value = self._reading.document.at(path)
        return value if isinstance(value, dict) else {}


def _step(block: _Step) -> Step:
    return Step(
        block.after,
        tuple(block.receivers),
        tuple(block.users),
        tuple(block.schedules),
        tuple(block.during),
        tuple(block.severities),
        is_important=block.important,
    )
