"""Alerts that others send us: what is new, what the groups are told, and that twice is once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.stories.configurations import MINUTE, configuration, equal, receiver, rule
from tests.stories.interruptions import Interruptions
from tests.stories.world import Died, World
from tocsin.adapters.memory import FixedConfigurations
from tocsin.core.alerts import Status
from tocsin.core.inhibition import InhibitRule, InhibitSource
from tocsin.core.merging import Posted
from tocsin.core.notifications import Reason
from tocsin.core.routing import GroupId, RouteSpec
from tocsin.errors import ConflictError
from tocsin.pipeline import evaluate
from tocsin.pipeline.ingest import CHUNK, Ingester, News, Outcome, Rerouting, ingest
from tocsin.pipeline.patience import Patience

SECOND = timedelta(seconds=1)


def ingester(world: World, store: Any = None, timers: Any = None) -> Ingester:
    store = store or world.store
    return Ingester(FixedConfigurations(world.loaded), store, store, store, store, timers or world.timers, world.log)


@pytest.fixture
def world() -> World:
    return World(configuration(rule("Ours"), rule("Direct", receivers=("boss",)), receivers=[receiver("boss")]))


def post(world: World, *alerts: Posted, hold: timedelta | None = None) -> Outcome:
    return ingest(ingester(world), alerts, now=world.now, hold=hold)


def alert(name: str = "Theirs", *, world: World, starts: float = 0, ends: float | None = None, **more: Any) -> Posted:
    """Return an alert; times are seconds from now."""
    end = None if ends is None else world.now + ends * SECOND
    labels = {"alertname": name, "severity": "critical", **more.pop("labels", {})}
    return Posted(labels, more.pop("annotations", {}), world.now + starts * SECOND, end, **more)


def test_an_alert_without_an_end_is_told_and_ends_by_itself(world: World) -> None:
    assert post(world, alert(world=world)).news == {News.FIRST: 1}
    world.advance(minutes=1)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Theirs"])
    world.advance(minutes=9)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["Theirs"])
    world.advance(hours=1)
    world.expect_silence()


def test_whoever_goes_on_sending_keeps_it_firing(world: World) -> None:
    sent = alert(world=world)
    for _ in range(30):
        post(world, replace(sent, ends_at=world.now + 4 * MINUTE))
        world.advance(minutes=1)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Theirs"])
    world.expect_silence()
    post(world, replace(sent, ends_at=world.now - SECOND))
    world.advance(minutes=6)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["Theirs"])


REPETITIONS: Mapping[str, tuple[Mapping[str, Any], float, News]] = {
    "the same again": ({"ends": 240}, 0, News.NOTHING),
    "the end has moved by a little": ({"ends": 240}, 15, News.NOTHING),
    "the end has moved by a minute": ({"ends": 240}, 60, News.PROLONGED),
    "the end has moved by a quarter of a short time": ({"ends": 20}, 5, News.PROLONGED),
    "the end has moved by less than that": ({"ends": 20}, 4, News.NOTHING),
    "an annotation is another": ({"ends": 240, "annotations": {"summary": "worse"}}, 0, News.CHANGED),
    "the link is another": ({"ends": 240, "generator_url": "http://x/"}, 0, News.CHANGED),
    "it began earlier": ({"ends": 240, "starts": -600}, 0, News.CHANGED),
    "it is resolved": ({"starts": -60, "ends": -1}, 0, News.RESOLVED),
}


@pytest.mark.parametrize(("second", "seconds", "news"), REPETITIONS.values(), ids=REPETITIONS.keys())
def test_a_repetition_says(world: World, second: Mapping[str, Any], seconds: float, news: News) -> None:
    ends = 240 if second["ends"] in (-1, 240) else second["ends"]
    post(world, alert(world=world, starts=-30, ends=ends))
    writes = world.store.writes
    world.now += seconds * SECOND
    second = {"starts": -30 - seconds, **second}
    assert post(world, alert(world=world, **second)).news == {news: 1}
    assert (world.store.writes == writes) is (news is News.NOTHING)


def test_what_is_over_when_it_is_first_heard_of_is_told_to_nobody(world: World) -> None:
    assert post(world, alert(world=world, starts=-60, ends=-1)).news == {News.OVER: 1}
    assert (world.store.writes, world.timers.announced) == (0, [])


def test_what_fires_again_is_told_again(world: World) -> None:
    post(world, alert(world=world, ends=240))
    world.advance(minutes=5)
    assert post(world, alert(world=world, ends=240)).news == {News.FIRING: 1}
    world.advance(minutes=5)
    assert world.store.load_ingested(now=world.now)[0].is_told


def test_several_words_of_one_alert_in_a_request_are_one(world: World) -> None:
    outcome = post(world, alert(world=world, ends=240), alert(world=world, starts=-60, ends=300))
    assert outcome.news == {News.FIRST: 1}
    (kept,) = world.store.load_ingested(now=world.now)
    assert (kept.alert.starts_at, kept.alert.ends_at) == (world.now - MINUTE, world.now + 5 * MINUTE)


def test_valid_alerts_are_taken_beside_invalid_ones(world: World) -> None:
    outcome = post(world, Posted({}), alert(world=world), Posted({"": "x"}))
    assert outcome.news == {News.FIRST: 1}
    assert list(outcome.refused) == ["at least one label pair required", 'invalid label set: invalid name ""']
    assert world.log.counts["AlertsRefused"] == 2


def test_many_alerts_are_told_part_by_part(world: World) -> None:
    alerts = [alert(f"Theirs{number:03d}", world=world) for number in range(2 * CHUNK + 1)]
    assert post(world, *alerts).news == {News.FIRST: 2 * CHUNK + 1}
    assert len(world.store.load_ingested(now=world.now)) == 2 * CHUNK + 1


def test_a_forwarded_alert_holds_for_as_long_as_is_said(world: World) -> None:
    post(world, alert(world=world), hold=timedelta(hours=3))
    world.advance(hours=2, minutes=50)
    assert [page.names(Status.RESOLVED) for page in world.pages] == [[]] * len(world.pages)
    world.advance(minutes=20)
    assert world.pages[-1].names(Status.RESOLVED) == ["Theirs"]


def test_an_alert_with_a_rule_s_name_goes_where_the_rule_s_go(world: World) -> None:
    post(world, alert("Direct", world=world))
    world.advance(minutes=1)
    world.expect_page("boss", Status.FIRING, Reason.FIRST, alerts=["Direct"])
    world.expect_silence()


def test_what_a_rule_of_ours_sees_as_well_is_not_ended_by_others(world: World) -> None:
    world.metric_goes_bad("Ours")
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Ours"])
    post(world, alert("Ours", world=world, ends=60))
    world.advance(minutes=1)
    post(world, alert("Ours", world=world, starts=-60, ends=-1))
    world.advance(minutes=20)
    world.expect_silence()
    world.metric_recovers("Ours")
    world.advance(minutes=10)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["Ours"])


def test_a_source_is_known_before_its_target_s_group_is_told(world: World) -> None:
    inhibits = InhibitRule((InhibitSource((equal("alertname", "Down"),)),), (equal("alertname", "Theirs"),))
    world.configure(replace(world.loaded.configuration, inhibit_rules=(inhibits,)))
    post(world, alert("Down", world=world, ends=3600))
    post(world, alert(world=world, ends=3600))
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Down"])
    world.expect_silence()
    post(world, alert("Down", world=world, starts=-120, ends=-1))
    assert world.store.load_inhibitors(now=world.now) == []


def test_a_changed_configuration_tells_anew_where_alerts_belong_now(world: World) -> None:
    post(world, alert(world=world, ends=36_000))
    world.advance(minutes=1)
    world.expect_page("team", Status.FIRING, Reason.FIRST)
    route = RouteSpec(receiver="boss", group_by=("alertname",))
    world.configure(configuration(receivers=[receiver("boss")], route=route))
    reroute = Rerouting(ingester(world))
    told = []
    for _ in range(3):
        world.now += SECOND
        evaluate.run(replace(world.evaluator(), reroute=reroute), world.loaded, now=world.now)
        told.append(len(world.timers.announced))
    assert told == [told[0]] * 3, "once is enough"
    world.advance(minutes=10)
    world.expect_page("boss", Status.FIRING, Reason.FIRST, alerts=["Theirs"])
    world.expect_silence()


def test_what_there_is_no_time_to_tell_anew_is_told_anew_by_the_next_ticks(world: World) -> None:
    names = [f"i{number:03d}" for number in range(3 * CHUNK)]
    post(world, *(alert(world=world, ends=36_000, labels={"instance": name}) for name in names))
    world.advance(minutes=1)
    world.configure(configuration(receivers=[receiver("boss")], route=RouteSpec(receiver="boss")))
    reroute, over = Rerouting(ingester(world)), Patience(until=0.0)
    told = [reroute(world.loaded, now=world.now, patience=over) for _ in range(4)]
    assert told == [CHUNK, CHUNK, CHUNK, 0]
    world.advance(minutes=5)
    boss = [page for page in world.pages if page.receiver == "boss"]
    assert [len(page.names(Status.FIRING)) for page in boss] == [3 * CHUNK]


def test_what_is_taken_by_the_old_routes_after_everything_was_told_anew_is_told_anew_too(world: World) -> None:
    """Whoever takes alerts looks for a changed configuration once a minute."""
    old = ingester(world)
    world.configure(configuration(route=RouteSpec(receiver="boss"), receivers=[receiver("boss")]))
    reroute = Rerouting(ingester(world))
    reroute(world.loaded, now=world.now)
    world.now += 50 * SECOND
    ingest(old, [alert(world=world, ends=36_000)], now=world.now)
    for _ in range(4):
        world.now += 60 * SECOND
        reroute(world.loaded, now=world.now)
    world.advance(minutes=10)
    world.expect_page("boss", Status.FIRING, Reason.FIRST, alerts=["Theirs"])
    world.expect_silence()
    reads = Interruptions()
    reroute = Rerouting(ingester(world, reads.wrap(world.store)))
    for _ in range(10):
        reroute(world.loaded, now=world.now)
        world.now += 60 * SECOND
    assert len(reads.calls) == 3, "and then no more"


def die() -> None:
    raise Died


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(5))
def test_a_crash_anywhere_loses_nothing_that_is_sent_again(world: World, call: int, moment: str) -> None:
    sent = alert(world=world, ends=600)
    crash = Interruptions(call, **{moment: die})
    with pytest.raises(Died):
        ingest(ingester(world, crash.wrap(world.store), crash.wrap(world.timers)), [sent], now=world.now)
    world.now += SECOND
    post(world, sent)
    world.advance(minutes=2)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Theirs"])
    post(world, replace(sent, ends_at=world.now))
    world.advance(minutes=10)
    world.expect_page("team", Status.RESOLVED, Reason.ALL_RESOLVED, resolved=["Theirs"])
    world.expect_silence()


@pytest.mark.parametrize("call", range(5))
def test_what_a_crash_has_told_can_be_ended_though_it_is_never_sent_again(world: World, call: int) -> None:
    sent = alert(world=world)
    crash = Interruptions(call, after=die)
    with pytest.raises(Died):
        ingest(
            ingester(world, crash.wrap(world.store), crash.wrap(world.timers)),
            [sent],
            now=world.now,
            hold=72 * 60 * MINUTE,
        )
    world.now += SECOND
    post(world, replace(sent, ends_at=world.now))
    world.advance(hours=1)
    assert world.pages == []
    assert all(each.alert.status_at(world.now) is Status.RESOLVED for each in world.store.load_ingested(now=world.now))


class Contended:
    """A store in which somebody else writes first, so many times."""

    def __init__(self, store: Any, times: int) -> None:
        self._store, self.times = store, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def save_ingested(self, records: Any, *, now: Any) -> Any:
        if self.times:
            self.times -= 1
            raise ConflictError("somebody else was there first")
        return self._store.save_ingested(records, now=now)


def test_a_lost_write_is_decided_again(world: World) -> None:
    outcome = ingest(ingester(world, Contended(world.store, 3)), [alert(world=world)], now=world.now)
    assert outcome.news == {News.FIRST: 1}


def test_a_write_that_is_always_lost_is_a_conflict(world: World) -> None:
    with pytest.raises(ConflictError, match="changed 5 times"):
        ingest(ingester(world, Contended(world.store, 99)), [alert(world=world)], now=world.now)


def test_a_request_with_many_groups_tells_each_of_them_once_and_only_a_few_once_more(world: World) -> None:
    groups, of_each = 12, 25
    told: list[GroupId] = []

    class Counting:
        def announce(self, group: GroupId, **rest: Any) -> None:
            told.append(group)
            world.timers.announce(group, **rest)

    alerts = [alert(f"Storm{number % groups}", world=world, labels={"n": str(number)}) for number in range(300)]
    outcome = ingest(ingester(world, timers=Counting()), alerts, now=world.now)
    assert outcome.news == {News.FIRST: groups * of_each}
    chunks = groups * of_each // CHUNK
    assert len(set(told)) == groups
    # Without an order, each chunk would tell all of them.
    assert len(told) < groups + chunks
    world.advance(minutes=1)
    assert sum(len(page.notification.alerts) for page in world.pages) == len(alerts)
