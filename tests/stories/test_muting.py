"""Stories of what is not told: inhibition, silences, muted time; and that nothing true is lost by it."""

from dataclasses import replace

import pytest

from tests.chaos.slack import edits_messages, use_app
from tests.stories.configurations import MINUTE, configuration, equal, policy, receiver, rule
from tests.stories.world import START, World
from tocsin.core.alerts import Status
from tocsin.core.configuration import Compatibility
from tocsin.core.incidents import IncidentState
from tocsin.core.inhibition import InhibitRule, InhibitSource
from tocsin.core.intervals import TimeInterval, TimeRange
from tocsin.core.muting import MuteKind
from tocsin.core.notifications import Reason
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec
from tocsin.core.silences import Silence, SilenceId
from tocsin.pipeline.incidents import Verb, list_incidents

NODE_EXPLAINS_DISK = InhibitRule(
    sources=(InhibitSource((equal("alertname", "NodeDown"),), equal=("instance",)),),
    targets=(equal("alertname", "DiskFull"),),
)
# From 03:10 to 03:40, where every story begins at 03:00.
NIGHT = (TimeInterval(times=(TimeRange(3 * 60 + 10, 3 * 60 + 40),)),)


def silence(begin, end, *, alert="DiskFull", instance=None):
    matchers = [equal("alertname", alert), *([equal("instance", instance)] if instance else [])]
    times = (START + begin * MINUTE, START + end * MINUTE)
    return Silence(SilenceId("s-1"), (tuple(matchers),), *times, "ada", "maintenance", START)


def silenced_world(*silences, **changes):
    world = World(replace(configuration(rule("DiskFull")), **changes))
    world.store.silences = {each.id: each for each in silences}
    return world


def inhibiting_world(**changes):
    changes = {"inhibit_rules": (NODE_EXPLAINS_DISK,), **changes}
    return World(replace(configuration(rule("NodeDown"), rule("DiskFull")), **changes))


def night_world(**changes):
    route = RouteSpec(receiver="team", group_by=("alertname",), mute_time_intervals=("night",))
    return World(replace(configuration(rule("DiskFull"), route=route), time_intervals={"night": NIGHT}, **changes))


def mutes(world):
    return [mute for stored in world.store.groups.values() for mute in stored.group.muted.values()]


def test_a_target_is_not_told_while_its_source_fires_and_is_told_afterwards():
    world = inhibiting_world()
    world.metric_goes_bad("NodeDown", instance="a")
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=10)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["NodeDown/a"])
    world.expect_silence()
    assert [mute.kind for mute in mutes(world)] == [MuteKind.INHIBITED]
    world.metric_recovers("NodeDown", instance="a")
    world.advance(minutes=10)
    pages = {(page.receiver, tuple(page.names(Status.FIRING)), page.notification.reason) for page in world.pages[1:]}
    assert pages == {("team", (), Reason.ALL_RESOLVED), ("team", ("DiskFull/a",), Reason.FIRST)}
    assert mutes(world) == []


def test_a_source_of_another_instance_inhibits_nothing():
    world = inhibiting_world()
    world.metric_goes_bad("NodeDown", instance="b")
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=5)
    assert {name for page in world.pages for name in page.names(Status.FIRING)} == {"NodeDown/b", "DiskFull/a"}


def test_a_restart_does_not_forget_what_inhibits():
    world = inhibiting_world()
    world.metric_goes_bad("NodeDown", instance="a")
    world.advance(minutes=5)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["NodeDown/a"])
    after = World(world.loaded.configuration, store=world.store, start=world.now)
    after.timers = world.timers
    after.metric_goes_bad("NodeDown", instance="a")
    after.metric_goes_bad("DiskFull", instance="a")
    after.advance(minutes=10)
    after.expect_silence()


def test_what_was_told_before_its_source_fired_hears_of_its_end_while_inhibited():
    world = inhibiting_world()
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    world.metric_goes_bad("NodeDown", instance="a")
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["NodeDown/a"])
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=10)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["DiskFull/a"])
    world.expect_silence()


def test_a_silenced_alert_is_told_when_the_silence_is_over():
    world = silenced_world(silence(0, 12))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=12)
    world.expect_silence()
    assert [(mute.kind, mute.by) for mute in mutes(world)] == [(MuteKind.SILENCED, ("s-1",))]
    world.advance(minutes=5)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])


def test_an_alert_that_begins_and_ends_within_its_silence_is_never_told():
    world = silenced_world(silence(0, 30))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=5)
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=60)
    world.expect_silence()


def test_whoever_was_told_hears_of_the_end_though_it_is_silenced_by_then():
    world = silenced_world(silence(3, 60))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    world.advance(minutes=10)
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=10)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["DiskFull/a"])
    world.expect_silence()


