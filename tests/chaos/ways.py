"""How a call is interrupted, and where that may let something arrive twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tests.stories.interruptions import Interruptions
from tests.stories.outside import ServiceError
from tests.stories.world import IDEMPOTENT, Died, World
from tocsin.core.receivers import Kind
from tocsin.errors import StoreError

# What is not the table: its failures are other errors.
SERVICES = frozenset(
    "announce publish start query_all revision read read_secret send post answer".split()  # noqa: SIM905
)


class What(StrEnum):
    """What happens at a call."""

    DIES = "the process dies"
    FAILS = "the call fails"
    TWIN = "a twin invocation runs to its end"
    STALLS = "the process stands still while all others go on, and then goes on itself"
    TAKEN = "somebody takes the incident, if there is one"


@dataclass(frozen=True, slots=True)
class Way:
    """What happens, whether just before or just after the call does its work, and at how many calls of that name.

    Without `redelivers`, nothing is given again by SQS and Lambda: only later ticks and timers help.
    """

    name: str
    what: What
    is_before: bool
    redelivers: bool = True
    times: int = 1

    def interruptions(self, number: int, call: str, world: Callable[[], World]) -> Interruptions:
        """Return what interrupts the n-th call this way; `world` is where it happens."""

        def happen() -> None:
            if self.what is What.TWIN:
                world().invoke_again()
            elif self.what is What.STALLS:
                world().advance(seconds=STALL_SECONDS)
            elif self.what is What.TAKEN:
                world().acknowledge_what_is_open()
            elif self.what is What.DIES:
                raise Died
            elif call in SERVICES:
                raise ServiceError("the service answered 500")
            else:
                raise StoreError("the table answered 500")

        interruptions = Interruptions(number, **{"before" if self.is_before else "after": happen})
        interruptions.times = self.times
        return interruptions


# Nearly as long as the longest function may run: a look, a tick and a delivery fall into it.
STALL_SECONDS = 50
DIES_BEFORE = Way("dies before it", What.DIES, True)
DIES_AFTER = Way("dies after it", What.DIES, False)
WAYS = (
    DIES_BEFORE,
    DIES_AFTER,
    Way("dies before it, nothing is redelivered", What.DIES, True, redelivers=False),
    Way("dies after it, nothing is redelivered", What.DIES, False, redelivers=False),
    Way("dies before it twice", What.DIES, True, times=2),
    Way("dies after it twice", What.DIES, False, times=2),
    Way("fails", What.FAILS, True),
    Way("answer lost", What.FAILS, False),
    Way("fails, nothing is redelivered", What.FAILS, True, redelivers=False),
    Way("answer lost, nothing is redelivered", What.FAILS, False, redelivers=False),
    Way("twin before it", What.TWIN, True),
    Way("twin after it", What.TWIN, False),
    Way("stalls before it", What.STALLS, True),
)
TAKEN = (Way("taken before it", What.TAKEN, True), Way("taken after it", What.TAKEN, False))


@dataclass(frozen=True, slots=True)
class Exception_:
    """Where a receiver has answered, and the process dies, or the call fails, before that is written down."""

    call: str
    is_before: bool
    kinds: frozenset[Kind]
    why: str

    def applies(self, call: str, way: Way) -> bool:
        if way.what not in (What.DIES, What.FAILS):
            return False
        # Of the requests that a call makes, each stands before the next.
        port, _, request = call.partition(": ")
        return port == self.call and (bool(request) or way.is_before == self.is_before)


SLACK = frozenset({Kind.SLACK})
MAIL_OF_TOPIC = frozenset({Kind.SNS})
FORGETFUL = frozenset(Kind) - IDEMPOTENT - MAIL_OF_TOPIC
EXCEPTIONS = (
    Exception_("send", False, FORGETFUL, "the receiver has taken the message, and its answer never got to us"),
    Exception_("record", True, FORGETFUL, "the receiver has answered, and the delivery is not recorded"),
    Exception_("post", False, SLACK, "the app's message is posted, and Slack's answer never got to us"),
    Exception_("save_thread", True, SLACK, "the app's message is posted, and where it is is not written down"),
    Exception_(
        "save_thread", False, SLACK, "the group is over and its message forgotten; the delivery is not recorded"
    ),
    Exception_("publish", False, MAIL_OF_TOPIC, "the topic has taken the mail, and its answer never got to us"),
    Exception_("confirm", True, MAIL_OF_TOPIC, "the topic has answered, and the outbox still holds the mail"),
)


def may_arrive_twice(call: str, way: Way) -> frozenset[Kind]:
    """Return the kinds of receiver that may hear a notification once more where this call is interrupted this way."""
    return frozenset[Kind]().union(*(each.kinds for each in EXCEPTIONS if each.applies(call, way)))
