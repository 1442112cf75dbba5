"""What people press or type in a chat, done after the chat has its answer; and one sentence to who did it.

Twice is once: a click is in hand while it is done, and known as done afterwards. Whatever comes of it is said, also
that somebody else was there first, or that it is over; only what could not be done at all is tried again, within
seconds, and who pressed is told when that ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ..core.clicks import OLDEST, Click, Press
from ..core.configuration import Configuration
from ..core.drills import are_drills, mark
from ..core.incidents import Actor, IncidentId, Source
from ..core.oncall import HORIZON, in_force, shift_at
from ..core.wording import clip, one_line, plural, time_text
from ..errors import ConflictError, DeliveryError, EventError, StoreError
from ..ports import Configurations, Overrides, Receipt, Receipts, Replies
from . import incidents
from .drills import marked
from .events import Received, parse_click
from .incidents import Desk, ListedIncident, Order, Verb

# After these waits a click that could not be done comes again. The first is longer than ONCE_IN: it would be taken for
# another press. One more than these is the queue's maxReceiveCount.
WAITS = tuple(timedelta(seconds=seconds) for seconds in (12, 15, 20, 30, 45))
TRIES = len(WAITS) + 1
# As long as the function may run, and longer than a click may come again.
IN_HAND, KEPT_FOR = timedelta(seconds=60), timedelta(days=2)
# Who presses twice means it once. Only what is not the same twice needs it.
ONCE_IN = timedelta(seconds=10)
LISTED = 20
_VERBS = {
    Press.ACKNOWLEDGE: Verb.ACKNOWLEDGE,
    Press.RESOLVE: Verb.RESOLVE,
    Press.SUPPRESS: Verb.SUPPRESS,
    Press.ESCALATE: Verb.ESCALATE,
}


class Outcome(StrEnum):
    """What came of a click; also the dimension of the metric."""

    DONE = "done"
    UNCHANGED = "unchanged"
    ANSWERED = "answered"
    REPEATED = "came before"
    TOO_OLD = "too old"
    GIVEN_UP = "given up"


_GIVEN_UP = (
    "That could not be done, though it was tried for two minutes: please look again, and press once more, or use"
    " another way (`tocsin incident`)."
)


def _by_itself(receipt: str, wait: timedelta) -> None:
    """Leave it to the queue when a message comes again."""


@dataclass(frozen=True, slots=True)
class Performer:
    """What doing clicks works with: where the people's desk is, and how they are answered.

    `put_off` has a message of the queue, by its receipt, come again after a while. It raises StoreError.
    """

    desk: Desk
    configurations: Configurations
    receipts: Receipts
    reply: Replies
    overrides: Overrides
    put_off: Callable[[str, timedelta], object] = _by_itself


@dataclass(frozen=True, slots=True)
class _Done:
    outcome: Outcome
    sentence: str


def run(world: Performer, click: Click, *, now: datetime) -> Outcome:
    """Do what was asked for, and answer. Raises StoreError, ConflictError where it has to be tried again."""
    name, until = f"click {click.id}", now + IN_HAND
    receipt = world.receipts.begin(name, until=until, now=now)
    if receipt is Receipt.BUSY:
        raise ConflictError(f"click {click.id} is being done")
    done = _Done(Outcome.REPEATED, "")
    if receipt is Receipt.GRANTED:
        try:
            done = _do(world, click, now=now)
        except BaseException:
            _give_back(world.receipts, name, until)
            raise
        world.receipts.finish(name, keep_until=now + KEPT_FOR)
        _answer(world, click, done.sentence, now=now)
    fields = {"press": click.button.press.value, "incident": click.button.incident, "user": click.user}
    world.desk.log.info("click_done", click=click.id, outcome=done.outcome.value, **fields)
    world.desk.log.count("Clicks", outcome=done.outcome.value)
    return done.outcome


def not_done(world: Performer, received: Received, *, now: datetime) -> None:
    """Say when a click that could not be done comes again, or to who pressed that it does not."""
    try:
        click = parse_click(received.body)
        if received.receives < TRIES:
            world.put_off(received.receipt, WAITS[max(received.receives, 1) - 1])
            return
    except (EventError, StoreError) as error:  # the queue says when it comes again
        world.desk.log.warning("click_not_put_off", message_id=received.id, error=str(error))
        return
    world.desk.log.count("Clicks", outcome=Outcome.GIVEN_UP.value)
    _answer(world, click, _GIVEN_UP, now=now)


def _give_back(receipts: Receipts, name: str, until: datetime) -> None:
    try:
        receipts.drop(name, until=until)
    except StoreError:
        return  # its time runs out


def _do(world: Performer, click: Click, *, now: datetime) -> _Done:
    if now - click.at > OLDEST:
        return _Done(Outcome.TOO_OLD, "That took too long, and was not done: please look again, and press once more.")
    configuration = world.configurations.current(now=now).configuration
    if click.button.press is Press.LIST:
        return _Done(Outcome.ANSWERED, _listed(world.desk, configuration, now=now))
    if click.button.press is Press.ONCALL:
        return _Done(Outcome.ANSWERED, _on_call(world, configuration, now=now))
    return _act(world, click, configuration, now=now)


def _act(world: Performer, click: Click, configuration: Configuration, *, now: datetime) -> _Done:
    button, actor = click.button, who(click, configuration)
    if button.press is Press.ESCALATE:
        once = f"press {click.user} {button.press} {button.incident}"
        if world.receipts.begin(once, until=now + ONCE_IN, now=now) is not Receipt.GRANTED:
            return _Done(Outcome.UNCHANGED, f"{button.incident}: you have just escalated it.")
    order = Order(
        _VERBS[button.press],
        IncidentId(button.incident),
        actor,
        comment=click.comment,
        until=click.at + button.hold if button.hold else None,
        id=f"click {click.id}",
    )
    acted = incidents.act(world.desk, order, now=now)
    if acted is None:
        return _Done(Outcome.UNCHANGED, f"There is no incident {button.incident} any more.")
    outcome = Outcome.UNCHANGED if acted.refusal else Outcome.DONE
    title, said = (configuration.redaction.text(each) for each in (one_line(acted.incident.title), acted.sentence))
    shown = marked(world.desk.groups, acted.incident, clip(title, 200), now=now)
    return _Done(outcome, f"{shown} ({acted.incident.id}): {said}.")


def who(click: Click, configuration: Configuration) -> Actor:
    """Return who acts: the user of tocsin.yml with this id, or else as the chat calls them."""
    user = configuration.user_by(slack_id=click.user)
    return Actor(user.name if user else click.name or click.user or "somebody", Source.SLACK)


def _listed(desk: Desk, configuration: Configuration, *, now: datetime) -> str:
    found = [each for each in incidents.list_incidents(desk, (), now=now) if not each.incident.is_over]
    if not found:
        return "No incident is open."
    lines = [_line(each, configuration, now=now) for each in found[:LISTED]]
    if len(found) > LISTED:
        lines.append(f"… and {plural(len(found) - LISTED, 'more incident')}")
    return "\n".join([f"{plural(len(found), 'incident')} open", *lines])


def _line(listed: ListedIncident, configuration: Configuration, *, now: datetime) -> str:
    incident = listed.incident
    title = clip(configuration.redaction.text(one_line(incident.title)), 150)
    shown = mark(title) if are_drills(listed.alerts, now=now) else title
    owner = f" by {incident.owner}" if incident.owner else ""
    return f"• {incident.id} {shown}: {incident.state.value}{owner}, since {time_text(incident.opened_at)}"


def _on_call(world: Performer, configuration: Configuration, *, now: datetime) -> str:
    if not configuration.schedules:
        return "There is no on-call schedule."
    lines = []
    schedules = in_force(configuration.schedules, world.overrides.load_overrides(now=now), configuration.users)
    for name, schedule in sorted(schedules.items()):
        shift = shift_at(schedule, now)
        until = f", until {time_text(shift.end)}" if shift and shift.end < now + HORIZON else ""
        lines.append(f"• {name}: {shift.user}{until}" if shift else f"• {name}: nobody")
    return "\n".join(["On call now", *lines])


def _answer(world: Performer, click: Click, sentence: str, *, now: datetime) -> None:
    """Tell who clicked; what they see of the incident does not depend on it, so that a failure is noted and no more."""
    if not click.reply_to:
        return
    try:
        world.reply(click.reply_to, sentence, now=now)
    except DeliveryError as error:
        world.desk.log.warning("click_not_answered", click=click.id, reason=error.reason.value, error=str(error))
        world.desk.log.count("ClicksNotAnswered", reason=error.reason.value)
