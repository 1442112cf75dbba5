"""Configuration: what its rules say of where their alerts go."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.stories.configurations import configuration, equal, receiver, rule
from tocsin.core.alerts import Alert
from tocsin.core.configuration import Configuration
from tocsin.core.labels import Labels
from tocsin.core.routing import RouteSpec, direct_route, identify_group, match_routes

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ROUTES = RouteSpec(
    receiver="team", group_by=("alertname",), routes=(RouteSpec(receiver="db", matchers=(equal("team", "db"),)),)
)
RULES = (
    rule("Plain"),
    rule("Direct", receivers=("pager",)),
    rule("Both"),
    rule("Both", receivers=("pager",)),
    rule("Both"),
)


@pytest.fixture
def configured() -> Configuration:
    return configuration(*RULES, route=ROUTES, receivers=[receiver("db"), receiver("pager")])


def alert(name: str, **labels: str) -> Alert:
    return Alert(Labels({"alertname": name, **labels}), {}, NOW, NOW)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Plain", ((),)), ("Direct", (("pager",),)), ("Both", ((), ("pager",))), ("Nobody", ())],
)
def test_the_rules_of_a_name_say_where_their_alerts_go(
    configured: Configuration, name: str, expected: tuple[tuple[str, ...], ...]
) -> None:
    assert configured.receivers_of(name) == expected


@pytest.mark.parametrize(
    ("name", "through_the_tree", "to_the_pager"),
    [
        ("Plain", True, False),
        ("Direct", False, True),
        ("Both", True, True),
        # Nobody knows how an alert of a rule that is gone was routed: it stays where it is.
        ("Nobody", True, True),
    ],
)
def test_an_alert_belongs_where_its_rules_lead_it(
    configured: Configuration, name: str, *, through_the_tree: bool, to_the_pager: bool
) -> None:
    given = alert(name, team="db")
    (route,) = match_routes(configured.root, given.labels)
    assert route.receiver == "db"
    assert configured.is_routed_to(identify_group(route, given.labels), given) is through_the_tree
    direct = direct_route(configured.root, "pager")
    assert configured.is_routed_to(identify_group(direct, given.labels), given) is to_the_pager
    assert not configured.is_routed_to(identify_group(configured.root, given.labels), given)


def test_other_rules_are_known_by_what_they_say(configured: Configuration) -> None:
    (group,) = configured.rule_groups
    changed = replace(configured, rule_groups=(replace(group, rules=(rule("Plain", receivers=("db",)),)),))
    assert (changed.receivers_of("Plain"), changed.receivers_of("Direct")) == ((("db",),), ())
    assert configured.receivers_of("Plain") == ((),)
    assert changed != configured
    assert configured == replace(configured)
