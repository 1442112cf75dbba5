"""What people press in Slack, in virtual time: it waits in a queue, and is handed over again until it is done.

That a click is Slack's, and whose it is, is looked at before it is queued (tests/web/test_slack.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.stories.outside import ServiceError
from tests.stories.world import EXPECTED, World
from tocsin.adapters.memory_receipts import MemoryReceipts
from tocsin.core.clicks import Button, Click, Press, as_json
from tocsin.core.incidents import IncidentId
from tocsin.errors import DeliveryError, FailureReason
from tocsin.pipeline import clicks
from tocsin.pipeline.events import Received

# How long a click stays hidden whose function has died (template.yaml).
HIDDEN = timedelta(seconds=90)


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

    def hand_over(self, click: Click, *, receives: int = 1) -> None:
        """Have a click done, and again where it could not be: when the function says so, if it lives to say it."""
        world, hidden = self.world, [HIDDEN]

        def act() -> None:
            performer = replace(self._performer(), put_off=lambda _, wait: world._wrap(self).hide(hidden, wait))
            try:
                clicks.run(performer, click, now=world.now)
            except EXPECTED:
                received = Received(click.id, json.dumps(as_json(click)), receives=receives)
                clicks.not_done(performer, received, now=world.now)
                raise

        is_done = world._invoke(act, "act")
        if not is_done and receives < clicks.TRIES and world.redelivers:
            world.at(world.now + hidden[-1], lambda: self.hand_over(click, receives=receives + 1))
        self.done(IncidentId(click.button.incident))

    def hide(self, hidden: list[timedelta], wait: timedelta) -> None:
        """Have a message hidden for so long, as SQS does."""
        hidden.append(wait)

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
