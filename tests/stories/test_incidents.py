"""Stories of an incident that people act on: from Slack, from PagerDuty, by hand, too late, twice, and not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.stories.configurations import MINUTE, configuration, receiver, rule
from tests.stories.world import START, World
from tocsin.adapters.pagerduty import render_all
from tocsin.adapters.silence_json import silence_as_json
from tocsin.adapters.texts import Texts
from tocsin.core.alerts import Status
from tocsin.core.configuration import Configuration
from tocsin.core.incidents import Actor, Change, IncidentState, Refusal, Source
from tocsin.core.matchers import Matcher, MatchType
from tocsin.core.merging import Posted
from tocsin.core.notifications import Reason
from tocsin.core.oncall import Override, Schedule
from tocsin.core.pagerduty import dedup_key
from tocsin.core.policies import NO_TERMS, EscalationPolicy, Step, Terms
from tocsin.core.receivers import Kind, Receiver
from tocsin.core.routing import RouteSpec
from tocsin.core.suppressing import silences_on
from tocsin.core.users import ContactRule, Method, User, contact_name
from tocsin.pipeline.incidents import Acted, Order, Verb, act
from tocsin.ports import SilenceChange

HOUR = timedelta(hours=1)
OPENED = START + MINUTE + timedelta(seconds=30)
PEOPLE = [
    receiver("oncall"),
    receiver("second"),
    receiver("boss", Kind.PAGERDUTY),
    receiver("chief", Kind.PAGERDUTY),
    receiver("desk", Kind.EMAIL),
]
STEPS = (Step(0 * MINUTE, ("oncall",)), Step(5 * MINUTE, ("second",)), Step(15 * MINUTE, ("boss",)))
ANN = User("ann", slack_id="U1", phone="+441", rules=(ContactRule(Method.SLACK), ContactRule(Method.SMS, 2 * MINUTE)))
BOB = User("bob", slack_id="U2", rules=(ContactRule(Method.SLACK),))


def world_of(*more: Any, **settings: Any) -> World:
    """Return a world in which everything that fires takes one policy, and ann and bob can be told."""
    return World(configured(*more, **settings))


def configured(
    *more: Any,
    steps: tuple[Step, ...] = STEPS,
    terms: Terms = NO_TERMS,
    schedules: dict[str, Schedule] | None = None,
    repeat: timedelta = 24 * HOUR,
    is_immediate: bool = False,
) -> Configuration:
    route = RouteSpec(receiver="team", group_by=("alertname",), repeat_interval=repeat)
    taken = EscalationPolicy("default", steps, terms=terms, is_immediate=is_immediate)
    whole = configuration(rule("Down"), *more, route=route, receivers=PEOPLE, policies=[taken])
    ways = [(user.name, each.by) for user in (ANN, BOB) for each in user.rules]
    contacts = {contact_name(*way): receiver(contact_name(*way), _KINDS[way[1]]) for way in ways}
    return replace(whole, users={"ann": ANN, "bob": BOB}, schedules=schedules or {}, contacts=contacts)


_KINDS = {Method.SLACK: Kind.WEBHOOK, Method.SMS: Kind.TELEGRAM}  # which follow no incidents: what they get are pages


def told(world: World) -> list[tuple[float, str]]:
    """Return who was paged how many minutes after the incident opened."""
    return [((page.at - OPENED) / MINUTE, page.receiver) for page in world.pages]


def changes(world: World) -> list[Change]:
    return [event.change for event in world.store.load_events(world.incident().id)]


def test_nobody_answers_every_step_every_turn_and_then_it_stops():
    world = world_of(terms=Terms(repeat=2, repeat_after=10 * MINUTE))
    world.metric_goes_bad("Down")
    world.advance(hours=20)
    turn = [(0, "oncall"), (5, "second"), (15, "boss")]
    assert told(world) == [(0, "team"), *((25 * n + minute, name) for n in range(3) for minute, name in turn)]
    assert changes(world).count(Change.STEP) == 9
    assert changes(world).count(Change.REPEATED) == 2


def test_a_click_in_slack_stops_the_climb_and_edits_what_everybody_in_slack_sees():
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=7)
    world.acknowledge("ann", source=Source.SLACK)
    world.advance(hours=5)
    assert told(world) == [(0, "team"), (0, "oncall"), (5, "second")]
    updates = {page.receiver: page.notification for page in world.updates}
    assert sorted(updates) == ["oncall", "second", "team"], "each once, and nobody who knows of nothing"
    assert len(world.updates) == 3
    for note in updates.values():
        assert (note.reason, note.status) == (Reason.UPDATE, Status.FIRING)
        assert note.standing is not None
        assert (note.standing.state, note.standing.owner) == ("acknowledged", "ann")
        assert note.standing.said == "Acknowledged by ann (slack)"
        assert [alert.name for alert in note.alerts] == ["Down"]


def test_an_acknowledgement_in_pagerduty_stops_the_climb_and_is_not_told_to_pagerduty():
    world = world_of(steps=(Step(0 * MINUTE, ("boss",)), Step(5 * MINUTE, ("second",))))
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    world.acknowledge("ann", source=Source.PAGERDUTY)
    world.advance(hours=5)
    assert told(world) == [(0, "team"), (0, "boss")]
    assert [page.receiver for page in world.updates] == ["team"]


def test_where_several_services_are_paged_the_others_hear_of_it():
    world = world_of(steps=(Step(0 * MINUTE, ("boss", "chief")),))
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    key = dedup_key(world.incident().group, "boss")
    order = Order(Verb.ACKNOWLEDGE, world.incident().id, Actor("ann", Source.PAGERDUTY, key))
    act(world.desk(), order, now=world.now)
    world.advance(hours=1)
    assert sorted(page.receiver for page in world.updates) == ["chief", "team"]


def test_one_elsewhere_is_told_to_pagerduty():
    world = world_of(steps=(Step(0 * MINUTE, ("boss",)),))
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    world.acknowledge("ann", source=Source.SLACK)
    world.advance(minutes=3)
    world.resolve("ann")
    world.advance(minutes=3)
    said = [page.notification.standing for page in world.updates if page.receiver == "boss"]
    assert [each.state for each in said if each] == ["acknowledged", "resolved"]


def test_an_acknowledgement_that_times_out_escalates_again():
    world = world_of(terms=Terms(ack_timeout=HOUR, reminder=10 * MINUTE))
    world.metric_goes_bad("Down")
    world.advance(minutes=3, seconds=30)
    world.acknowledge("ann")  # two minutes after it opened
    world.advance(hours=5)
    assert told(world) == [
        (0, "team"),
        (0, "oncall"),
        (52, "user/ann/slack"),
        (62, "oncall"),
        (67, "second"),
        (77, "boss"),
    ]
    assert {page.notification.reason for page in world.pages[1:]} == {Reason.ESCALATED}
    assert [each for each in changes(world) if each is not Change.STEP] == [
        Change.OPENED,
        Change.ACKNOWLEDGED,
        Change.REMINDED,
        Change.REOPENED,
    ]


@pytest.mark.parametrize(
    ("owner", "fallback", "reminded"),
    [("desk", (), ["desk"]), ("jane", ("chief",), ["chief"]), ("jane", (), ["oncall"])],
    ids=["a receiver, by the link in its mail", "somebody with a fallback", "somebody, and those who were told"],
)
def test_who_has_it_and_is_no_user_is_reminded_all_the_same(owner: str, fallback: tuple[str, ...], reminded: list[str]):
    world = world_of(terms=Terms(ack_timeout=HOUR, reminder=10 * MINUTE, fallback=fallback))
    world.metric_goes_bad("Down")
    world.advance(minutes=3, seconds=30)
    world.acknowledge(owner, source=Source.EMAIL)
    world.advance(minutes=55)
    assert told(world)[2:] == [(52, name) for name in reminded]
    said = [event.said for event in world.store.load_events(world.incident().id) if event.change is Change.UNREACHED]
    assert said == ([] if owner == "desk" else [f"jane has no way to be told: told {reminded[0]} instead"])


def test_who_is_told_of_a_timeout_that_the_alert_did_not_live_to_see():
    world = world_of(terms=Terms(ack_timeout=HOUR))
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    world.acknowledge("ann")
    world.advance(minutes=20)
    world.metric_recovers("Down")
    world.advance(hours=3)
    assert [page.receiver for page in world.pages] == ["team", "oncall", "oncall", "team"]
    assert world.incident().state is IncidentState.RESOLVED


def test_a_resolution_while_the_state_machine_waits_ends_the_climb():
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=8)
    world.metric_recovers("Down")
    world.advance(hours=3)
    assert [page.receiver for page in world.pages[:3]] == ["team", "oncall", "second"]
    assert {page.notification.status for page in world.pages[3:]} == {Status.RESOLVED}
    assert len(world.pages) == 6
    assert changes(world)[-1] is Change.RESOLVED


def test_a_policy_that_is_changed_on_the_way_counts_by_position():
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    world.configure(configured(steps=(Step(0 * MINUTE, ("second",)), Step(5 * MINUTE, ("desk",)), STEPS[2])))
    world.advance(hours=3)
    assert told(world) == [(0, "team"), (0, "oncall"), (5, "desk"), (15, "boss")]
    assert Change.POLICY in changes(world)


def test_nobody_on_call_tells_the_fallback_and_says_so():
    empty = Schedule("primary", ())
    steps = (Step(0 * MINUTE, schedules=("primary",)),)
    world = world_of(steps=steps, terms=Terms(fallback=("desk",)), schedules={"primary": empty})
    world.metric_goes_bad("Down")
    world.advance(hours=1)
    assert told(world) == [(0, "team"), (0, "desk")]
    standing = world.pages[1].notification.standing
    assert standing is not None
    assert standing.said == "Nobody is on call in primary: told desk instead"


def test_who_is_on_call_is_told_by_their_own_rules():
    primary = Schedule("primary", (), (Override(START, START + 10 * HOUR, "ann"),))
    world = world_of(steps=(Step(5 * MINUTE, schedules=("primary",)),), schedules={"primary": primary})
    world.metric_goes_bad("Down")
    world.advance(hours=1)
    assert told(world) == [(0, "team"), (5, "user/ann/slack"), (7, "user/ann/sms")]
    world.metric_recovers("Down")
    world.advance(minutes=30)
    ended = [page.receiver for page in world.pages if page.notification.status is Status.RESOLVED]
    assert sorted(ended) == ["team", "user/ann/slack", "user/ann/sms"]


def test_two_acknowledgements_at_once_the_first_has_it():
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    taken: list[Acted] = []
    world.at(world.now, lambda: taken.append(world.act(Verb.ACKNOWLEDGE, by="ann", source=Source.SLACK)))
    world.at(world.now, lambda: taken.append(world.act(Verb.ACKNOWLEDGE, by="bob", source=Source.EMAIL)))
    world.advance(hours=2)
    assert [each.refusal for each in taken] == [None, Refusal.ALREADY]
    assert taken[1].sentence.startswith("already acknowledged by ann at 2026-11-20T03:03:00Z")
    assert len(world.updates) == 2, "each of Slack's two messages is edited once"


def test_new_alerts_in_an_acknowledged_group_reach_whoever_has_it():
    world = world_of()
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=3)
    world.acknowledge("bob")
    world.metric_goes_bad("Down", instance="b")
    world.advance(hours=2)
    news = {(page.receiver, page.notification.reason) for page in world.pages[2:]}
    assert news == {
        ("team", Reason.NEW_ALERTS),
        ("oncall", Reason.NEW_ALERTS),
        ("user/bob/slack", Reason.FIRST),
    }
    assert len(world.pages) == 5
    assert world.incident().counts.fired == 2


@pytest.mark.parametrize(
    ("owner", "others"),
    [("cy", ["user/cy/sms"]), ("desk", ["desk"]), ("jane", ["chief"])],
    ids=["a user whose first way is a late one", "a receiver, by the link in its mail", "somebody with a fallback"],
)
def test_whoever_has_it_new_alerts_find_somebody(owner: str, others: list[str]):
    loaded, sms = configured(terms=Terms(fallback=("chief",))), contact_name("cy", Method.SMS)
    cy = User("cy", phone="+442", rules=(ContactRule(Method.SMS, 2 * MINUTE),))
    contacts = {**loaded.contacts, sms: receiver(sms, Kind.TELEGRAM)}
    world = World(replace(loaded, users={**loaded.users, "cy": cy}, contacts=contacts))
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=3)
    world.acknowledge(owner)
    world.metric_goes_bad("Down", instance="b")
    world.advance(hours=2)
    assert sorted(page.receiver for page in world.pages[2:]) == sorted(["team", "oncall", *others])
    said = [event.said for event in world.store.load_events(world.incident().id) if event.change is Change.UNREACHED]
    assert said == (["New alerts: jane has no way to be told: told chief instead"] if owner == "jane" else [])


def test_new_alerts_open_an_acknowledged_incident_again_where_the_policy_says_so():
    world = world_of(terms=Terms(reopens=True))
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=3)
    world.acknowledge("bob")
    world.metric_goes_bad("Down", instance="b")
    world.advance(minutes=5)
    assert world.incident().state is IncidentState.OPEN
    world.advance(hours=2)
    assert [page.receiver for page in world.pages if page.notification.reason is Reason.ESCALATED] == [
        "oncall",
        "oncall",
        "second",
        "boss",
    ]


def test_what_is_snoozed_is_quiet_until_then_and_climbs_again():
    world = world_of(repeat=20 * MINUTE)
    world.metric_goes_bad("Down")
    world.advance(minutes=3, seconds=30)
    world.act(Verb.SNOOZE, by="ann", minutes=60)
    world.advance(minutes=59)
    assert told(world) == [(0, "team"), (0, "oncall")]
    world.advance(minutes=5)
    assert told(world)[2] == (62, "oncall")
    assert world.incident().state is IncidentState.OPEN


def test_what_is_new_in_a_snoozed_incident_is_told_and_also_to_who_snoozed_it():
    world = world_of(repeat=20 * MINUTE)
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=3, seconds=30)
    world.act(Verb.SNOOZE, by="bob", minutes=60)
    world.metric_goes_bad("Down", instance="b")
    world.advance(minutes=59)
    assert sorted(page.receiver for page in world.pages[2:]) == ["oncall", "team", "user/bob/slack"]
    assert all("Down/b" in page.names(Status.FIRING) for page in world.pages[2:])
    assert world.incident().state is IncidentState.SNOOZED
    world.advance(minutes=5)
    assert told(world)[5] == (62, "oncall")


def test_what_is_suppressed_is_silenced_exactly_and_anything_else_is_heard():
    world = world_of(rule("Other"))
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=3, seconds=30)
    world.act(Verb.SUPPRESS, by="ann", minutes=60)
    world.advance(minutes=30)
    (silence,) = world.store.load_silences(now=world.now)
    assert (silence.created_by, silence.matches({"alertname": "Down", "instance": "b", "severity": "critical"})) == (
        "ann",
        False,
    )
    assert told(world) == [(0, "team"), (0, "oncall")]
    world.metric_goes_bad("Other", instance="a")
    world.metric_goes_bad("Down", instance="b")
    world.advance(minutes=10)
    names = {name for page in world.pages[2:] for name in page.names(Status.FIRING)}
    assert names == {"Other/a", "Down/b"}
    said = [each.said for started in world.escalations.started for each in world.store.load_events(started)]
    assert "Open again: what fires is not all silenced" in said


def test_what_has_more_labels_than_what_is_suppressed_is_heard():
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    world.act(Verb.SUPPRESS, by="ann", minutes=600)
    world.advance(minutes=10)
    world.metric_goes_bad("Down", instance="b")
    world.advance(minutes=10)
    assert "Down/b" in {name for page in world.pages[2:] for name in page.names(Status.FIRING)}
    assert world.incident().state is IncidentState.OPEN
    world.advance(hours=2)
    assert all(page.names(Status.FIRING) == ["Down/b"] for page in world.pages[2:]), "the first one stays silenced"


def test_a_suppression_too_large_for_one_silence_is_several_that_end_together():
    world = world_of()
    for number in range(8):
        world.metric_goes_bad("Down", instance=str(number), path="/" * 60_000)
    world.advance(minutes=3)
    assert world.act(Verb.SUPPRESS, by="ann", minutes=300).refusal is None
    world.advance(minutes=10)
    silences = world.store.load_silences(now=world.now)
    assert [each.annotations for each in silences] == [{"incident": world.incident().id}] * 3
    assert all(len(json.dumps(silence_as_json(each))) < 400 * 1024 for each in silences)
    assert world.incident().state is IncidentState.SUPPRESSED
    assert len(world.pages) == 2
    world.end_silence(silences[1].id)
    assert {each.ends_at for each in world.store.load_silences(now=world.now)} == {world.now}
    world.advance(minutes=6)
    assert world.incident().state is IncidentState.OPEN


def test_who_follows_an_incident_is_told_of_its_silence_with_the_alerts_that_it_is_about():
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    world.act(Verb.SUPPRESS, by="ann", minutes=60)
    world.advance(minutes=1)
    assert {page.receiver for page in world.updates} == {"team", "oncall"}
    for note in (page.notification for page in world.updates):
        assert (note.status, [alert.name for alert in note.alerts]) == (Status.FIRING, ["Down"])


def test_a_suppressed_incident_climbs_again_when_its_silence_is_over():
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=3, seconds=30)
    world.act(Verb.SUPPRESS, by="ann", minutes=60)
    world.advance(hours=3)
    assert told(world)[2:] == [(62, "oncall"), (67, "second"), (77, "boss")]


def test_a_silence_that_is_ended_early_opens_the_incident_at_the_next_look():
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    world.act(Verb.SUPPRESS, by="ann", minutes=300)
    world.advance(minutes=20)
    (silence,) = world.store.load_silences(now=world.now)
    world.end_silence(silence.id)
    world.advance(minutes=6)
    assert world.incident().state is IncidentState.OPEN
    assert [page.receiver for page in world.pages[2:]] == ["oncall"]


def test_what_nobody_can_acknowledge_climbs_whatever_people_try():
    world = world_of(terms=Terms(is_acknowledgeable=False), is_immediate=True)
    world.metric_goes_bad("Down")
    world.advance(minutes=2)
    opened = world.incident().opened_at
    assert opened == START + MINUTE, "an immediate policy does not wait for group_wait"
    for verb in (Verb.ACKNOWLEDGE, Verb.SNOOZE, Verb.SUPPRESS, Verb.REASSIGN):
        assert world.act(verb, by="ann", minutes=60, to="bob").refusal is Refusal.NOT_ACKNOWLEDGEABLE
    assert world.act(Verb.RESOLVE, by="ann").refusal is Refusal.NOT_RESOLVABLE
    world.advance(hours=2)
    assert [page.receiver for page in world.pages] == ["team", "oncall", "second", "boss"]
    world.metric_recovers("Down")
    world.advance(minutes=1)
    assert world.act(Verb.RESOLVE, by="ann", comment="the disk was replaced").refusal is None, "nothing fires in it"


def test_who_it_is_handed_to_is_told_and_nobody_else():
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    assert world.act(Verb.REASSIGN, by="ann", to="nobody").refusal is Refusal.NO_USER
    world.act(Verb.REASSIGN, by="ann", to="bob", comment="you know this one")
    world.advance(hours=2)
    assert [page.receiver for page in world.pages] == ["team", "oncall", "user/bob/slack"]
    assert world.incident().owner == "bob"


def test_who_has_no_way_to_be_told_is_handed_nothing():
    """The climb goes on: nobody has it."""
    world = World(replace(loaded := configured(), users={**loaded.users, "cy": User("cy", pagerduty_id="PCY")}))
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    handed = world.act(Verb.REASSIGN, by="ann", to="cy")
    assert handed.refusal is Refusal.NO_WAY
    assert handed.sentence == "that user cannot be told: they have no way that works"
    world.advance(hours=2)
    assert told(world) == [(0, "team"), (0, "oncall"), (5, "second"), (15, "boss")]


@pytest.mark.parametrize(
    ("verb", "said", "first"),
    [(Verb.ESCALATE, "Escalated by ann", "second"), (Verb.REASSIGN, "Handed to bob by ann", "user/bob/slack")],
)
def test_who_is_called_by_hand_is_told_at_once_though_it_was_suppressed(verb: Verb, said: str, first: str):
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=3, seconds=30)
    world.act(Verb.SUPPRESS, by="ann", minutes=240)
    world.advance(minutes=10)
    world.act(verb, by="ann", to="bob")
    assert world.incident().said == f"{said}: what silenced it is ended"
    world.advance(hours=5)
    assert told(world)[2] == (12, first)
    assert {each.ends_at for each in world.store.load_silences(now=world.now)} == {OPENED + 12 * MINUTE}


def test_of_two_suppressions_the_newer_counts():
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=3, seconds=30)
    world.act(Verb.SUPPRESS, by="ann", minutes=24 * 60)
    world.advance(minutes=2)
    world.act(Verb.SUPPRESS, by="ann", minutes=60)
    world.advance(hours=3)
    assert told(world)[2:] == [(64, "oncall"), (69, "second"), (79, "boss")]


def test_of_two_suppressions_the_newer_counts_though_the_first_is_only_half_made():
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=3, seconds=30)
    group = world.store.load_group(world.incident().group, now=world.now)
    assert group is not None
    until = world.now + 24 * HOUR
    half = silences_on(world.incident(), [*group.alerts.values()], by="ann", comment="", until=until, now=world.now)
    world.store.save_silences([SilenceChange(each) for each in half])
    world.act(Verb.SUPPRESS, by="ann", minutes=60)
    world.advance(hours=3)
    assert told(world)[2:] == [(62, "oncall"), (67, "second"), (77, "boss")]


@pytest.mark.parametrize("taken", [Verb.ACKNOWLEDGE, Verb.SNOOZE])
@pytest.mark.parametrize(("verb", "first"), [(Verb.ESCALATE, "second"), (Verb.REASSIGN, "user/bob/slack")])
def test_who_is_called_by_hand_is_told_at_once_though_somebody_has_it_who_suppressed_it(
    taken: Verb, verb: Verb, first: str
):
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=3, seconds=30)
    world.act(Verb.SUPPRESS, by="ann", minutes=24 * 60)
    world.advance(minutes=2)
    world.act(taken, by="ann", minutes=240)
    assert world.incident().said.endswith(": what silenced it is ended")
    world.advance(minutes=10)
    assert len(world.pages) == 2, "to take it calls nobody"
    world.act(verb, by="ann", to="bob")
    world.advance(minutes=10)
    assert told(world)[2] == (14, first)


@pytest.mark.parametrize("taken", [Verb.ACKNOWLEDGE, Verb.SNOOZE])
def test_what_was_suppressed_and_then_taken_climbs_again_when_that_times_out(taken: Verb):
    world = world_of(terms=Terms(ack_timeout=HOUR))
    world.metric_goes_bad("Down")
    world.advance(minutes=3, seconds=30)
    world.act(Verb.SUPPRESS, by="ann", minutes=24 * 60)
    world.advance(minutes=2)
    world.act(taken, by="ann", minutes=60)
    world.advance(hours=3)
    assert told(world)[2:] == [(64, "oncall"), (69, "second"), (79, "boss")]


def test_who_is_called_by_hand_is_told_also_of_what_is_still_silenced_since_something_joined_it():
    world = world_of()
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=3)
    world.act(Verb.SUPPRESS, by="ann", minutes=24 * 60)
    world.advance(minutes=10)
    world.metric_goes_bad("Down", instance="b")
    world.advance(minutes=7)
    world.metric_recovers("Down", instance="b")
    world.advance(minutes=30)
    before = len(world.pages)
    world.act(Verb.ESCALATE, by="ann")
    world.advance(minutes=1)
    assert {(page.receiver, *page.names(Status.FIRING)) for page in world.pages[before:]} >= {("oncall", "Down/a")}


def test_what_a_person_has_closed_is_not_repeated_and_its_end_is_told():
    world = world_of(repeat=20 * MINUTE)
    world.metric_goes_bad("Down")
    world.advance(minutes=3, seconds=30)
    world.act(Verb.RESOLVE, by="ann")
    world.advance(hours=5)
    assert told(world) == [(0, "team"), (0, "oncall")]
    world.metric_recovers("Down")
    world.advance(minutes=10)
    assert {(page.receiver, page.notification.reason) for page in world.pages[2:]} == {
        ("team", Reason.ALL_RESOLVED),
        ("oncall", Reason.ALL_RESOLVED),
    }


def test_what_is_new_beside_what_a_person_has_closed_opens_another_and_is_repeated():
    world = world_of(repeat=20 * MINUTE)
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=3)
    world.act(Verb.RESOLVE, by="ann")
    first = world.incident().id
    world.metric_goes_bad("Down", instance="b")
    world.advance(minutes=50)
    assert world.incident().id != first
    assert Reason.REPEAT in {page.notification.reason for page in world.pages if page.receiver == "team"}


def test_what_fires_anew_though_its_group_has_not_seen_its_end_opens_another():
    world = world_of(repeat=20 * MINUTE)
    world.metric_goes_bad("Down")
    world.advance(minutes=7)
    world.act(Verb.RESOLVE, by="ann")
    world.metric_recovers("Down")
    world.advance(minutes=1)
    world.metric_goes_bad("Down")
    world.advance(minutes=60)
    assert world.incident().state is IncidentState.OPEN
    assert {"oncall", "second", "boss"} <= {page.receiver for page in world.pages[2:]}


def test_what_no_policy_takes_is_repeated_though_a_person_has_closed_what_fired_before_it():
    loaded = configured(rule("Slow", severity="warning"), repeat=20 * MINUTE)
    route = replace(loaded.root, group_by=frozenset())
    only = [replace(each, matchers=(Matcher("severity", MatchType.EQUAL, "critical"),)) for each in loaded.policies]
    world = World(replace(loaded, root=route, policies=tuple(only)))
    world.metric_goes_bad("Down")
    world.advance(minutes=7)
    world.act(Verb.RESOLVE, by="ann")
    world.metric_goes_bad("Slow")
    world.metric_recovers("Down")
    world.advance(hours=1)
    assert len(world.escalations.started) == 1
    assert sum(page.notification.reason is Reason.REPEAT for page in world.pages if page.receiver == "team") == 2


def test_a_part_that_ends_of_what_a_person_has_closed_calls_nobody_in_pagerduty():
    world = world_of(steps=(Step(0 * MINUTE, ("boss",)),))
    for instance in "ab":
        world.metric_goes_bad("Down", instance=instance)
    world.advance(minutes=7)
    world.act(Verb.RESOLVE, by="ann")
    world.metric_recovers("Down", instance="a")
    world.advance(hours=1)
    world.metric_recovers("Down", instance="b")
    world.advance(hours=1)
    heard = [page.notification for page in world.heard if page.receiver == "boss"]
    events = [event["event_action"] for each in heard for event in render_all(each, Texts(each))]
    assert events == ["trigger", "resolve", "resolve", "resolve"]


def test_by_hand_the_next_step_is_taken_now():
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=3, seconds=30)
    world.acknowledge("ann")
    world.advance(minutes=10)
    world.act(Verb.ESCALATE, by="ann", comment="it is too much for one")
    world.advance(hours=2)
    assert told(world) == [(0, "team"), (0, "oncall"), (12, "second"), (22, "boss")]


@pytest.mark.parametrize(
    ("verb", "name"), [(Verb.NOTE, "oncall"), (Verb.ACKNOWLEDGE, "oncall"), (Verb.ACKNOWLEDGE, "boss")]
)
def test_what_people_do_takes_the_place_of_no_page_that_has_not_arrived(verb: Verb, name: str):
    world = world_of(steps=(Step(0 * MINUTE, (name,)),))
    world.receiver_fails(name, retryable=True)
    world.metric_goes_bad("Down")
    world.advance(minutes=4)
    world.act(verb, by="ann", comment="seen")
    world.advance(minutes=10)
    assert [page.receiver for page in world.heard] == ["team", "team"]
    world.receiver_works(name)
    world.advance(minutes=15)
    arrived = [page.notification.reason for page in world.heard if page.receiver == name]
    assert arrived == [Reason.ESCALATED, Reason.UPDATE]


def test_a_step_that_asks_again_waits_while_all_that_fires_is_silenced():
    """And says nothing of an end."""
    world = world_of(terms=Terms(repeat=1, repeat_after=10 * MINUTE))
    world.metric_goes_bad("Down")
    world.advance(minutes=20)
    world.silence(minutes=20, alertname="Down")
    world.advance(minutes=15)
    assert told(world) == [(0, "team"), (0, "oncall"), (5, "second"), (15, "boss")]
    world.advance(minutes=40)
    assert {page.notification.status for page in world.pages} == {Status.FIRING}
    assert sorted(name for _, name in told(world)[4:]) == ["boss", "oncall", "second"]


def test_whom_a_step_asks_for_nothing_any_more_hears_of_what_ends():
    """It waited for a silence, and somebody had it when that was over."""
    world = world_of(terms=Terms(repeat=1, repeat_after=10 * MINUTE))
    world.metric_goes_bad("Down", instance="a")
    world.metric_goes_bad("Down", instance="b")
    world.advance(minutes=20)
    world.silence(minutes=20, alertname="Down")
    world.advance(minutes=15)
    world.acknowledge("ann")
    world.metric_recovers("Down", instance="a")
    world.advance(hours=1)
    ended = [page.receiver for page in world.pages if page.names(Status.RESOLVED) == ["Down/a"]]
    assert sorted(ended) == ["boss", "oncall", "second", "team"]


def test_a_note_is_shown_and_calls_nobody():
    world = world_of()
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    world.act(Verb.NOTE, by="ann", comment="the disk was replaced")
    world.advance(minutes=1)
    assert len(world.pages) == 2
    assert {page.notification.standing.said for page in world.updates if page.notification.standing} == {
        "Note by ann: the disk was replaced"
    }
    assert world.act(Verb.NOTE, by="ann").refusal is Refusal.NO_COMMENT


def test_an_incident_whose_source_has_stopped_expires():
    world = world_of()
    world.source_fires("Sent")
    world.advance(minutes=3)
    world.source_stops("Sent")
    world.advance(minutes=30)
    assert world.incident().state is IncidentState.EXPIRED
    assert changes(world)[-1] is Change.EXPIRED


def test_one_whose_source_says_so_is_resolved():
    world = world_of()
    world.source_fires("Sent")
    world.advance(minutes=3)
    world.source_recovers("Sent")
    world.advance(minutes=30)
    assert world.incident().state is IncidentState.RESOLVED


def test_how_often_it_fired_while_it_was_open_is_counted():
    world = world_of()
    world.metric_goes_bad("Down", value=1.0, instance="a")
    world.advance(minutes=2)
    world.metric_goes_bad("Down", value=7.0, instance="b")
    world.advance(minutes=10)
    world.metric_recovers("Down", instance="b")
    world.advance(minutes=10)
    world.metric_goes_bad("Down", value=9.0, instance="b")
    world.advance(minutes=10)
    counts = world.incident().counts
    assert (counts.fired, counts.last_value, counts.first_at) == (3, 9.0, START + MINUTE)


def test_what_is_told_late_is_counted_once_whenever_it_began():
    world = world_of()
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=3)
    posted = Posted({"alertname": "Down", "instance": "b"}, {}, START - HOUR, world.now + 24 * HOUR)
    world.post(posted)
    world.advance(minutes=30)
    counts = world.incident().counts
    assert (counts.fired, counts.first_at, counts.last_at) == (2, START - HOUR, START + MINUTE)


def test_the_newest_value_of_what_fires_is_known():
    world = world_of()
    world.metric_goes_bad("Down", value=1.0, instance="a")
    world.advance(minutes=3)
    world.metric_goes_bad("Down", value=50.0, instance="a")
    world.advance(minutes=20)
    assert (world.incident().counts.fired, world.incident().counts.last_value) == (1, 50.0)


def test_where_a_group_itself_tells_nobody_its_alerts_are_counted_once():
    loaded = configured()
    world = World(replace(loaded, receivers={**loaded.receivers, "team": Receiver("team", ())}))
    world.metric_goes_bad("Down")
    world.advance(hours=1)
    world.acknowledge("ann")
    assert (world.incident().counts.fired, told(world)[0]) == (1, (0, "oncall"))


@pytest.mark.parametrize("verb", [Verb.ACKNOWLEDGE, Verb.SNOOZE, Verb.RESOLVE, Verb.ESCALATE, Verb.NOTE])
def test_what_people_do_comes_through_though_every_timer_is_lost(verb: Verb):
    world = world_of(terms=Terms(ack_timeout=10 * HOUR))
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    world.loses_timers = True
    world.act(verb, by="ann", comment="seen", minutes=600)
    world.advance(minutes=1)
    assert world.updates == []
    world.loses_timers = False
    world.advance(minutes=2)
    assert {page.receiver for page in world.updates} == {"team", "oncall"}
