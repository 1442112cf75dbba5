"""moto at a cost that a storm of alerts can bear.

It copies the whole table once for each action of a transaction, looks at all of it for each query, copies all that it
finds, and looks up by reflection what a service can do for each call. Here a transaction keeps the items that it names,
and puts them back when it fails; a query looks at its partition, and its answer is written while nobody else is at the
table (locks.py); and what a service can do is looked up once.
"""

from __future__ import annotations

import copy
import functools
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from moto.core import responses
from moto.core.utils import method_names_from_class
from moto.dynamodb import models
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models import table as tables
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

Patch = Callable[[Any, str, Any], None]
_Kept = list[tuple[Table, DynamoType, DynamoType, Item | None]]


class _Copying:
    """The `copy` of moto's backend: a table is not copied, because what a transaction changes is kept here."""

    copy = staticmethod(copy.copy)

    @staticmethod
    def deepcopy(value: Any) -> Any:
        return value if isinstance(value, Table) else copy.deepcopy(value)


class _Finding:
    """The `copy` of moto's tables: items that a query finds are not copied."""

    copy = staticmethod(copy.copy)

    @staticmethod
    def deepcopy(value: Any) -> Any:
        is_found = isinstance(value, list) and all(isinstance(each, Item) for each in value)
        return list(value) if is_found else copy.deepcopy(value)


def install(patch: Patch) -> None:
    """Put them in; `patch(owner, name, value)` replaces an attribute and undoes it later."""
    patch(responses, "method_names_from_class", functools.cache(method_names_from_class))
    patch(models, "copy", _Copying)
    patch(tables, "copy", _Finding)
    patch(DynamoDBBackend, "transact_write_items", _transacting(DynamoDBBackend.transact_write_items))
    patch(Table, "query", _querying(Table.query))


def _transacting(method: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(method)
    def transact(backend: DynamoDBBackend, items: list[dict[str, Any]]) -> None:
        kept = [each for item in items for action in item.values() if (each := _keep(backend, action)) is not None]
        try:
            method(backend, items)
        except Exception:
            _put_back(kept)
            raise

    return transact


def _keep(backend: DynamoDBBackend, action: Mapping[str, Any]) -> tuple[Table, DynamoType, DynamoType, Any] | None:
    """Return an item as it is now, or None where the action names none: moto says what is wrong with it."""
    table = backend.tables.get(action.get("TableName", ""))
    named = action.get("Key") or action.get("Item") or {}
    if table is None or table.hash_key_attr not in named or table.range_key_attr not in named:
        return None
    hash_key, range_key = DynamoType(named[table.hash_key_attr]), DynamoType(named[table.range_key_attr])
    return table, hash_key, range_key, copy.deepcopy(table.items.get(hash_key, {}).get(range_key))


def _put_back(kept: _Kept) -> None:
    # Backwards: where an item is named twice, what was there first is what stays.
    for table, hash_key, range_key, item in reversed(kept):
        if item is None:
            table.items[hash_key].pop(range_key, None)
        else:
            table.items[hash_key][range_key] = item


def _querying(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def query(table: Table, hash_key: DynamoType | None, *args: Any, **kwargs: Any) -> Any:
        index = args[6] if len(args) > 6 else kwargs.get("index_name")
        if index or hash_key is None:
            return method(table, hash_key, *args, **kwargs)
        partition = copy.copy(table)
        partition.items = defaultdict(dict, {hash_key: table.items.get(hash_key, {})})
        return method(partition, hash_key, *args, **kwargs)

    return query
