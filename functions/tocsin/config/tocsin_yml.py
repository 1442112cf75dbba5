"""tocsin.yml: only what rule files and alertmanager.yml have no place for. Every key has a default; it may be empty.

rules               threshold rules (threshold_rules.py)
cooldown, cooldowns how long an alert that fires again is not told again
escalation          policies: who is told next when nobody acknowledges (escalation.py)
external_labels     what templates know as $externalLabels; alerts have them where their rule says so
redaction           what must not leave: kinds of credentials, patterns, labels by name
silences            which are too broad: without a label of required_labels, or for more than max_alerts alerts
heartbeat           where completed ticks, and arrivals of the watchdog, are told (watching.py)
canary              who is sent a test notification once a day (watching.py)
rate_limits         how many notifications a receiver is told in a while, the rest held back (rate_limits.py)
users               people who are told, and how (users.py)
schedules           who is on call when (oncall.py)
links               links in mail, text messages and chats that acknowledge an incident (links.py)
pagerduty           how PagerDuty's webhooks are known (pagerduty.py)
slack               the app whose buttons and commands act on incidents (slack.py)
compatibility       `alertmanager` repeats its faults, notification for notification; `tocsin` is right
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from ..core.action_links import LinkSettings
from ..core.configuration import Compatibility
from ..core.cooldowns import DEFAULT_COOLDOWN, CooldownRule
from ..core.labels import ALERTNAME
from ..core.matchers import Matcher, MatchType
from ..core.oncall import Schedule
from ..core.policies import EscalationPolicy
from ..core.rate_limits import RateLimit
from ..core.redaction import Redaction
from ..core.rules import Rule, RuleGroup
from ..core.silences import BroadnessRule
from ..core.slack import SlackApp
from ..core.watching import Canary
from ..errors import ConfigError, Problem
from .blocks import INLINE_SECRETS, Block, Reading, did_you_mean
from .contacts import Ways
from .documents import Path, Scalar, read_document
from .escalation import Known, read_policies
from .global_settings import Global
from .links import read_links
from .matching import read_matchers
from .oncall import read_schedules
from .pagerduty import read_pagerduty
from .rate_limits import read_rate_limits
from .redaction import read_redaction
from .slack import read_slack
from .substitution import ANY_NAME, Substitution
from .threshold_rules import GROUP, ThresholdRule, check_templates, check_threshold_rule, compile_rule
from .users import People, read_users
from .values import Blocks, Count, Duration, FilledText, LabelMap, Texts, describe
from .watching import Beats, read_canary, read_heartbeat


def _compatibility(value: Any) -> Compatibility:
    known = [each.value for each in Compatibility]
    if value not in known:
        raise ValueError(f"expected {' or '.join(known)}, found {describe(value)}")
    return Compatibility(str(value))


class _File(Block):
    rules: Blocks = None
    cooldown: Duration | None = None
    cooldowns: Blocks = None
    escalation: Blocks = None
    external_labels: LabelMap = Field(default_factory=dict)
    redaction: Blocks = None
    silences: Blocks = None
    heartbeat: Blocks = None
    canary: Blocks = None
    rate_limits: Blocks = None
    users: Blocks = None
    schedules: Blocks = None
    links: Blocks = None
    pagerduty: Blocks = None
    slack: Blocks = None
    compatibility: Annotated[Compatibility, BeforeValidator(_compatibility)] = Compatibility.TOCSIN


def _default_cooldown(file: _File) -> timedelta:
    """Return the cooldown of what no rule names; Alertmanager has none, so whoever asks for it gets none."""
    if file.cooldown is not None:
        return file.cooldown
    return timedelta(0) if file.compatibility is Compatibility.ALERTMANAGER else DEFAULT_COOLDOWN


class _Cooldown(Block):
    matchers: Blocks = None
    receiver: FilledText | None = None
    cooldown: Duration


class _Silences(Block):
    required_labels: Texts = Field(default_factory=list)
    max_alerts: Count | None = None


@dataclass(frozen=True, slots=True)
class Additions:
    """What a tocsin.yml says."""

    rule_groups: tuple[RuleGroup, ...] = ()
    policies: tuple[EscalationPolicy, ...] = ()
    cooldowns: tuple[CooldownRule, ...] = ()
    default_cooldown: timedelta = DEFAULT_COOLDOWN
    external_labels: Mapping[str, str] = field(default_factory=dict)
    redaction: Redaction = field(default_factory=Redaction)
    silence_breadth: BroadnessRule = field(default_factory=BroadnessRule)
    compatibility: Compatibility = Compatibility.TOCSIN
    beats: Beats = field(default_factory=Beats)
    canary: Canary | None = None
    rate_limits: Mapping[str, RateLimit] = field(default_factory=dict)
    people: People = field(default_factory=People)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    links: LinkSettings | None = None
    pagerduty_secrets: tuple[str, ...] = ()
    slack: SlackApp | None = None


def read_tocsin(
    file: str,
    content: bytes,
    substitution: Substitution,
    *,
    receivers: Collection[str] | None,
    problems: list[Problem],
    intervals: Collection[str] | None = None,
    globals_: Global | None = None,
    calendars: Mapping[str, bytes] | None = None,
) -> Additions:
    """Return what the file says; everything that is wrong is added to the problems.

    `receivers` and time `intervals` are the names that may be used; None when they are not known, and nothing is said
    of them then. What users' ways have in common is taken from `globals_`, where that is known; schedules may name
    `calendars`.
    """
    try:
        document = read_document(file, content)
    except ConfigError as error:
        problems.extend(error.problems)
        return Additions()
    if document.value is None:
        return Additions()
    allow_inline_secrets = substitution.environment.get(INLINE_SECRETS, "").lower() == "true"
    reading = Reading(substitution.apply(document, ANY_NAME), allow_inline_secrets=allow_inline_secrets)
    reader = _Reader(reading, receivers, intervals, globals_, calendars or {})
    additions = reader.read()
    problems.extend(reader.reading.problems)
    return additions


class _Reader:
    """Reads one tocsin.yml."""

    def __init__(
        self,
        reading: Reading,
        receivers: Collection[str] | None,
        intervals: Collection[str] | None,
        globals_: Global | None,
        calendars: Mapping[str, bytes],
    ) -> None:
        self.reading = reading
        self._receivers = receivers
        self._intervals = intervals
        self._globals = globals_
        self._calendars = calendars

    def read(self) -> Additions:
        file = self.reading.block(_File, ())
        if not isinstance(self.reading.document.value, dict):
            return Additions()
        app = read_slack(self.reading)
        people = read_users(self.reading, Ways(self._globals, app.bot_token if app else ""))
        schedules = read_schedules(self.reading, people.users, self._calendars)
        known = Known(self._receivers, people.users, schedules, self._intervals)
        rules, own_cooldowns = self._rules()
        cooldowns = [cooldown for path in self._items(("cooldowns",)) if (cooldown := self._cooldown(path))]
        group = RuleGroup(name=GROUP, file=self.reading.document.file, rules=tuple(rules))
        return Additions(
            rule_groups=(group,) if rules else (),
            policies=read_policies(self.reading, known),
            cooldowns=(*own_cooldowns, *cooldowns),
            default_cooldown=_default_cooldown(file) if file else DEFAULT_COOLDOWN,
            external_labels=file.external_labels if file else {},
            redaction=read_redaction(self.reading),
            silence_breadth=self._breadth(),
            compatibility=file.compatibility if file else Compatibility.TOCSIN,
            beats=read_heartbeat(self.reading),
            canary=read_canary(self.reading, self._receivers),
            rate_limits=read_rate_limits(self.reading, self._receivers),
            people=people,
            schedules=schedules,
            links=read_links(self.reading),
            pagerduty_secrets=read_pagerduty(self.reading),
            slack=app,
        )

    def _items(self, path: Path, context: str = "") -> list[Path]:
        parent = self.reading.document.at(path[:-1])
        if not isinstance(parent, dict) or path[-1] not in parent:
            return []
        return list(self.reading.items(path, context=context))

    def _value(self, path: Path) -> Mapping[str, Any]:
        value = self.reading.document.at(path)
        return value if isinstance(value, dict) else {}

    def _title(self, path: Path, kind: str) -> tuple[str, str]:
        name = self._value(path).get("name")
        title = str(name) if isinstance(name, Scalar) else ""
        return title, f'{kind} "{title}"' if title else f"{kind} {int(path[-1]) + 1}"

    def _rules(self) -> tuple[list[Rule], list[CooldownRule]]:
        rules: dict[str, Rule] = {}
        cooldowns: list[CooldownRule] = []
        seen: set[str] = set()
        for path in self._items(("rules",)):
            name, context = self._title(path, "rule")
            self._check_unique(path, name, seen, context)
            check_threshold_rule(self.reading, path, self._value(path), context)
            self._check_receivers((*path, "channels"), self._value(path).get("channels"), context)
            block = self.reading.block(ThresholdRule, path, context=context)
            if block is None:
                continue
            rule = compile_rule(block, file=self.reading.document.file)
            check_templates(self.reading, path, rule, context)
            rules.setdefault(name, rule)
            if block.cooldown is not None:
                own = Matcher(ALERTNAME, MatchType.EQUAL, block.name)
                cooldowns.append(CooldownRule(block.cooldown, matchers=(own,)))
        return list(rules.values()), cooldowns

    def _check_unique(self, path: Path, name: str, seen: set[str], context: str) -> None:
        if name and name in seen:
            self.reading.problem((*path, "name"), "the name stands twice", context=context)
        seen.add(name)

    def _check_receivers(self, path: Path, names: Any, context: str) -> None:
        if self._receivers is None or not isinstance(names, list):
            return
        for index, name in enumerate(names):
            if isinstance(name, Scalar) and str(name) not in self._receivers:
                hint = did_you_mean(name, self._receivers)
                self.reading.problem((*path, index), f'there is no receiver "{name}"{hint}', context=context)

    def _cooldown(self, path: Path) -> CooldownRule | None:
        context = f"cooldown {int(path[-1]) + 1}"
        matchers = self._matchers(path, context)
        receiver = self._value(path).get("receiver")
        if isinstance(receiver, Scalar) and self._receivers is not None and str(receiver) not in self._receivers:
            hint = did_you_mean(receiver, self._receivers)
            self.reading.problem((*path, "receiver"), f'there is no receiver "{receiver}"{hint}', context=context)
        block = self.reading.block(_Cooldown, path, context=context)
        return CooldownRule(block.cooldown, matchers, block.receiver) if block else None

    def _matchers(self, path: Path, context: str) -> tuple[Matcher, ...]:
        if "matchers" not in self._value(path):
            return ()
        return tuple(read_matchers(self.reading, (*path, "matchers"), context))

    def _breadth(self) -> BroadnessRule:
        if self.reading.document.value.get("silences") is None:
            return BroadnessRule()
        block = self.reading.block(_Silences, ("silences",), context="silences")
        return BroadnessRule(tuple(block.required_labels), block.max_alerts) if block else BroadnessRule()
