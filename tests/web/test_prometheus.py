"""Prometheus's API for rules and alerts: its shape, its parameters, its errors."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.cli.states import burning
from tests.golden import assert_golden_json
from tests.stories.configurations import rule
from tests.stories.world import World
from tests.web.asking import ask, ask_well
from tocsin.core.rules import RecordingRule, RuleGroup
from tocsin.web.prometheus import go_exponent


@pytest.fixture
def world() -> World:
    world = burning()
    other = RuleGroup(
        "api",
        "api.yml",
        (rule("Latency", keep_firing_for=timedelta(minutes=5)),),
        interval=timedelta(seconds=15),
        recording_rules=(RecordingRule("job:errors:rate5m", "sum(rate(errors[5m]))"),),
    )
    groups = (*world.loaded.configuration.rule_groups, other)
    world.configure(replace(world.loaded.configuration, rule_groups=groups))
    return world


def groups(world: World, query: str = "") -> Any:
    answered = ask_well(world, "GET", f"/api/v1/rules?{query}")
    assert answered["status"] == "success"
    return answered["data"]["groups"]


def names(world: World, query: str) -> list[list[str]]:
    return [[each["name"] for each in group["rules"]] for group in groups(world, query)]


def test_rules_have_prometheus_s_shape(world: World) -> None:
    world.query_fails("Latency")
    world.advance(minutes=1)
    assert_golden_json("web/rules.json", groups(world))


def test_alerts_have_prometheus_s_shape(world: World) -> None:
    answered = ask_well(world, "GET", "/api/v1/alerts")
    assert answered["status"] == "success"
    assert_golden_json("web/prometheus_alerts.json", answered["data"])


STORIES = ["DiskFull", "SlowDisk", "Hot"]
SELECTIONS = {
    "nothing is asked for": ("", [STORIES, ["Latency", "job:errors:rate5m"]]),
    "alerting rules": ("type=alert", [STORIES, ["Latency"]]),
    "recording rules": ("type=record", [["job:errors:rate5m"]]),
    "a name": ("rule_name[]=Hot", [["Hot"]]),
    "two names": ("rule_name[]=Hot&rule_name[]=Latency", [["Hot"], ["Latency"]]),
    "a name that nobody has": ("rule_name[]=Cold", []),
    "a group": ("rule_group[]=api", [["Latency", "job:errors:rate5m"]]),
    "a file": ("file[]=rules.yml", [STORIES]),
    "a label": ("match[]=" + quote('{severity="warning"}'), [["SlowDisk", "Hot"]]),
    "one of two labels": (
        "match[]=" + quote('{severity="warning"}') + "&match[]=" + quote('{severity=~"crit.*"}'),
        [STORIES, ["Latency"]],
    ),
}


@pytest.mark.parametrize(("query", "expected"), SELECTIONS.values(), ids=SELECTIONS.keys())
def test_rules_are_selected_when(world: World, query: str, expected: list[list[str]]) -> None:
    assert names(world, query) == expected


def test_alerts_may_be_left_out(world: World) -> None:
    assert [each["alerts"] for each in groups(world, "exclude_alerts=true")[0]["rules"]] == [[], [], []]
    assert len(groups(world)[0]["rules"][0]["alerts"]) == 1


def test_groups_come_in_pages(world: World) -> None:
    first = ask_well(world, "GET", "/api/v1/rules?group_limit=1")["data"]
    assert [each["name"] for each in first["groups"]] == ["stories"]
    rest = ask_well(world, "GET", f"/api/v1/rules?group_limit=1&group_next_token={first['groupNextToken']}")["data"]
    assert [each["name"] for each in rest["groups"]] == ["api"]
    assert "groupNextToken" not in rest


REFUSALS = {
    "a type that is none": ("type=x", 'invalid parameter "type": not supported value "x"'),
    "a limit that is none": (
        "group_limit=-1",
        'invalid parameter "group_limit": group_limit needs to be a positive integer',
    ),
    "a token without a limit": (
        "group_next_token=a",
        'invalid parameter "group_limit": group_limit needs to be set if group_next_token is given',
    ),
    "a token that is none": (
        "group_limit=1&group_next_token=a",
        'invalid parameter "group_next_token": invalid group_next_token "a"',
    ),
    "a selector that is none": (
        "match[]=x",
        'invalid parameter "match[]": bad matcher format: \'x\' (expected for example severity="critical")',
    ),
}


@pytest.mark.parametrize(("query", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_it_refuses(world: World, query: str, message: str) -> None:
    response = ask(world, "GET", f"/api/v1/rules?{query}")
    assert (response.status, response.value) == (400, {"status": "error", "errorType": "bad_data", "error": message})


# By strconv.FormatFloat(value, 'e', -1, 64)
NUMBERS = {
    0.0: "0e+00",
    1.0: "1e+00",
    0.1: "1e-01",
    1234.5: "1.2345e+03",
    100.0: "1e+02",
    -0.00012: "-1.2e-04",
    1e21: "1e+21",
    1.7976931348623157e308: "1.7976931348623157e+308",
    5e-324: "5e-324",
    123456789.0: "1.23456789e+08",
    math.inf: "+Inf",
    -math.inf: "-Inf",
}


@pytest.mark.parametrize(("value", "text"), NUMBERS.items())
def test_numbers_are_written_as_go_writes_them(value: float, text: str) -> None:
    assert go_exponent(value) == text
    assert (go_exponent(math.nan), go_exponent(-0.0)) == ("NaN", "-0e+00")
