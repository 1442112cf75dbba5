"""Stories of two places that know of one incident: what is done in PagerDuty is done here, and the other way, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dev.pagerduty_account import ANN, BOB
from tests.cli.states import api_of
from tests.stories.configurations import configuration, policy, receiver, rule
from tests.stories.world import Died, World
from tests.web.paging import Line, Without, hears_pagerduty, pages_pagerduty
from tocsin.core.incidents import IncidentState, Source
from tocsin.core.policies import Terms
from tocsin.core.receivers import Integration, Kind
from tocsin.core.routing import RouteSpec
from tocsin.core.users import ContactRule, Method, User, contact_name
from tocsin.errors import ConflictError, StoreError
from tocsin.pipeline.incidents import Verb

CLIMB = policy((0, "pager"), (5, "second"), (15, "boss"))
NAMES = ("second", "boss")


def line(*, escalation: Any = CLIMB, **more: Any) -> Line:
    people = [pages_pagerduty("pager"), *(receiver(name) for name in NAMES)]
    route = RouteSpec(receiver="team", group_by=("alertname",), repeat_interval=timedelta(hours=24))
    built = configuration(rule("Down"), route=route, receivers=people, policies=[escalation])
    found = Line(World(hears_pagerduty(built)), **more)
    found.world.metric_goes_bad("Down")
    found.world.advance(minutes=3)
    found.there.deliver()
    assert [each.status for each in found.there.incidents] == ["triggered"]
    return found


def calls(world: World) -> list[str]:
    """Return who was called beside PagerDuty, which is told by its events."""
    return [page.receiver for page in world.pages if page.receiver != "pager"]


def test_acknowledged_in_pagerduty_the_climb_stops_and_slack_is_told() -> None:
    both = line()
    both.there.acknowledge(both.incident, by=ANN)
    both.there.deliver()
    both.world.advance(hours=2)
    found = both.world.incident()
    assert (found.state, found.owner, found.source) == (IncidentState.ACKNOWLEDGED, "Ann", Source.PAGERDUTY)
    assert calls(both.world) == ["team"]
    told = [(page.receiver, page.notification.standing) for page in both.world.updates]
    assert [(who, standing.said) for who, standing in told if standing] == [("team", "Acknowledged by Ann (pagerduty)")]
    assert both.events == ["trigger"]
    assert both.statuses == [202, 202]


def test_acknowledged_here_pagerduty_shows_it_and_what_it_tells_of_that_does_nothing() -> None:
    both = line()
    both.world.acknowledge("ada", source=Source.SLACK)
    both.world.advance(minutes=1)
    assert (both.incident.status, both.events) == ("acknowledged", ["trigger", "acknowledge"])
    before = both.world.incident()
    both.there.deliver()
    both.world.advance(hours=2)
    assert both.world.incident() == before
    assert both.events == ["trigger", "acknowledge"]
    assert not both.there.deliver()


def test_a_round_in_both_directions_comes_to_rest() -> None:
    both = line()
    both.there.acknowledge(both.incident, by=BOB)
    both.there.deliver()
    both.world.advance(minutes=2)
    both.world.resolve("ada")
    both.world.advance(minutes=2)
    assert both.incident.status == "resolved"
    for _ in range(3):
        both.there.deliver()
        both.world.advance(minutes=10)
    assert both.events == ["trigger", "resolve"]
    assert [each.kind for each in both.there.sent] == [
        "incident.triggered",
        "incident.acknowledged",
        "incident.resolved",
    ]
    assert (both.world.incident().state, both.world.incident().changed_by) == (IncidentState.RESOLVED, "ada")


def test_resolved_in_pagerduty_is_resolved_here() -> None:
    both = line()
    both.there.resolve(both.incident, by=BOB)
    both.there.deliver()
    both.world.advance(hours=1)
    found = both.world.incident()
    assert (found.state, found.changed_by) == (IncidentState.RESOLVED, "Bob")
    assert calls(both.world) == ["team"]
    assert both.events == ["trigger"]


def test_the_alert_s_end_resolves_it_there_and_the_echo_finds_nothing() -> None:
    both = line()
    both.world.metric_recovers("Down")
    both.world.advance(minutes=10)
    both.there.deliver()
    assert (both.incident.status, both.events) == ("resolved", ["trigger", "resolve"])
    assert both.world.incident().changed_by == "tocsin"
    assert set(both.statuses) == {202}


def test_a_late_acknowledgement_of_the_last_incident_does_not_take_the_next() -> None:
    both = line()
    first = both.incident
    both.there.acknowledge(first, by=ANN)  # PagerDuty's webhook is held up
    both.world.metric_recovers("Down")
    both.world.advance(minutes=10)
    both.world.metric_goes_bad("Down")
    both.world.advance(minutes=3)
    assert len(both.world.escalations.started) == 2
    assert both.there.incidents[-1].key == first.key
    both.there.deliver()
    assert both.world.incident().state is IncidentState.OPEN
    both.world.advance(hours=1)
    assert calls(both.world)[-2:] == ["second", "boss"]
    both.there.acknowledge(both.incident, by=BOB)
    both.there.deliver()
    assert both.world.incident().owner == "Bob"


def test_what_pagerduty_does_by_itself_is_noted_and_the_climb_goes_on() -> None:
    both = line()
    both.there.time_out(both.incident)
    both.there.deliver()
    both.world.advance(minutes=20)
    assert both.world.incident().state is IncidentState.OPEN
    assert calls(both.world) == ["team", "second", "boss"]
    said = [each.comment for each in both.world.store.load_events(both.world.incident().id)]
    assert "PagerDuty: the incident there was resolved by PagerDuty itself" in said


def test_a_note_there_stands_here_though_it_names_only_pagerduty_s_incident() -> None:
    both = line()
    both.there.note(both.incident, "rebooted it", by=BOB)
    both.there.deliver()
    events = both.world.store.load_events(both.world.incident().id)
    assert [(each.by, each.comment) for each in events if each.comment] == [("Bob", "rebooted it")]


def test_two_acknowledge_at_once_and_one_has_it() -> None:
    both = line()
    both.there.acknowledge(both.incident, by=ANN)
    both.world.acknowledge("ada")
    both.there.deliver()
    both.world.advance(hours=1)
    assert both.world.incident().owner == "ada"
    assert both.statuses[-1] == 202
    assert calls(both.world) == ["team"]


def test_where_nobody_may_acknowledge_or_resolve_the_climb_goes_on_whatever_is_shown_there() -> None:
    both = line(escalation=replace(CLIMB, terms=Terms(is_acknowledgeable=False)))
    both.there.acknowledge(both.incident, by=ANN)
    both.there.resolve(both.incident, by=ANN)
    both.there.deliver()
    both.world.advance(hours=1)
    assert both.world.incident().state is IncidentState.OPEN
    assert calls(both.world) == ["team", "second", "boss"]
    assert both.statuses == [202, 202, 202]


def test_an_acknowledgement_there_times_out_here_and_the_next_one_counts() -> None:
    both = line(escalation=replace(CLIMB, terms=Terms(ack_timeout=timedelta(minutes=30))))
    both.there.acknowledge(both.incident, by=ANN)
    both.there.deliver()
    (first,) = [each for each in both.there.sent if each.kind == "incident.acknowledged"]
    both.world.advance(minutes=31)
    assert both.world.incident().state is IncidentState.OPEN
    both.there.send_again(first)
    both.world.advance(minutes=20)
    assert calls(both.world) == ["team", "second", "boss"]
    both.there.unacknowledge(both.incident)  # as the service's own timeout does
    both.there.acknowledge(both.incident, by=BOB)
    both.there.deliver()
    assert (both.world.incident().state, both.world.incident().owner) == (IncidentState.ACKNOWLEDGED, "Bob")


def test_whatever_is_told_twice_is_done_once() -> None:
    both = line()
    both.there.note(both.incident, "looking", by=ANN)
    both.there.acknowledge(both.incident, by=ANN)
    for webhook in both.there.deliver():
        assert both.there.send_again(webhook) == 202
    events = both.world.store.load_events(both.world.incident().id)
    assert [each.comment for each in events].count("looking") == 1
    assert [each.change.value for each in events].count("acknowledged") == 1


def test_a_key_too_long_to_name_its_group_finds_it_all_the_same() -> None:
    long = "p" * 240
    people = [pages_pagerduty(long)]
    built = configuration(rule("Down"), receivers=people, policies=[policy((0, long), (5, "team"))])
    both = Line(World(hears_pagerduty(built)))
    both.world.metric_goes_bad("Down")
    both.world.advance(minutes=3)
    assert len(both.incident.key) == 64
    both.there.acknowledge(both.incident)
    both.there.deliver()
    assert both.world.incident().state is IncidentState.ACKNOWLEDGED


# Where the first try breaks: a part of the desk or the receipts, its call, which of its calls it is, and the answer.
BREAKS: dict[str, tuple[str, str, int, BaseException, int]] = {
    "it cannot be taken in hand": ("receipts", "begin", 0, StoreError("broken"), 503),
    "it cannot be read": ("groups", "load_group", 0, StoreError("broken"), 503),
    "it cannot be written": ("incidents", "escalate", 0, StoreError("broken"), 503),
    "somebody else changes it all the time": ("incidents", "escalate", 0, ConflictError("changed"), 503),
    "it is written, and no timer can be set": ("timers", "announce", 1, StoreError("broken"), 503),
    "it is written, and cannot be remembered": ("receipts", "finish", 0, StoreError("broken"), 503),
    "the process dies before it is written": ("incidents", "escalate", 0, Died(), 0),
    "the process dies after it is written": ("timers", "announce", 1, Died(), 0),
    "the process dies before it is remembered": ("receipts", "finish", 0, Died(), 0),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_fails_is_told_again_and_done_once(name: str) -> None:
    both = line()
    part, call, after, error, answer = BREAKS[name]
    both.failing = [broken(both, part, call, error, after)]
    both.there.acknowledge(both.incident, by=ANN)
    (sent,) = both.there.deliver()
    assert sent.answers == [answer, 202]
    both.world.advance(hours=1)
    events = both.world.store.load_events(both.world.incident().id)
    assert [each.change.value for each in events].count("acknowledged") == 1
    assert both.world.incident().owner == "Ann"
    assert calls(both.world) == ["team"]


def broken(both: Line, part: str, call: str, error: BaseException, after: int) -> dict[str, Any]:
    if part == "receipts":
        return {"receipts": Without(both.receipts, call, error, after=after)}
    desk = api_of(both.world).desk
    changed: dict[str, Any] = {part: Without(getattr(desk, part), call, error, after=after)}
    parts: dict[str, Any] = {"desk": replace(desk, **changed)}
    if isinstance(error, Died):
        parts["receipts"] = Without(both.receipts, "drop")  # who is dead gives nothing back
    return parts


def taken_here() -> Line:
    """Return an incident that somebody took in Slack, which PagerDuty shows."""
    both = line()
    both.world.acknowledge("ada", source=Source.SLACK)
    both.world.advance(minutes=1)
    both.there.deliver()
    assert (both.incident.status, both.events) == ("acknowledged", ["trigger", "acknowledge"])
    return both


def know_bob(world: World) -> None:
    """Have a user whom an incident can be handed: he gets a message, and follows no incidents."""
    name = contact_name("bob", Method.SLACK)
    bob = User("bob", slack_id="U2", rules=(ContactRule(Method.SLACK),))
    contacts = {name: receiver(name, Kind.WEBHOOK)}
    world.configure(replace(world.loaded.configuration, users={"bob": bob}, contacts=contacts))


# What happens after somebody took it here, and how PagerDuty's incident stands then: whom it calls is PagerDuty's.
NEWS: dict[str, tuple[Callable[[Line], object], str]] = {
    "reassigned there": (lambda both: both.there.reassign(both.incident, BOB, by=ANN), "triggered"),
    "its acknowledgement times out there": (lambda both: both.there.unacknowledge(both.incident), "triggered"),
    "escalated there": (lambda both: both.there.escalate(both.incident, BOB, by=ANN), "triggered"),
    "handed to another policy there": (lambda both: both.there.delegate(both.incident, BOB, by=ANN), "triggered"),
    "opened again there": (lambda both: both.there.reopen(both.incident, by=ANN), "triggered"),
    "a note there": (lambda both: both.there.note(both.incident, "mine", by=ANN), "acknowledged"),
}


@pytest.mark.parametrize("name", NEWS)
def test_what_pagerduty_says_is_never_answered_by_an_acknowledgement(name: str) -> None:
    both = taken_here()
    happen, status = NEWS[name]
    happen(both)
    both.there.deliver()
    both.world.advance(hours=1)
    assert (both.incident.status, both.events) == (status, ["trigger", "acknowledge"])
    assert both.world.incident().state is IncidentState.ACKNOWLEDGED
    told = [page.notification.standing for page in both.world.updates if page.receiver == "team"]
    assert len(told) == 2, "in Slack it is news"


@pytest.mark.parametrize("verb", [Verb.NOTE, Verb.REASSIGN, Verb.SNOOZE])
def test_what_is_news_here_alone_is_told_to_slack_and_not_to_pagerduty(verb: Verb) -> None:
    both = taken_here()
    both.there.reassign(both.incident, BOB, by=ANN)
    know_bob(both.world)
    both.world.act(verb, by="ada", comment="a disk", to="bob", minutes=60)
    both.world.advance(minutes=30)
    assert (both.incident.status, both.events) == ("triggered", ["trigger", "acknowledge"])
    assert [page.receiver for page in both.world.updates].count("team") == 2


def test_a_reminder_of_ours_does_not_silence_pagerduty() -> None:
    terms = Terms(ack_timeout=timedelta(minutes=60), reminder=timedelta(minutes=50))
    both = line(escalation=replace(CLIMB, terms=terms))
    both.world.acknowledge("ada", source=Source.SLACK)
    both.world.advance(minutes=1)
    both.there.unacknowledge(both.incident)
    both.world.advance(minutes=30)
    assert both.world.incident().is_reminded
    assert (both.incident.status, both.events.count("acknowledge")) == ("triggered", 1)


def test_what_was_taken_in_pagerduty_and_handed_on_here_is_not_told_there() -> None:
    both = line()
    both.there.acknowledge(both.incident, by=ANN)
    both.there.deliver()
    both.there.reassign(both.incident, BOB, by=ANN)
    know_bob(both.world)
    both.world.act(Verb.REASSIGN, by="ada", to="bob")
    both.world.advance(minutes=30)
    assert (both.incident.status, both.events) == ("triggered", ["trigger"])


def test_who_takes_it_anew_here_stops_it_there_again() -> None:
    both = taken_here()
    both.there.reassign(both.incident, BOB, by=ANN)
    both.there.deliver()
    both.world.act(Verb.SNOOZE, by="ada", minutes=10)
    both.world.advance(minutes=2)
    both.world.acknowledge("eve", source=Source.SLACK)
    both.world.advance(minutes=2)
    assert (both.incident.status, both.events) == ("acknowledged", ["trigger", "acknowledge", "acknowledge"])


def test_taken_while_more_fires_pagerduty_hears_of_both() -> None:
    both = line()
    both.world.metric_goes_bad("Down", instance="b")
    state = both.world.store.load_group(both.world.incident().group, now=both.world.now)
    assert state
    assert state.group.next_flush_at
    both.world.at(state.group.next_flush_at, lambda: both.world.acknowledge("ada", source=Source.SLACK))
    both.world.advance(minutes=10)
    assert both.world.incident().state is IncidentState.ACKNOWLEDGED
    assert (both.incident.status, both.events) == ("acknowledged", ["trigger", "trigger", "acknowledge"])


# Several services


SHARED, OTHER = {"routing_key_file": "secret:pagerduty#key"}, {"routing_key_file": "secret:pagerduty#other"}


def two_services(*settings: dict[str, str]) -> Line:
    """Return an incident for which a receiver pages two services of PagerDuty's, or others as set."""
    pair = receiver("pair", Kind.PAGERDUTY, Kind.PAGERDUTY)
    keys = settings or (SHARED, OTHER)
    pair = replace(pair, integrations=tuple(map(_with_settings, pair.integrations, keys)))
    built = configuration(rule("Down"), receivers=[pair], policies=[policy((0, "pair"))])
    both = Line(World(hears_pagerduty(built)))
    both.world.metric_goes_bad("Down")
    both.world.advance(minutes=3)
    both.there.deliver()
    return both


