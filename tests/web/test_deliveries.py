"""What groups were told, as the API says it: each alert counts once, however often it was told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stories.configurations import configuration, policy, receiver, rule
from tests.stories.world import World
from tests.web.asking import ask, ask_well
from tocsin.core.receivers import Integration, Kind, Receiver

PATH = "/api/tocsin/v1/deliveries"


@pytest.fixture
def world() -> World:
    """Return a world in which db-1 and then db-2 have no room; the team is told twice."""
    world = World(configuration(rule("DiskFull"), rule("Other"), receivers=[receiver("boss")]))
    world.metric_goes_bad("DiskFull", instance="db-1")
    world.advance(minutes=2)
    world.metric_goes_bad("DiskFull", instance="db-2")
    world.metric_goes_bad("Other", instance="db-1")
    world.advance(minutes=8)
    return world


def groups(world: World, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask_well(world, "GET", f"{PATH}?{query}")["groups"]
    return found


def test_each_alert_counts_once(world: World) -> None:
    ((group,), telling) = (groups(world, "filter=alertname=DiskFull"), ("first notification", "new alerts added"))
    (team,) = group["integrations"]
    assert (group["receiver"], len(group["alerts"])) == ("team", 2)
    assert (team["heard_firing"], team["heard_resolved"], team["send_resolved"]) == (2, 0, True)
    assert [(each["reason"], each["firing"]) for each in team["deliveries"]] == list(zip(telling, (1, 2), strict=True))


def test_only_alerts_that_match_count(world: World) -> None:
    (group,) = groups(world, "filter=alertname=DiskFull&filter=instance=db-2")
    (team,) = group["integrations"]
    assert (len(group["alerts"]), team["heard_firing"]) == (1, 1)
    assert [each["firing"] for each in team["deliveries"]] == [0, 1]


def test_a_group_that_is_over_is_known_by_its_id(world: World) -> None:
    (known,) = groups(world, "filter=alertname=DiskFull")
    for instance in ("db-1", "db-2"):
        world.metric_recovers("DiskFull", instance=instance)
    world.advance(minutes=20)
    assert groups(world, "filter=alertname=DiskFull") == []
    (group,) = groups(world, f"group={known['group']}")
    (team,) = group["integrations"]
    assert (group["alerts"], team["heard_firing"], team["heard_resolved"]) == ([], 2, 2)


def test_many_groups_come_in_pages() -> None:
    names = [f"Rule{number:02}" for number in range(45)]
    world = World(configuration(*map(rule, names), receivers=[receiver("boss")]))
    for name in names:
        world.metric_goes_bad(name)
    world.advance(minutes=5)
    found, pages = [], 0
    after: str | None = ""
    while after is not None:
        page = ask_well(world, "GET", f"{PATH}?filter=severity=critical&after={after}")
        found += [each["group"] for each in page["groups"]]
        after, pages = page["next"], pages + 1
    assert (len(found), len(set(found)), pages) == (45, 45, 9)


@pytest.mark.parametrize("query", ["", "?group=", "?filter=a", "?group=x&filter=a=b"])
def test_what_is_refused(world: World, query: str) -> None:
    assert ask(world, "GET", PATH + query).status == 400


def test_a_group_that_was_never_there_was_told_nothing(world: World) -> None:
    (nothing,) = groups(world, "group=nowhere")
    assert nothing == {"group": "nowhere", "receiver": "", "alerts": [], "integrations": []}


def test_the_topics_own_subscribers_confirm_nothing_and_count_as_told() -> None:
    mailed = Receiver("team", (Integration("team", Kind.SNS, 0, send_resolved=True),))
    world = World(configuration(rule("DiskFull"), receivers=[mailed]))
    world.metric_goes_bad("DiskFull", instance="db-1")
    world.advance(minutes=5)
    (group,) = groups(world, "filter=alertname=DiskFull")
    (subscribers,) = group["integrations"]
    assert (subscribers["integration"], subscribers["heard_firing"]) == ("team/sns/0", 1)
    assert [each["outcome"] for each in subscribers["deliveries"]] == ["handed to the topic's own subscribers"]


def test_who_has_to_hear_and_of_whom_nothing_is_known_is_there_with_nothing() -> None:
    both = [receiver("team", Kind.SLACK, Kind.PAGERDUTY), receiver("boss"), receiver("other")]
    world = World(configuration(rule("DiskFull"), receivers=both, policies=[policy((0, "boss"))]))
    world.metric_goes_bad("DiskFull", instance="db-1")
    world.advance(minutes=2)
    world.store.deliveries.clear()
    (group,) = groups(world, "filter=alertname=DiskFull")
    assert [each["integration"] for each in group["integrations"]] == [
        "boss/slack/0",
        "team/pagerduty/1",
        "team/slack/0",
    ]
    assert [(each["heard_firing"], each["deliveries"]) for each in group["integrations"]] == [(0, [])] * 3
