"""Restarting between any two steps changes no notification: what matters between two invocations is in the table."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.stores import DynamoStore, dynamodb, new_table
from tests.stories.configurations import MINUTE, configuration, equal, policy, receiver, rule
from tests.stories.world import World
from tocsin.adapters.dynamodb import Table
from tocsin.core.inhibition import InhibitRule, InhibitSource
from tocsin.core.policies import Terms
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec
from tocsin.pipeline.incidents import Verb

ROUTE = RouteSpec(receiver="team", group_by=("alertname",), group_wait=timedelta(seconds=30), group_interval=2 * MINUTE)
SITUATION = replace(
    configuration(
        rule("Down"),
        rule("Slow", hold_for=2 * MINUTE, keep_firing_for=MINUTE),
        rule("NodeDown"),
        route=ROUTE,
        receivers=[receiver("team", Kind.SLACK, Kind.PAGERDUTY), receiver("boss")],
        policies=[replace(policy((3, "boss")), terms=Terms(repeat=1, repeat_after=3 * MINUTE, ack_timeout=5 * MINUTE))],
    ),
    inhibit_rules=(
        InhibitRule(
            sources=(InhibitSource((equal("alertname", "NodeDown"),), equal=("instance",)),),
            targets=(equal("alertname", "Down"),),
        ),
    ),
)
VERBS = {each.value: each for each in Verb if each is not Verb.REASSIGN}
Step = tuple[str, str, str]
steps = st.lists(
    st.tuples(
        st.sampled_from(["goes bad", "recovers", "is sent", "is over", "is silenced", "fails", "works", *VERBS]),
        st.sampled_from(["Down", "Slow", "NodeDown"]),
        st.sampled_from(["a", "b"]),
    ),
    min_size=3,
    max_size=12,
)
restarts = st.none() | st.sets(st.integers(min_value=0, max_value=120), min_size=1, max_size=12)


class Restarting(World):
    """Everything that runs is new before the invocations of these numbers; before all of them for None."""

    def __init__(self, restarts: Collection[int] | None, reopen: Callable[[], Any] | None, **more: Any) -> None:
        super().__init__(SITUATION, whole=True, warm=True, **more)
        self._restarts, self._reopen, self._invocations = restarts, reopen, count()

    def _invoke(self, work: Callable[[], object], function: str) -> bool:
        number = next(self._invocations)
        if self._restarts is None or number in self._restarts:
            self._sandboxes.clear()
            if self._reopen:
                self.store = self._reopen()
        return super()._invoke(work, function)


def live(world: World, script: Sequence[Step]) -> list[str]:
    """Let these steps happen, a minute and more apart, and return what people were told until all was over."""
    bad: set[tuple[str, str]] = set()
    sent: set[tuple[str, str]] = set()
    for number, (what, name, instance) in enumerate(script):
        series = (name, instance)
        if what == "goes bad" and series not in bad:
            bad.add(series)
            world.metric_goes_bad(name, instance=instance)
        elif what == "recovers" and series in bad:
            bad.remove(series)
            world.metric_recovers(name, instance=instance)
        elif what == "is sent":
            sent.add(series)
            world.source_fires(f"Sent{name}", instance=instance)
        elif what == "is over" and series in sent:
            sent.remove(series)
            world.source_recovers(f"Sent{name}", instance=instance)
        elif what == "is silenced":
            world.silence(minutes=4, alertname=name, instance=instance)
        elif what == "fails":
            world.receiver_fails("team/slack/0", retryable=True)
        elif what == "works":
            world.receiver_fails("team/slack/0", retryable=True, times=0)
        elif what in VERBS and world.escalations.started:
            world.act(VERBS[what], comment="seen", minutes=3)
        world.advance(minutes=1 + number % 3, seconds=7)
    for name, instance in sorted(bad):
        world.metric_recovers(name, instance=instance)
    world.receiver_fails("team/slack/0", retryable=True, times=0)
    world.advance(minutes=12)
    return [str(page) for page in world.heard]


@given(steps, restarts)
def test_restarting_between_any_two_steps_changes_no_notification(script, numbers):
    assert live(Restarting(numbers, None), script) == live(Restarting((), None), script)


@settings(max_examples=3)
@given(steps)
def test_nor_does_it_where_all_is_read_from_the_table_again(script):
    with dynamodb() as client:
        name = new_table(client).table_name

        def reopen() -> DynamoStore:
            return DynamoStore(Table(name, lambda: client), client)

        told = live(Restarting(None, reopen, store=reopen()), script)
    assert told == live(Restarting((), None), script)


@pytest.mark.parametrize("forgets", ["_sandboxes", "store"])
def test_a_process_that_keeps_what_others_need_would_be_seen(forgets):
    """The check itself: where the store is a process's own, a restart loses what it held."""
    script = [("goes bad", "Down", "a"), ("passes", "Down", "a"), ("recovers", "Down", "a")]
    told = live(Restarting((), None), script)
    assert len(told) > 2
    reopen = type(World(SITUATION).store) if forgets == "store" else None
    assert (live(Restarting(None, reopen), script) == told) == (forgets == "_sandboxes")
