"""Configuration: files → core values, with every error told by its file, line and reason, all of them at once.

    documents, substitution, values, blocks     YAML with its places; `${NAME:-default}`; one key, one mapping at a time
    rule_files                                  Prometheus's rules
    alertmanager, global_settings, routes, matching, inhibit_rules, time_intervals, receivers, integrations,
    http_client, notification_templates, observability
                                                alertmanager.yml, everything that its format knows
    not_yet, undeliverable                      what of that is refused: not honoured yet, or no receiver takes it
    tocsin_yml, threshold_rules                 what is ours: threshold rules, cooldowns, escalation
    users, contacts, oncall, rotations, calendars
                                                what is ours: people, how they are reached, who is on call when
    loading                                     one consistent Configuration of all files

This module imports none of them: YAML, pydantic and RE2 are loaded when configuration is, so that a function which only
delivers what is already decided starts without them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..core.configuration import Configuration
from ..core.rules import RuleGroup
from ..errors import ConfigError, Problem

ALERTMANAGER = "alertmanager.yml"
TOCSIN = "tocsin.yml"
RULES = "rules/"
TEMPLATES = "templates/"
YAML_SUFFIXES = (".yml", ".yaml")
TEMPLATE_SUFFIX = ".tmpl"
CALENDARS = "oncall/"
CALENDAR_SUFFIX = ".ics"


def load(source: Mapping[str, bytes], *, environment: Mapping[str, str]) -> Configuration:
    """Return the configuration of files by name. Raises ConfigError.

    The names are alertmanager.yml, tocsin.yml, rules/*.yml, templates/*.tmpl and oncall/*.ics.
    """
    from .loading import load_configuration

    return load_configuration(source, environment=environment)


def check_rules(name: str, content: bytes) -> tuple[RuleGroup, ...]:
    """Return the groups of one Prometheus rule file. Raises ConfigError."""
    from .loading import check_rules as check

    return check(name, content)


def check_alertmanager(
    name: str,
    content: bytes,
    *,
    environment: Mapping[str, str],
    template_files: Mapping[str, str] | None = None,
    honour_all: bool = False,
) -> tuple[str, ...]:
    """Check an alertmanager.yml by itself and return what is odd about it. Raises ConfigError.

    With `honour_all` the verdict is Alertmanager's: what is not honoured yet is no reason to refuse.
    """
    from .loading import check_alertmanager as check

    return check(name, content, environment=environment, template_files=template_files, honour_all=honour_all)


def check_tocsin(name: str, content: bytes, *, environment: Mapping[str, str]) -> None:
    """Check a tocsin.yml by itself: the receivers it names are not looked for. Raises ConfigError."""
    from .loading import check_tocsin as check

    check(name, content, environment=environment)


def compiled_rule_file(groups: tuple[RuleGroup, ...]) -> str:
    """Return groups as the text of a rule file that Prometheus and promtool read."""
    from .rule_text import compiled_rule_file as compiled

    return compiled(groups)


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return a folder's configuration files by their names: its YAML files and rules/, templates/ and oncall/.

    Raises ConfigError when there is no such folder.
    """
    if not folder.is_dir():
        raise ConfigError([Problem(str(folder), None, "there is no such folder")])
    paths = [*folder.iterdir(), *(folder / RULES).rglob("*")]
    files = [path for path in paths if path.suffix in YAML_SUFFIXES]
    files += (folder / TEMPLATES).glob(f"*{TEMPLATE_SUFFIX}")
    files += (folder / CALENDARS).glob(f"*{CALENDAR_SUFFIX}")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(files) if path.is_file()}