def _with_settings(integration: Integration, settings: dict[str, str]) -> Integration:
    return replace(integration, settings=settings)


def stand(both: Line) -> list[str]:
    return [each.status for each in both.there.incidents]


@pytest.mark.parametrize("taken", [0, 1])
def test_taken_in_one_service_of_a_receiver_its_other_one_hears_of_it_and_the_first_does_not(taken: int) -> None:
    both = two_services()
    one, other = both.there.incidents[taken], both.there.incidents[1 - taken]
    both.there.acknowledge(one, by=ANN)
    both.there.deliver()
    both.there.reassign(one, BOB, by=ANN)
    both.world.advance(minutes=1)
    both.there.deliver()
    assert (one.status, other.status) == ("triggered", "acknowledged")
    assert both.events == ["trigger", "trigger", "acknowledge"]
    assert both.world.incident().owner == "Ann"
    both.world.metric_recovers("Down")
    both.world.advance(minutes=10)
    assert stand(both) == ["resolved", "resolved"]


def test_a_note_in_the_second_service_stands_here_too() -> None:
    both = two_services()
    both.there.note(both.there.incidents[1], "rebooted it", by=BOB)
    both.there.deliver()
    events = both.world.store.load_events(both.world.incident().id)
    assert [(each.by, each.comment) for each in events if each.comment] == [("Bob", "rebooted it")]


