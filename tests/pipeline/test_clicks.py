"""What people press, done: twice is once, whatever comes of it is a sentence, and who it was is known."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.stories.configurations import configuration, equal, policy, receiver, rule
from tests.stories.world import World
from tocsin.adapters.memory_receipts import MemoryReceipts
from tocsin.core.clicks import Button, Click, Press, as_json
from tocsin.core.incidents import IncidentState, Source
from tocsin.core.oncall import Override, Schedule
from tocsin.core.users import User
from tocsin.errors import ConflictError, DeliveryError, FailureReason, StoreError
from tocsin.pipeline.clicks import ONCE_IN, TRIES, WAITS, Outcome, Performer, not_done, run
from tocsin.pipeline.events import Received
from tocsin.pipeline.incidents import Verb

ANN = User("ann", slack_id="U1")
HOUR = timedelta(hours=1)


@dataclass
class Replies:
    """What was said to whom; `error` is raised after it."""

    said: list[tuple[str, str]] = field(default_factory=list)
    error: Exception | None = None

    def __call__(self, url: str, text: str, *, now: datetime) -> None:
        self.said.append((url, text))
        if self.error:
            raise self.error


class Broken:
    """A store of incidents that cannot be written to."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def escalate(self, *_: Any, **__: Any) -> None:
        raise StoreError("throttled")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)


class Unreadable(Broken):
    """A store that knows of no group at this moment."""

    def load_group(self, *_: Any, **__: Any) -> None:
        raise StoreError("throttled")


class Town:
    """A world with an incident, and somebody who does what is pressed."""

    def __init__(self, drill: str = "false", **changes: Any) -> None:
        told = configuration(
            rule("DiskFull"),
            receivers=[receiver("oncall"), receiver("boss")],
            policies=[policy((0, "oncall"), (30, "boss"), matchers=(equal("severity", "critical"),))],
        )
        self.world = World(replace(told, users={"ann": ANN}, **changes))
        self.world.metric_goes_bad("DiskFull", instance="db-1", drill=drill)
        self.world.advance(minutes=2)
        self.replies, self.receipts = Replies(), MemoryReceipts()
        self.pressed = 0

    @property
    def performer(self) -> Performer:
        return Performer(
            self.world.desk(), self.world.configurations("act"), self.receipts, self.replies, self.world.store
        )

    def click(self, press: Press, *, user: str = "U1", name: str = "annie", **more: Any) -> Click:
        self.pressed += 1
        incident = "" if press in (Press.LIST, Press.ONCALL) else self.world.incident().id
        hold = HOUR if press is Press.SUPPRESS else timedelta(0)
        button = Button(press, more.pop("incident", incident), hold)
        return Click(f"click-{self.pressed}", button, user, name, self.world.now, "https://hooks.slack.com/x", **more)

    def do(self, press: Press, **more: Any) -> Outcome:
        return run(self.performer, self.click(press, **more), now=self.world.now)

    @property
    def said(self) -> str:
        """Return what was said last."""
        return self.replies.said[-1][1]


def test_an_acknowledgement_is_one_and_says_so() -> None:
    town = Town()
    assert town.do(Press.ACKNOWLEDGE, comment="looking") is Outcome.DONE
    incident = town.world.incident()
    assert (incident.state, incident.owner, incident.source) == (IncidentState.ACKNOWLEDGED, "ann", Source.SLACK)
    assert incident.comment == "looking"
    assert town.replies.said == [("https://hooks.slack.com/x", town.said)]
    assert town.said.startswith("DiskFull")
    assert f"({incident.id}): acknowledged by ann at " in town.said


def test_what_is_said_of_a_drill_is_marked_until_something_is_for_real() -> None:
    town = Town(drill="true")
    town.do(Press.ACKNOWLEDGE)
    assert town.said.startswith("DRILL: DiskFull")
    town.do(Press.LIST)
    assert f"• {town.world.incident().id} DRILL: DiskFull" in town.said
    town.world.metric_goes_bad("DiskFull", instance="db-2")
    town.world.advance(minutes=2)
    for press in (Press.ACKNOWLEDGE, Press.LIST):
        town.do(press)
        assert "DiskFull" in town.said
        assert "DRILL" not in town.said


def test_whether_it_is_a_drill_is_not_worth_a_failure() -> None:
    town = Town(drill="true")
    performer = replace(town.performer, desk=replace(town.world.desk(), groups=Unreadable(town.world.store)))
    assert run(performer, town.click(Press.ACKNOWLEDGE), now=town.world.now) is Outcome.DONE
    assert town.said.startswith("DiskFull")


