"""How often a caller may ask: over all sandboxes, for few writes, and never because the table cannot count."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.adapters.stores import counted_calls, dynamodb, new_table
from tests.cli.states import api_of, burning
from tests.stories.world import World
from tocsin.adapters.dynamodb import DynamoCounters
from tocsin.adapters.memory import MemoryLog, MemoryStore
from tocsin.errors import StoreError
from tocsin.web.api import answer
from tocsin.web.http import Request, Response, split_path
from tocsin.web.identities import EVERYTHING, Identity, Scope
from tocsin.web.rates import CALLERS, RateLimiter, Rates, read_rates

NOW = datetime(2026, 11, 20, 3, 0, 20, tzinfo=UTC)
RATES = Rates(read=100, write=3, ingest=40)


def limiter(counters: Any = None, rates: Rates = RATES) -> RateLimiter:
    return RateLimiter(MemoryStore() if counters is None else counters, MemoryLog(), rates)


def allowed(limiter: RateLimiter, times: int, *, caller: str = "ann", scope: Scope = Scope.READ, now: Any = NOW) -> int:
    """Return how many of so many requests are let through."""
    return sum(limiter.wait_seconds(caller, scope, now=now) == 0 for _ in range(times))


def test_no_more_than_the_limit_in_a_minute() -> None:
    one = limiter()
    assert allowed(one, 150) == 100
    assert one.wait_seconds("ann", Scope.READ, now=NOW) == 40
    assert one.wait_seconds("ann", Scope.READ, now=NOW + timedelta(seconds=39.5)) == 1
    assert allowed(one, 150, now=NOW + timedelta(seconds=40)) == 100


def test_each_caller_and_each_scope_has_a_limit_of_its_own() -> None:
    one = limiter()
    assert allowed(one, 150) == 100
    assert allowed(one, 150, caller="bob") == 100
    assert allowed(one, 10, scope=Scope.WRITE) == 3
    assert allowed(one, 60, scope=Scope.INGEST) == 40


def test_sandboxes_beside_each_other_share_a_limit() -> None:
    store = MemoryStore()
    several = [limiter(store) for _ in range(4)]
    through = sum(allowed(each, 1) for _ in range(100) for each in several)
    assert 100 <= through <= 100 + 4 * 5  # a block of each may be on its way


def test_who_asks_rarely_costs_no_write() -> None:
    store = MemoryStore()
    one = limiter(store)
    for minute in range(60):
        assert allowed(one, 4, now=NOW + minute * timedelta(minutes=1)) == 4
    assert store.writes == 0


def test_who_asks_much_costs_a_write_for_each_block() -> None:
    store = MemoryStore()
    assert allowed(limiter(store), 1000) == 100
    assert store.writes == 20


def test_a_table_that_cannot_count_refuses_nobody() -> None:
    class Broken:
        def add(self, name: str, amount: int, *, expires_at: datetime) -> int:
            raise StoreError("update_item failed")

    one = limiter(Broken())
    assert allowed(one, 99) == 99
    assert [event for _, event, _ in one.log.lines] == ["requests_not_counted"] * 19  # type: ignore[attr-defined]
    assert allowed(one, 10) == 1  # what this sandbox alone has seen still counts


def test_callers_without_number_fill_no_memory() -> None:
    one = limiter()
    for number in range(CALLERS + 10):
        one.wait_seconds(f"caller {number}", Scope.READ, now=NOW)
    assert len(one._windows) <= CALLERS


def test_the_table_counts_and_forgets() -> None:
    with dynamodb() as client:
        store = new_table(client)
        counters = DynamoCounters(store.table)
        with counted_calls(client) as calls:
            assert [counters.add("read#x#1", 5, expires_at=NOW + timedelta(minutes=9)) for _ in range(3)] == [5, 10, 15]
            assert counters.add("read#y#1", 1, expires_at=NOW) == 1
        assert calls == {"UpdateItem": 4}
        item = client.get_item(TableName=store.table_name, Key={"pk": {"S": "rate#read#x#1"}, "sk": {"S": "head"}})[
            "Item"
        ]
        assert item["expires_at"] == {"N": str(int(NOW.timestamp()) + 540)}


RATE_TEXTS = {"": Rates(), "read=5": Rates(read=5), " write=1, ingest=999999999 ": Rates(write=1, ingest=999999999)}


@pytest.mark.parametrize(("text", "rates"), RATE_TEXTS.items())
def test_rates_are_read(text: str, rates: Rates) -> None:
    assert read_rates(text) == rates


@pytest.mark.parametrize(
    "text", ["read", "read=", "read=0", "read=-1", "read=x", "admin=3", "read=9999999999", "read=1 2"]
)
def test_rates_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected for example read=600; known are ingest, read, write"):
        read_rates(text)


# The API


def ask(world: World, one: RateLimiter, method: str, path: str, body: bytes = b"", caller: str = "ann") -> Response:
    request = Request(method, split_path(path), body=body, identity=Identity(caller, EVERYTHING))
    return answer(replace(api_of(world), limiter=one), request, now=NOW)


def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    world, one = burning(), limiter(rates=Rates(read=2, ingest=1))
    answers = [ask(world, one, "GET", "/api/v2/receivers") for _ in range(3)]
    assert [each.status for each in answers] == [200, 200, 429]
    assert answers[2].headers == {"retry-after": "40"}
    assert answers[2].value == {"code": 429, "message": "too many requests: try again later"}
    assert ask(world, one, "GET", "/api/v2/receivers", caller="bob").status == 200
    assert ask(world, one, "GET", "/-/healthy").status == 200


def test_alertmanager_is_answered_so_that_it_tries_again() -> None:
    world, one = burning(), limiter(rates=Rates(ingest=1))
    body = b'{"alerts": []}'
    assert ask(world, one, "POST", "/alerts/webhook", body).status == 200
    refused = ask(world, one, "POST", "/alerts/webhook", body)
    assert (refused.status, refused.headers) == (503, {"retry-after": "40"})
    assert ask(world, one, "POST", "/api/v2/alerts", b"[]").status == 429