def test_one_service_that_stands_twice_in_a_receiver_has_one_incident() -> None:
    both = two_services(SHARED, SHARED)
    assert stand(both) == ["triggered"]
    both.there.acknowledge(both.incident, by=ANN)
    both.there.deliver()
    both.there.reassign(both.incident, BOB, by=ANN)
    both.world.advance(minutes=10)
    assert stand(both) == ["triggered"], "and nobody silences Bob's"


def test_what_was_opened_by_an_older_version_ends_under_the_key_that_it_has() -> None:
    both = two_services()
    record = both.world.store.groups[both.world.incident().group]
    older = {key: replace(sent, ties=()) for key, sent in record.group.sent.items()}
    record.group = replace(record.group, sent=older)
    both.there.incidents[1].key = both.there.incidents[0].key
    both.world.metric_recovers("Down")
    both.world.advance(minutes=10)
    assert stand(both) == ["resolved", "resolved"]
    both.world.metric_goes_bad("Down")
    both.world.advance(minutes=5)
    assert len({each.key for each in both.there.incidents[2:]}) == 2


def test_a_long_key_of_a_second_service_finds_its_group_too() -> None:
    long = "p" * 240
    pair = receiver(long, Kind.PAGERDUTY, Kind.PAGERDUTY)
    pair = replace(pair, integrations=tuple(map(_with_settings, pair.integrations, (SHARED, OTHER))))
    both = Line(World(hears_pagerduty(configuration(rule("Down"), receivers=[pair], policies=[policy((0, long))]))))
    both.world.metric_goes_bad("Down")
    both.world.advance(minutes=3)
    assert [len(each.key) for each in both.there.incidents] == [64, 64]
    both.there.acknowledge(both.there.incidents[1])
    both.there.deliver()
    both.world.advance(minutes=1)
    assert stand(both) == ["acknowledged", "acknowledged"]