def test_who_is_no_user_is_called_as_the_chat_does() -> None:
    for user, name, expected in (("U2", "bob", "bob"), ("U2", "", "U2"), ("", "", "somebody")):
        town = Town()
        town.do(Press.ACKNOWLEDGE, user=user, name=name)
        assert town.world.incident().owner == expected


def test_the_second_to_acknowledge_hears_who_has_it() -> None:
    town = Town()
    town.do(Press.ACKNOWLEDGE)
    assert town.do(Press.ACKNOWLEDGE, user="U2", name="bob") is Outcome.UNCHANGED
    assert "already acknowledged by ann" in town.said
    assert town.world.incident().owner == "ann"


def test_what_the_one_before_typed_is_redacted_in_the_answer() -> None:
    town = Town()
    town.do(Press.ACKNOWLEDGE, comment="restarted with password=hunter2")
    town.do(Press.ACKNOWLEDGE, user="U2", name="bob")
    assert "(restarted with password=[redacted])" in town.said


def test_the_same_click_again_is_done_once_and_answered_once() -> None:
    town = Town()
    click = town.click(Press.ESCALATE)
    outcomes = [run(town.performer, click, now=town.world.now + timedelta(seconds=20 * i)) for i in range(3)]
    assert outcomes == [Outcome.DONE, Outcome.REPEATED, Outcome.REPEATED]
    assert len(town.replies.said) == 1
    assert town.world.incident().climb == 1


@pytest.mark.parametrize("press", [Press.ESCALATE, Press.SUPPRESS, Press.ACKNOWLEDGE])
def test_a_click_that_was_done_and_could_not_be_remembered_is_not_done_again(press: Press) -> None:
    """Its function died just before it was remembered; the queue hands it over when much else has happened."""
    town = Town()
    click = town.click(press)
    run(town.performer, click, now=town.world.now)
    town.receipts = MemoryReceipts()
    town.world.advance(minutes=3)
    town.world.act(Verb.ESCALATE, by="bob")
    town.world.advance(seconds=90)
    before = town.world.incident()
    assert run(town.performer, click, now=town.world.now) is Outcome.UNCHANGED
    assert town.world.incident() == before
    assert "that was done a moment ago" in town.said


def test_a_click_that_is_being_done_is_left_to_who_does_it() -> None:
    town = Town()
    click = town.click(Press.ACKNOWLEDGE)
    town.receipts.begin(f"click {click.id}", until=town.world.now + HOUR, now=town.world.now)
    with pytest.raises(ConflictError):
        run(town.performer, click, now=town.world.now)
    assert town.world.incident().state is IncidentState.OPEN


def test_a_click_that_fails_is_done_when_it_comes_again() -> None:
    town = Town()
    click = town.click(Press.ACKNOWLEDGE)
    desk = town.performer.desk
    broken = replace(town.performer, desk=replace(desk, incidents=Broken(desk.incidents)))
    with pytest.raises(StoreError):
        run(broken, click, now=town.world.now)
    assert town.replies.said == []
    assert run(town.performer, click, now=town.world.now) is Outcome.DONE


def handed_over(click: Click, receives: int) -> Received:
    return Received("message-1", json.dumps(as_json(click)), "receipt-1", receives)


def test_what_could_not_be_done_comes_again_within_seconds_and_then_is_said_to_be_given_up() -> None:
    town, put_off = Town(), list[tuple[str, timedelta]]()
    performer = replace(town.performer, put_off=lambda receipt, wait: put_off.append((receipt, wait)))
    click = town.click(Press.ACKNOWLEDGE)
    for receives in range(1, TRIES):
        not_done(performer, handed_over(click, receives), now=town.world.now)
    assert put_off == [("receipt-1", wait) for wait in WAITS]
    assert town.replies.said == []
    not_done(performer, handed_over(click, TRIES), now=town.world.now)
    assert len(put_off) == len(WAITS)
    assert "could not be done" in town.said
    assert "press once more" in town.said
    assert town.world.log.counts["Clicks"] == 1


def test_where_it_cannot_be_put_off_the_queue_brings_it_again() -> None:
    def broken(receipt: str, wait: timedelta) -> None:
        raise StoreError("throttled")

    town = Town()
    performer = replace(town.performer, put_off=broken)
    not_done(performer, handed_over(town.click(Press.ACKNOWLEDGE), 1), now=town.world.now)
    not_done(performer, Received("message-2", "no click", "receipt-2", TRIES), now=town.world.now)
    assert [event for _, event, _ in town.world.log.lines if event == "click_not_put_off"] == ["click_not_put_off"] * 2
    assert town.replies.said == []


def test_a_try_is_no_second_press() -> None:
    assert WAITS[0] > ONCE_IN


