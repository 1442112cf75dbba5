"""Alertmanager's API v2 for silences, as amtool and Grafana use it, and with keys of our own."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.golden import assert_golden_json
from tests.stories.configurations import configuration, rule
from tests.stories.world import World
from tests.web.asking import ask, ask_well
from tocsin.core.intervals import TimeInterval, TimeRange
from tocsin.core.notifications import format_time
from tocsin.core.silences import BroadnessRule

NOBODY = "00000000-0000-4000-8000-00000000ffff"


@pytest.fixture
def world() -> World:
    nights = {"nights": (TimeInterval(times=(TimeRange(0, 360),)),)}
    return World(replace(configuration(rule("DiskFull")), time_intervals=nights))


def body(world: World, *matchers: Any, starts: float = 0, ends: float = 3600, **more: Any) -> dict[str, Any]:
    return {
        "matchers": list(matchers) or [equal("alertname", "DiskFull")],
        "startsAt": format_time(world.now + timedelta(seconds=starts)),
        "endsAt": format_time(world.now + timedelta(seconds=ends)),
        "createdBy": "ann",
        "comment": "a new disk",
        **more,
    }


def equal(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "value": value, "isRegex": False}


def regexp(name: str, value: str, *, equal: bool = True) -> dict[str, Any]:
    return {"name": name, "value": value, "isRegex": True, "isEqual": equal}


def post(world: World, *matchers: Any, **more: Any) -> str:
    return str(ask_well(world, "POST", "/api/v2/silences", body(world, *matchers, **more))["silenceID"])


def get(world: World, silence: str) -> Any:
    return ask_well(world, "GET", f"/api/v2/silence/{silence}")


def ids(world: World, query: str = "") -> list[str]:
    return [each["id"] for each in ask_well(world, "GET", f"/api/v2/silences?{query}")]


def test_the_log_says_who_asked_for_a_silence_and_for_its_end_whoever_it_names(world: World) -> None:
    asked = ask_well(world, "POST", "/api/v2/silences", body(world, createdBy="the-ceo"), caller="token-of-mallory")
    ask_well(world, "DELETE", f"/api/v2/silence/{asked['silenceID']}", caller="token-of-bob")
    (saved,), (expired,) = world.log.events("silence_saved"), world.log.events("silence_expired")
    assert (saved["by"], saved["caller"]) == ("the-ceo", "token-of-mallory")
    assert (expired["silence"], expired["caller"]) == (asked["silenceID"], "token-of-bob")


def test_a_silence_comes_back_as_it_was_posted(world: World) -> None:
    made = post(
        world, regexp("instance", "db-.*"), regexp("env", "dev|test", equal=False), annotations={"ticket": "OPS-1"}
    )
    assert_golden_json("web/silence.json", get(world, made))
    assert ask_well(world, "GET", "/api/v2/silences") == [get(world, made)]


def test_a_silence_keeps_an_alert_from_being_told(world: World) -> None:
    made = post(world, ends=1800)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=20)
    world.expect_silence()
    assert ask(world, "DELETE", f"/api/v2/silence/{made}").value is None
    world.advance(minutes=6)
    assert [page.names(page.notification.status) for page in world.pages] == [["DiskFull/a"]]


def test_a_silence_is_ended_once_and_shown_for_five_days(world: World) -> None:
    made = post(world)
    world.now += timedelta(minutes=1)
    assert ask(world, "DELETE", f"/api/v2/silence/{made}").status == 200
    ended = get(world, made)
    assert (ended["status"], ended["endsAt"]) == ({"state": "expired"}, "2026-11-20T03:01:00.000Z")
    assert ask(world, "DELETE", f"/api/v2/silence/{made}").status == 200
    world.now += timedelta(days=6)
    assert ask(world, "GET", f"/api/v2/silence/{made}").status == 404


def test_the_next_to_end_stands_first_and_what_is_over_last(world: World) -> None:
    short, long = post(world, ends=600), post(world, ends=7200)
    later, soon = post(world, starts=1200), post(world, starts=600)
    over = post(world, ends=700)
    ask(world, "DELETE", f"/api/v2/silence/{over}")
    assert ids(world) == [short, long, soon, later, over]


SELECTIONS = {
    "nothing is asked for": ("", [0, 1, 2]),
    "a matcher is the same": ('filter=instance="db-1"', [0]),
    "a matcher is the same, whatever it matches": ('filter=instance=~"db-.*"', [1]),
    "its kind differs": ('filter=instance!="db-1"', []),
    "two matchers are the same": ('filter=instance="db-1"&filter=alertname="DiskFull"', [0]),
    "one of two is": ('filter=instance="db-1"&filter=alertname="Other"', []),
    "any of its sets has it": ('filter=team="a"', [2]),
    "somebody made it": ("creator=bob", [1]),
}


@pytest.mark.parametrize(("query", "expected"), SELECTIONS.values(), ids=SELECTIONS.keys())
def test_silences_are_selected_when(world: World, query: str, expected: list[int]) -> None:
    sets = [[equal("team", "b")], [equal("team", "a")]]
    made = [
        post(world, equal("alertname", "DiskFull"), equal("instance", "db-1"), ends=600),
        post(world, regexp("instance", "db-.*"), ends=700, createdBy="bob"),
        post(world, ends=800, matcherSets=sets),
    ]
    assert ids(world, quote(query, safe="=&")) == [made[number] for number in expected]


def test_changing_the_end_keeps_the_id_and_changing_the_matchers_does_not(world: World) -> None:
    made = post(world)
    world.now += timedelta(minutes=1)
    assert post(world, id=made, starts=-60, ends=7200) == made
    assert get(world, made)["endsAt"] == "2026-11-20T05:01:00.000Z"
    other = post(world, equal("alertname", "Other"), id=made)
    assert (other == made, get(world, made)["status"]["state"]) == (False, "expired")


def test_several_sets_of_matchers_are_not_lost_by_who_knows_one(world: World) -> None:
    sets = [[equal("team", "a")], [equal("team", "b")]]
    made = post(world, matcherSets=sets)
    shown = get(world, made)
    assert (shown["matchers"], len(shown["matcherSets"])) == (shown["matcherSets"][0], 2)
    refused = ask(world, "POST", "/api/v2/silences", body(world, equal("team", "a"), id=made))
    assert refused.status == 400
    assert refused.value == f"silence {made} has 2 matcher sets: matcherSets has to name them all"
    assert post(world, id=made, matcherSets=sets, ends=7200) == made


def test_a_recurring_silence_holds_in_its_time_only(world: World) -> None:
    made = post(world, ends=86_400, schedule={"timeIntervals": ["nights"]})
    assert get(world, made)["schedule"] == {"timeIntervals": ["nights"]}
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(hours=2, minutes=55)
    world.expect_silence()
    world.advance(minutes=15)
    assert len(world.pages) == 1


REQUIRED = ("comment", "createdBy", "endsAt", "matchers", "startsAt")
EMPTY = {"name": "a", "value": "", "isRegex": False}
REFUSALS: dict[str, tuple[dict[str, Any], int, Any]] = {
    "it ends before it starts": (
        {"ends": -1},
        400,
        "Failed to create silence: start time must be before end time",
    ),
    "it has ended": (
        {"starts": -60, "ends": -1},
        400,
        "Failed to create silence: end time can't be in the past",
    ),
    "it matches everything": (
        {"matchers": [EMPTY]},
        400,
        "invalid silence: matcher set 0: at least one matcher must not match the empty string",
    ),
    "a pattern is none": (
        {"matchers": [regexp("a", "(")]},
        400,
        'invalid silence: invalid label matcher 0 in set 0: invalid regular expression "(": '
        "not a valid RE2 pattern: '(' (missing ): ()",
    ),
    "a name is empty": (
        {"matchers": [equal("", "x")]},
        400,
        'invalid silence: invalid label matcher 0 in set 0: invalid label name ""',
    ),
    "there is none of its id": ({"id": NOBODY}, 404, "silence not found"),
    "there are no matchers": (
        {"matchers": []},
        422,
        {"code": 612, "message": "matchers in body should have at least 1 items"},
    ),
    "a matcher does not say its kind": (
        {"matchers": [{"name": "a", "value": "b"}]},
        422,
        {"code": 602, "message": "matchers.0.isRegex in body is required"},
    ),
    "its schedule is nobody's": (
        {"schedule": {"timeIntervals": ["days"]}},
        400,
        'invalid silence: undefined time interval "days" used in schedule',
    ),
    "a text is a number": (
        {"comment": 1},
        400,
        {"code": 400, "message": 'parsing silence body from "" failed, because comment is not a text'},
    ),
    **{
        f"{name} is missing": ({name: None}, 422, {"code": 602, "message": f"{name} in body is required"})
        for name in REQUIRED
    },
}


@pytest.mark.parametrize(("changes", "status", "value"), REFUSALS.values(), ids=REFUSALS.keys())
def test_it_refuses_when(world: World, changes: dict[str, Any], status: int, value: Any) -> None:
    times = {name: changes[name] for name in ("starts", "ends") if name in changes}
    sent = body(world, **times) | {name: each for name, each in changes.items() if name not in times}
    response = ask(world, "POST", "/api/v2/silences", sent)
    assert (response.status, response.value, world.store.writes) == (status, value, 0)


def test_a_silence_that_is_too_broad_is_refused(world: World) -> None:
    world.configure(replace(world.loaded.configuration, silence_breadth=BroadnessRule(max_alerts=1)))
    posted = [{"labels": {"alertname": "A", "instance": str(number)}} for number in range(2)]
    ask_well(world, "POST", "/api/v2/alerts", posted)
    response = ask(world, "POST", "/api/v2/silences", body(world, equal("alertname", "A")))
    assert (response.status, response.value) == (
        400,
        "silence too broad: it matches 2 current alerts, at most 1 are allowed",
    )
    assert ids(world) == []


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_nobody_s_silence_is_not_found(world: World, method: str) -> None:
    response = ask(world, method, f"/api/v2/silence/{NOBODY}")
    assert (response.status, response.value) == (404, None)
    response = ask(world, method, "/api/v2/silence/abc")
    message = 'silenceID in path must be of type uuid: "abc"'
    assert (response.status, response.value) == (422, {"code": 601, "message": message})