# An acknowledgement that is over


TIMES_OUT = replace(CLIMB, terms=Terms(ack_timeout=timedelta(minutes=30)))


@pytest.mark.parametrize("place", ["here", "there"])
def test_an_acknowledgement_that_times_out_here_calls_again_there(place: str) -> None:
    both = line(escalation=TIMES_OUT)
    if place == "here":
        both.world.acknowledge("ada", source=Source.SLACK)
    else:
        both.there.acknowledge(both.incident, by=ANN)
    both.there.deliver()
    both.world.advance(minutes=29)
    assert stand(both) == ["acknowledged"]
    both.world.advance(minutes=2)
    both.there.deliver()
    assert stand(both) == ["resolved", "triggered"]
    assert both.world.incident().state is IncidentState.OPEN, "what we closed there is no resolution"
    both.world.advance(minutes=20)
    assert calls(both.world) == ["team", "second", "boss"]
    assert stand(both) == ["resolved", "triggered"], "and once"
    both.there.acknowledge(both.incident, by=BOB)
    both.there.deliver()
    assert (both.world.incident().state, both.world.incident().owner) == (IncidentState.ACKNOWLEDGED, "Bob")
    both.world.advance(minutes=31)
    assert stand(both) == ["resolved", "resolved", "triggered"]
    both.world.resolve("ada")
    both.world.advance(minutes=2)
    assert stand(both) == ["resolved"] * 3


