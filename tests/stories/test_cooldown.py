"""Stories of flapping: what fires again within its cooldown is counted, held, and told if it still fires at its end."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from tests.stories.configurations import MINUTE, configuration, rule
from tests.stories.world import START, World
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason
from tocsin.core.routing import RouteSpec, identify_group

HOUR = timedelta(hours=1)
TOLD_AT = START + MINUTE + timedelta(seconds=30)


def flapping_world(*others):
    route = RouteSpec(receiver="team", repeat_interval=24 * HOUR)
    return World(configuration(rule("Flaps"), *others, route=route, default_cooldown=HOUR))


def told_and_resolved(world):
    world.metric_goes_bad("Flaps")
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, at=TOLD_AT)
    world.metric_recovers("Flaps")
    world.advance(minutes=8)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED)


def cooldowns(world):
    root = world.loaded.configuration.root
    group = identify_group(root, world.pages[0].notification.alerts[0].labels)
    return world.store.load_group(group.id, now=world.now).cooldowns


def test_a_firing_within_the_cooldown_is_counted_and_not_told():
    world = flapping_world()
    told_and_resolved(world)
    for _ in range(3):
        world.metric_goes_bad("Flaps")
        world.advance(minutes=6)
        world.metric_recovers("Flaps")
        world.advance(minutes=6)
    world.expect_silence()
    assert [each.held for each in cooldowns(world).values()] == [3]


def test_what_still_fires_at_the_end_of_its_cooldown_is_told_then():
    world = flapping_world()
    told_and_resolved(world)
    world.metric_goes_bad("Flaps")
    world.advance(minutes=50)
    world.expect_silence()
    world.advance(minutes=60)
    note = world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Flaps"])
    assert TOLD_AT + HOUR <= note.created_at < TOLD_AT + HOUR + 5 * MINUTE
    world.expect_silence()
    world.metric_recovers("Flaps")
    world.advance(minutes=30)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED)
    world.expect_silence()


def test_flapping_costs_one_page_per_cooldown():
    world = flapping_world()
    for _ in range(16):  # four hours of six minutes bad, nine minutes good
        world.metric_goes_bad("Flaps")
        world.advance(minutes=6)
        world.metric_recovers("Flaps")
        world.advance(minutes=9)
    firing = [page for page in world.pages if page.notification.status is Status.FIRING]
    assert len(firing) == 4, world.told()
    assert all(later.at - earlier.at >= HOUR for earlier, later in pairwise(firing))


def test_flapping_beside_a_steady_alert_announces_no_resolutions_of_what_was_not_told():
    world = flapping_world(rule("Steady"), rule("Late"))
    world.metric_goes_bad("Steady")
    world.metric_goes_bad("Flaps")
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Flaps", "Steady"])
    world.metric_recovers("Flaps")
    world.advance(minutes=6)
    world.expect_page("team", Status.FIRING, Reason.NEW_RESOLVED, alerts=["Steady"], resolved=["Flaps"])
    world.metric_goes_bad("Late")
    world.advance(minutes=6)
    world.expect_page("team", Status.FIRING, Reason.NEW_ALERTS, alerts=["Late", "Steady"], resolved=[])
    for _ in range(2):
        world.metric_goes_bad("Flaps")
        world.advance(minutes=6)
        world.metric_recovers("Flaps")
        world.advance(minutes=6)
    world.expect_silence()


def test_another_alert_in_the_group_is_told_while_one_is_held():
    world = flapping_world(rule("Other"))
    told_and_resolved(world)
    world.metric_goes_bad("Flaps")
    world.advance(minutes=5)
    world.metric_goes_bad("Other")
    world.advance(minutes=10)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Other"])
    world.expect_silence()
