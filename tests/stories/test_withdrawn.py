"""A late notification may be withdrawn: never one that is still true, never an end that somebody waits for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.week import Week
from tocsin.core.alerts import Status

SLACK, MAIL = "team/slack/0", "dba/email/0"


def nothing(week: Week) -> None:
    """Nothing else happens."""


def another_joins_and_ends(week: Week) -> None:
    week.goes_bad("Down", "b")
    week.passes(minutes=6)
    week.recovers("Down", "b")


def it_is_silenced_for_a_while(week: Week) -> None:
    week.silences("a", minutes=3)
    week.passes(minutes=5)


def another_joins_while_it_is_silenced(week: Week) -> None:
    week.silences("a", minutes=10)
    week.goes_bad("Down", "b")
    week.passes(minutes=8)


def its_query_fails(week: Week) -> None:
    week.cannot_be_asked("Down")


def the_configuration_goes_and_comes(week: Week) -> None:
    week.configures("by instance")
    week.passes(minutes=6)
    week.configures("climbing")


def an_integration_is_added(week: Week) -> None:
    week.configures("mail too")


def the_files_are_broken(week: Week) -> None:
    week.breaks_the_files()


def all_timers_are_lost(week: Week) -> None:
    week.loses_all_timers()


MEANWHILE = (
    nothing,
    another_joins_and_ends,
    it_is_silenced_for_a_while,
    another_joins_while_it_is_silenced,
    its_query_fails,
    the_configuration_goes_and_comes,
    an_integration_is_added,
    the_files_are_broken,
    all_timers_are_lost,
)
# Then the group it was told to has nothing more to say of it; the other one tells it.
ROUTED_ELSEWHERE = (the_configuration_goes_and_comes,)
meanwhile = pytest.mark.parametrize("happens", MEANWHILE, ids=lambda happens: happens.__name__.replace("_", " "))


def told(week: Week, key: str) -> list[Status]:
    return [page.notification.status for page in week.pages if str(page.notification.key) == key]


@meanwhile
def test_what_still_fires_is_told_however_late(happens: Callable[[Week], None]):
    week = Week("climbing", warm=False)
    week.receiver_breaks(SLACK, "answers 503")
    week.goes_bad("Down", "a")
    week.passes(minutes=5)
    happens(week)
    week.passes(minutes=8)
    assert told(week, SLACK) == []
    assert not week.log.events("notification_withdrawn") or happens in ROUTED_ELSEWHERE
    week.receiver_is_well(SLACK)
    week.settles()
    assert Status.FIRING in told(week, SLACK)
    week.ends()
    assert told(week, SLACK)[-1] is Status.RESOLVED


@meanwhile
def test_an_end_is_told_however_late_to_whoever_heard_the_beginning(happens: Callable[[Week], None]):
    week = Week("climbing", warm=False)
    week.goes_bad("Down", "a")
    week.passes(minutes=5)
    assert told(week, SLACK) == [Status.FIRING]
    week.receiver_breaks(SLACK, "answers 503")
    week.recovers("Down", "a")
    week.passes(minutes=3)
    happens(week)
    week.passes(minutes=8)
    assert told(week, SLACK) == [Status.FIRING]
    week.receiver_is_well(SLACK)
    week.settles()
    week.ends()
    assert told(week, SLACK)[-1] is Status.RESOLVED


def test_a_step_that_is_due_is_told_however_late():
    """Whoever only a policy names is in the record of what was told, too."""
    week = Week("climbing", warm=False)
    week.receiver_breaks("lead/webhook/0", "is not there")
    week.goes_bad("Down", "a")
    week.passes(minutes=16)
    assert told(week, "lead/webhook/0") == []
    week.receiver_is_well("lead/webhook/0")
    week.passes(minutes=1)
    assert told(week, "lead/webhook/0") == [Status.FIRING]
    assert not week.log.events("notification_withdrawn")
    week.ends()


def test_what_is_over_is_withdrawn_from_whoever_hears_of_no_ends():
    week = Week("dba", warm=False)
    week.receiver_breaks(MAIL, "answers 503")
    week.goes_bad("Slow", "a")
    week.passes(minutes=6)
    week.recovers("Slow", "a")
    week.passes(minutes=20)
    week.receiver_is_well(MAIL)
    week.ends()
    assert told(week, MAIL) == []
    assert week.log.events("notification_withdrawn")
