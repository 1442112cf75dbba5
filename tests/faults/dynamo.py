"""A DynamoDB that fails as it is told to: moto's, with a handler of botocore's before it. Nothing is patched.

with faulty_dynamodb() as dynamo:
    dynamo.refuse("PutItem", "ThrottlingException", times=2)
    dynamo.lose_answer("TransactWriteItems")        # it is written, and nobody hears of it
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ReadTimeoutError
from moto import mock_aws
from moto.core.models import botocore_stubber

from tests.adapters.stores import DynamoStore, table_properties
from tocsin.adapters.dynamodb import Table
from tocsin.wiring import CLIENT_CONFIG

FOR_EVER = 10**6
# As wiring.CLIENT_CONFIG has it.
TRIES = 3
_NUMBERS = itertools.count()


@dataclass(slots=True)
class _Refusal:
    """What one operation is answered, and how many more times; None lets it through."""

    answer: Mapping[str, Any] | None
    left: int


@dataclass(slots=True)
class _Status:
    status_code: int


@dataclass(slots=True)
class FaultyDynamo:
    """The client, what was asked of it, and what it was told to fail at."""

    client: Any
    calls: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    _done: set[str] = field(default_factory=set)
    _refusals: dict[str, list[_Refusal]] = field(default_factory=dict)
    _silences: dict[str, list[bool]] = field(default_factory=dict)
    _changes: dict[str, list[Callable[[dict[str, Any]], None]]] = field(default_factory=dict)
    _before: dict[str, list[Callable[[], object]]] = field(default_factory=dict)

    def store(self) -> DynamoStore:
        """Return a store over a table of its own."""
        name = f"tocsin-faults-{next(_NUMBERS)}"
        self.client.create_table(TableName=name, **table_properties())
        return self.store_over(name)

    def store_over(self, name: str) -> DynamoStore:
        return DynamoStore(Table(name, lambda: self.client, self.waits.append), self.client)

    # What it is told

    def refuse(self, operation: str, code: str, *, times: int = 1, reasons: Sequence[str] = ()) -> None:
        """Answer with an error, after all tries of botocore's own, and write nothing."""
        more = {"CancellationReasons": [{"Code": reason} for reason in reasons]} if reasons else {}
        error = {"Error": {"Code": code, "Message": f"told to answer {code}"}, "ResponseMetadata": {}, **more}
        self._refusals.setdefault(operation, []).append(_Refusal(error, times))

    def let_through(self, operation: str, *, times: int = 1) -> None:
        """Do as is asked; what is refused after this comes later."""
        self._refusals.setdefault(operation, []).append(_Refusal(None, times))

    def time_out(self, operation: str, *, times: int = FOR_EVER) -> None:
        """Answer nothing, and write nothing."""
        self._silences.setdefault(operation, []).extend([False] * min(times, 100))

    def lose_answer(self, operation: str, *, times: int = 1) -> None:
        """Do what is asked, and answer nothing; botocore then asks again."""
        self._silences.setdefault(operation, []).extend([True] * times)

    def change_answer(self, operation: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the next answer, as the client is given it."""
        self._changes.setdefault(operation, []).append(change)

    def before(self, operation: str, happens: Callable[[], object]) -> None:
        """Have something happen just before the next call of an operation."""
        self._before.setdefault(operation, []).append(happens)

    def heal(self) -> None:
        for plans in (self._refusals, self._silences, self._changes, self._before):
            plans.clear()

    # botocore's events

    def attach(self) -> None:
        events = self.client.meta.events
        events.register_first("before-call.dynamodb", self._before_call)
        events.register_first("before-send.dynamodb", self._before_send)
        events.register_first("needs-retry.dynamodb", self._needs_retry)
        events.register_last("after-call.dynamodb", self._after_call)

    def _before_call(self, model: Any, **_: Any) -> tuple[_Status, Mapping[str, Any]] | None:
        self.calls[model.name] += 1
        if waiting := self._before.get(model.name):
            waiting.pop(0)()
        for refusal in self._refusals.get(model.name, ()):
            if refusal.left > 0:
                refusal.left -= 1
                return (_Status(400), refusal.answer) if refusal.answer else None
        return None

    def _before_send(self, event_name: str, request: Any, **_: Any) -> None:
        silences = self._silences.get(event_name.rpartition(".")[2])
        token = json.loads(request.body).get("ClientRequestToken")
        if silences:
            answer = botocore_stubber(event_name, request) if silences.pop(0) else None
            if answer is not None and answer.status_code == 200 and token:
                self._done.add(token)
            raise ReadTimeoutError(endpoint_url="https://dynamodb.example.org")
        if token in self._done:
            # The same transaction again changes nothing; moto does not know that, so it is asked for something else.
            request.headers["X-Amz-Target"] = "DynamoDB_20120810.ListTables"

    def _needs_retry(self, attempts: int, caught_exception: Exception | None, **_: Any) -> int | None:
        """Try again as botocore does, without its waits."""
        again = caught_exception is not None and attempts < TRIES
        return 0 if again else None

    def _after_call(self, model: Any, parsed: dict[str, Any], **_: Any) -> None:
        if changes := self._changes.get(model.name):
            changes.pop(0)(parsed)


@contextmanager
def faulty_dynamodb() -> Iterator[FaultyDynamo]:
    """Yield a DynamoDB inside this process, with the client as it is deployed."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name="eu-west-1", config=CLIENT_CONFIG)
        dynamo = FaultyDynamo(client)
        dynamo.attach()
        yield dynamo


def items_of(store: DynamoStore) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return all that is in the store's table by its keys, without the writers' marks."""
    pages = store.client.get_paginator("scan").paginate(TableName=store.table_name)
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for item in (item for page in pages for item in page["Items"]):
        found[item["pk"]["S"], item["sk"]["S"]] = {name: value for name, value in item.items() if name != "mark"}
    return found
