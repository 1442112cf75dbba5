"""All files together: one consistent configuration, or every problem of every file at once (law 11)."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.configuration import Configuration
from ..core.rules import RuleGroup
from ..errors import ConfigError, Problem
from . import ALERTMANAGER, RULES, TOCSIN, YAML_SUFFIXES
from .alertmanager import read_alertmanager
from .digests import digest_of_source, digest_of_value
from .rule_files import read_rule_file
from .substitution import Substitution
from .tocsin_yml import read_tocsin


def load_configuration(source: Mapping[str, bytes], *, environment: Mapping[str, str]) -> Configuration:
    """Return what the files say together. Raises ConfigError with all problems, in the order of the files."""
    substitution = Substitution(environment)
    problems: list[Problem] = [
        Problem(name, None, f"not a configuration file: expected {ALERTMANAGER}, {TOCSIN} or {RULES}*.yml")
        for name in sorted(source)
        if name not in (ALERTMANAGER, TOCSIN) and not is_rule_file(name)
    ]
    alerting = None
    if ALERTMANAGER in source:
        alerting = read_alertmanager(ALERTMANAGER, source[ALERTMANAGER], substitution, problems=problems)
    else:
        problems.append(Problem(ALERTMANAGER, None, "the file is missing: it says where alerts go"))
    receivers = alerting.receivers if alerting else None
    additions = read_tocsin(TOCSIN, source.get(TOCSIN, b""), substitution, receivers=receivers, problems=problems)
    groups = [group for name in sorted(source) if is_rule_file(name) for group in _groups(name, source[name], problems)]
    problems.extend(substitution.problems)
    if problems or alerting is None or alerting.root is None:
        raise ConfigError(in_order(problems))
    return Configuration(
        digest=digest_of_source(source, substitution.used),
        routes_digest=digest_of_value([alerting.root, sorted(alerting.receivers), additions.policies]),
        rule_groups=(*additions.rule_groups, *groups),
        root=alerting.root,
        receivers=alerting.receivers,
        policies=additions.policies,
        cooldowns=additions.cooldowns,
        default_cooldown=additions.default_cooldown,
        external_labels=additions.external_labels,
    )


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


def check_alertmanager(name: str, content: bytes, *, environment: Mapping[str, str]) -> None:
    """Check an alertmanager.yml by itself. Raises ConfigError."""
    problems: list[Problem] = []
    substitution = Substitution(environment)
    read_alertmanager(name, content, substitution, problems=problems)
    _raise_any([*problems, *substitution.problems])


def check_tocsin(name: str, content: bytes, *, environment: Mapping[str, str]) -> None:
    """Check a tocsin.yml by itself. Raises ConfigError."""
    problems: list[Problem] = []
    substitution = Substitution(environment)
    read_tocsin(name, content, substitution, receivers=None, problems=problems)
    _raise_any([*problems, *substitution.problems])


def _raise_any(problems: list[Problem]) -> None:
    if problems:
        raise ConfigError(in_order(problems))
