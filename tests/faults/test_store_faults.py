"""DynamoDB fails at everything that is asked of it, in each of its ways.

Whatever fails is heard of as a StoreError, has written nothing, and can be done again. What was written though nobody
heard of it is known as one's own work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from tests.adapters.stores import WRITES
from tests.adapters.test_store_contract import GROUP, NOW, alert, ingested, loaded, notification
from tests.faults.dynamo import FOR_EVER, FaultyDynamo, faulty_dynamodb, items_of
from tests.faults.operations import OPERATIONS, ports_methods
from tocsin.errors import ConflictError, StoreError
from tocsin.ports import Claim

CODES = (
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "ServiceUnavailable",
    "LimitExceededException",
)


@pytest.fixture(scope="module")
def running() -> Iterator[FaultyDynamo]:
    with faulty_dynamodb() as dynamo:
        yield dynamo


@pytest.fixture
def dynamo(running: FaultyDynamo) -> Iterator[FaultyDynamo]:
    yield running
    running.heal()
    running.waits.clear()


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What comes of an operation that nothing fails in, and the calls that it makes."""

    result: str
    items: Mapping[Any, Any]
    calls: tuple[str, ...]


@cache
def undisturbed(name: str) -> Undisturbed:
    with faulty_dynamodb() as dynamo:
        store = dynamo.store()
        prepared = OPERATIONS[name].prepare(store)
        dynamo.calls.clear()
        result = OPERATIONS[name].call(store, prepared)
        calls = tuple(sorted(dynamo.calls))
        return Undisturbed(repr(result), items_of(store), calls)


def test_every_method_of_the_stores_ports_is_tried():
    assert {"tell", "take", "load_thread", "begin", "add", "reserve"} <= ports_methods()
    assert ports_methods() - {name.partition(",")[0] for name in OPERATIONS} == set()


@pytest.mark.parametrize("code", [*CODES, "timeout"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_fails_is_heard_of_changes_nothing_and_can_be_done_again(dynamo, name, code):
    operation, expected = OPERATIONS[name], undisturbed(name)
    for failing in expected.calls:
        store = dynamo.store()
        prepared = operation.prepare(store)
        before = items_of(store)
        if code == "timeout":
            dynamo.time_out(failing)
        else:
            dynamo.refuse(failing, code, times=FOR_EVER)
        with pytest.raises(StoreError) as caught:
            operation.call(store, prepared)
        assert not isinstance(caught.value, ConflictError), "somebody else's success passes quietly: this must not"
        assert items_of(store) == before
        dynamo.heal()
        assert repr(operation.call(store, prepared)) == expected.result
        assert items_of(store) == expected.items


@pytest.mark.parametrize(
    "name",
    [name for name in OPERATIONS if name.startswith(("save", "tell", "commit"))]
    + ["mark_published", "postpone", "confirm", "escalate", "claim", "record", "take", "hold"]
    + ["begin", "finish", "drop", "reserve", "reserve, behind another"],
)
def test_a_write_whose_answer_is_lost_is_known_as_ones_own_when_it_is_tried_again(dynamo, name):
    operation, expected = OPERATIONS[name], undisturbed(name)
    writes = [call for call in expected.calls if call in WRITES]
    assert writes
    for failing in writes:
        store = dynamo.store()
        prepared = operation.prepare(store)
        dynamo.lose_answer(failing)
        assert repr(operation.call(store, prepared)) == expected.result
        assert items_of(store) == expected.items


def test_a_write_that_somebody_else_made_meanwhile_is_not_taken_for_ones_own(dynamo):
    store = dynamo.store()
    store.claim(notification(), now=NOW)
    dynamo.time_out("UpdateItem", times=1)
    assert store.claim(notification(), now=NOW) is Claim.BUSY


# Transactions that are cancelled, whole or for a moment

CANCELLED = {
    "somebody else is at it, for a moment": (("None", "TransactionConflict"), 2, None, [0.05, 0.1]),
    "somebody else is at it all the time": (("TransactionConflict",), 99, ConflictError, [0.05, 0.1, 0.2, 0.4]),
    "too many writes, for a moment": (("ThrottlingError", "None"), 1, None, [0.05]),
    "too many writes all the time": (("ThrottlingError",), 99, StoreError, [0.05, 0.1, 0.2, 0.4]),
    "no capacity, for a moment": (("ProvisionedThroughputExceeded",), 3, None, [0.05, 0.1, 0.2]),
    "somebody else was first": (("None", "ConditionalCheckFailed"), 99, ConflictError, []),
    "somebody else was first, and another is at it": (
        ("ConditionalCheckFailed", "TransactionConflict"),
        99,
        ConflictError,
        [],
    ),
    "an item that can never be written": (("None", "ValidationError"), 99, StoreError, []),
    "a partition that is full": (("ItemCollectionSizeLimitExceeded",), 99, StoreError, []),
    "something new": (("SomethingNew",), 99, StoreError, []),
    "no reason at all": ((), 99, StoreError, []),
}


@pytest.mark.parametrize(("reasons", "times", "error", "waits"), CANCELLED.values(), ids=CANCELLED.keys())
def test_a_transaction_is_cancelled(dynamo, reasons, times, error, waits):
    store = dynamo.store()
    dynamo.refuse("TransactWriteItems", "TransactionCanceledException", reasons=reasons, times=times)
    if error is None:
        store.tell(GROUP, [alert()], first_flush_at=NOW)
        assert alert().fingerprint in loaded(store).alerts
    else:
        with pytest.raises(StoreError) as caught:
            store.tell(GROUP, [alert()], first_flush_at=NOW)
        assert type(caught.value) is error
    assert dynamo.waits == waits


def test_a_single_write_that_meets_a_transaction_is_tried_again(dynamo):
    store = dynamo.store()
    dynamo.refuse("UpdateItem", "TransactionConflictException", times=2)
    assert store.claim(notification(), now=NOW) is Claim.GRANTED
    assert dynamo.waits == [0.05, 0.1]


# What a batch leaves undone


def unprocessed(*names: str):
    """Return a change of an answer that has left these sort keys undone."""

    def change(answer: dict[str, Any]) -> None:
        ((table, items),) = answer["Responses"].items()
        left = [{name: item[name] for name in ("pk", "sk")} for item in items if item["sk"]["S"] in names]
        answer["Responses"] = {table: [item for item in items if item["sk"]["S"] not in names]}
        answer["UnprocessedKeys"] = {table: {"Keys": left, "ConsistentRead": True}}

    return change


@pytest.mark.parametrize(
    ("times", "is_found"), [(1, True), (4, True), (5, False)], ids=["once", "four times", "all the time"]
)
def test_what_a_batch_leaves_undone_is_asked_again_after_a_while(dynamo, times, is_found):
    store = dynamo.store()
    records = [ingested(str(number)) for number in range(5)]
    store.save_ingested(records, now=NOW)
    keys = [record.alert.fingerprint for record in records]
    for _ in range(times):
        dynamo.change_answer("BatchGetItem", unprocessed(*keys[1:]))
    if is_found:
        assert store.find_ingested(keys, now=NOW).keys() == set(keys)
        assert dynamo.waits == [0.05, 0.1, 0.2, 0.4][:times]
    else:
        with pytest.raises(StoreError, match="too busy"):
            store.find_ingested(keys, now=NOW)
