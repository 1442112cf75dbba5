"""What the model of the weeks holds for over: not a moment sooner than somebody may have known it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.chaos.seen import Seen
from tests.chaos.situations import SITUATIONS
from tocsin.pipeline.ingest import LEAST_MOVE

BEGAN = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
ENDS = BEGAN + timedelta(minutes=5)
SECOND = timedelta(seconds=1)
SENT = ("Sent", "a")


def sent() -> Seen:
    """Return what was seen where somebody has sent an alert that holds until ENDS."""
    seen = Seen(next(iter(SITUATIONS.values())), now=BEGAN)
    seen.sent(SENT, until=ENDS, surely=True, now=BEGAN)
    return seen


def lapsed() -> Seen:
    """And begins to send it again, once it has lapsed."""
    seen = sent()
    seen.sent(SENT, until=ENDS + timedelta(minutes=10), surely=True, now=ENDS + SECOND)
    return seen


@pytest.mark.parametrize("seen", [sent(), lapsed()], ids=["lapses", "is sent again afterwards"])
def test_a_firing_that_lapses_is_over_no_sooner_than_an_end_is_written(seen: Seen) -> None:
    assert seen.may_be_over(SENT, BEGAN, ENDS)
    assert seen.may_be_over(SENT, BEGAN, ENDS - LEAST_MOVE)
    assert not seen.may_be_over(SENT, BEGAN, ENDS - LEAST_MOVE - SECOND)


def test_what_fires_anew_is_not_over_by_an_earlier_end() -> None:
    assert not lapsed().may_be_over(SENT, ENDS + SECOND, ENDS + 2 * SECOND)


def test_an_end_that_is_said_is_known_from_then() -> None:
    seen, said = sent(), BEGAN + timedelta(minutes=2)
    seen.sent(SENT, until=said, surely=True, now=said)
    seen.sent(SENT, until=ENDS, surely=True, now=said + SECOND)
    assert seen.may_be_over(SENT, BEGAN, said)
    assert not seen.may_be_over(SENT, BEGAN, said - SECOND)
