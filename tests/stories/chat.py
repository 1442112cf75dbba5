"""What people press in Slack, in virtual time: it waits in a queue, and is handed over again until it is done.

That a click is Slack's, and whose it is, is looked at before it is queued (tests/web/test_slack.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.stories.outside import ServiceError
from tests.stories.world import World
from tocsin.adapters.memory_receipts import MemoryReceipts
from tocsin.core.clicks import Button, Click, Press
from tocsin.core.incidents import IncidentId
from tocsin.errors import DeliveryError, FailureReason
from tocsin.pipeline import clicks

# How long a click stays hidden that could not be done, and how often it is handed over (template.yaml).
HIDDEN, TIMES = timedelta(seconds=270), 4


@dataclass
class Chat:
    """The buttons under an installation's messages; `done` is told of each incident that a click was handed over for.

    `answers` is what Slack shows to who pressed.
    """

    world: World
    done: Callable[[IncidentId], object] = lambda _: None
    receipts: MemoryReceipts = field(default_factory=MemoryReceipts)
    answers: list[str] = field(default_factory=list)
    pressed: int = 0

    def press(
        self, press: Press, incident: IncidentId | None = None, *, hold: timedelta = timedelta(0), by: str = "U1"
    ) -> None:
        """Press a button of an incident's message, the newest where none is named; `by` is a Slack id."""
        self.pressed += 1
        button = Button(press, incident or self.world.escalations.started[-1], hold)
        self.hand_over(Click(f"click-{self.pressed}", button, by, by, self.world.now, "https://slack.example/reply"))

    def hand_over(self, click: Click, *, times: int = TIMES) -> None:
        """Have a click done, and again later where it could not be."""
        world = self.world
        is_done = world._invoke(lambda: clicks.run(self._performer(), click, now=world.now), "act")
        if not is_done and times > 1 and world.redelivers:
            world.at(world.now + HIDDEN, lambda: self.hand_over(click, times=times - 1))
        self.done(IncidentId(click.button.incident))

    def _performer(self) -> clicks.Performer:
        world = self.world
        wrap = world._wrap
        desk, store = world.desk(), wrap(world.store)
        return clicks.Performer(desk, world.configurations("act"), wrap(self.receipts), self._reply, store)

    def _reply(self, url: str, text: str, *, now: datetime) -> None:
        try:
            self.world._wrap(self).answer(text)
        except ServiceError as error:
            raise DeliveryError(str(error), reason=FailureReason.TIMEOUT, retryable=True) from None

    def answer(self, text: str) -> None:
        """Show something to who pressed, as Slack does."""
        self.answers.append(text)
