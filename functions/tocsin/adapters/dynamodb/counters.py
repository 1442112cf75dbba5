"""Counts that are forgotten soon: one item each, written without being read."""

from __future__ import annotations

from datetime import datetime

from .table import Table, encode_all, epoch, key

PARTITION = "rate#"


class DynamoCounters:
    """The `rate#…` partitions: one a count, so that none is hot."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, name: str, amount: int, *, expires_at: datetime) -> int:
        answer = self._table.call(
            "update_item",
            Key=key(PARTITION + name, "head"),
            UpdateExpression="ADD #total :amount SET #expires_at = :expires_at",
            ExpressionAttributeNames={"#total": "total", "#expires_at": "expires_at"},
            ExpressionAttributeValues=encode_all({":amount": amount, ":expires_at": epoch(expires_at)}),
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["total"]["N"])
