"""The index of what is due: read to its end, page after page; what waits in an outbox is no group of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tocsin.adapters.dynamodb.groups import DynamoGroups
from tocsin.adapters.dynamodb.table import Table, encode_all, epoch
from tocsin.core.routing import GroupId

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
GROUPS, ENTRIES, PAGE = 1500, 3, 700


class Index:
    """A client that answers with the keys of groups, each of which has entries in its outbox, so many in a page."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = [
            {"pk": f"group#{number:032x}", "sk": sk, "due_at": epoch(NOW + number * MINUTE), "due_shard": "0"}
            for number in range(GROUPS)
            for sk in ("head", *(f"outbox#{entry:015d}#team/slack/0" for entry in range(ENTRIES)))
        ]
        self.calls = 0

    def query(self, **arguments: Any) -> dict[str, Any]:
        self.calls += 1
        before = arguments["ExpressionAttributeValues"].get(":at")
        items = [item for item in self.items if before is None or item["due_at"] <= int(before["N"])]
        first = arguments.get("ExclusiveStartKey", 0)
        last = first + min(arguments.get("Limit", PAGE), PAGE)
        more = {"LastEvaluatedKey": last} if last < len(items) else {}
        return {"Items": [encode_all(item) for item in items[first:last]], **more}


def groups(index: Index) -> DynamoGroups:
    return DynamoGroups(Table("table", lambda: index))


def ids(*numbers: int) -> list[GroupId]:
    return [GroupId(f"{number:032x}") for number in numbers]


def test_every_active_group_is_there_once() -> None:
    assert groups(Index()).active_groups() == ids(*range(GROUPS))


def test_a_limit_counts_groups_and_reads_no_more_pages_than_it_needs() -> None:
    index = Index()
    assert groups(index).overdue(before=NOW + GROUPS * MINUTE, limit=100) == ids(*range(100))
    assert index.calls == 1
    assert groups(index).overdue(before=NOW + GROUPS * MINUTE, limit=1000) == ids(*range(1000))
    assert index.calls == 1 + -(-999 * (1 + ENTRIES) // PAGE)
    assert groups(index).overdue(before=NOW + 9 * MINUTE, limit=1000) == ids(*range(10))
