"""All files together: one consistent configuration, or every problem of every file at once (law 11)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..core.configuration import Configuration
from ..core.receivers import REDEFINED_TEMPLATES, Integration, Kind, Receiver
from ..core.rules import RuleGroup
from ..core.users import CONTACTS
from ..core.watching import WATCHDOG_RECEIVER, way_of
from ..errors import ConfigError, Problem
from . import ALERTMANAGER, CALENDAR_SUFFIX, CALENDARS, RULES, TEMPLATE_SUFFIX, TEMPLATES, TOCSIN, YAML_SUFFIXES
from .alertmanager import Alerting, read_alertmanager
from .digests import digest_of_source, digest_of_value
from .links import with_links
from .notification_templates import check_file as check_template_file
from .notification_templates import definitions
from .rate_limits import with_limits
from .rule_files import read_rule_file
from .slack import with_buttons
from .substitution import Substitution
from .tocsin_yml import Additions, read_tocsin

# The environment variable that switches the watchdog on: `enabled`.
WATCHDOG_SETTING = "TOCSIN_WATCHDOG"
# The defaults, which stand beside the shipped configuration and are always there.
SHIPPED_TEMPLATES = f"{TEMPLATES}default{TEMPLATE_SUFFIX}"


def load_configuration(source: Mapping[str, bytes], *, environment: Mapping[str, str]) -> Configuration:
    """Return what the files say together. Raises ConfigError with all problems, in the order of the files."""
    substitution = Substitution(environment)
    problems = [*_unknown_files(source)]
    templates = _template_files(source, problems)
    alerting = None
    if ALERTMANAGER in source:
        alerting = read_alertmanager(
            ALERTMANAGER, source[ALERTMANAGER], substitution, problems=problems, template_files=templates
        )
        if alerting is not None:
            problems.extend(_broken(alerting.templates))
    else:
        problems.append(Problem(ALERTMANAGER, None, "the file is missing: it says where alerts go"))
    receivers = alerting.receivers if alerting else None
    additions = read_tocsin(
        TOCSIN,
        source.get(TOCSIN, b""),
        substitution,
        receivers=receivers,
        intervals=alerting.time_intervals if alerting else None,
        problems=problems,
        globals_=alerting.globals_ if alerting else None,
        calendars={name: source[name] for name in sorted(source) if is_calendar(name)},
    )
    groups = [group for name in sorted(source) if is_rule_file(name) for group in _groups(name, source[name], problems)]
    problems.extend(substitution.problems)
    problems.extend(_taken_names(receivers or ()))
    if problems or alerting is None or alerting.root is None:
        raise ConfigError(in_order(problems))
    delivery = additions.beats.delivery
    has_watchdog = environment.get(WATCHDOG_SETTING) == "enabled" or delivery is not None
    watchdog = {WATCHDOG_RECEIVER: _watchdog(delivery or {})} if has_watchdog else {}
    return Configuration(
        digest=digest_of_source(source, substitution.used),
        # With another digest everything that fires is told anew: to other groups, and to whoever it inhibits.
        routes_digest=digest_of_value(
            [alerting.root, sorted(alerting.receivers), additions.policies, alerting.inhibit_rules]
        ),
        rule_groups=(*additions.rule_groups, *groups),
        root=alerting.root,
        receivers={
            **with_limits(_completed(alerting.receivers, alerting, additions), additions.rate_limits),
            **watchdog,
        },
        policies=additions.policies,
        cooldowns=additions.cooldowns,
        default_cooldown=additions.default_cooldown,
        external_labels=additions.external_labels,
        inhibit_rules=alerting.inhibit_rules,
        time_intervals=alerting.time_intervals,
        templates=alerting.templates,
        resolve_timeout=alerting.resolve_timeout,
        compatibility=additions.compatibility,
        silence_breadth=additions.silence_breadth,
        redaction=additions.redaction,
        has_watchdog=has_watchdog,
        canary=additions.canary,
        pagerduty_secrets=additions.pagerduty_secrets,
        slack=additions.slack,
        heartbeat=additions.beats.tick,
        links=additions.links,
        warnings=_warnings(alerting, templates),
        users=additions.people.users,
        schedules=additions.schedules,
        contacts=_completed(additions.people.contacts, alerting, additions),
    )


def _completed(receivers: Mapping[str, Receiver], alerting: Alerting, additions: Additions) -> Mapping[str, Receiver]:
    """Return the receivers, each integration with what the rest of the configuration has for it."""
    return with_buttons(with_links(_with_redefined(receivers, alerting.templates), additions.links), additions.slack)


def _with_redefined(receivers: Mapping[str, Receiver], templates: Mapping[str, str]) -> Mapping[str, Receiver]:
    """Return the receivers; each integration knows which templates the user's files define.

    Alertmanager's default texts count as the user's own where a file of theirs redefines what they call.
    """
    own = {name: text for name, text in templates.items() if name != SHIPPED_TEMPLATES}
    names = sorted(definitions(own))
    if not names:
        return receivers
    return {
        name: replace(
            receiver,
            integrations=tuple(
                replace(each, settings={**each.settings, REDEFINED_TEMPLATES: names}) for each in receiver.integrations
            ),
        )
        for name, receiver in receivers.items()
    }


def _taken_names(receivers: Collection[str]) -> Iterator[Problem]:
    for name in sorted(receivers):
        if way_of(name) is not None or name.startswith(CONTACTS):
            yield Problem(ALERTMANAGER, None, f'a receiver must not be called "{name}": the name is Tocsin\'s own')


def _watchdog(settings: Mapping[str, Any]) -> Receiver:
    """Return the receiver that notes the watchdog's arrival, and tells it where a URL is set."""
    integration = Integration(WATCHDOG_RECEIVER, Kind.HEARTBEAT, 0, send_resolved=False, settings=settings)
    return Receiver(WATCHDOG_RECEIVER, (integration,), {"name": WATCHDOG_RECEIVER})