def test_with_compatibility_the_end_of_a_silenced_alert_is_never_said():
    world = silenced_world(silence(3, 60), compatibility=Compatibility.ALERTMANAGER)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])
    world.advance(minutes=10)
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=80)
    world.expect_silence()


def test_silencing_one_of_a_group_does_not_read_as_its_end():
    world = silenced_world(silence(3, 60, instance="a"))
    world.metric_goes_bad("DiskFull", instance="a")
    world.metric_goes_bad("DiskFull", instance="b")
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a", "DiskFull/b"])
    world.advance(minutes=10)
    world.metric_recovers("DiskFull", instance="b")
    world.advance(minutes=20)
    world.expect_silence()
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=10)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["DiskFull/a", "DiskFull/b"])


def test_a_silenced_alert_is_not_repeated():
    world = silenced_world(silence(3, 60 * 24))
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    world.advance(minutes=60 * 9)
    world.expect_silence()


def test_a_silenced_alert_opens_no_incident():
    world = World(configuration(rule("DiskFull"), policies=[policy((0, "team"))]))
    world.store.silences = {SilenceId("s-1"): silence(0, 60)}
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=30)
    assert world.store.incidents == {}


def test_what_begins_in_muted_time_and_lasts_is_told_when_that_is_over():
    world = night_world()
    world.advance(minutes=12)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=27)
    world.expect_silence()
    assert [(mute.kind, mute.by) for mute in mutes(world)] == [(MuteKind.MUTED, ("night",))]
    world.advance(minutes=10)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["DiskFull/a"])


@pytest.mark.parametrize(
    ("compatibility", "told"),
    [
        pytest.param(Compatibility.TOCSIN, [Reason.FIRST, Reason.ALL_RESOLVED], id="said when the night is over"),
        pytest.param(Compatibility.ALERTMANAGER, [Reason.FIRST], id="never said, as Alertmanager does"),
    ],
)
def test_an_end_that_falls_into_muted_time(compatibility, told):
    world = night_world(compatibility=compatibility)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=15)
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=24)
    assert [page.notification.reason for page in world.pages] == [Reason.FIRST]
    world.advance(minutes=20)
    assert [page.notification.reason for page in world.pages] == told
    assert not any(stored.alerts for stored in world.store.groups.values())


def escalating_night_world():
    route = RouteSpec(receiver="team", group_by=("alertname",), mute_time_intervals=("night",))
    calls = policy((0, "second"), (5, "pd"))
    receivers = [receiver("second"), receiver("pd", Kind.PAGERDUTY)]
    told = configuration(rule("DiskFull"), route=route, receivers=receivers, policies=[calls])
    return World(replace(edits_messages(told), time_intervals={"night": NIGHT}))


def ends_at_night(*, verb=None):
    """Return a world in which an incident was told to all, and its alert has ended in muted time."""
    world = escalating_night_world()
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=9)
    if verb is not None:
        world.act(verb, by="ann")
    assert {page.receiver for page in world.pages} == {"team", "second", "pd"}
    world.advance(minutes=6)
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=10)
    return world


def test_an_end_that_falls_into_muted_time_is_said_to_all_whom_the_escalation_has_reached():
    world = ends_at_night()
    assert world.incident().state is IncidentState.RESOLVED
    assert list_incidents(world.desk(), (), now=world.now) == ()
    before = len(world.pages)
    world.advance(minutes=30)
    after = [(page.receiver, page.notification.reason) for page in world.pages[before:]]
    assert after == [(name, Reason.ALL_RESOLVED) for name in ("pd", "second", "team")]
    assert {page.notification.incident for page in world.pages} == {world.incident().id}
    world.advance(minutes=60)
    assert len(world.pages) == before + 3
    assert not any(stored.alerts or stored.group.escalated for stored in world.store.groups.values())


def test_the_message_of_an_incident_that_ends_in_muted_time_says_so_afterwards():
    world = escalating_night_world()
    slack = use_app(world)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=15)
    messages = len(slack.messages)
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=45)
    assert len(slack.messages) == messages
    assert all("[RESOLVED]" in str(each) and "'actions'" not in str(each) for each in slack.messages.values())


@pytest.mark.parametrize("verb", [None, Verb.RESOLVE])
def test_what_ends_and_fires_again_in_muted_time_is_another_incident(verb):
    world = ends_at_night(verb=verb)
    first, before = world.incident(), len(world.pages)
    world.metric_goes_bad("DiskFull", instance="a")
    world.advance(minutes=30)
    second = world.incident()
    assert (second.id != first.id, second.state) == (True, IncidentState.OPEN)
    called = [(page.receiver, page.notification.reason) for page in world.pages[before:]]
    assert called == [("pd", Reason.ESCALATED), ("second", Reason.ESCALATED)]
    world.metric_recovers("DiskFull", instance="a")
    world.advance(minutes=15)
    ends = [page.receiver for page in world.pages if page.notification.status is Status.RESOLVED]
    assert sorted(ends) == ["pd", "second", "team"]
