"""The API about on-call schedules: who has it, what is overridden at run time, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.stories.configurations import configuration
from tests.stories.world import World
from tests.web.asking import ask, ask_well
from tocsin.adapters.memory import FixedConfigurations
from tocsin.core.notifications import format_time
from tocsin.core.oncall import Schedule
from tocsin.core.rotations import Layer, Turn, Window
from tocsin.core.users import User
from tocsin.pipeline.oncall import Rota
from tocsin.web.http import Response

BERLIN = ZoneInfo("Europe/Berlin")
PATH = "/api/tocsin/v1/oncall"
WEEK, HOUR = timedelta(weeks=1), timedelta(hours=1)


def schedules(start: datetime) -> dict[str, Schedule]:
    turns = tuple(Turn(name, WEEK) for name in ("ann", "bob"))
    begin = start.replace(tzinfo=None)
    weeks = Layer("weeks", turns, begin, start)
    office = Layer("", (Turn("cy", WEEK),), begin, start, windows=(Window(0, 60),), zone=BERLIN)
    return {"primary": Schedule("primary", (weeks,), zone=BERLIN), "mondays": Schedule("mondays", (office,))}


@pytest.fixture
def world() -> World:
    world = World(configuration())
    users = {name: User(name) for name in ("ann", "bob", "cy")}
    begin = (world.now - timedelta(days=2)).replace(tzinfo=UTC)
    world.configure(replace(world.loaded.configuration, users=users, schedules=schedules(begin)))
    return world


def api(world: World) -> dict[str, Any]:
    return {"rota": Rota(FixedConfigurations(world.loaded), world.store, world.log)}


def get(world: World, path: str = "") -> Any:
    return ask_well(world, "GET", PATH + path, **api(world))


def post(world: World, path: str, body: Any, caller: str = "ann") -> Response:
    return ask(world, "POST", PATH + path, body, caller=caller, **api(world))


def at(world: World, **later: float) -> str:
    return format_time(world.now + timedelta(**later))


def whose(world: World, name: str = "primary", **later: float) -> str | None:
    listed = get(world, f"?at={at(world, **later)}")["schedules"]
    return next(each["user"] for each in listed if each["name"] == name)


def test_schedules_are_listed_with_who_has_them(world: World) -> None:
    mondays, primary = get(world)["schedules"]
    assert primary == {
        "name": "primary",
        "time_zone": "Europe/Berlin",
        "user": "ann",
        "since": at(world, days=-2),
        "ends_at": at(world, days=5),
    }
    assert (mondays["name"], mondays["time_zone"], mondays["user"]) == ("mondays", "UTC", None)
    assert whose(world, days=5) == "bob"


def test_one_schedule_is_shown_between_two_times(world: World) -> None:
    found = get(world, f"/mondays?from={at(world)}&until={at(world, days=14)}")
    assert [each["user"] for each in found["shifts"]] == ["cy", "cy"]
    assert found["gaps"][0]["from"] == at(world)
    assert found["gaps"][-1]["until"] == at(world, days=14)
    default = get(world, "/primary")
    assert (default["from"], default["until"]) == (at(world), at(world, days=30))


def test_an_override_is_made_shown_in_force_and_taken_back(world: World) -> None:
    wanted = {"user": "cy", "from": at(world, hours=1), "until": at(world, hours=9), "comment": "a\nwedding"}
    made = post(world, "/primary/overrides", {**wanted, "by": "bob"}, caller="ann").value
    assert made == {**made, **wanted, "by": "bob", "comment": "a wedding", "made_at": at(world)}
    assert [whose(world, hours=hours) for hours in (0, 1, 8, 9)] == ["ann", "cy", "cy", "ann"]
    assert whose(world, "mondays", hours=2) is None
    assert get(world, "/primary")["overrides"] == [made]
    removed = ask(world, "DELETE", f"{PATH}/primary/overrides/{made['id']}", **api(world))
    assert (removed.status, removed.value) == (200, made)
    assert whose(world, hours=2) == "ann"
    assert ask(world, "DELETE", f"{PATH}/primary/overrides/{made['id']}", **api(world)).status == 404
    (said,) = world.log.events("override_added")
    assert (said["user"], said["by"], said["caller"]) == ("cy", "bob", "ann")
    assert [each["by"] for each in world.log.events("override_removed")] == ["ann"]


def test_the_override_that_was_made_last_holds(world: World) -> None:
    for user, hours in (("cy", 9), ("bob", 2)):
        post(world, "/primary/overrides", {"user": user, "from": at(world), "until": at(world, hours=hours)})
        world.advance(minutes=1)
    assert [whose(world, hours=hours) for hours in (1, 3)] == ["bob", "cy"]


def test_an_override_of_somebody_who_is_no_user_any_more_does_not_hold(world: World) -> None:
    post(world, "/primary/overrides", {"user": "cy", "from": at(world), "until": at(world, hours=9)})
    assert whose(world, hours=1) == "cy"
    loaded = world.loaded.configuration
    world.configure(replace(loaded, users={name: user for name, user in loaded.users.items() if name != "cy"}))
    assert whose(world, hours=1) == "ann"


def test_two_users_take_each_others_shifts(world: World) -> None:
    swapped = post(world, "/primary/swaps", {"first": at(world), "second": at(world, days=7), "by": "ann"})
    assert [each["user"] for each in swapped.value["overrides"]] == ["bob", "ann"]
    # And after both shifts it is the first one's turn again.
    assert [whose(world, days=days) for days in (0, 4, 6, 11, 13)] == ["bob", "bob", "ann", "ann", "ann"]


def test_days_name_the_shifts_that_are_handed_over_on_them(world: World) -> None:
    swapped = post(world, "/primary/swaps", {"first": "2026-12-02", "second": "2026-12-09", "by": "ann"})
    assert [each["from"][:10] for each in swapped.value["overrides"]] == ["2026-12-02", "2026-12-09"]
    refused = post(world, "/primary/swaps", {"first": "9999-12-31", "second": "2026-12-09", "by": "ann"})
    assert (refused.status, refused.value["message"]) == (400, "`first` is no day that schedules have: 9999-12-31")


def override(**changes: str) -> dict[str, str]:
    wanted = {"user": "cy", "from": "2030-01-01T00:00:00Z", "until": "2030-01-02T00:00:00Z"}
    return {**wanted, **changes}


REFUSALS = {
    "no such schedule": ("/nobody/overrides", override(), 404, "there is no schedule nobody"),
    "no such user": ("/primary/overrides", override(user="di"), 400, "there is no such user"),
    "no time": ("/primary/overrides", override(until="2030-01-01T00:00:00Z"), 400, "it ends before it begins"),
    "for ever": ("/primary/overrides", override(until="2033-01-01T00:00:00Z"), 400, "it is longer than a year"),
    "over": (
        "/primary/overrides",
        override(**{"from": "2020-01-01T00:00:00Z", "until": "2020-01-02T00:00:00Z"}),
        400,
        "it is over already",
    ),
    "a time without a zone": (
        "/primary/overrides",
        override(until="2030-01-02T00:00:00"),
        400,
        "`until` is not a time such as 2026-01-02T03:04:05Z: 2030-01-02T00:00:00",
    ),
    "a year that nobody sees": (
        "/primary/overrides",
        override(until="9999-12-31T00:00:00Z"),
        400,
        "`until` is not a time such as 2026-01-02T03:04:05Z: 9999-12-31T00:00:00Z",
    ),
    "nobody": (
        "/primary/overrides",
        {"user": "", "from": "2030-01-01T00:00:00Z"},
        400,
        "`until` is missing from the body",
    ),
    "a number": ("/primary/overrides", {**override(), "user": 1}, 400, "`user` is not a text"),
    "another key": (
        "/primary/overrides",
        override(who="ann"),
        400,
        "unknown key 'who' in the body: expected user, from, until, by, comment",
    ),
    "no object": ("/primary/overrides", [], 400, "the body is not a JSON object"),
    "no JSON": ("/primary/overrides", b"{", 400, "the body is not JSON"),
    "too much to say": (
        "/primary/overrides",
        override(comment="x" * 2001),
        400,
        "`comment` is longer than 2000 characters",
    ),
    "a swap of a gap": (
        "/mondays/swaps",
        {"first": "2030-01-01T00:00:00Z", "second": "2030-01-07T00:30:00Z"},
        400,
        "nobody is on call then",
    ),
    "a swap with oneself": (
        "/primary/swaps",
        {"first": "2030-01-01T00:00:00Z", "second": "2030-01-01T01:00:00Z"},
        400,
        "both shifts are the same user's",
    ),
    "a swap in no schedule": (
        "/nobody/swaps",
        {"first": "2030-01-01T00:00:00Z", "second": "2030-01-01T01:00:00Z"},
        404,
        "there is no schedule nobody",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_refused(world: World, case: str) -> None:
    path, body, status, message = REFUSALS[case]
    response = post(world, path, body)
    assert (response.status, response.value["message"]) == (status, message)
    assert world.store.overrides == {}


def test_a_swap_of_a_shift_that_is_over_is_refused(world: World) -> None:
    world.advance(minutes=60)
    body = {"first": at(world, days=-9), "second": at(world)}
    assert post(world, "/primary/swaps", body).value["message"] == "nobody is on call then"
    world.advance(minutes=60 * 24 * 6)
    response = post(world, "/primary/swaps", {"first": at(world, days=-7), "second": at(world)})
    assert response.value["message"] == "it is over already"


@pytest.mark.parametrize(
    "query",
    ["from=soon", "until=2020-01-01T00:00:00Z", "until=2199-01-01T00:00:00Z", "from=0001-01-01T00:00:00Z"],
)
def test_times_that_schedules_do_not_have_are_refused(world: World, query: str) -> None:
    assert ask(world, "GET", f"{PATH}/primary?{query}", **api(world)).status == 400


def test_where_no_schedule_is_the_list_is_empty_and_where_none_can_be_there_is_no_path(world: World) -> None:
    empty = World(configuration())
    assert get(empty)["schedules"] == []
    assert ask(world, "GET", PATH, rota=None).status == 404
