"""How people reach an installation in a random week from elsewhere: by Slack's buttons, and by PagerDuty."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from dev.pagerduty_account import ANN, Account, Incident
from tests.stories.chat import Chat
from tests.stories.world import World
from tests.web.paging import Line
from tocsin.core.clicks import Click

# What may go wrong with something on its way: it is given what is to be done with it, and does it, now or later.
Fate = Callable[[str, Callable[[], object]], object]


@dataclass
class Buttons(Chat):
    """Slack's buttons, of which a click may be late, or come twice."""

    fate: Fate = lambda _, work: work()

    def hand_over(self, click: Click, *, receives: int = 1) -> None:
        self.fate("click", partial(super().hand_over, click, receives=receives))


@dataclass
class Pagerduty:
    """An account of PagerDuty's, where somebody acts; `acted_at` is when that was last, for each key."""

    world: World
    fate: Fate
    done: Callable[[], None]
    line: Line = field(init=False)
    acted_at: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.line = Line(self.world)

    @property
    def there(self) -> Account:
        return self.line.there

    @property
    def open(self) -> list[Incident]:
        return self.there.open

    def act(self, how: str) -> None:
        """Have Ann do something to the newest incident there, and PagerDuty tell of it."""
        incident = self.open[-1]
        self.acted_at[incident.key] = self.world.now
        if how == "note":
            self.there.note(incident, "looking", by=ANN)
        else:
            getattr(self.there, how)(incident, by=ANN)
        self.fate("webhook", self.tell)

    def tell(self) -> None:
        """Send what waits, once more where it is not taken."""
        self.there.deliver()
        self.done()
