"""Inhibition: who is muted while what fires, as Alertmanager decides it."""

from __future__ import annotations

import pytest
import yaml

from tests.conformance.cases import load_cases, of_kind
from tocsin.config.patterns import compile_pattern
from tocsin.core.inhibition import Inhibitors, InhibitRule, InhibitSource, can_inhibit, inhibiting
from tocsin.core.labels import Labels, fingerprint
from tocsin.core.matcher_syntax import parse_matchers
from tocsin.core.matchers import Matcher, MatchType

CASES = load_cases("inhibition.json")

# Where Tocsin answers otherwise than the case says, and why.
OTHERWISE = {
    "inhibition-059": "the measured source remembers one alert per equal labels, so that one which matches both sides "
    "hides one which matches the source alone; by its documentation, 0.25 and its later sources the other inhibits",
}


def _expected(case):
    return case["muted_0_25"] if case["id"] in OTHERWISE else case["muted"]


def _side(rule, side):
    equal = (Matcher(name, MatchType.EQUAL, value) for name, value in rule.get(f"{side}_match", {}).items())
    regexps = (
        Matcher(name, MatchType.REGEXP, value, compile_pattern(value))
        for name, value in rule.get(f"{side}_match_re", {}).items()
    )
    return (*equal, *regexps, *_matchers(rule.get(f"{side}_matchers", ())))


def _matchers(texts):
    return tuple(matcher for text in texts for matcher in parse_matchers(text, compile_pattern))


def _rules(text):
    return [
        InhibitRule(
            sources=(InhibitSource(_side(rule, "source"), tuple(rule.get("equal", ()))),), targets=_side(rule, "target")
        )
        for rule in yaml.load(text, yaml.BaseLoader)
    ]


def _firing(alerts):
    latest = {Labels(alert["labels"]): alert["resolved"] for alert in alerts}
    return [labels for labels, is_resolved in latest.items() if not is_resolved]


@pytest.mark.parametrize("case", of_kind(CASES, "inhibit"))
def test_an_alert_is_inhibited_where_alertmanager_would(case):
    rules, firing, target = _rules(case["rules"]), _firing(case["source_alerts"]), Labels(case["target"])
    found = inhibiting(rules, target, firing)
    assert bool(found) is _expected(case)
    assert set(found) <= {fingerprint(labels) for labels in firing if can_inhibit(rules, labels)}


@pytest.mark.parametrize("case", of_kind(CASES, "inhibit"))
def test_only_the_alerts_that_can_inhibit_need_to_be_kept(case):
    rules, target = _rules(case["rules"]), Labels(case["target"])
    copies = [labels for labels in _firing(case["source_alerts"]) if can_inhibit(rules, labels)]
    inhibitors = Inhibitors(rules, ((fingerprint(labels), labels) for labels in copies))
    assert bool(inhibitors.inhibiting(target)) is _expected(case)


def test_no_case_is_left_out():
    assert {case["kind"] for case in CASES} == {"inhibit"}
    assert {case["id"] for case in CASES} >= set(OTHERWISE)
