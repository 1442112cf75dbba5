"""Inhibition: who is inhibited by whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.config.patterns import compile_pattern
from tocsin.core.inhibition import Inhibition, Inhibitors, InhibitRule, InhibitSource, can_inhibit, inhibiting
from tocsin.core.labels import Labels, fingerprint
from tocsin.core.matchers import Matcher, MatchType


def on(**labels: str) -> tuple[Matcher, ...]:
    return tuple(Matcher(name, MatchType.EQUAL, value) for name, value in labels.items())


def alert(**labels: str) -> Labels:
    return Labels(labels)


CRITICAL_OVER_WARNING = InhibitRule(
    (InhibitSource(on(severity="critical"), ("cluster", "service")),), on(severity="warning")
)
BOTH_ARE_DOWN = InhibitRule(
    (InhibitSource(on(alertname="ReaderDown"), ("cluster",)), InhibitSource(on(alertname="WriterDown"), ("zone",))),
    on(alertname="NoData"),
    name="both are down",
)
UNKNOWN_OR_DOWN = InhibitRule(
    (InhibitSource((Matcher("alertname", MatchType.REGEXP, "A|B", compile_pattern("A|B")),), ("g",)),),
    (Matcher("alertname", MatchType.REGEXP, "B|C", compile_pattern("B|C")),),
)


@pytest.mark.parametrize(
    ("name", "rule", "target", "firing", "by"),
    [
        (
            "a source with the same equal labels inhibits",
            CRITICAL_OVER_WARNING,
            alert(severity="warning", cluster="eu", service="shop"),
            [alert(severity="critical", cluster="eu", service="shop")],
            [0],
        ),
        (
            "a source with another value does not",
            CRITICAL_OVER_WARNING,
            alert(severity="warning", cluster="eu", service="shop"),
            [alert(severity="critical", cluster="us", service="shop")],
            [],
        ),
        (
            "a label that both lack is equal, and an empty one is one that is lacking",
            CRITICAL_OVER_WARNING,
            alert(severity="warning", cluster="eu", service=""),
            [alert(severity="critical", cluster="eu")],
            [0],
        ),
        (
            "a label that one of them lacks is not equal",
            CRITICAL_OVER_WARNING,
            alert(severity="warning", cluster="eu"),
            [alert(severity="critical", cluster="eu", service="shop")],
            [],
        ),
        (
            "without equal labels any source inhibits",
            InhibitRule((InhibitSource(on(alertname="Maintenance")),), on(severity="warning")),
            alert(severity="warning", cluster="eu"),
            [alert(alertname="Maintenance", cluster="us")],
            [0],
        ),
        (
            "what does not match the targets is not inhibited",
            CRITICAL_OVER_WARNING,
            alert(severity="info", cluster="eu"),
            [alert(severity="critical", cluster="eu")],
            [],
        ),
        (
            "one of two sources is not enough",
            BOTH_ARE_DOWN,
            alert(alertname="NoData", cluster="eu", zone="a"),
            [alert(alertname="ReaderDown", cluster="eu")],
            [],
        ),
        (
            "two sources inhibit, each by its own equal labels",
            BOTH_ARE_DOWN,
            alert(alertname="NoData", cluster="eu", zone="a"),
            [alert(alertname="ReaderDown", cluster="eu"), alert(alertname="WriterDown", zone="a")],
            [0, 1],
        ),
        (
            "two sources do not where the second one's equal label differs",
            BOTH_ARE_DOWN,
            alert(alertname="NoData", cluster="eu", zone="b"),
            [alert(alertname="ReaderDown", cluster="eu"), alert(alertname="WriterDown", zone="a")],
            [],
        ),
        (
            "a target that is a source as well is not inhibited by itself, nor by others of both sides",
            UNKNOWN_OR_DOWN,
            alert(alertname="B", g="1"),
            [alert(alertname="B", g="1"), alert(alertname="B", g="1", instance="2")],
            [],
        ),
        (
            "it is inhibited by a source that is no target, whatever stands beside it",
            UNKNOWN_OR_DOWN,
            alert(alertname="B", g="1"),
            [alert(alertname="B", g="1"), alert(alertname="A", g="1")],
            [1],
        ),
        (
            "a target that is no source is inhibited by those of both sides too",
            UNKNOWN_OR_DOWN,
            alert(alertname="C", g="1"),
            [alert(alertname="B", g="1")],
            [0],
        ),
        ("a rule without sources inhibits nothing", InhibitRule(()), alert(a="1"), [alert(a="1")], []),
    ],
)
def test_who_inhibits_a_target(
    name: str, rule: InhibitRule, target: Labels, firing: list[Labels], by: list[int]
) -> None:
    assert inhibiting([rule], target, firing) == tuple(fingerprint(firing[index]) for index in by), name


def test_the_explanation_names_every_rule_that_applies() -> None:
    firing = [alert(alertname="ReaderDown", cluster="eu", severity="critical"), alert(alertname="WriterDown")]
    target = alert(alertname="NoData", cluster="eu", severity="warning")
    rules = [CRITICAL_OVER_WARNING, UNKNOWN_OR_DOWN, BOTH_ARE_DOWN]
    inhibitors = Inhibitors(rules, [(fingerprint(labels), labels) for labels in firing])
    reader, writer = (fingerprint(labels) for labels in firing)
    assert inhibitors.explain(target) == (
        Inhibition(CRITICAL_OVER_WARNING, (reader,)),
        Inhibition(BOTH_ARE_DOWN, (reader, writer)),
    )
    assert inhibitors.inhibiting(target) == (reader, writer)


def test_an_alert_that_stands_for_two_sources_is_named_once() -> None:
    rule = InhibitRule((InhibitSource(on(a="1")), InhibitSource(on(b="1"))), on(t="1"))
    firing = [alert(a="1", b="1")]
    assert inhibiting([rule], alert(t="1"), firing) == (fingerprint(firing[0]),)


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("what matches a rule's only source", alert(severity="critical"), True),
        ("what matches a rule's second source", alert(alertname="WriterDown"), True),
        ("a target is not one", alert(severity="warning"), False),
    ],
)
def test_which_alerts_can_inhibit(name: str, labels: Labels, expected: bool) -> None:
    assert can_inhibit([CRITICAL_OVER_WARNING, BOTH_ARE_DOWN], labels) is expected, name


NAMES, VALUES = st.sampled_from("abc"), st.sampled_from(["", "1", "2"])
LABELS = st.dictionaries(NAMES, VALUES).map(Labels)
MATCHERS = st.lists(
    st.builds(Matcher, NAMES, st.sampled_from([MatchType.EQUAL, MatchType.NOT_EQUAL]), VALUES), max_size=2
).map(tuple)
SOURCES = st.builds(InhibitSource, MATCHERS, st.lists(NAMES, max_size=2).map(tuple))
RULES = st.lists(st.builds(InhibitRule, st.lists(SOURCES, max_size=2).map(tuple), MATCHERS), max_size=3)


@given(RULES, LABELS, st.lists(LABELS, max_size=6))
def test_nothing_inhibits_itself(rules: list[InhibitRule], target: Labels, others: list[Labels]) -> None:
    assert inhibiting(rules, target, [target]) == ()
    assert fingerprint(target) not in inhibiting(rules, target, [*others, target])


@given(RULES, LABELS, st.lists(LABELS, max_size=6))
def test_the_order_of_what_fires_does_not_matter(
    rules: list[InhibitRule], target: Labels, firing: list[Labels]
) -> None:
    assert inhibiting(rules, target, firing) == inhibiting(rules, target, firing[::-1])


@given(RULES, LABELS, st.lists(LABELS, max_size=6))
def test_only_what_can_inhibit_inhibits(rules: list[InhibitRule], target: Labels, firing: list[Labels]) -> None:
    kept = [labels for labels in firing if can_inhibit(rules, labels)]
    assert inhibiting(rules, target, firing) == inhibiting(rules, target, kept)


@given(RULES, LABELS, st.lists(LABELS, max_size=6))
def test_the_index_answers_as_a_look_at_every_alert_would(
    rules: list[InhibitRule], target: Labels, firing: list[Labels]
) -> None:
    def holds(matchers: tuple[Matcher, ...], labels: Labels) -> bool:
        return all(matcher.matches(labels) for matcher in matchers)

    def finds(rule: InhibitRule, source: InhibitSource) -> bool:
        one_sided = any(holds(each.matchers, target) for each in rule.sources)
        return any(
            holds(source.matchers, labels)
            and all(labels.get(name, "") == target.get(name, "") for name in source.equal)
            and not (one_sided and holds(rule.targets, labels))
            for labels in firing
        )

    expected = any(
        rule.sources and holds(rule.targets, target) and all(finds(rule, source) for source in rule.sources)
        for rule in rules
    )
    assert bool(inhibiting(rules, target, firing)) is expected
