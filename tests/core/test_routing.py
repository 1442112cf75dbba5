"""Routing: inheritance, the way down the tree, and the groups that come of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.labels import Labels
from tocsin.core.matchers import Matcher, MatchType
from tocsin.core.routing import (
    RouteSpec,
    build_tree,
    direct_route,
    find_route,
    identify_group,
    match_routes,
    routes_for,
)


def on(name: str, value: str) -> tuple[Matcher, ...]:
    return (Matcher(name, MatchType.EQUAL, value),)


TREE = build_tree(
    RouteSpec(
        receiver="root",
        group_by=("alertname",),
        group_wait=timedelta(seconds=10),
        routes=(
            RouteSpec(receiver="audit", continue_=True),
            RouteSpec(
                receiver="team-a",
                matchers=on("team", "a"),
                group_by_all=True,
                routes=(
                    RouteSpec(receiver="a-page", matchers=on("severity", "critical"), continue_=True),
                    RouteSpec(matchers=on("quiet", "yes"), group_by=()),
                ),
            ),
            RouteSpec(receiver="team-a-again", matchers=on("team", "a")),
        ),
    )
)


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        ("a route that continues lets its siblings match too", {"team": "a"}, ["audit", "team-a"]),
        ("a child takes the alert from its parent", {"team": "a", "severity": "critical"}, ["audit", "a-page"]),
        ("a child's continue concerns its own siblings only", {"team": "a", "quiet": "yes"}, ["audit", "team-a"]),
        (
            "siblings after one that continues match as well",
            {"team": "a", "severity": "critical", "quiet": "yes"},
            ["audit", "a-page", "team-a"],
        ),
        ("a route without matchers takes what no other does", {"team": "b"}, ["audit"]),
    ],
)
def test_the_way_down_the_tree(name, labels, expected):
    assert [route.receiver for route in match_routes(TREE, labels)] == expected


def test_a_child_takes_from_its_parent_what_it_does_not_set():
    team_a = TREE.routes[1]
    page, quiet = team_a.routes
    assert team_a.group_wait == timedelta(seconds=10)
    assert page.group_by is None, "all labels, inherited"
    assert quiet.group_by == frozenset(), "an empty list of its own clears what was inherited"
    assert quiet.receiver == "team-a"
    assert quiet.key == '{}/{team="a"}/{quiet="yes"}'


def test_the_root_route_needs_a_receiver():
    with pytest.raises(ValueError, match="receiver"):
        build_tree(RouteSpec())


def test_the_matchers_of_a_key_are_sorted_as_alertmanager_sorts_them():
    matchers = (Matcher("b", MatchType.EQUAL, "1"), Matcher("a", MatchType.NOT_EQUAL, "2"), *on("a", "1"))
    tree = build_tree(RouteSpec(receiver="r", routes=(RouteSpec(matchers=matchers),)))
    assert tree.routes[0].key == '{}/{a="1",a!="2",b="1"}'


def test_a_rule_that_names_its_receivers_goes_straight_to_them():
    routes = routes_for(TREE, {"team": "a"}, ["pager", "mail"])
    assert [route.receiver for route in routes] == ["pager", "mail"]
    assert {route.group_wait for route in routes} == {TREE.group_wait}
    assert len({route.key for route in routes}) == 2


def test_a_stored_group_finds_its_route_again_and_none_when_it_is_gone():
    page = TREE.routes[1].routes[0]
    assert find_route(TREE, page.receiver, page.key) is page
    assert find_route(TREE, "pager", direct_route(TREE, "pager").key) == direct_route(TREE, "pager")
    assert find_route(TREE, "root", "{}") is TREE
    assert find_route(TREE, "somebody else", page.key) is None


def test_a_label_that_the_alert_lacks_is_left_out_of_the_group():
    group = identify_group(TREE, Labels({"instance": "1"}))
    assert group.key == "{}:{}"


def test_two_receivers_with_equal_keys_have_two_groups():
    one, two = (direct_route(TREE, name) for name in ("one", "two"))
    labels = Labels({"alertname": "A"})
    assert identify_group(one, labels).id != identify_group(two, labels).id
    assert len(identify_group(one, labels).id) == 32


def test_twins_have_groups_of_their_own_under_one_shown_key():
    by_day = RouteSpec(receiver="pager", matchers=on("team", "a"), continue_=True, active_time_intervals=("day",))
    by_night = replace(by_day, active_time_intervals=(), mute_time_intervals=("day",))
    tree = build_tree(RouteSpec(receiver="root", routes=(by_day, by_night, replace(by_day, receiver="mail"))))
    labels = Labels({"team": "a"})
    groups = [identify_group(route, labels) for route in match_routes(tree, labels)]
    assert [group.key for group in groups] == ['{}/{team="a"}:{}'] * 3
    assert len({group.id for group in groups}) == 3
    assert [find_route(tree, group.receiver, group.route_key) for group in groups] == list(tree.routes)
    alone = build_tree(RouteSpec(receiver="root", routes=(by_day,)))
    assert identify_group(alone.routes[0], labels) == groups[0], "the first one's group is as it was"


def test_twins_may_have_different_parents():
    child = RouteSpec(receiver="pager", matchers=on("severity", "critical"))
    parents = (RouteSpec(receiver=name, matchers=on("team", "a"), continue_=True, routes=(child,)) for name in "ab")
    tree = build_tree(RouteSpec(receiver="root", routes=tuple(parents)))
    labels = Labels({"team": "a", "severity": "critical"})
    one, other = (identify_group(route, labels) for route in match_routes(tree, labels))
    assert one.id != other.id
    assert find_route(tree, "pager", other.route_key) is tree.routes[1].routes[0]


@given(st.dictionaries(st.sampled_from(["team", "severity", "quiet", "x"]), st.sampled_from(["a", "critical", "yes"])))
def test_every_alert_is_taken_by_a_route(labels):
    assert match_routes(TREE, labels)
