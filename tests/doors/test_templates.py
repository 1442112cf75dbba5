"""Templates end, whatever they ask for: after a number of steps, not of seconds. The alert is told all the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.adapters.samples import firing_single
from tocsin.adapters.texts import MOST_STEPS, Texts
from tocsin.config.patterns import compile_pattern
from tocsin.core.receivers import Kind
from tocsin.core.rules import Evaluation, Rule, RuleError, RuleKey, Sample, TemplateContext, evaluate_rule
from tocsin.core.steps import Steps, TooManyStepsError, steps_of
from tocsin.core.templates import Struct, TemplateError, expand_or_explain
from tocsin.core.templates.alertmanager import LIMITS, TemplateSet
from tocsin.core.templates.notification_data import KV

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
TEMPLATES = TemplateSet(compile=compile_pattern)
LONG = '{{ $x := "0123456789abcdef" }}{{ range 10 }}{{ $x = print $x $x }}{{ end }}'
LOOP = "{{ range 1000000000 }}{{ end }}"

# What a text of a notification could do for hours, and where it ends. Each is given far fewer steps than in service.
ENDLESS = {
    "a loop": LOOP,
    "loops in loops": "{{ range 9999 }}{{ range 9999 }}{{ range 9999 }}{{ end }}{{ end }}{{ end }}",
    "a long text, again and again": LONG + "{{ range 999999 }}{{ $y := title $x }}{{ end }}",
    "a long text, escaped": LONG + "{{ range 999999 }}{{ $y := js $x }}{{ end }}",
    "a list that grows": "{{ $l := list }}{{ range 999999 }}{{ $l = append $l 1 }}{{ end }}",
    "a wide number": '{{ range 999999 }}{{ $y := printf "%10000d" 1 }}{{ end }}',
    "a label of the route that does the same": '{{ range 999999 }}{{ routeLabels "slow" }}{{ end }}',
    "layouts of times": '{{ range $i := 999999 }}{{ $y := toDate (printf "%d" $i) "" }}{{ end }}',
    "patterns": '{{ range $i := 999999 }}{{ $y := match (printf "%d" $i) "" }}{{ end }}',
    "templates that call each other": (
        '{{ define "a" }}{{ if . }}{{ template "a" (slice . 1) }}{{ template "a" (slice . 1) }}{{ end }}{{ end }}'
        '{{ template "a" "0123456789012345678901234567890123456789" }}'
    ),
}


def expand(text: str, steps: Steps, *, as_html: bool = False) -> str:
    data = Struct("data", {"Labels": KV({"a": "b"})})
    labels = {"slow": "{{ range 999 }}{{ end }}"}
    return TEMPLATES.expand(text, data, now=NOW, route_labels=labels, as_html=as_html, steps=steps)


@pytest.mark.parametrize("as_html", [False, True], ids=["text", "page"])
@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_a_text_ends_where_its_steps_do(text: str, as_html: bool) -> None:
    steps = Steps(20_000)
    with pytest.raises(TemplateError, match="more than 20000 steps"):
        expand(text, steps, as_html=as_html)


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_it_ends_at_the_same_step_every_time(text: str) -> None:
    taken = []
    for _ in range(2):
        steps = Steps(20_000)
        with pytest.raises(TemplateError) as ended:
            expand(text, steps)
        taken.append((steps.taken, str(ended.value)))
    assert taken[0] == taken[1]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("recursion", '{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}', "maximum template depth (50)"),
        ("output", "{{ range 999999 }}" + "x" * 9_999 + "{{ end }}", "output is too large"),
        ("one value", LONG + "{{ range 9 }}{{ $x = print $x $x }}{{ end }}", "output is too large"),
        (
            "a list in itself",
            "{{ $l := list 1 }}{{ range 40 }}{{ $l = list $l $l }}{{ end }}{{ toJson $l }}",
            "too large",
        ),
        (
            "its text",
            "{{ range 40 }}{{ end }}{{ $l := list 1 }}{{ range 40 }}{{ $l = list $l $l }}{{ end }}{{ $l }}",
            "too",
        ),
        ("nesting", "{{ " + "(" * 999 + "1" + ")" * 999 + " }}", "nested more than 60 levels"),
        ("blocks", "{{ if 1 }}" * 999 + "{{ end }}" * 999, "nested more than 60 levels"),
        ("a layout", '{{ mustToDate (printf "%600s" "2006") "x" }}', "longer than 500 characters"),
    ],
)
def test_depth_and_output_are_bounded(name: str, text: str, reason: str) -> None:
    with pytest.raises(TemplateError) as refused:
        expand(text, Steps(LIMITS.steps))
    assert reason in str(refused.value), name


@pytest.mark.parametrize("verb", ["%999999999d", "%.999999999f", "%999999999s", "%[1]*[1]d"])
def test_a_number_cannot_be_wider_than_what_fits(verb: str) -> None:
    assert len(expand(f'{{{{ printf "{verb}" 100000000 }}}}', Steps(LIMITS.steps))) < 200


def test_a_time_that_could_be_read_in_many_ways_is_read_in_one() -> None:
    layout, text = "1" * 40, "1" * 79 + "x"
    assert expand(f'{{{{ toDate "{layout}" "{text}" }}}}', Steps(LIMITS.steps)).startswith("0001-01-01")


def test_texts_share_what_they_may_do() -> None:
    whole = Steps(1_000)
    with pytest.raises(TemplateError):
        expand(LOOP, whole)
    with pytest.raises(TemplateError, match="more than 1000 steps"):
        expand("{{ 1 }}", whole)
    assert whole.are_used_up


# ------------------------------------------------------------------------------------ what is told then (law 10)


def test_a_notification_whose_templates_do_not_end_is_told_in_our_own_words() -> None:
    texts = Texts(firing_single(Kind.SLACK), lambda: TEMPLATES, steps=Steps(5_000))
    assert texts.prose("{{ .Status }}") == "firing"
    said = texts.prose(LOOP, "DiskFull fires")
    assert said.startswith("DiskFull fires\n")
    assert "more than 5000 steps" in said
    # The others come to their end at once, and say so too.
    assert texts.field("{{ .Status }}", "danger") == "danger"
    assert texts.prose("without a template") == "without a template"


def test_all_texts_of_a_notification_together_may_do_what_one_may() -> None:
    assert Texts(firing_single(Kind.SLACK)).steps.limit == MOST_STEPS == LIMITS.steps


def evaluate(samples: int, **templates: Any) -> Evaluation:
    rule = Rule(RuleKey("f;g;r;0"), "r", "g", "up", **templates)
    context = TemplateContext(label_steps=10_000, annotation_steps=10_000)
    found = [Sample({"instance": str(number)}, 1.0) for number in range(samples)]
    return evaluate_rule(rule, {}, found, now=NOW, context=context)


def test_a_rules_annotations_that_do_not_end_are_told_as_their_error() -> None:
    alerts = evaluate(50, annotations={"a": "{{ range 999 }}{{ end }}", "b": "plain"}).active.values()
    assert len(alerts) == 50
    said = [alert.annotations["a"] for alert in alerts]
    assert 0 < said.count("") < 50
    assert all("more than 10000 steps" in each for each in said if each)
    assert {alert.annotations["b"] for alert in alerts} == {"plain"}


def test_a_rules_labels_that_do_not_end_fail_the_rule_and_change_no_alert() -> None:
    # Who an alert is must not depend on how many there are: the rule keeps what it had, and says why (law 1).
    with pytest.raises(RuleError, match="the templates of its labels take more than 10000 steps"):
        evaluate(50, labels={"a": "{{ range 999 }}{{ end }}"})


def test_what_annotations_take_is_not_taken_from_labels() -> None:
    both = {"annotations": {"a": LOOP}, "labels": {"a": "{{ $labels.instance }}"}}
    assert {alert.labels["a"] for alert in evaluate(3, **both).active.values()} == {"0", "1", "2"}


def test_one_text_of_a_rule_does_not_take_what_the_others_need() -> None:
    said = expand_or_explain(LOOP, labels={}, value=1.0, now=NOW)
    assert "more than 100000 steps" in said


# ------------------------------------------------------------------------------------------------- counting


@pytest.mark.parametrize(
    ("name", "value", "steps"),
    [
        ("a text", "x" * 40, 10),
        ("a list", [1] * 40, 10),
        ("a map", dict.fromkeys(range(40)), 10),
        ("a number", 10**40, 0),
    ],
)
def test_what_it_takes_to_go_through_a_value(name: str, value: object, steps: int) -> None:
    assert steps_of(value) == steps, name


def test_steps_within_others_are_taken_from_both() -> None:
    whole = Steps(10)
    one, other = Steps(8, within=whole), Steps(8, within=whole)
    one.take(6)
    with pytest.raises(TooManyStepsError, match="more than 10 steps"):
        other.take(6)
    assert (one.are_used_up, whole.are_used_up) == (False, True)
    with pytest.raises(TooManyStepsError, match="more than 8 steps"):
        one.take(3)
