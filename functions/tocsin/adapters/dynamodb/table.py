"""Calls to the table, in Python values: conditions that fail become ConflictError, everything else StoreError.

Rules:
- Items over 400 KB are refused by DynamoDB, so large values are compressed and split into parts of their own.
- botocore tries again where DynamoDB is busy, but neither a transaction that was cancelled because somebody else was at
  it, nor what a batch left undone: that is done here.
- botocore's second try may find that its first was written after all, and its answer lost. What is written under a
  condition carries a mark, by which a writer knows its own work.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

from __future__ import annotations

import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from ...errors import ConflictError, StoreError

Item = dict[str, Any]
P = ParamSpec("P")
Value = TypeVar("Value")

PART_BYTES = 300 * 1024
TRANSACTION_ITEMS = 100
BATCH_KEYS = 100
# Before each further try of what was cancelled or left undone.
_WAITS_SECONDS = (0.05, 0.1, 0.2, 0.4)
# A transaction may hold 4 MB; the rest is for keys, conditions and the coding.
TRANSACTION_BYTES = 3 * 1024 * 1024
DUE_INDEX = "due"
DUE_SHARD = "0"
_CONFLICTS = frozenset({"ConditionalCheckFailedException", "TransactionConflictException"})
# Why one action kept its transaction from being written; the other reasons are no other writer's doing.
_CONFLICTING_ACTIONS = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
# Reasons that are over in a moment: if a transaction was cancelled for these alone, it is tried again.
_PASSING_ACTIONS = frozenset({"None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_WRITERS = 8
_LATEST = datetime.max.replace(microsecond=0, tzinfo=UTC)
_UNREADABLE = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError, OSError, zlib.error)
# Who wrote an item last, where that was under a condition.
_MARK = "mark"
# These name the table inside.
_WITHOUT_TABLE = frozenset({"transact_write_items", "batch_get_item"})


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition expression with its names and values."""

    expression: str
    names: Mapping[str, str]
    values: Mapping[str, Any]


