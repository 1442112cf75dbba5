"""The demo's story on the whole stack, step by step: a real metric goes bad, and everything that follows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dev.demo import summary
from dev.demo.journal import Entry, Journal
from dev.demo.story import STEPS, Result, Step, take
from dev.demo.world import World, open_world
from tocsin.core.notifications import Reason

pytestmark = [pytest.mark.runtime, pytest.mark.stack, pytest.mark.prometheus]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with open_world(Journal(_print)) as running:
        yield running


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return []


def _print(entry: Entry) -> None:
    print(entry.seconds, entry.kind, entry.text, entry.why)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_step(step: Step, world: World, results: list[Result]) -> None:
    if not all(result.happened for result in results):
        pytest.skip("a step before this one did not happen")
    results.append(take(world, step))
    assert not results[-1].missing


def test_the_summary_names_nothing_that_did_not_happen(world: World, results: list[Result]) -> None:
    assert summary.unhappened(results) == []


def test_each_delivery_is_on_record_with_its_outcome(world: World, results: list[Result]) -> None:
    delivered = world.journal.logs("notification_delivered")
    # An edit that says who has the incident is no message of its own.
    told = [line for line in delivered if line.fields["reason"] != Reason.UPDATE]
    by_functions = [message for message in world.messages if message.channel != "subscribers"]
    assert len(told) == len(by_functions)
    assert len(delivered) == len(told) + 1
    assert all(line.fields["answer"] for line in delivered)
