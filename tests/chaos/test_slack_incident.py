"""An incident that somebody takes by a button, interrupted at its calls: it stays one message and is taken once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from tests.chaos.points import Point
from tests.chaos.slack import Slack, edits_messages, use_app
from tests.chaos.ways import WAYS, What
from tests.stories.chat import Chat
from tests.stories.configurations import configuration, policy, receiver, rule
from tests.stories.interruptions import Interruptions
from tests.stories.world import World
from tocsin.core.clicks import Press
from tocsin.core.configuration import Configuration
from tocsin.core.incidents import Change, IncidentState, Source
from tocsin.core.receivers import Kind
from tocsin.core.users import User

FEW = 60
LULL = 20
TOLD: Configuration = replace(
    edits_messages(
        configuration(
            rule("Down"), receivers=[receiver("boss", Kind.PAGERDUTY)], policies=[policy((0, "team"), (90, "boss"))]
        )
    ),
    users={"ann": User("ann", slack_id="U1")},
)
# Where Slack has posted a message, and nobody knows it yet, it may be posted once more (law 7).
POSTED = frozenset({"post", "save_thread"})


@dataclass
class Life:
    """What came of a life."""

    slack: Slack
    chat: Chat
    world: World
    calls: list[str]


def live(press: Press, point: Point | None = None) -> Life:
    """Live a life in which an alert fires, somebody presses, and it ends."""
    worlds: list[World] = []
    interruptions = Interruptions()
    if point is not None:
        interruptions = point.way.interruptions(point.number, point.call, lambda: worlds[0])
    world = World(TOLD, whole=True, wrap=interruptions.wrap)
    worlds.append(world)
    life = Life(use_app(world), Chat(world), world, interruptions.calls)
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=LULL)
    hold = timedelta(hours=1) if press is Press.SUPPRESS else timedelta(0)
    life.chat.press(press, hold=hold)
    world.advance(minutes=LULL)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=2 * LULL + 60 if press is Press.SUPPRESS else LULL)
    return life


DONE = {Press.ACKNOWLEDGE: Change.ACKNOWLEDGED, Press.SUPPRESS: Change.SUPPRESSED, Press.RESOLVE: Change.RESOLVED}


def problems(life: Life, press: Press, point: Point | None) -> list[str]:
    """Return what is wrong with a life."""
    found, world = [], life.world
    incident = world.incident()
    events = [each for each in world.store.load_events(incident.id) if each.change is DONE[press]]
    by_ann = [each for each in events if (each.by, each.source) == ("ann", Source.SLACK)]
    if len(by_ann) != 1:
        found.append(f"taken {len(by_ann)} times")
    if incident.state is not IncidentState.RESOLVED:
        found.append(f"the incident is {incident.state}")
    allowed = 1
    if point is not None and point.call in POSTED and point.way.what in (What.DIES, What.FAILS):
        allowed += point.way.times
    if not 1 <= len(life.slack.messages) <= allowed:
        found.append(f"{len(life.slack.messages)} messages")
    last = str(list(life.slack.messages.values())[-1])
    if "[RESOLVED]" not in last and press is not Press.RESOLVE:
        found.append("the message does not say that it is over")
    if "'actions'" in last:
        found.append("the message still has buttons")
    if not any(f"{DONE[press].capitalize()} by ann (slack)" in each for each in life.slack.replies):
        found.append("the thread does not say who did it")
    if any(page.receiver == "boss" for page in world.pages):
        found.append("the boss was told")
    return found


@pytest.mark.parametrize("press", DONE)
def test_an_undisturbed_life_is_one_message(press: Press) -> None:
    life = live(press)
    assert problems(life, press, None) == []
    assert len(life.chat.answers) == 1


def points(press: Press, choose: int) -> list[Point]:
    """Return points spread evenly over all: each call, interrupted each way."""
    calls = live(press).calls
    ways = [way for way in WAYS if way.redelivers]
    every = [Point(number, call, way) for way in ways for number, call in enumerate(calls)]
    return every[:: max(1, len(every) // choose)]


@pytest.mark.parametrize("press", DONE)
def test_whatever_is_interrupted_it_is_one_message_and_taken_once(press: Press) -> None:
    wrong = {
        f"{point.number} {point.call}, {point.way.name}": said
        for point in points(press, FEW)
        if (said := problems(live(press, point), press, point))
    }
    assert wrong == {}