def test_what_is_handed_up_by_hand_calls_in_pagerduty_again_where_a_step_asks_for_it() -> None:
    both = line(escalation=policy((0, "pager"), (5, "second"), (15, "pager")))
    both.world.acknowledge("ada", source=Source.SLACK)
    both.world.advance(minutes=10)
    both.world.act(Verb.ESCALATE, by="ada")  # to the second step
    both.world.advance(minutes=2)
    assert stand(both) == ["acknowledged"], "nobody asks for it yet"
    both.world.act(Verb.ACKNOWLEDGE, by="ada")
    both.world.act(Verb.RESOLVE, by="ada")
    both.world.advance(minutes=2)
    assert stand(both) == ["resolved"]


def test_a_snooze_that_ends_leaves_what_pagerduty_is_calling_for() -> None:
    both = line()
    both.world.act(Verb.SNOOZE, by="ada", minutes=10)
    both.world.advance(minutes=30)
    assert both.world.incident().state is IncidentState.OPEN
    assert stand(both) == ["triggered"]


@pytest.mark.parametrize("taken", [1, 2])
def test_where_calling_again_breaks_off_it_is_done_once_all_the_same(taken: int) -> None:
    """Of its two events the first, or both, are taken there before the delivery fails."""
    both = line(escalation=TIMES_OUT)
    both.world.acknowledge("ada", source=Source.SLACK)
    both.world.advance(minutes=29)
    both.breaks_after = taken
    both.world.advance(minutes=15)
    both.there.deliver()
    assert stand(both) == ["resolved", "triggered"]