def test_who_presses_escalate_twice_means_it_once() -> None:
    town = Town()
    assert [town.do(Press.ESCALATE), town.do(Press.ESCALATE)] == [Outcome.DONE, Outcome.UNCHANGED]
    assert "you have just escalated it" in town.said
    assert town.do(Press.ESCALATE, user="U2", name="bob") is Outcome.DONE
    town.world.advance(seconds=11)
    assert town.do(Press.ESCALATE) is Outcome.DONE


def test_a_silence_is_of_so_long_and_of_what_fires() -> None:
    town = Town()
    assert town.do(Press.SUPPRESS) is Outcome.DONE
    incident = town.world.incident()
    assert (incident.state, incident.until) == (IncidentState.SUPPRESSED, town.world.now + HOUR)
    (silence,) = town.world.store.load_silences(now=town.world.now)
    assert (silence.created_by, silence.ends_at) == ("ann", town.world.now + HOUR)


def test_a_silence_whose_answer_was_lost_is_not_made_again() -> None:
    town = Town()
    click = town.click(Press.SUPPRESS)
    run(town.performer, click, now=town.world.now)
    assert run(town.performer, replace(click, id="again"), now=town.world.now) is Outcome.UNCHANGED
    assert "already suppressed by ann" in town.said
    assert len(town.world.store.load_silences(now=town.world.now)) == 1


def test_what_is_over_is_a_sentence() -> None:
    town = Town()
    assert town.do(Press.RESOLVE) is Outcome.DONE
    for press in (Press.ACKNOWLEDGE, Press.RESOLVE, Press.SUPPRESS, Press.ESCALATE):
        assert town.do(press) is Outcome.UNCHANGED
        assert "already resolved by ann" in town.said


def test_what_is_not_there_is_a_sentence() -> None:
    town = Town()
    assert town.do(Press.ACKNOWLEDGE, incident="inc-none") is Outcome.UNCHANGED
    assert town.said == "There is no incident inc-none any more."


def test_what_came_an_hour_late_is_not_done() -> None:
    town = Town()
    click = town.click(Press.ACKNOWLEDGE)
    assert run(town.performer, click, now=town.world.now + HOUR + timedelta(seconds=1)) is Outcome.TOO_OLD
    assert town.world.incident().state is IncidentState.OPEN
    assert "was not done" in town.said


def test_an_answer_that_does_not_arrive_is_counted_and_nothing_more() -> None:
    town = Town()
    town.replies.error = DeliveryError("expired_url", reason=FailureReason.CLIENT_ERROR, retryable=False)
    assert town.do(Press.ACKNOWLEDGE) is Outcome.DONE
    assert town.world.log.counts["ClicksNotAnswered"] == 1
    assert town.world.incident().state is IncidentState.ACKNOWLEDGED


def test_without_a_url_nothing_is_said() -> None:
    town = Town()
    run(town.performer, replace(town.click(Press.ACKNOWLEDGE), reply_to=""), now=town.world.now)
    assert town.replies.said == []


def test_what_is_open_is_listed() -> None:
    town = Town()
    assert town.do(Press.LIST) is Outcome.ANSWERED
    incident = town.world.incident()
    head, line = town.said.splitlines()
    assert head == "1 incident open"
    assert line.startswith(f"• {incident.id} ")
    assert ": open, since 20" in line
    town.do(Press.ACKNOWLEDGE)
    town.do(Press.LIST)
    assert ": acknowledged by ann, since 20" in town.said
    town.do(Press.RESOLVE)
    town.do(Press.LIST)
    assert town.said == "No incident is open."


def test_who_is_on_call_is_said() -> None:
    start, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
    schedules = {
        "primary": Schedule("primary", (), (Override(start, end, "ann"),)),
        "secondary": Schedule("secondary", ()),
    }
    town = Town(schedules=schedules)
    assert town.do(Press.ONCALL) is Outcome.ANSWERED
    head, primary, secondary = town.said.splitlines()
    assert head == "On call now"
    assert primary == "• primary: ann", "no end is in sight"
    assert secondary == "• secondary: nobody"


def test_who_takes_over_at_run_time_is_on_call() -> None:
    town = Town(schedules={"primary": Schedule("primary", ())})
    hour = Override(town.world.now, town.world.now + HOUR, "ann", "primary", "ov-1")
    town.world.store.add_overrides([hour], now=town.world.now)
    town.do(Press.ONCALL)
    assert "primary: ann, until" in town.said


def test_without_a_schedule_nobody_is_on_call() -> None:
    town = Town()
    assert town.do(Press.ONCALL) is Outcome.ANSWERED
    assert town.said == "There is no on-call schedule."
