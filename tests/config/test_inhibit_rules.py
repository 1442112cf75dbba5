"""`inhibit_rules:`: three spellings of one meaning, and what is refused."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.config.files import ROUTE, read_all, refusal_of_all


def test_an_inhibit_rule_in_its_old_keys_and_its_new_ones_means_the_same():
    old = """
    inhibit_rules:
      - name: a
        source_match: {severity: critical}
        source_match_re: {team: 'a|b'}
        target_match: {severity: warning}
        target_match_re: {team: 'a|b'}
        equal: [cluster, '-odd name-']
    """
    new = """
    inhibit_rules:
      - name: a
        source_matchers: [severity=critical, 'team=~"^(?:a|b)$"']
        target_matchers: [severity=warning, 'team=~"^(?:a|b)$"']
        equal: [cluster, '-odd name-']
    """
    newest = """
    inhibit_rules:
      - name: a
        sources: [{matchers: [severity=critical, 'team=~"^(?:a|b)$"'], equal: [cluster, '-odd name-']}]
        target_matchers: [severity=warning, 'team=~"^(?:a|b)$"']
    """
    rules = {read_all(dedent(text) + ROUTE)[0].inhibit_rules for text in (old, new, newest)}
    ((rule,),) = rules
    assert [str(matcher) for matcher in rule.targets] == ['severity="warning"', 'team=~"^(?:a|b)$"']
    assert (rule.name, rule.sources[0].equal) == ("a", ("cluster", "-odd name-"))


def test_a_rule_with_several_sources_has_them_all():
    text = "inhibit_rules: [{sources: [{matchers: [a=b]}, {matchers: [c=d], equal: [e]}]}]\n"
    (rule,) = read_all(text + ROUTE)[0].inhibit_rules
    assert [[str(matcher) for matcher in source.matchers] for source in rule.sources] == [['a="b"'], ['c="d"']]
    assert [source.equal for source in rule.sources] == [(), ("e",)]


@pytest.mark.parametrize(
    ("name", "rule", "expected"),
    [
        ("an unknown key", "{source: a}", "inhibit rule 1: unknown key 'source'"),
        ("a rule that is a text", "a", "inhibit rule 1: expected a mapping, found a text"),
        ("a name of another kind", "{name: [a]}", "inhibit rule 1: name: expected text"),
        ("a name that is told", "{name: x, equal: a}", 'inhibit rule "x": equal: expected a list'),
        ("an empty label", "{equal: ['']}", "equal[0]: expected a text that is not empty"),
        ("source_match of another kind", "{source_match: [a]}", "source_match: expected a mapping"),
        ("target_match of another kind", "{target_match: [a]}", "target_match: expected a mapping"),
        ("source_match_re of another kind", "{source_match_re: [a]}", "source_match_re: expected a mapping"),
        ("a pattern that is none", "{target_match_re: {a: '('}}", "target_match_re.a: not a valid RE2 pattern"),
        ("a classic name", "{source_match: {a-b: c}}", "not a valid label name: 'a-b'"),
        ("source_matchers of another kind", "{source_matchers: a=b}", "source_matchers: expected a list"),
        ("a matcher that is none", "{target_matchers: [a]}", "target_matchers: bad matcher format"),
        ("sources of another kind", "{sources: a}", "sources: expected a list"),
        ("a source that is none", "{sources: [a]}", "source 1: expected a mapping"),
        ("a source without matchers", "{sources: [{}]}", "source 1: matchers is missing"),
        ("a source that everything is", "{sources: [{matchers: ['a!=b']}]}", "source 1: matchers: one at least"),
        ("an unknown key of a source", "{sources: [{matcher: [a=b]}]}", "unknown key 'matcher'"),
        ("equal of a source", "{sources: [{matchers: [a=b], equal: c}]}", "source 1: equal: expected a list"),
        ("both spellings", "{sources: [{matchers: [a=b]}], equal: [c]}", "sources takes the place of"),
    ],
)
def test_an_inhibit_rule_is_refused_with_its_reason(name, rule, expected):
    problems = refusal_of_all(f"inhibit_rules: [{rule}]\n{ROUTE}")
    assert any(expected in problem for problem in problems), problems