def test_what_could_not_be_closed_there_is_closed_by_what_comes_next() -> None:
    both = line(escalation=TIMES_OUT)
    both.world.acknowledge("ada", source=Source.SLACK)
    both.world.advance(minutes=29)
    both.world.receiver_fails("pager", retryable=True)
    both.world.advance(minutes=3)
    both.world.metric_goes_bad("Down", instance="b")
    both.world.advance(minutes=10)
    assert stand(both) == ["acknowledged"]
    both.world.receiver_works("pager")
    both.world.advance(minutes=10)
    assert stand(both) == ["resolved", "triggered"]
    both.world.metric_recovers("Down")
    both.world.metric_recovers("Down", instance="b")
    both.world.advance(minutes=10)
    assert stand(both) == ["resolved", "resolved"]


def test_whom_no_step_asks_is_called_again_when_it_is_repeated() -> None:
    route = RouteSpec(receiver="pager", repeat_interval=timedelta(hours=1))
    steps = replace(policy((0, "second")), terms=Terms(ack_timeout=timedelta(minutes=30)))
    people = [pages_pagerduty("pager"), receiver("second")]
    both = Line(World(hears_pagerduty(configuration(rule("Down"), route=route, receivers=people, policies=[steps]))))
    both.world.metric_goes_bad("Down")
    both.world.advance(minutes=3)
    both.world.acknowledge("ada")
    both.world.advance(minutes=45)
    assert stand(both) == ["acknowledged"]
    both.world.advance(hours=3)
    assert stand(both) == ["resolved", "triggered"]


def test_a_late_word_on_what_was_closed_takes_nothing() -> None:
    both = line(escalation=TIMES_OUT)
    both.world.acknowledge("ada", source=Source.SLACK)
    both.world.advance(minutes=29)
    both.there.reassign(both.incident, BOB, by=ANN)
    both.there.acknowledge(both.incident, by=BOB)  # and PagerDuty's webhook is held up
    both.world.advance(minutes=2)
    both.there.deliver()
    assert both.world.incident().state is IncidentState.OPEN
    assert stand(both) == ["resolved", "triggered"]
