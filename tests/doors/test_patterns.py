"""Patterns that take exponential time where an engine backtracks, through every entrance.

Nothing is timed: with such an engine this file would not come to its end in anybody's lifetime.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.cli.commands import Shell, write_files
from tests.cli.conftest import shell
from tests.cli.states import burning
from tests.stories.world import World
from tests.web.asking import ask, ask_well
from tocsin import config
from tocsin.adapters.silence_json import silence_as_json, silence_from_json
from tocsin.config.patterns import LARGEST_BYTES, MOST_KEPT, compile_pattern
from tocsin.core.matchers import Matcher, MatchType, matches_all
from tocsin.core.rules import Rule, RuleKey, Sample, TemplateContext, evaluate_rule
from tocsin.core.silences import Silence, SilenceId
from tocsin.core.templates import Struct
from tocsin.wiring import Application

__all__ = ["shell"]

EVIL = ["(a+)+$", "(a|aa)+$", "(a|a?)+$", "([a-z]+)*$", "(.*a){12}$", "(?:(?:a*)*)*$", "^(?:a?){60}a{60}$"]
# Nobody backtracks through so much; RE2 reads it once.
LONG = "a" * 4_000 + "!"
NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    world = burning()
    assert ask(world, "POST", "/api/v2/alerts", [{"labels": {"alertname": "Long", "text": LONG}}]).status == 200
    return world


def configured(pattern: str, **files: str) -> Any:
    alertmanager = f"""
route:
  receiver: a
  routes:
    - {{receiver: b, matchers: ['text=~"{pattern}"']}}
    - {{receiver: b, match_re: {{text: '{pattern}'}}}}
inhibit_rules:
  - {{source_matchers: ['text=~"{pattern}"'], target_matchers: ['other=~"{pattern}"']}}
receivers: [{{name: a}}, {{name: b}}]
"""
    texts = {"alertmanager.yml": alertmanager, **files}
    return config.load({name: text.encode() for name, text in texts.items()}, environment={})


@pytest.mark.parametrize("pattern", EVIL)
def test_in_routes_and_inhibit_rules(pattern: str) -> None:
    configuration = configured(pattern)
    for route in configuration.root.routes:
        assert not matches_all(route.matchers, {"text": LONG})
    (rule,) = configuration.inhibit_rules
    assert not matches_all(rule.sources[0].matchers, {"text": LONG})


@pytest.mark.parametrize("pattern", EVIL)
def test_in_tocsin_yml(pattern: str) -> None:
    text = f"""
escalation:
  policies: [{{name: p, matchers: ['text=~"{pattern}"'], steps: [{{after: 0m, receivers: [a]}}]}}]
