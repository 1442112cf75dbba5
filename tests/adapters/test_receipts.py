"""What is done once of what comes twice: the receipts in memory and those of the table alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.adapters.stores import dynamodb, new_table
from tocsin.adapters.dynamodb import DynamoReceipts
from tocsin.adapters.memory_receipts import MemoryReceipts
from tocsin.errors import StoreError
from tocsin.ports import Receipt, Receipts

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
UNTIL = NOW + 30 * SECOND


@pytest.fixture(params=["memory", "dynamodb"])
def receipts(request: pytest.FixtureRequest) -> Iterator[Receipts]:
    if request.param == "memory":
        yield MemoryReceipts()
        return
    with dynamodb() as client:
        yield DynamoReceipts(new_table(client).table)


def test_one_has_it_and_then_it_is_done(receipts: Receipts) -> None:
    assert receipts.begin("a", until=UNTIL, now=NOW) is Receipt.GRANTED
    assert receipts.begin("a", until=UNTIL + SECOND, now=NOW) is Receipt.BUSY
    assert receipts.begin("b", until=UNTIL, now=NOW) is Receipt.GRANTED
    receipts.finish("a", keep_until=NOW + DAY)
    assert receipts.begin("a", until=UNTIL, now=NOW) is Receipt.DONE
    assert receipts.begin("a", until=NOW + 2 * DAY, now=NOW + DAY - SECOND) is Receipt.DONE


def test_what_was_done_is_forgotten_though_the_table_still_has_it(receipts: Receipts) -> None:
    receipts.finish("a", keep_until=NOW + DAY)
    assert receipts.begin("a", until=NOW + 2 * DAY, now=NOW + DAY) is Receipt.GRANTED


def test_what_a_crash_left_in_hand_is_granted_again_when_its_time_is_over(receipts: Receipts) -> None:
    assert receipts.begin("a", until=UNTIL, now=NOW) is Receipt.GRANTED
    assert receipts.begin("a", until=UNTIL + SECOND, now=UNTIL - SECOND) is Receipt.BUSY
    assert receipts.begin("a", until=UNTIL + SECOND, now=UNTIL) is Receipt.GRANTED


def test_what_is_given_back_is_granted_at_once(receipts: Receipts) -> None:
    receipts.begin("a", until=UNTIL, now=NOW)
    receipts.drop("a", until=UNTIL)
    assert receipts.begin("a", until=UNTIL, now=NOW) is Receipt.GRANTED


def test_nobody_gives_back_what_somebody_else_has_by_now(receipts: Receipts) -> None:
    receipts.begin("a", until=UNTIL, now=NOW)
    receipts.begin("a", until=UNTIL + DAY, now=UNTIL)
    receipts.drop("a", until=UNTIL)
    assert receipts.begin("a", until=UNTIL + DAY, now=UNTIL) is Receipt.BUSY
    receipts.finish("a", keep_until=NOW + DAY)
    receipts.drop("a", until=UNTIL + DAY)
    assert receipts.begin("a", until=UNTIL, now=NOW) is Receipt.DONE


def test_an_alias_is_known_as_long_as_it_is_kept(receipts: Receipts) -> None:
    assert receipts.load_alias("PINC", now=NOW) is None
    receipts.save_alias("PINC", "key", keep_until=NOW + DAY)
    assert receipts.load_alias("PINC", now=NOW) == "key"
    assert receipts.load_alias("PINC", now=NOW + DAY) is None


def test_names_of_others_may_be_long_and_odd(receipts: Receipts) -> None:
    name = "\ud800" + "x" * 5000
    assert receipts.begin(name, until=UNTIL, now=NOW) is Receipt.GRANTED
    receipts.finish(name, keep_until=NOW + DAY)
    assert receipts.begin(name, until=UNTIL, now=NOW) is Receipt.DONE


def test_a_table_that_fails_grants_nothing() -> None:
    with dynamodb() as client:
        receipts = DynamoReceipts(new_table(client).table)
        client.delete_table(TableName=receipts._table.name)
        with pytest.raises(StoreError):
            receipts.begin("a", until=UNTIL, now=NOW)
