"""Tocsin's rules about itself. Their alerts go the same way as all others; only their samples come from inside.

A few rules that fail are told of one by one. What more fail of at once has one cause, most likely an endpoint that is
gone: one alert speaks for all of them, however people group, until the last of them is well. Whatever has an alert of
its own keeps it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from ..core.labels import quote
from ..core.rules import ActiveAlert, Rule, RuleKey, Sample
from ..ports import LoadedConfiguration, RuleRecord

GROUP = "tocsin"
RULE_FAILING_FOR = timedelta(minutes=5)
# So many are told of one by one.
FEW = 10
UNREACHABLE_FOR = timedelta(minutes=5)
CONFIGURATION_REFUSED = "TocsinConfigurationRefused"
RULE_FAILING = "TocsinRuleFailing"
MANY_FAILING = "TocsinManyRulesFailing"


def key_of(name: str) -> RuleKey:
    """Return the key of a rule of Tocsin's own; no file can have this name."""
    return RuleKey(f"<tocsin>;{GROUP};{name};0")


KEYS = frozenset({key_of(CONFIGURATION_REFUSED), key_of(RULE_FAILING), key_of(MANY_FAILING)})


def own_rules(
    loaded: LoadedConfiguration, failing: Mapping[RuleKey, str], records: Mapping[RuleKey, RuleRecord]
) -> Sequence[tuple[Rule, Sequence[Sample]]]:
    """Return each own rule with its samples; `failing` holds the rules that cannot be evaluated and why."""
    named = {rule.key: rule for rule in loaded.configuration.rules()}
    known = {key: failing[key] for key in sorted(failing) if key in named}
    is_told_as_one = len(known) > FEW or bool(_active(records, MANY_FAILING))
    told = {RuleKey(alert.labels["rule_key"]) for alert in _active(records, RULE_FAILING)}
    singly = {key: error for key, error in known.items() if key in told or not is_told_as_one}
    others = {key: error for key, error in known.items() if key not in singly}
    samples = [
        Sample({"rule": named[key].name, "rule_group": named[key].group, "rule_key": key}, 1.0) for key in singly
    ]
    return [
        (_configuration_refused(loaded), [Sample({}, 1.0)] if loaded.refused else []),
        (_rule_failing(singly), samples),
        (_many_failing(others, named), [Sample({}, float(len(others)))] if others else []),
    ]


def _active(records: Mapping[RuleKey, RuleRecord], name: str) -> Collection[ActiveAlert]:
    record = records.get(key_of(name))
    return record.active.values() if record else ()


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
        for key, error in failing.items()
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


def _many_failing(failing: Mapping[RuleKey, str], named: Mapping[RuleKey, Rule]) -> Rule:
    first = [f"{named[key].group}/{named[key].name}: {error}" for key, error in [*failing.items()][:FEW]]
    more = [f"and {len(failing) - FEW} more"] if len(failing) > FEW else []
    return Rule(
        key=key_of(MANY_FAILING),
        name=MANY_FAILING,
        group=GROUP,
        expr="",
        hold_for=RULE_FAILING_FOR,
        labels={"severity": "warning"},
        annotations={
            "summary": "{{ $value }} rules cannot be evaluated; their alerts stay as they were",
            "description": "{{" + quote("\n".join([*first, *more])) + "}}",
        },
    )