cooldowns: [{{cooldown: 5m, matchers: ['text=~"{pattern}"']}}]
redaction: {{patterns: ['{pattern}x']}}
"""
    configuration = configured("x", **{"tocsin.yml": text})
    (policy,) = configuration.policies
    assert not matches_all(policy.matchers, {"text": LONG})
    assert not matches_all(configuration.cooldowns[-1].matchers, {"text": LONG})
    assert configuration.redaction.text(LONG) == LONG


@pytest.mark.parametrize("pattern", EVIL)
@pytest.mark.parametrize(
    "path", ["/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/silences", "/api/tocsin/v1/alerts"]
)
def test_in_filters(world: World, path: str, pattern: str) -> None:
    matcher = quote(f'text=~"{pattern}"')
    found = ask_well(world, "GET", f"{path}?filter={matcher}")
    assert LONG not in json.dumps(found)


@pytest.mark.parametrize("pattern", EVIL)
def test_in_prometheuss_api_and_names_of_receivers(world: World, pattern: str) -> None:
    matcher = quote(f'{{text=~"{pattern}"}}')
    ask_well(world, "GET", f"/api/v1/rules?match[]={matcher}")
    assert ask_well(world, "GET", f"/api/v2/alerts?receiver={quote(pattern)}x") == []


@pytest.mark.parametrize("pattern", EVIL)
def test_in_silences(world: World, pattern: str) -> None:
    body = {
        "matchers": [
            {"name": "text", "value": pattern, "isRegex": True},
            {"name": "x", "value": "y", "isRegex": False},
        ],
        "startsAt": "2026-11-20T03:00:00Z",
        "endsAt": "2026-11-20T09:00:00Z",
        "createdBy": "ann",
        "comment": "c",
    }
    ask_well(world, "POST", "/api/v2/silences", body)
    (alert,) = (each for each in ask_well(world, "GET", "/api/v2/alerts") if "text" in each["labels"])
    assert alert["status"]["silencedBy"] == []


@pytest.mark.parametrize("pattern", EVIL)
def test_in_silences_that_are_read_from_where_they_are_kept(pattern: str) -> None:
    matcher = Matcher("text", MatchType.REGEXP, pattern, compile_pattern(pattern))
    kept = silence_as_json(
        Silence(SilenceId("s"), ((matcher,),), NOW, NOW, created_by="ann", comment="c", updated_at=NOW)
    )
    (again,) = silence_from_json(json.loads(json.dumps(kept)), compile_pattern).matchers[0]
    assert not again.matches({"text": LONG})


@pytest.mark.parametrize("pattern", EVIL)
@pytest.mark.parametrize("function", ["match", "reReplaceAll"])
def test_in_templates_of_rules_as_they_are_deployed(function: str, pattern: str) -> None:
    evaluator = Application("evaluate", ENVIRONMENT).evaluator
    call = f'match "{pattern}" $labels.text' if function == "match" else f'reReplaceAll "{pattern}" "" $labels.text'
    rule = Rule(RuleKey("f;g;r;0"), "r", "g", "up", annotations={"found": f"{{{{ {call} }}}}"})
    context = TemplateContext(compile_pattern=evaluator.compile_pattern)
    result = evaluate_rule(rule, {}, [Sample({"text": LONG}, 1.0)], now=NOW, context=context)
    (alert,) = result.active.values()
    said = alert.annotations["found"]
    assert said in ("true", "false", LONG) or "more than 100000 steps" in said


@pytest.mark.parametrize("pattern", EVIL)
def test_in_templates_of_notifications_as_they_are_deployed(pattern: str, tmp_path: Path) -> None:
    senders = Application("notify_slack", {**ENVIRONMENT, "CONFIG_URI": str(folder(tmp_path))}).senders
    templates = senders._outlets.templates(NOW)
    template = f'{{{{ match "{pattern}" .Text }}}}'
    assert templates.expand(template, Struct("data", {"Text": LONG}), now=NOW) in ("true", "false")  # type: ignore[attr-defined]


@pytest.mark.parametrize("pattern", EVIL)
@pytest.mark.parametrize(
    "words",
    [
        ("alert", "query", 'text=~"{}"'),
        ("silence", "add", 'text=~"{}"', "x=y", "--comment", "c"),
        ("silence", "query", 'text=~"{}"'),
        ("config", "routes", "test", "text=" + LONG),
        ("template", "render", "--template.text", '{{{{ match "{}" "' + LONG + '" }}}}'),
    ],
    ids=["alert query", "silence add", "silence query", "routes test", "template render"],
)
def test_at_the_command_line(shell: Shell, tmp_path: Path, words: tuple[str, ...], pattern: str) -> None:
    path = write_files(tmp_path / "config", {"alertmanager.yml": _alertmanager(pattern), "tocsin.yml": ""})
    ran = shell.run(*(word.format(pattern) for word in words), CONFIG_URI=str(path), XDG_STATE_HOME=str(tmp_path))
    assert ran.status == 0, ran.err


def _alertmanager(pattern: str) -> str:
    return f"""
route: {{receiver: a, routes: [{{receiver: b, matchers: ['text=~"{pattern}"']}}]}}
receivers: [{{name: a}}, {{name: b}}]
"""


ENVIRONMENT = {
    "TOCSIN_TABLE": "table",
    "TOCSIN_TIMER_QUEUE_URL": "http://127.0.0.1:1/q",
    "TOCSIN_PROMETHEUS_URL": "http://127.0.0.1:1",
    "AWS_REGION": "eu-west-1",
}


def folder(path: Path) -> Path:
    return write_files(path / "config", {"alertmanager.yml": _alertmanager("x"), "tocsin.yml": ""})


# ------------------------------------------------------------------------------------------------ sizes


@pytest.mark.parametrize(
    ("name", "pattern", "reason"),
    [
        ("repetitions of repetitions", "((a{100}){100}){100}", "invalid repetition size"),
        ("many letters of many alphabets", r"\pL{900}", "pattern too large"),
        ("a program without end", "(?:ab|cd|ef){999}" * 40, "pattern too large"),
        ("half a surrogate pair", "a\ud800", "half a surrogate pair"),
    ],
)
def test_a_pattern_that_is_too_large_is_refused(name: str, pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        compile_pattern(pattern)
    assert len(str(refused.value)) < 700, name


def test_a_long_list_of_names_is_not() -> None:
    names = [f"host-{number}.example.org:9100" for number in range(500)]
    assert compile_pattern("|".join(names)).fullmatch(names[-1])


def test_patterns_kept_fit_into_a_functions_memory() -> None:
    assert LARGEST_BYTES * MOST_KEPT <= 256 << 20
