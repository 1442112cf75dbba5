"""Alertmanager's API v2: alerts of both kinds, their groups, receivers, status."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.cli.states import api_of, burning
from tests.golden import assert_golden_json
from tests.stories.configurations import equal
from tests.stories.world import World
from tests.web.asking import ask, ask_well
from tocsin.core.inhibition import InhibitRule, InhibitSource
from tocsin.core.intervals import TimeInterval, TimeRange
from tocsin.core.receivers import Receiver
from tocsin.core.routing import RouteSpec, build_tree
from tocsin.web.api import answer
from tocsin.web.http import Request

LONG_AGO = "2026-11-20T02:00:00Z"


@pytest.fixture
def world() -> World:
    """A world in which rules fire and somebody posts, a silence holds and an inhibition too."""
    world = burning()
    inhibits = InhibitRule((InhibitSource((equal("alertname", "DiskFull"),)),), (equal("alertname", "Backup"),))
    world.configure(replace(world.loaded.configuration, inhibit_rules=(inhibits,)))
    posted = [
        {"labels": {"alertname": "Backup", "team": "db"}, "startsAt": LONG_AGO, "generatorURL": "http://p.example/g"},
        {"labels": {"alertname": "Latency", "team": "web"}, "annotations": {"summary": "slow"}},
    ]
    assert ask(world, "POST", "/api/v2/alerts", posted).status == 200
    silence(world, "alertname", "SlowDisk")
    return world


def silence(world: World, name: str, value: str) -> str:
    body = {
        "matchers": [{"name": name, "value": value, "isRegex": False}],
        "startsAt": world.now.isoformat(),
        "endsAt": (world.now + timedelta(hours=1)).isoformat(),
        "createdBy": "ann",
        "comment": "known",
    }
    return str(ask_well(world, "POST", "/api/v2/silences", body)["silenceID"])


def names(listed: Any) -> list[str]:
    return sorted(each["labels"]["alertname"] for each in listed)


def test_every_alert_says_who_mutes_it(world: World) -> None:
    listed = ask_well(world, "GET", "/api/v2/alerts")
    assert [each["fingerprint"] for each in listed] == sorted(each["fingerprint"] for each in listed)
    assert_golden_json("web/alerts_muted.json", listed)


SELECTIONS = {
    "nothing is asked for": ("", ["Backup", "DiskFull", "Latency", "SlowDisk"]),
    "active ones are not wanted": ("active=false", ["Backup", "SlowDisk"]),
    "silenced ones are not wanted": ("silenced=false", ["Backup", "DiskFull", "Latency"]),
    "inhibited ones are not wanted": ("inhibited=false", ["DiskFull", "Latency", "SlowDisk"]),
    "only active ones are wanted": ("silenced=false&inhibited=false", ["DiskFull", "Latency"]),
    "unprocessed ones are not wanted, of which there are none": (
        "unprocessed=false",
        ["Backup", "DiskFull", "Latency", "SlowDisk"],
    ),
    "a word that is not one for true": ("active=maybe", ["Backup", "SlowDisk"]),
    "a label of what was posted": ("filter=team%3D%22web%22", ["Latency"]),
    "a label that is absent": ("filter=team%3D%22%22", ["DiskFull", "SlowDisk"]),
    "a receiver": ("receiver=t.*m", ["Backup", "DiskFull", "Latency", "SlowDisk"]),
    "a part of a receiver's name": ("receiver=te", []),
}


@pytest.mark.parametrize(("query", "expected"), SELECTIONS.values(), ids=SELECTIONS.keys())
def test_alerts_are_selected_when(world: World, query: str, expected: list[str]) -> None:
    assert names(ask_well(world, "GET", f"/api/v2/alerts?{query}")) == expected
    groups = ask_well(world, "GET", f"/api/v2/alerts/groups?{query}")
    assert names(alert for group in groups for alert in group["alerts"]) == expected


def test_groups_have_their_labels_and_their_receiver(world: World) -> None:
    assert_golden_json("web/groups.json", ask_well(world, "GET", "/api/v2/alerts/groups"))


def test_a_group_says_which_time_intervals_mute_it(world: World) -> None:
    configuration = world.loaded.configuration
    root = replace(configuration.root, mute_time_intervals=("nights",))
    nights = {"nights": (TimeInterval(times=(TimeRange(0, 360),)),)}
    world.configure(replace(configuration, root=root, time_intervals=nights))
    groups = ask_well(world, "GET", "/api/v2/alerts/groups?filter=alertname=DiskFull")
    status = groups[0]["alerts"][0]["status"]
    assert (status["state"], status["mutedBy"]) == ("suppressed", ["nights"])
    assert ask_well(world, "GET", "/api/v2/alerts/groups?muted=false") == []
    (alert,) = ask_well(world, "GET", "/api/v2/alerts?filter=alertname=DiskFull")
    assert alert["status"] == {"inhibitedBy": [], "mutedBy": [], "silencedBy": [], "state": "active"}


def test_what_a_rule_and_somebody_else_report_is_one_alert(world: World) -> None:
    (ours,) = ask_well(world, "GET", "/api/v2/alerts?filter=alertname=DiskFull")
    posted = {"labels": ours["labels"], "startsAt": LONG_AGO, "annotations": {"summary": "theirs"}}
    ask_well(world, "POST", "/api/v2/alerts", [posted])
    (one,) = ask_well(world, "GET", "/api/v2/alerts?filter=alertname=DiskFull")
    assert (one["startsAt"], one["annotations"]) == ("2026-11-20T02:00:00.000Z", ours["annotations"])
    assert names(ask_well(world, "GET", "/api/tocsin/v1/alerts")["alerts"]).count("DiskFull") == 1


def test_our_own_form_has_what_was_posted_too(world: World) -> None:
    (found,) = ask_well(world, "GET", "/api/tocsin/v1/alerts?filter=team=db")["alerts"]
    assert (found["rule"], found["value"], found["receivers"]) == ("", "NaN", [{"name": "team"}])


def test_what_has_ended_by_itself_is_not_listed(world: World) -> None:
    world.advance(minutes=5)
    assert names(ask_well(world, "GET", "/api/v2/alerts")) == ["DiskFull", "SlowDisk"]


def test_receivers_stand_in_the_configuration_s_order(world: World) -> None:
    listed = ask_well(world, "GET", "/api/v2/receivers")
    assert [each["name"] for each in listed] == list(world.loaded.configuration.receivers)
    assert [each["labels"] for each in listed] == [{"name": each["name"]} for each in listed]


@pytest.fixture
def labelled(world: World) -> World:
    """A world in which alerts of the team db also go to a pager, and receivers have labels."""
    configuration = world.loaded.configuration
    root = build_tree(
        RouteSpec(
            receiver="team",
            routes=(
                RouteSpec(receiver="pager", matchers=(equal("team", "db"),), continue_=True),
                RouteSpec(receiver="team"),
            ),
        )
    )
    receivers = {
        "team": Receiver("team", labels={"name": "team", "owner": "web", "kind": "chat"}),
        "pager": Receiver("pager", labels={"name": "pager", "owner": "db", "kind": "pager"}),
    }
    world.configure(replace(configuration, root=root, receivers=receivers))
    return world


TEAM = {"name": "team", "labels": {"name": "team", "owner": "web", "kind": "chat"}}
PAGER = {"name": "pager", "labels": {"name": "pager", "owner": "db", "kind": "pager"}}


def test_every_answer_that_names_a_receiver_has_its_labels(labelled: World) -> None:
    assert ask_well(labelled, "GET", "/api/v2/receivers") == [TEAM, PAGER]
    (alert,) = ask_well(labelled, "GET", "/api/v2/alerts?filter=team=db")
    assert alert["receivers"] == [PAGER, TEAM]
    groups = ask_well(labelled, "GET", "/api/v2/alerts/groups?filter=team=db")
    assert [group["receiver"] for group in groups] == [PAGER, TEAM]
    assert [group["alerts"][0]["receivers"] for group in groups] == [[PAGER, TEAM]] * 2


ALL = ["Backup", "DiskFull", "Latency", "SlowDisk"]
RECEIVER_MATCHERS = {
    "its owner": (['owner="db"'], "", ["pager"], ["Backup"]),
    "its name": (["name=team"], "", ["team"], ALL),
    "an expression, of the whole value": (["kind=~cha|pager"], "", ["pager"], ["Backup"]),
    "an expression that is not to match": (["owner!~d."], "", ["team"], ALL),
    "a label that is absent": (['region=""'], "", ["team", "pager"], ALL),
    "a label that nobody has": (['region!=""'], "", [], []),
    "several, which one receiver has to meet": (["owner=db", "kind=chat"], "", [], []),
    "several that one meets": (["owner=db", "kind=pager"], "", ["pager"], ["Backup"]),
    "another receiver than `receiver` names": (["owner=db"], "team", ["pager"], []),
    "the receiver that `receiver` names": (["owner=db"], "pa.*", ["pager"], ["Backup"]),
}


@pytest.mark.parametrize(
    ("matchers", "receiver", "receivers", "expected"), RECEIVER_MATCHERS.values(), ids=RECEIVER_MATCHERS.keys()
)
def test_receiver_matchers_select_by(
    labelled: World, matchers: list[str], receiver: str, receivers: list[str], expected: list[str]
) -> None:
    query = "&".join(f"receiver_matchers={quote(matcher)}" for matcher in matchers)
    listed = ask_well(labelled, "GET", f"/api/v2/receivers?{query}")
    assert [each["name"] for each in listed] == receivers
    if receiver:
        query += f"&receiver={quote(receiver)}"
    assert names(ask_well(labelled, "GET", f"/api/v2/alerts?{query}")) == expected
    groups = ask_well(labelled, "GET", f"/api/v2/alerts/groups?{query}")
    assert sorted({alert["labels"]["alertname"] for group in groups for alert in group["alerts"]}) == expected
    assert {group["receiver"]["name"] for group in groups} <= set(receivers)


@pytest.mark.parametrize("path", ["/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/receivers"])
def test_receiver_matchers_that_are_none_are_refused(world: World, path: str) -> None:
    response = ask(world, "GET", f"{path}?receiver_matchers=name%3Dteam&receiver_matchers=owner")
    message = "bad matcher format: 'owner' (expected for example severity=\"critical\")"
    assert (response.status, response.value) == (400, message)


def test_the_status_shows_the_configuration(world: World) -> None:
    text = "global:\n  slack_api_url: <secret>\nroute: {receiver: a}\n"
    status = ask_well(world, "GET", "/api/v2/status", config_text=lambda: text)
    assert status["config"]["original"] == text
    assert_golden_json("web/status.json", status)


REFUSALS: dict[str, tuple[str, str]] = {
    "a filter is none": (
        "filter=severity",
        "bad matcher format: 'severity' (expected for example severity=\"critical\")",
    ),
    "a filter's expression is none": (
        f"filter={quote('a=~(')}",
        "a=~\"(\": not a valid RE2 pattern: '(' (missing ): ()",
    ),
    "the receiver is no expression": (
        "receiver=%28",
        "failed to parse receiver param: not a valid RE2 pattern: '(' (missing ): ()",
    ),
}


@pytest.mark.parametrize("path", ["/api/v2/alerts", "/api/v2/alerts/groups"])
@pytest.mark.parametrize(("query", "message"), REFUSALS.values(), ids=REFUSALS.keys())
def test_it_refuses_with_a_sentence_when(world: World, path: str, query: str, message: str) -> None:
    response = ask(world, "GET", f"{path}?{query}")
    assert (response.status, response.value) == (400, message)


def test_whether_it_is_well_is_said_to_anybody(world: World) -> None:
    for path in (("-", "healthy"), ("-", "ready")):
        assert answer(api_of(world), Request("GET", path), now=world.now).status == 200
