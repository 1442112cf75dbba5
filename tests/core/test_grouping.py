"""What a look at a group decides: whom to tell and why, what to remember, when to look again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.alerts import Alert, Status
from tocsin.core.configuration import Configuration
from tocsin.core.cooldowns import Cooldown
from tocsin.core.flushing import Surroundings, decide_flush
from tocsin.core.grouping import Flush, Group, GroupState, first_flush_at
from tocsin.core.incidents import Incident, IncidentState, incident_id
from tocsin.core.labels import Labels
from tocsin.core.notifications import Reason, Sent
from tocsin.core.policies import EscalationPolicy, Step
from tocsin.core.receivers import Integration, IntegrationKey, Kind, Receiver
from tocsin.core.routing import GroupIdentity, Route, RouteSpec, build_tree, identify_group, match_routes

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ROUTE = Route("{}", "team", group_by=frozenset({"alertname"}), repeat_interval=HOUR)
IDENTITY = GroupIdentity("team", "{}", Labels({"alertname": "Down"}))
STEPS = (Step(5 * MINUTE, ("boss",)),)
INCIDENT = Incident(incident_id(IDENTITY.id, NOW), IDENTITY.id, "team", "p", STEPS, "Down", "none", opened_at=NOW)
SLACK, BOSS, MAIL = (IntegrationKey(key) for key in ("team/slack/0", "boss/slack/0", "team/sns/1"))


def receiver(name: str, *kinds: Kind, send_resolved: bool = True) -> Receiver:
    integrations = (Integration(name, kind, index, send_resolved) for index, kind in enumerate(kinds or (Kind.SLACK,)))
    return Receiver(name, tuple(integrations))


def around(*receivers: Receiver, policy: bool = False, cooldown: timedelta = timedelta(0)) -> Surroundings:
    named = {each.name: each for each in (receiver("team"), receiver("boss"), *receivers)}
    policies = (EscalationPolicy("p", STEPS),) if policy else ()
    configuration = Configuration("", "", (), ROUTE, named, policies, default_cooldown=cooldown)
    return Surroundings(ROUTE, configuration, "https://tocsin.example.com")


def alert(instance: str = "a", *, started: timedelta = MINUTE, ended: bool = False) -> Alert:
    labels = Labels({"alertname": "Down", "instance": instance})
    return Alert(labels, {}, NOW - started, NOW, ends_at=NOW if ended else None)


FIRING, OTHER, ENDED = alert("a"), alert("b"), alert("a", ended=True)


def told(*alerts: Alert, ago: timedelta = 5 * MINUTE, resolved: tuple[Alert, ...] = ()) -> Sent:
    firing = frozenset(each.fingerprint for each in alerts)
    return Sent(firing, frozenset(each.fingerprint for each in resolved), NOW - ago, seq=7, notification_id="before")


def group(sent: Mapping[IntegrationKey, Sent] | None = None, **changes: Any) -> Group:
    return replace(Group(IDENTITY, 3, 7, next_flush_at=NOW, look_at=NOW, sent=sent or {}), **changes)


def look(given_group: Group, *alerts: Alert, incident: Incident | None = None, **more: Any) -> Flush:
    cooldowns = {FIRING.fingerprint: more.pop("held")} if "held" in more else {}
    state = GroupState(given_group, {each.fingerprint: each for each in alerts}, cooldowns)
    return decide_flush(state, incident, more.pop("around", around()), now=more.pop("now", NOW))


def reasons(flush: Flush) -> dict[str, Reason]:
    return {each.key: each.reason for each in flush.notifications}


NOT_DUE: dict[str, Any] = {"next_flush_at": NOW + MINUTE, "look_at": NOW}
TAKEN = replace(INCIDENT, state=IncidentState.ACKNOWLEDGED)
CLOSED = replace(INCIDENT, state=IncidentState.RESOLVED)
LOOKS = {
    "a first alert is told": (group(), [FIRING], None, {SLACK: Reason.FIRST}),
    "what was told is not told again": (group({SLACK: told(FIRING)}), [FIRING], None, {}),
    "a new alert is told": (group({SLACK: told(FIRING)}), [FIRING, OTHER], None, {SLACK: Reason.NEW_ALERTS}),
    "all resolved is told": (group({SLACK: told(FIRING)}), [ENDED], None, {SLACK: Reason.ALL_RESOLVED}),
    "one resolved is told": (
        group({SLACK: told(FIRING, OTHER)}),
        [ENDED, OTHER],
        None,
        {SLACK: Reason.NEW_RESOLVED},
    ),
    "a repeat after its interval": (group({SLACK: told(FIRING, ago=2 * HOUR)}), [FIRING], None, {SLACK: Reason.REPEAT}),
    "no repeat while acknowledged": (group({SLACK: told(FIRING, ago=2 * HOUR)}), [FIRING], TAKEN, {}),
    "no repeat once a person has closed it": (group({SLACK: told(FIRING, ago=2 * HOUR)}), [FIRING], CLOSED, {}),
    "a new alert though acknowledged": (
        group({SLACK: told(FIRING)}),
        [FIRING, OTHER],
        TAKEN,
        {SLACK: Reason.NEW_ALERTS},
    ),
    "before it is due nothing is told": (group(**NOT_DUE), [FIRING], None, {}),
    "a step is told before the group is due": (
        group({SLACK: told(FIRING)}, escalated={"boss": 1}, **NOT_DUE),
        [FIRING, OTHER],
        INCIDENT,
        {BOSS: Reason.ESCALATED},
    ),
    "a step that was told is not told again": (
        group({SLACK: told(FIRING), BOSS: replace(told(FIRING), step=1)}, escalated={"boss": 1}, **NOT_DUE),
        [FIRING, OTHER],
        INCIDENT,
        {},
    ),
    "a step after an acknowledgement is withheld": (
        group({SLACK: told(FIRING)}, escalated={"boss": 1}, **NOT_DUE),
        [FIRING],
        TAKEN,
        {},
    ),
    "a step of which nothing fires any more": (
        group({SLACK: told(FIRING)}, escalated={"boss": 1}, **NOT_DUE),
        [ENDED],
        INCIDENT,
        {},
    ),
    "the resolution reaches who was added by a step": (
        group({SLACK: told(FIRING), BOSS: told(FIRING)}, escalated={"boss": 1}),
        [ENDED],
        INCIDENT,
        {SLACK: Reason.ALL_RESOLVED, BOSS: Reason.ALL_RESOLVED},
    ),
    "a receiver that is configured no more is told nothing": (
        group(escalated={"gone": 1}),
        [FIRING],
        INCIDENT,
        {SLACK: Reason.FIRST},
    ),
    "an empty group": (group(), [], None, {}),
}


@pytest.mark.parametrize(("given_group", "alerts", "incident", "expected"), LOOKS.values(), ids=LOOKS)
def test_whom_a_look_tells_and_why(given_group, alerts, incident, expected):
    flush = look(given_group, *alerts, incident=incident)
    assert reasons(flush) == expected
    for each in flush.notifications:
        entry = flush.group.sent[each.key]
        assert (entry.at, entry.seq, entry.notification_id) == (NOW, each.seq, each.id)
        assert each.seq > given_group.seq
    untold = set(flush.group.sent) - set(expected)
    assert all(flush.group.sent[key] == given_group.sent[key] for key in untold)


def test_what_is_withheld_is_said_to_be():
    overdue = group({SLACK: told(FIRING, ago=2 * HOUR)}, escalated={"boss": 1})
    assert look(overdue, FIRING, incident=TAKEN).withheld == {SLACK: Reason.ACKNOWLEDGED, BOSS: Reason.ACKNOWLEDGED}


def test_each_integration_has_a_record_of_its_own():
    here = around(receiver("team", Kind.SLACK, Kind.SNS))
    flush = look(group({SLACK: told(FIRING)}), FIRING, around=here)
    assert reasons(flush) == {MAIL: Reason.FIRST}
    assert flush.group.sent[SLACK] == told(FIRING)


def test_a_resolution_that_is_not_to_be_told_is_remembered_all_the_same():
    here = around(receiver("team", send_resolved=False))
    flush = look(group({SLACK: told(FIRING)}), ENDED, around=here)
    assert flush.notifications == ()
    assert (flush.group.sent[SLACK].firing, flush.group.sent[SLACK].notification_id) == (frozenset(), "")


def test_who_hears_of_no_resolutions_gets_no_resolved_alerts_in_the_list():
    before = group({SLACK: told(FIRING)})
    for send_resolved, expected in ((True, 2), (False, 1)):
        here = around(receiver("team", send_resolved=send_resolved))
        (told_now,) = look(before, ENDED, OTHER, around=here).notifications
        assert len(told_now.alerts) == expected


# When to look again


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        pytest.param(timedelta(0), 5 * MINUTE, id="on time"),
        pytest.param(7 * SECOND, 5 * MINUTE, id="a little late: the grid does not drift"),
        pytest.param(5 * MINUTE, 10 * MINUTE, id="an interval late: the one that was missed is not made up for"),
        pytest.param(23 * MINUTE, 25 * MINUTE, id="much too late"),
    ],
)
def test_the_next_flush_is_on_the_groups_own_grid(late, expected):
    flush = look(group(), FIRING, now=NOW + late)
    assert flush.group.next_flush_at == flush.group.look_at == NOW + expected


def test_a_group_in_which_nothing_fires_is_over():
    flush = look(group({SLACK: told(FIRING)}, escalated={"boss": 1}, incident=INCIDENT.id), ENDED, incident=INCIDENT)
    assert flush.dropped == (ENDED,)
    after = flush.group
    assert (after.next_flush_at, after.look_at, after.escalated, after.incident) == (None, None, {}, None)


def test_a_look_that_is_not_due_leaves_the_plan_and_drops_nothing():
    flush = look(group({SLACK: told(FIRING)}, **NOT_DUE), ENDED)
    assert (flush.group.next_flush_at, flush.group.look_at) == (NOW + MINUTE, NOW + MINUTE)
    assert (flush.dropped, flush.notifications, flush.cooldowns) == ((), (), {})


@pytest.mark.parametrize(
    ("started", "expected"),
    [
        pytest.param(0 * SECOND, 30 * SECOND, id="a new alert waits for group_wait"),
        pytest.param(29 * SECOND, 30 * SECOND, id="almost as old as group_wait"),
        pytest.param(30 * SECOND, 0 * SECOND, id="older than group_wait: at once"),
    ],
)
def test_a_new_groups_first_flush(started, expected):
    assert first_flush_at(ROUTE, alert(started=started), NOW) == NOW + expected


def test_a_new_group_waits_for_an_alert_that_begins_at_the_end_of_time():
    begins = replace(alert(), starts_at=datetime.max.replace(tzinfo=UTC))
    assert first_flush_at(ROUTE, begins, NOW) == NOW + 30 * SECOND


# Incidents


def test_an_incident_opens_with_the_first_page_which_names_it():
    flush = look(group(), FIRING, around=around(policy=True))
    assert flush.opened is not None
    assert (flush.opened.steps, flush.opened.receiver, flush.opened.title) == (STEPS, "team", "Down")
    assert flush.opened.opened_at == NOW
    assert flush.group.incident == flush.opened.id == flush.notifications[0].incident


def test_no_incident_opens_without_a_policy_beside_an_open_one_or_for_nothing():
    assert look(group(), FIRING).opened is None
    known = group({SLACK: told(FIRING)}, incident=INCIDENT.id)
    for state in (INCIDENT, TAKEN, CLOSED):
        assert look(known, FIRING, incident=state, around=around(policy=True)).opened is None
    assert look(group(), ENDED, around=around(policy=True)).opened is None


def test_a_new_alert_after_a_manual_resolution_opens_another_incident():
    known = group({SLACK: told(FIRING)}, incident=INCIDENT.id, escalated={"boss": 1})
    flush = look(known, FIRING, OTHER, incident=CLOSED, around=around(policy=True), now=NOW + MINUTE)
    assert flush.opened is not None
    assert flush.opened.id != INCIDENT.id
    assert flush.group.escalated == {}, "boss was never told, and is not until the new climb gets there"


def test_the_end_closes_the_incident_once():
    known = group({SLACK: told(FIRING)}, incident=INCIDENT.id)
    closed = look(known, ENDED, incident=INCIDENT).closed
    assert closed is not None
    assert (closed.state, closed.changed_by, closed.changed_at) == (IncidentState.RESOLVED, "tocsin", NOW)
    assert look(known, ENDED, incident=CLOSED).closed is None


def test_an_incidents_title_names_three_alerts_and_counts_the_others():
    names = [replace(FIRING, labels=Labels({"alertname": name})) for name in "EDCBA"]
    opened = look(group(), *names, around=around(policy=True)).opened
    assert opened is not None
    assert opened.title == "A, B, C and 2 more"


# Cooldown

HELD = Cooldown(starts_at=FIRING.starts_at - HOUR, until=NOW + MINUTE)


def test_what_is_told_gets_a_cooldown():
    flush = look(group(), FIRING, around=around(cooldown=HOUR))
    assert flush.cooldowns == {FIRING.fingerprint: Cooldown(FIRING.starts_at, NOW + HOUR)}


def test_what_is_held_is_counted_not_told_and_looked_at_again():
    flush = look(group(), FIRING, held=HELD, around=around(policy=True))
    assert (flush.notifications, flush.opened) == ((), None)
    assert flush.cooldowns == {FIRING.fingerprint: replace(HELD, held=1, held_starts_at=FIRING.starts_at)}
    assert flush.group.next_flush_at == NOW + 5 * MINUTE
    again = look(group(), FIRING, held=flush.cooldowns[FIRING.fingerprint], around=around(policy=True))
    assert again.cooldowns == {}


def test_what_is_held_does_not_keep_others_from_being_told():
    flush = look(group(), FIRING, OTHER, held=HELD)
    (told_now,) = flush.notifications
    assert [each.labels["instance"] for each in told_now.alerts] == ["b"]


def test_what_was_told_and_fires_on_is_not_held():
    flush = look(group({SLACK: told(FIRING, ago=2 * HOUR)}), FIRING, held=HELD)
    assert reasons(flush) == {SLACK: Reason.REPEAT}


def test_the_end_of_what_was_held_is_not_told():
    assert look(group({SLACK: told(OTHER)}), ENDED, OTHER, held=HELD).notifications == ()


def test_when_its_cooldown_ends_it_is_told():
    assert reasons(look(group(), FIRING, held=replace(HELD, until=NOW))) == {SLACK: Reason.FIRST}


# Properties

instances = st.frozensets(st.sampled_from("abc"))
moments = st.lists(st.tuples(instances, st.integers(1, 15)), max_size=12)


def simulate(history, *, cooldown: timedelta = timedelta(0)):
    """Live through (what fires, minutes until the next look); yield each flush with what fired at its time."""
    surroundings = around(cooldown=cooldown)
    state, now = GroupState(Group(IDENTITY), {}), NOW
    started: dict[str, datetime] = {}
    for fires, minutes in history:
        for name in fires - set(started):
            started[name] = now
        ended = set(started) - fires
        copies = dict(state.alerts)
        for name in started:
            copy = replace(alert(name), starts_at=started[name], ends_at=now if name in ended else None)
            copies[copy.fingerprint] = copy
        for name in ended:
            del started[name]
        planned = replace(state.group, next_flush_at=state.group.next_flush_at or now)
        state = replace(state, group=planned, alerts=copies)
        flush = decide_flush(state, None, surroundings, now=now)
        yield now, fires, state, flush
        kept = {key: each for key, each in copies.items() if each not in flush.dropped}
        cooldowns = {key: each for key, each in {**state.cooldowns, **flush.cooldowns}.items() if each.until > now}
        state = GroupState(flush.group, kept, cooldowns)
        now += minutes * MINUTE


def names(fingerprints) -> set[str]:
    return {name for name in "abc" if alert(name).fingerprint in fingerprints}


@given(moments)
def test_after_a_flush_everybody_knows_everything_that_fires(history):
    for now, fires, state, flush in simulate(history):
        if state.group.is_due(now):
            known = flush.group.sent.get(SLACK)
            assert fires <= names(known.firing if known else ())
            assert bool(known and known.firing) == bool(fires)


@given(moments)
def test_nothing_is_told_twice_before_the_repeat_interval(history):
    last_told = None
    for now, _, _, flush in simulate(history):
        for each in flush.notifications:
            if each.reason is Reason.REPEAT:
                assert last_told is not None
                assert now - last_told > ROUTE.repeat_interval
            last_told = now


@given(moments)
def test_numbers_only_rise_and_a_flush_decided_again_is_the_same(history):
    seq = 0
    for now, _, state, flush in simulate(history, cooldown=20 * MINUTE):
        assert decide_flush(state, None, around(cooldown=20 * MINUTE), now=now) == flush
        for each in flush.notifications:
            assert each.seq > seq
        seq = max([seq, *(each.seq for each in flush.notifications)])
        assert flush.group.seq == seq


@given(moments)
def test_a_cooldown_loses_no_alert_that_still_fires_at_its_end(history):
    for now, fires, state, flush in simulate(history, cooldown=20 * MINUTE):
        if not state.group.is_due(now):
            continue
        known = flush.group.sent.get(SLACK)
        untold = fires - names(known.firing if known else ())
        for name in untold:
            cooldown = state.cooldowns[alert(name).fingerprint]
            assert now < cooldown.until, "nothing is untold but what a cooldown holds"
            assert flush.group.next_flush_at is not None, "and that is looked at again"


@given(moments)
def test_with_a_cooldown_one_fingerprint_is_a_page_once_in_it(history):
    paged: dict[str, datetime] = {}
    for now, _, state, flush in simulate(history, cooldown=20 * MINUTE):
        for each in flush.notifications:
            before = state.group.sent.get(each.key)
            for name in names(flush.group.sent[each.key].firing - (before.firing if before else frozenset())):
                assert now - paged.get(name, NOW - HOUR) >= 20 * MINUTE
                paged[name] = now


values = st.sampled_from(["", "x", "y"])
label_sets = st.lists(
    st.fixed_dictionaries({"alertname": st.sampled_from("AB"), "env": values, "job": values}).map(Labels), max_size=8
)
group_bys = st.none() | st.frozensets(st.sampled_from(["alertname", "env", "job"]))


@given(label_sets, group_bys, st.booleans())
def test_groups_partition_the_alerts(found, group_by, continues):
    """Every alert is in exactly one group of each route that it takes, and a group's alerts agree in its labels."""
    spec = RouteSpec(
        receiver="team",
        group_by=None if group_by is None else tuple(group_by),
        group_by_all=group_by is None,
        routes=(RouteSpec(receiver="first", continue_=continues), RouteSpec(receiver="second")),
    )
    root = build_tree(spec)
    for labels in found:
        routes = match_routes(root, labels)
        assert [route.receiver for route in routes] == (["first", "second"] if continues else ["first"])
        groups = [identify_group(route, labels) for route in routes]
        assert len({each.id for each in groups}) == len(routes)
        assert all(each.labels.items() <= labels.items() for each in groups)
        for other in found:
            same = labels == other if group_by is None else labels.only(group_by) == other.only(group_by)
            assert (identify_group(routes[0], other) == groups[0]) == same


def test_status_is_asked_at_the_flushs_own_time():
    ends_later = replace(FIRING, ends_at=NOW + MINUTE)
    assert look(group(), ends_later).notifications[0].status is Status.FIRING
    assert reasons(look(group({SLACK: told(FIRING)}), ends_later, now=NOW + MINUTE)) == {SLACK: Reason.ALL_RESOLVED}


class Asked(dict[IntegrationKey, Sent]):
    """What was told, and how often all of it was gathered: that costs as much as there are alerts."""

    times = 0

    def values(self) -> Any:
        self.times += 1
        return super().values()


@pytest.mark.parametrize("when", [{}, NOT_DUE], ids=["due", "not due"])
@pytest.mark.parametrize("incident", [None, INCIDENT, TAKEN, CLOSED], ids=["none", "open", "taken", "closed"])
def test_a_look_gathers_what_was_told_as_often_for_many_alerts_as_for_few(incident, when):
    times = []
    for count in (3, 60):
        alerts = [alert(f"{number}") for number in range(count)]
        sent = Asked({SLACK: told(*alerts[:-1])})
        look(group(sent, **when), *alerts, incident=incident, around=around(policy=True))
        times.append(sent.times)
    assert times[0] == times[1] > 0
