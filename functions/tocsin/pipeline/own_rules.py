"""Tocsin's rules about itself. Their alerts go the same way as all others; only their samples come from inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from ..core.labels import quote
from ..core.rules import Rule, RuleKey, Sample
from ..ports import LoadedConfiguration

GROUP = "tocsin"
RULE_FAILING_FOR = timedelta(minutes=5)
UNREACHABLE_FOR = timedelta(minutes=5)
CONFIGURATION_REFUSED = "TocsinConfigurationRefused"
RULE_FAILING = "TocsinRuleFailing"


def key_of(name: str) -> RuleKey:
    """Return the key of a rule of Tocsin's own; no file can have this name."""
    return RuleKey(f"<tocsin>;{GROUP};{name};0")


KEYS = frozenset({key_of(CONFIGURATION_REFUSED), key_of(RULE_FAILING)})


def own_rules(loaded: LoadedConfiguration, failing: Mapping[RuleKey, str]) -> Sequence[tuple[Rule, Sequence[Sample]]]:
    """Return each own rule with its samples; `failing` holds the rules that cannot be evaluated and why."""
    named = {rule.key: rule for rule in loaded.configuration.rules()}
    samples = [
        Sample({"rule": named[key].name, "rule_group": named[key].group, "rule_key": key}, 1.0)
        for key in sorted(failing)
        if key in named
    ]
    return [
        (_configuration_refused(loaded), [Sample({}, 1.0)] if loaded.refused else []),
        (_rule_failing(failing), samples),
    ]


def _configuration_refused(loaded: LoadedConfiguration) -> Rule:
    """Return the rule; that files could not be read is said only when it lasts."""
    what = "Configuration cannot be read" if loaded.is_unreachable else "A new configuration was refused"
    return Rule(
        key=key_of(CONFIGURATION_REFUSED),
        name=CONFIGURATION_REFUSED,
        group=GROUP,
        expr="",
        hold_for=UNREACHABLE_FOR if loaded.is_unreachable else timedelta(0),
        labels={"severity": "warning"},
        annotations={
            "summary": f"{what}; the one before it stays in force",
            "description": "{{" + quote(loaded.refused) + "}}",
        },
    )


def _rule_failing(failing: Mapping[RuleKey, str]) -> Rule:
    why = "".join(
        "{{ if eq $labels.rule_key " + quote(key) + " }}{{" + quote(error) + "}}{{ end }}"
        for key, error in sorted(failing.items())
    )
    return Rule(
        key=key_of(RULE_FAILING),
        name=RULE_FAILING,
        group=GROUP,
        expr="",
        hold_for=RULE_FAILING_FOR,
        labels={"severity": "warning"},
        annotations={
            "summary": "Rule {{ $labels.rule }} cannot be evaluated; its alerts stay as they were",
            "description": why,
        },
    )
