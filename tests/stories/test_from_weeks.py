"""Stories that random weeks have told (tests/chaos/weeks.py) and that broke a law once; each is checked to its end."""

from __future__ import annotations

from tests.chaos.week import Week
from tocsin.core.alerts import Status


def test_a_source_that_ends_while_nothing_inhibits_does_not_inhibit_later():
    """Its end was written down only where the configuration of that moment had it inhibit."""
    week = Week("explained", warm=False)
    week.goes_bad("NodeDown", "b")
    week.passes(minutes=2)
    week.configures("climbing")
    week.passes(minutes=2)
    week.recovers("NodeDown", "b")
    week.passes(minutes=2)
    week.configures("explained")
    week.goes_bad("Down", "b")
    week.settles()
    week.ends()


def test_a_source_that_was_sent_and_ends_while_nothing_inhibits_leaves_nothing_behind():
    week = Week("explained", warm=False)
    week.goes_bad("NodeDown", "b")
    week.passes(minutes=2)
    week.configures("without Slow")
    week.ends()


def test_what_a_failing_receiver_missed_and_was_routed_elsewhere_is_not_told_when_it_is_over():
    week = Week("by instance", warm=False)
    week.receiver_breaks("team/slack/0", "is not there")
    week.script_sends(minutes=10)
    week.passes(minutes=1)
    week.configures("all in one")
    week.passes(minutes=20)
    week.ends()


def test_whoever_hears_nothing_of_ends_is_not_told_late_of_what_is_over():
    week = Week("dba", warm=False)
    week.receiver_breaks("dba/email/0", "answers 429")
    week.goes_bad("Slow", "a")
    week.passes(minutes=5)
    week.recovers("Slow", "a")
    week.passes(minutes=20)
    week.receiver_is_well("dba/email/0")
    week.ends()


def test_what_ends_while_a_configuration_is_tried_for_a_minute_does_not_fire_for_ever():
    """Its end was told to the groups of the configuration that was tried, and its old group never looked meanwhile."""
    week = Week("mail too", warm=False)
    week.goes_bad("Down", "a")
    week.passes(minutes=1, seconds=40)
    week.recovers("Down", "a")
    week.configures("by instance")
    week.passes(seconds=30)
    week.configures("mail too")
    week.ends()


def test_the_same_where_the_groups_cannot_be_read_at_that_moment():
    week = Week("mail too", warm=False)
    week.goes_bad("Down", "a")
    week.passes(minutes=1, seconds=40)
    week.recovers("Down", "a")
    week.configures("by instance")
    week.passes(seconds=30)
    week.configures("mail too")
    week.fails("active_groups", after=False)
    week.ends()


def test_the_same_of_a_rule_that_the_configuration_that_was_tried_does_not_have():
    week = Week("by instance", warm=False)
    week.goes_bad("Slow", "a")
    week.passes(minutes=4, seconds=10)
    week.configures("without Slow")
    week.recovers("Slow", "a")
    week.passes(minutes=1)
    week.configures("by instance")
    week.ends()


def test_an_integration_that_was_gone_while_all_ended_is_not_told_late_that_it_fires():
    """Nobody would have told PagerDuty that it is over: the group had ended while there was no such integration."""
    week = Week("plain", warm=False)
    week.receiver_breaks("team/pagerduty/1", "answers 400")
    week.goes_bad("Down", "a")
    week.passes(minutes=10)
    week.configures("Slack only")
    week.passes(minutes=4)
    week.recovers("Down", "a")
    week.passes(minutes=9)
    week.configures("plain")
    week.passes(minutes=5)
    week.receiver_is_well("team/pagerduty/1")
    week.passes(minutes=5)
    assert [page for page in week.pages if "pagerduty" in page.notification.key] == []
    week.ends()


def test_an_integration_that_comes_back_is_told_of_what_still_fires():
    week = Week("plain", warm=False)
    week.receiver_breaks("team/pagerduty/1", "answers 400")
    week.goes_bad("Down", "a")
    week.passes(minutes=10)
    week.configures("Slack only")
    week.passes(minutes=9)
    week.receiver_is_well("team/pagerduty/1")
    week.configures("plain")
    week.ends()
    told = [page.notification for page in week.pages if "pagerduty" in page.notification.key]
    assert (told[0].status, told[-1].status) == (Status.FIRING, Status.RESOLVED)


def test_what_a_crash_left_half_told_is_not_ended_by_a_failing_query_and_a_changed_configuration():
    """The groups had been told that it fires, and the rule's record did not say so yet."""
    week = Week("plain", warm=False)
    week.goes_bad("Down", "b")
    week.passes(minutes=3)
    week.recovers("Down", "b")
    week.passes(minutes=10)
    week.goes_bad("Down", "a")
    week.dies("tell", after=True)
    week.passes(seconds=65)
    week.cannot_be_asked("Down")
    week.configures("climbing")
    week.passes(minutes=3)
    week.can_be_asked("Down")
    week.settles()
    week.ends()
