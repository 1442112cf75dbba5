"""Rule files: what becomes of them, and what is said when they are wrong."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.config.files import load, refusal
from tocsin import config
from tocsin.errors import ConfigError

GOOD = """
groups:
  - name: web
    interval: 30s
    limit: 10
    query_offset: 1m
    labels: {team: a, severity: info}
    rules:
      - alert: Down
        expr: up == 0
        for: 5m
        keep_firing_for: 1m
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.job }} is down"}
      - record: job:up:sum
        expr: sum by (job) (up)
      - alert: Down
        expr: up{job="db"} == 0
"""

THREE_MISTAKES = """
groups:
  - name: web
    rules:
      - alert: Down
        expr: sum(up == 0
        for: 5 minutes
        annotations:
          summary: "{{ $labels.job"
"""


def test_a_group_becomes_rules_with_its_labels_and_limits():
    (group,) = load(web=GOOD).rule_groups
    first, second = group.rules
    assert (group.name, group.file, group.interval) == ("web", "rules/web.yml", timedelta(seconds=30))
    assert first.labels == {"team": "a", "severity": "critical"}
    assert (first.hold_for, first.keep_firing_for) == (timedelta(minutes=5), timedelta(minutes=1))
    assert (first.limit, first.query_offset) == (10, timedelta(minutes=1))
    assert second.labels == {"team": "a", "severity": "info"}
    assert [rule.record for rule in group.recording_rules] == ["job:up:sum"]


def test_a_rules_key_tells_rules_of_one_name_apart():
    (group,) = load(web=GOOD).rule_groups
    assert [rule.key for rule in group.rules] == ["rules/web.yml;web;Down;0", "rules/web.yml;web;Down;1"]


def test_three_mistakes_in_one_rule_are_three_problems_at_their_lines():
    assert refusal(web=THREE_MISTAKES) == [
        'rules/web.yml:5:15: group "web", rule 1 "Down": expr: the bracket ( is never closed',
        'rules/web.yml:6:14: group "web", rule 1 "Down": for: not a valid duration: \'5 minutes\''
        " (expected for example 30s, 5m or 1h30m)",
        'rules/web.yml:8:20: group "web", rule 1 "Down": annotations "summary": invalid template:'
        " template: rule:1: unclosed action",
    ]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("not YAML", "groups: [", "rules/a.yml:2:1: not valid YAML"),
        ("not UTF-8 is told with its line", "groups: []\n# \udcff", "rules/a.yml:2: not UTF-8 text"),
        ("a control character", "groups:\n  \x07", "rules/a.yml:2: not valid YAML"),
        ("a list instead of a mapping", "- a", "rules/a.yml:1:1: expected a mapping, found a list"),
        ("groups that are no list", "groups: {a: b}", "rules/a.yml:1:1: groups: expected a list, found a mapping"),
        ("an unknown key, with the one that was meant", "group: []", "unknown key 'group', did you mean 'groups'?"),
        ("a key that stands twice", "groups: []\ngroups: []", "rules/a.yml:2:1: the key 'groups' stands twice"),
        ("a group name that is repeated", "groups: [{name: a}, {name: a}]", "the name is repeated in the same file"),
        ("a group without a name", "groups: [{rules: []}]", "rules/a.yml:1:10: group 1: name is missing"),
        ("a rule that is nothing", "groups: [{name: a, rules: [null]}]", "rule 1: expected a mapping, found nothing"),
        ("a tag", "groups: !!set {a}", "rules/a.yml:1:9: the tag !!set is not supported"),
        ("an alias to what contains it", "groups: &a [*a]", "an alias refers to what contains it"),
        ("a merge of what contains it", "groups: [&a {<<: *a}]", "an alias refers to what contains it"),
        ("a merge of a text", "groups: [{<<: a}]", "'<<' merges mappings only"),
        ("a key that is no text", "{[a]: b}", "rules/a.yml:1:2: a key must be text"),
        ("an empty label name", "groups: [{name: a, labels: {'': b}}]", "not a valid label name: ''"),
        ("a label that is a list", "groups: [{name: a, labels: {b: []}}]", "labels.b: expected text, found a list"),
        ("the metric's name as a label", "groups: [{name: a, labels: {__name__: b}}]", "not a valid label name"),
        (
            "alert and record together",
            "groups: [{name: a, rules: [{alert: b, record: c, expr: '1'}]}]",
            "only one of 'record' and 'alert' may be set",
        ),
        (
            "braces in a recording rule's name",
            "groups: [{name: a, rules: [{record: 'b{c}', expr: '1'}]}]",
            "braces in a recording rule's name",
        ),
        (
            "a quote that is never closed",
            "groups: [{name: a, rules: [{alert: b, expr: 'up{a=\"b}'}]}]",
            'expr: the quote " at character 6 is never closed',
        ),
        (
            "a bracket that closes nothing",
            "groups: [{name: a, rules: [{alert: b, expr: 'up)'}]}]",
            "expr: the bracket ) at character 3 closes nothing",
        ),
    ],
)
def test_a_rule_file_is_refused_with_its_place_and_reason(name, text, expected):
    problems = refused(text)
    assert any(expected in problem for problem in problems), problems


def refused(text):
    content = text.encode("utf-8", "surrogateescape")
    with pytest.raises(ConfigError) as error:
        config.check_rules("rules/a.yml", content)
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("name", "expr"),
    [
        ("brackets in a string are text", 'up{a=")"}'),
        ("escaped quotes do not end a string", r'up{a="\"("}'),
        ("backslashes mean nothing in raw strings", r"up{a=`\`}"),
        ("brackets in a comment are text", "up # (\n == 0"),
    ],
)
def test_an_expression_is_only_looked_at_where_brackets_mean_brackets(name, expr):
    text = f"groups: [{{name: a, rules: [{{alert: b, expr: {json.dumps(expr)}}}]}}]"
    assert config.check_rules("rules/a.yml", text.encode())


def test_aliases_do_not_explode():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "more than 100000 values" in refused("\n".join(lines))[0]


def test_merges_do_not_explode():
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 9)]
    assert "more than 100000 values" in refused("\n".join(lines))[0]


def test_nesting_has_an_end():
    for depth in (100, 100_000):
        assert "nested deeper than" in refused("[" * depth + "]" * depth)[0]


def test_what_is_compiled_is_read_again_as_the_same_rules():
    (group,) = load(web=GOOD).rule_groups
    (again,) = config.check_rules("rules/web.yml", config.compiled_rule_file((group,)).encode())
    assert again == group
