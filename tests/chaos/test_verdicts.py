"""What the comparison of two lives sees, so that its zeros mean something."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.chaos.scenarios import Compared
from tests.chaos.verdicts import Heard, Life, judge
from tests.stories.world import START
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason
from tocsin.core.receivers import IntegrationKey, Kind
from tocsin.core.routing import GroupId

EAR = (GroupId("group"), IntegrationKey("team/slack/0"))


def heard(minute: int, reason: Reason, *, firing: str = "", resolved: str = "", since: int = 0, at: int = 0) -> Heard:
    """Return a notification that is frozen at a minute and arrives then, or at another."""
    status = Status.FIRING if firing else Status.RESOLVED
    names = [(name, Status.FIRING) for name in firing] + [(name, Status.RESOLVED) for name in resolved]
    return Heard(
        at=START + timedelta(minutes=at or minute),
        id=f"{minute}",
        frozen_at=START + timedelta(minutes=minute),
        kind=Kind.SLACK,
        content=(status, reason, frozenset(firing), frozenset(resolved), ""),
        spells=frozenset((name, each, START + timedelta(minutes=since)) for name, each in names),
    )


def life(*told: Heard, left: str = "nothing") -> Life:
    return Life({EAR: told}, (("outbox", left),), "", ())


FIRST = heard(1, Reason.FIRST, firing="a")
BOTH = heard(1, Reason.FIRST, firing="ab")
MORE = heard(3, Reason.NEW_ALERTS, firing="ab")
AGAIN = heard(5, Reason.REPEAT, firing="a")
OVER = heard(9, Reason.ALL_RESOLVED, resolved="a")
ALL_OVER = heard(9, Reason.ALL_RESOLVED, resolved="ab")
ANEW = heard(11, Reason.FIRST, firing="a", since=11)
RECOMPOSED = heard(2, Reason.FIRST, firing="a")
LATE = heard(1, Reason.FIRST, firing="a", at=4)
UNTRUE = heard(4, Reason.NEW_ALERTS, firing="ac")

GOOD = (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("compared", "expected", "got", "wrong"),
    [
        pytest.param(Compared.EXACTLY, [FIRST, OVER], [FIRST, OVER], GOOD, id="the same"),
        pytest.param(Compared.EXACTLY, [FIRST, OVER], [LATE, OVER], GOOD, id="later"),
        pytest.param(Compared.EXACTLY, [FIRST, OVER], [RECOMPOSED, OVER], GOOD, id="under another id"),
        pytest.param(Compared.EXACTLY, [FIRST, OVER], [FIRST], (1, 0, 0, 0), id="the end lost"),
        pytest.param(Compared.EXACTLY, [FIRST], [FIRST, FIRST], (0, 1, 0, 0), id="twice under one id"),
        pytest.param(Compared.EXACTLY, [FIRST], [FIRST, RECOMPOSED], (0, 1, 0, 0), id="twice under two ids"),
        pytest.param(Compared.EXACTLY, [FIRST, OVER], [OVER, FIRST], (0, 0, 2, 0), id="out of order"),
        pytest.param(Compared.EXACTLY, [FIRST, OVER], [FIRST, OVER, FIRST], (0, 1, 1, 0), id="stale"),
        pytest.param(Compared.EXACTLY, [FIRST], [FIRST, UNTRUE], (0, 0, 0, 1), id="untrue"),
        pytest.param(Compared.EXACTLY, [BOTH], [FIRST, MORE], (1, 0, 0, 2), id="in other portions"),
        pytest.param(Compared.FACTS, [BOTH, ALL_OVER], [FIRST, MORE, ALL_OVER], GOOD, id="facts in other portions"),
        pytest.param(Compared.FACTS, [BOTH, ALL_OVER], [BOTH, OVER], (1, 0, 0, 0), id="a fact lost"),
        pytest.param(Compared.FACTS, [FIRST, AGAIN, OVER], [FIRST, OVER], (1, 0, 0, 0), id="a repeat lost"),
        pytest.param(Compared.FACTS, [FIRST, OVER], [FIRST, AGAIN, OVER], (0, 1, 0, 0), id="a repeat too many"),
        pytest.param(Compared.FACTS, [FIRST, OVER], [FIRST, RECOMPOSED, OVER], (0, 1, 0, 0), id="nothing new"),
        pytest.param(Compared.FACTS, [FIRST], [FIRST, UNTRUE], (0, 0, 0, 1), id="an untrue fact"),
        pytest.param(Compared.END, [FIRST, OVER, ANEW], [FIRST, ANEW], GOOD, id="a flap unseen"),
        pytest.param(Compared.END, [FIRST, OVER], [], GOOD, id="over before anybody looked"),
        pytest.param(Compared.END, [FIRST, OVER, ANEW], [FIRST, OVER], (1, 0, 0, 0), id="a wrong belief"),
        pytest.param(Compared.END, [FIRST], [FIRST, RECOMPOSED], (0, 1, 0, 0), id="nothing new at the end"),
    ],
)
def test_what_is_wrong_is_seen(
    compared: Compared, expected: Sequence[Heard], got: Sequence[Heard], wrong: tuple[int, ...]
):
    verdict = judge(life(*expected), life(*got), compared)
    assert (verdict.lost, verdict.doubled, verdict.stale, verdict.other) == wrong, verdict.problems
    assert verdict.is_good == (wrong == GOOD)
    assert bool(verdict.problems) == (wrong != GOOD)


def test_the_worst_delay_is_measured():
    assert judge(life(FIRST, OVER), life(LATE, OVER), Compared.EXACTLY).latest == timedelta(minutes=3)


def test_what_may_come_once_more_is_counted_apart_and_no_oftener():
    lives = life(FIRST, OVER), life(FIRST, FIRST, OVER)
    verdict = judge(*lives, Compared.EXACTLY, may_repeat=frozenset({Kind.SLACK}))
    assert (verdict.allowed, verdict.doubled, verdict.is_good) == (1, 0, True)
    assert not judge(*lives, Compared.EXACTLY, may_repeat=frozenset({Kind.EMAIL})).is_good
    thrice = life(FIRST, FIRST, FIRST, OVER)
    assert judge(lives[0], thrice, Compared.EXACTLY, may_repeat=frozenset({Kind.SLACK})).doubled == 1


def test_what_the_table_holds_at_the_end_counts_too():
    assert judge(life(FIRST), life(FIRST, left="something"), Compared.EXACTLY).other == 1


@pytest.mark.parametrize(
    ("taken", "told", "is_good"),
    [
        pytest.param(10, False, True, id="taken before, and not told"),
        pytest.param(10, True, False, id="taken before, and told all the same"),
        pytest.param(12, True, True, id="taken after it was told"),
        pytest.param(12, False, False, id="due before it was taken, and not told"),
    ],
)
def test_a_step_is_told_until_somebody_takes_the_incident(taken: int, told: bool, is_good: bool):
    step = heard(11, Reason.ESCALATED, firing="a")
    got = life(*([step] if told else []))
    got = Life(got.heard, got.left, "", (), taken_at=START + timedelta(minutes=taken))
    assert judge(life(step), got, Compared.CLIMB).is_good == is_good