class Table:
    """The table; `client` makes the DynamoDB client when it is first needed, `wait` takes seconds."""

    def __init__(self, name: str, client: Callable[[], Any], wait: Callable[[float], None] = time.sleep) -> None:
        self.name = name
        self._client = client
        self._wait = wait

    def query(self, pk: str, *, prefix: str = "") -> Iterator[Item]:
        """Yield all items of a partition whose sort key begins so, page after page."""
        names, values = {"#pk": "pk"}, {":pk": pk}
        condition = "#pk = :pk"
        if prefix:
            names["#sk"] = "sk"
            values[":sk"] = prefix
            condition += " AND begins_with(#sk, :sk)"
        yield from self._pages(
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=encode_all(values),
            ConsistentRead=True,
        )

    def query_due(self, *, before: datetime | None) -> Iterator[Item]:
        """Yield the keys of what is due, earliest first, page after page; the index is eventually consistent."""
        names = {"#shard": "due_shard"}
        values: dict[str, str | int] = {":shard": DUE_SHARD}
        condition = "#shard = :shard"
        if before is not None:
            names["#at"] = "due_at"
            values[":at"] = epoch(before)
            condition += " AND #at <= :at"
        yield from self._pages(
            IndexName=DUE_INDEX,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=encode_all(values),
        )

    def _pages(self, **arguments: Any) -> Iterator[Item]:
        while True:
            answer = self.call("query", **arguments)
            yield from map(decode_all, answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def get(self, pk: str, sk: str) -> Item | None:
        answer = self.call("get_item", Key=key(pk, sk), ConsistentRead=True)
        return decode_all(answer["Item"]) if "Item" in answer else None

    def get_many(self, pk: str, sks: Sequence[str]) -> Iterator[Item]:
        """Yield the items of a partition that are there, of these sort keys, in no order."""
        for start in range(0, len(sks), BATCH_KEYS):
            keys = [key(pk, sk) for sk in sks[start : start + BATCH_KEYS]]
            for seconds in (*_WAITS_SECONDS, 0.0):
                answer = self.call("batch_get_item", RequestItems={self.name: {"Keys": keys, "ConsistentRead": True}})
                yield from map(decode_all, answer["Responses"].get(self.name, ()))
                keys = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
                if not keys:
                    break
                self._wait(seconds)
            else:
                raise StoreError("batch_get_item: the table is too busy")

    def put(self, item: Item, condition: Condition | None = None) -> None:
        if condition is None:
            self.call("put_item", Item=encode_all(item))
            return
        mark = _mark()
        self._write_once(
            "put_item",
            (item["pk"], item["sk"], mark),
            Item=encode_all({**item, _MARK: mark}),
            **_condition_arguments(condition),
        )

    def delete(self, pk: str, sk: str, condition: Condition | None = None) -> None:
        self.call("delete_item", Key=key(pk, sk), **_condition_arguments(condition))

    def update(self, pk: str, sk: str, expression: str, condition: Condition) -> None:
        mark = _mark()
        marked = replace(
            condition, names={**condition.names, "#mark": _MARK}, values={**condition.values, ":mark": mark}
        )
        sets = "SET #mark = :mark"
        expression = f"{sets}, {expression[4:]}" if expression.startswith("SET ") else f"{sets} {expression}"
        self._write_once(
            "update_item",
            (pk, sk, mark),
            Key=key(pk, sk),
            UpdateExpression=expression,
            **_condition_arguments(marked, update=True),
        )

    def _write_once(self, operation: str, work: tuple[str, str, str], **arguments: Any) -> None:
        """Write under a condition; one that fails because the write itself had come through already is no conflict."""
        try:
            self.call(operation, **arguments)
        except ConflictError as error:
            pk, sk, mark = work
            if not _was_tried_again(error) or (self.get(pk, sk) or {}).get(_MARK) != mark:
                raise

    def transact(self, actions: Sequence[Mapping[str, Any]]) -> None:
        """Write all or nothing, at most 100 actions as made by the functions below."""
        named = [{kind: {"TableName": self.name, **body} for kind, body in action.items()} for action in actions]
        self.call("transact_write_items", TransactItems=named)

    def each(self, work: Callable[[Any], None], items: Sequence[Any]) -> None:
        """Do independent writes beside each other; the first error is raised after all have ended."""
        if len(items) <= 1:
            for item in items:
                work(item)
            return
        with ThreadPoolExecutor(_WRITERS) as pool:
            for _ in pool.map(work, items):
                pass

    def call(self, operation: str, **arguments: Any) -> Any:
        """Call the client. Raises ConflictError or StoreError."""
        if operation not in _WITHOUT_TABLE:
            arguments["TableName"] = self.name
        for seconds in _WAITS_SECONDS:
            try:
                return self._call(operation, arguments)
            except StoreError as error:
                if not _is_passing(error):
                    raise
                self._wait(seconds)
        return self._call(operation, arguments)

    def _call(self, operation: str, arguments: Mapping[str, Any]) -> Any:
        try:
            return getattr(self._client(), operation)(**arguments)
        except ClientError as error:
            if _is_conflict(error):
                raise ConflictError(f"{operation}: {error}") from error
            raise StoreError(f"{operation} failed: {error}") from error
        except BotoCoreError as error:
            raise StoreError(f"{operation} failed: {error}") from error


def _is_conflict(error: ClientError) -> bool:
    code, reasons = _reasons(error)
    return code in _CONFLICTS or not reasons.isdisjoint(_CONFLICTING_ACTIONS)


def _is_passing(error: StoreError) -> bool:
    """Say whether DynamoDB wrote nothing, for reasons that another try in a moment may not meet again."""
    if not isinstance(error.__cause__, ClientError):
        return False
    code, reasons = _reasons(error.__cause__)
    return code == "TransactionConflictException" or (bool(reasons) and reasons <= _PASSING_ACTIONS)


def _reasons(error: ClientError) -> tuple[str, frozenset[str]]:
    """Return an error's code, and why the actions of a transaction were not done."""
    response: Mapping[str, Any] = error.response
    code = response.get("Error", {}).get("Code", "")
    reasons = response.get("CancellationReasons", ()) if code == "TransactionCanceledException" else ()
    return code, frozenset(reason.get("Code", "") for reason in reasons)


def _was_tried_again(error: ConflictError) -> bool:
    cause = error.__cause__
    metadata = cause.response.get("ResponseMetadata", {}) if isinstance(cause, ClientError) else {}
    return bool(metadata.get("RetryAttempts"))


def _mark() -> str:
    return uuid.uuid4().hex[:16]


def put_action(item: Item, condition: Condition | None = None) -> dict[str, Any]:
    return {"Put": {"Item": encode_all(item), **_condition_arguments(condition)}}


def update_action(pk: str, sk: str, expression: str, condition: Condition) -> dict[str, Any]:
    return {
        "Update": {
            "Key": key(pk, sk),
            "UpdateExpression": expression,
            **_condition_arguments(condition, update=True),
        }
    }


def at_version(version: int) -> Condition:
    """Return the condition that an item is still as it was read; version 0 means that there was none."""
    if version == 0:
        return Condition("attribute_not_exists(#version)", {"#version": "version"}, {})
    return Condition("#version = :read", {"#version": "version"}, {":read": version})


def _condition_arguments(condition: Condition | None, *, update: bool = False) -> dict[str, Any]:
    if condition is None:
        return {}
    arguments: dict[str, Any] = {"ExpressionAttributeNames": dict(condition.names)}
    if condition.expression:
        arguments["ConditionExpression"] = condition.expression
    elif not update:
        raise ValueError("a condition without an expression belongs to updates only")
    if condition.values:
        arguments["ExpressionAttributeValues"] = encode_all(condition.values)
    return arguments


def key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def epoch(instant: datetime) -> int:
    """Return an instant as the table has it: whole seconds, rounded up so that nothing is due too early."""
    return -int(-instant.timestamp() // 1)


def sortable(instant: datetime) -> str:
    """Return an instant as text that sorts as time does: with a fraction even where it has none."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def expiry(instant: datetime, kept: timedelta) -> int:
    """Return when an item of an instant that others have chosen is over; none is kept beyond the year 9999."""
    return epoch(min(instant, _LATEST - kept) + kept)


def from_epoch(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def stored(read: Callable[P, Value]) -> Callable[P, Value]:
    """Have reading raise StoreError where what is stored is not what was written: by hand, or by another version."""

    @wraps(read)
    def checked(*arguments: P.args, **named: P.kwargs) -> Value:
        try:
            return read(*arguments, **named)
        except _UNREADABLE as error:
            raise StoreError(f"{read.__name__}: an item cannot be read: {type(error).__name__}") from error

    return checked


def has_expired(item: Mapping[str, Any], now: datetime) -> bool:
    """Say whether an item is over: DynamoDB deletes it up to days later (law 8)."""
    return "expires_at" in item and from_epoch(item["expires_at"]) <= now


def encode(value: Any) -> dict[str, Any]:
    """Return a value as DynamoDB's client takes it; None is for callers to leave out."""
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float():
            return {"N": repr(value)}
        case bytes():
            return {"B": value}
        case Mapping():
            return {"M": encode_all(value)}
        case list() | tuple():
            return {"L": [encode(each) for each in value]}
    raise TypeError(f"no such value in the table: {type(value).__name__}")


def encode_all(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: encode(value) for name, value in values.items() if value is not None}


def decode(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    match kind:
        case "N":
            return int(value) if value.lstrip("-").isdigit() else float(value)
        case "M":
            return decode_all(value)
        case "L":
            return [decode(each) for each in value]
    return value


def decode_all(attributes: Mapping[str, Any]) -> Item:
    return {name: decode(value) for name, value in attributes.items()}


def pack(text: str) -> bytes:
    return zlib.compress(text.encode(), level=6)


def unpack(data: bytes) -> str:
    return zlib.decompress(data).decode()


def split(data: bytes) -> list[bytes]:
    """Return the parts that fit into items, one at least."""
    return [data[start : start + PART_BYTES] for start in range(0, len(data), PART_BYTES)] or [b""]


def part_key(sk: str, part: int) -> str:
    """Return the sort key of a value's part; the first is the value's own."""
    return sk if part == 0 else f"{sk}#part{part:03d}"
