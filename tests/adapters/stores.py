"""Stores to test against: the one in memory, and the table's adapters over moto with the table of template.yaml."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws
from samcli.yamlhelper import yaml_parse

from tocsin.adapters.dynamodb import (
    DynamoDeliveries,
    DynamoGroups,
    DynamoIncidents,
    DynamoIngested,
    DynamoInhibitors,
    DynamoLimits,
    DynamoOverrides,
    DynamoRules,
    DynamoSilences,
    Table,
)
from tocsin.adapters.memory import MemoryStore
from tocsin.config.patterns import compile_pattern

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem")
_NUMBERS = itertools.count()


class DynamoStore(
    DynamoRules,
    DynamoGroups,
    DynamoIncidents,
    DynamoInhibitors,
    DynamoIngested,
    DynamoDeliveries,
    DynamoSilences,
    DynamoOverrides,
    DynamoLimits,
):
    """The adapters over one table, as one store."""

    def __init__(self, table: Table, client: Any) -> None:
        DynamoRules.__init__(self, table)
        DynamoSilences.__init__(self, table, compile_pattern)
        self.table = table
        self.client = client

    @property
    def table_name(self) -> str:
        return self.table.name


Store = MemoryStore | DynamoStore


@cache
def table_properties() -> dict[str, Any]:
    """Return what makes the table what it is, as the template says it."""
    properties = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))["Resources"]["Table"]["Properties"]
    names = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    return {name: properties[name] for name in names}


@contextmanager
def dynamodb() -> Iterator[Any]:
    """Yield a client of a DynamoDB inside this process."""
    with mock_aws():
        yield boto3.client("dynamodb", region_name="eu-west-1")


def new_table(client: Any) -> DynamoStore:
    """Return a store over a table of its own."""
    name = f"tocsin-{next(_NUMBERS)}"
    client.create_table(TableName=name, **table_properties())
    return DynamoStore(Table(name, lambda: client), client)


@contextmanager
def counted_calls(client: Any) -> Iterator[Counter[str]]:
    """Count the calls that reach DynamoDB, by operation."""
    calls: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        calls[model.name] += 1

    client.meta.events.register("before-call.dynamodb", count)
    try:
        yield calls
    finally:
        client.meta.events.unregister("before-call.dynamodb", count)
