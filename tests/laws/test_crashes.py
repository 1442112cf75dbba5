"""Laws 5, 6 and 7 at every crash point: a call that dies, fails or loses its answer loses nobody's page.

Two lives are lived once for every call that they make, and each time that call is interrupted in one of four ways. Then
later ticks, timers and retries go on, with what AWS delivers again, or without it. (A larger enumeration, with several
crashes and concurrent invocations, builds on the same proxies.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tests.stories.configurations import configuration, policy, receiver, rule
from tests.stories.interruptions import Interruptions
from tests.stories.world import Died, World
from tocsin.core.alerts import Status
from tocsin.core.configuration import Configuration
from tocsin.core.notifications import Reason
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec
from tocsin.errors import StoreError


@dataclass(frozen=True, slots=True)
class Life:
    """A scenario, and who must have been told what in it, in order for each receiver."""

    configuration: Configuration
    told: dict[str, list[Reason]]

    def live(self, interruptions: Interruptions, *, redelivers: bool = True) -> World:
        world = World(self.configuration, wrap=interruptions.wrap)
        world.redelivers = redelivers
        world.metric_goes_bad("Down", instance="a")
        world.advance(minutes=9)
        world.metric_recovers("Down", instance="a")
        world.advance(minutes=9)
        return world


ROUTE = RouteSpec(receiver="team", group_wait=timedelta(seconds=30), group_interval=timedelta(minutes=2))
LIVES = {
    "fires, is notified, resolves": Life(
        configuration(rule("Down"), route=ROUTE), {"team": [Reason.FIRST, Reason.ALL_RESOLVED]}
    ),
    "the same by the topic's own mail": Life(
        configuration(rule("Down"), route=ROUTE, receivers=[receiver("team", Kind.SNS)]),
        {"team": [Reason.FIRST, Reason.ALL_RESOLVED]},
    ),
    "escalation steps": Life(
        configuration(rule("Down"), route=ROUTE, receivers=[receiver("boss")], policies=[policy((2, "boss"))]),
        {"team": [Reason.FIRST, Reason.ALL_RESOLVED], "boss": [Reason.ESCALATED, Reason.ALL_RESOLVED]},
    ),
}


def die() -> None:
    raise Died


def fail() -> None:
    raise StoreError("the service answered 500")


WAYS: dict[str, dict[str, Callable[[], object]]] = {
    "dies before": {"before": die},
    "dies after": {"after": die},
    "fails": {"before": fail},
    "loses the answer": {"after": fail},
}
# A receiver has answered, and we have not written that down: told once more rather than never (law 7).
UNRECORDED = {
    ("send", "dies after"),
    ("send", "loses the answer"),
    ("record", "dies before"),
    ("record", "fails"),
}
UNRECORDED_BY_SNS = {
    ("publish", "dies after"),
    ("publish", "loses the answer"),
    ("confirm", "dies before"),
    ("confirm", "fails"),
}


@pytest.mark.parametrize("redelivers", [True, False], ids=["with redelivery", "without redelivery"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", LIVES)
def test_whatever_call_is_interrupted_nothing_is_lost_or_told_twice(name, way, redelivers):
    life = LIVES[name]
    undisturbed = Interruptions()
    life.live(undisturbed)
    assert {"save_rule", "announce", "tell", "commit", "publish", "confirm"} <= set(undisturbed.calls)
    for number, call in enumerate(undisturbed.calls):
        world = life.live(Interruptions(number, **WAYS[way]), redelivers=redelivers)
        what = f"call {number}, {call}, {way}:\n{world.told()}"
        check_pages(world, life, may_repeat=may_repeat(call, way, life), what=what)
        assert world.store.active_groups() == [], what
        assert not any(record.telling or record.active for record in world.store.rules.values()), what


def may_repeat(call: str, way: str, life: Life) -> bool:
    is_topic = life is LIVES["the same by the topic's own mail"]
    return (call, way) in (UNRECORDED_BY_SNS if is_topic else UNRECORDED)


def check_pages(world: World, life: Life, *, may_repeat: bool, what: str) -> None:
    ids = [page.notification.id for page in world.pages]
    repeats = len(ids) - len(set(ids))
    assert repeats <= (1 if may_repeat else 0), what
    once = {page.notification.id: page for page in world.pages}.values()
    for name, reasons in life.told.items():
        told = [page.notification.reason for page in once if page.receiver == name]
        assert told == reasons, what
    assert {page.receiver for page in once} == set(life.told), what


@pytest.mark.parametrize("pattern", ["1", "10", "101", "1101", "1011", "11011", "110110"])
@pytest.mark.parametrize("way", WAYS)
def test_whatever_call_is_interrupted_in_a_flapping_life_everybody_ends_up_with_the_truth(pattern, way):
    undisturbed = Interruptions()
    flap(pattern, undisturbed)
    for number, call in enumerate(undisturbed.calls):
        world = flap(pattern, Interruptions(number, **WAYS[way]))
        what = f"{pattern}, call {number}, {call}, {way}:\n{world.told()}"
        is_bad = pattern.endswith("1")
        knows_of_firing = bool(world.pages) and world.pages[-1].notification.status is Status.FIRING
        assert knows_of_firing == is_bad, what
        assert bool(world.store.active_groups()) == is_bad, what


def flap(pattern: str, interruptions: Interruptions) -> World:
    """Have the metric bad or not, minute by minute, and then stay as it is."""
    world = World(LIVES["fires, is notified, resolves"].configuration, wrap=interruptions.wrap)
    world.redelivers = False
    was = "0"
    for bit in pattern:
        if bit != was:
            (world.metric_goes_bad if bit == "1" else world.metric_recovers)("Down", instance="a")
        was = bit
        world.advance(minutes=1)
    world.advance(minutes=8)
    return world