def _unknown_files(source: Mapping[str, bytes]) -> Iterator[Problem]:
    message = (
        f"not a configuration file: expected {ALERTMANAGER}, {TOCSIN}, {RULES}*.yml, {TEMPLATES}*{TEMPLATE_SUFFIX}"
        f" or {CALENDARS}*{CALENDAR_SUFFIX}"
    )
    for name in sorted(source):
        is_one_of_many = is_rule_file(name) or is_template_file(name) or is_calendar(name)
        if name not in (ALERTMANAGER, TOCSIN) and not is_one_of_many:
            yield Problem(name, None, message)


def _template_files(source: Mapping[str, bytes], problems: list[Problem]) -> dict[str, str]:
    """Return the texts of the template files that are there."""
    found: dict[str, str] = {}
    for name in sorted(source):
        if not is_template_file(name):
            continue
        try:
            found[name] = source[name].decode("utf-8-sig")
        except UnicodeDecodeError:
            problems.append(Problem(name, None, "not UTF-8 text"))
    return found


def _broken(templates: Mapping[str, str]) -> Iterator[Problem]:
    """Give the problems of template files; those that stand in an AMP definition are named as that does."""
    for name, text in templates.items():
        problem = check_template_file(name, text)
        if problem is not None:
            yield problem


def _warnings(alerting: Alerting, templates: Mapping[str, str]) -> tuple[str, ...]:
    unused = [
        Problem(name, None, "no pattern of `templates` takes this file")
        for name in templates
        if name not in alerting.templates and name != SHIPPED_TEMPLATES
    ]
    return tuple(str(each) for each in in_order([*alerting.warnings, *unused]))


def is_template_file(name: str) -> bool:
    """Say whether a file's name is a template file's."""
    return name.startswith(TEMPLATES) and name.endswith(TEMPLATE_SUFFIX)


def is_calendar(name: str) -> bool:
    """Say whether a file's name is a calendar's."""
    return name.startswith(CALENDARS) and name.endswith(CALENDAR_SUFFIX)


def is_rule_file(name: str) -> bool:
    """Say whether a file's name is a rule file's."""
    return name.startswith(RULES) and name.endswith(YAML_SUFFIXES)


def in_order(problems: list[Problem]) -> list[Problem]:
    """Return the problems by file and line, each once."""
    return sorted(dict.fromkeys(problems), key=lambda each: (each.file, each.line or 0, each.column or 0))


def _groups(name: str, content: bytes, problems: list[Problem]) -> tuple[RuleGroup, ...]:
    try:
        groups, found = read_rule_file(name, content)
    except ConfigError as error:
        problems.extend(error.problems)
        return ()
    problems.extend(found)
    return groups


def check_rules(name: str, content: bytes) -> tuple[RuleGroup, ...]:
    """Return the groups of one rule file. Raises ConfigError."""
    problems: list[Problem] = []
    groups = _groups(name, content, problems)
    _raise_any(problems)
    return groups


def check_alertmanager(
    name: str,
    content: bytes,
    *,
    environment: Mapping[str, str],
    template_files: Mapping[str, str] | None = None,
    honour_all: bool = False,
) -> tuple[str, ...]:
    """Check an alertmanager.yml by itself and return what is odd about it. Raises ConfigError."""
    problems: list[Problem] = []
    substitution = Substitution(environment)
    alerting = read_alertmanager(
        name, content, substitution, problems=problems, template_files=template_files, honour_all=honour_all
    )
    problems.extend(_broken(alerting.templates) if alerting else ())
    _raise_any([*problems, *substitution.problems])
    return tuple(str(warning) for warning in in_order([*alerting.warnings])) if alerting else ()


def check_tocsin(name: str, content: bytes, *, environment: Mapping[str, str]) -> None:
    """Check a tocsin.yml by itself. Raises ConfigError."""
    problems: list[Problem] = []
    substitution = Substitution(environment)
    read_tocsin(name, content, substitution, receivers=None, problems=problems)
    _raise_any([*problems, *substitution.problems])


def _raise_any(problems: list[Problem]) -> None:
    if problems:
        raise ConfigError(in_order(problems))
