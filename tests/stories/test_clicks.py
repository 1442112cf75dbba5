"""A click that the table refuses: it is tried again within seconds, and who pressed is told when that ends."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from tests.stories.chat import Chat
from tests.stories.configurations import configuration, policy, receiver, rule
from tests.stories.world import START, World
from tocsin.core.clicks import Press
from tocsin.core.incidents import IncidentState
from tocsin.errors import StoreError
from tocsin.pipeline import clicks


class Refusing:
    """Incidents that cannot be read at this moment."""

    def load_incident(self, *_: Any) -> None:
        raise StoreError("throttled")


@dataclass
class Troubled(Chat):
    """A chat whose clicks the table refuses until an instant."""

    until: datetime = field(default=START)

    def _performer(self) -> clicks.Performer:
        performer = super()._performer()
        if self.world.now >= self.until:
            return performer
        refusing: Any = Refusing()
        return replace(performer, desk=replace(performer.desk, incidents=refusing))


@pytest.fixture
def chat() -> Troubled:
    world = World(
        configuration(
            rule("Down"), receivers=[receiver("team"), receiver("boss")], policies=[policy((0, "team"), (1, "boss"))]
        )
    )
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=1, seconds=40)
    return Troubled(world)


@pytest.mark.parametrize("press", [Press.ACKNOWLEDGE, Press.ESCALATE])
def test_it_is_done_seconds_later(chat: Troubled, press: Press) -> None:
    chat.until = chat.world.now + clicks.WAITS[0]
    chat.press(press)
    chat.world.advance(seconds=5)
    assert (chat.answers, chat.world.incident().state) == ([], IncidentState.OPEN)
    chat.world.advance(seconds=10)
    (said,) = chat.answers
    assert {Press.ACKNOWLEDGE: ": acknowledged by U1", Press.ESCALATE: ": escalated by U1"}[press] in said


def test_who_acknowledges_in_time_spares_the_others(chat: Troubled) -> None:
    """The step that is due half a minute later is not taken though the first try failed."""
    chat.until = chat.world.now + clicks.WAITS[0]
    chat.press(Press.ACKNOWLEDGE)
    chat.world.advance(minutes=10)
    assert {page.receiver for page in chat.world.pages} == {"team"}


def test_who_pressed_hears_that_it_was_given_up(chat: Troubled) -> None:
    begun = chat.world.now
    chat.until = begun.replace(year=begun.year + 1)
    chat.press(Press.ACKNOWLEDGE)
    chat.world.advance(seconds=sum(wait.total_seconds() for wait in clicks.WAITS) - 1)
    assert chat.answers == []
    chat.world.advance(seconds=1)
    (said,) = chat.answers
    assert "could not be done" in said
    chat.until = begun
    chat.world.advance(hours=1)
    assert len(chat.answers) == 1, "it does not come again"
    chat.press(Press.ACKNOWLEDGE)
    assert "acknowledged by U1" in chat.answers[-1]
