"""What makes the local table quick changes nothing of what it does: failed transactions leave no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from dev import costs

NAME = "things"
KEYS = ("pk", "sk")


@pytest.fixture
def table() -> Iterator[Any]:
    with ExitStack() as undo, mock_aws():

        def replace(owner: Any, name: str, value: Any) -> None:
            undo.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)

        costs.install(replace)
        client = boto3.client(
            "dynamodb", region_name="eu-west-1", aws_access_key_id="local", aws_secret_access_key="local"
        )
        client.create_table(
            TableName=NAME,
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in KEYS],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def thing(pk: str, sk: str, number: int) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}, "number": {"N": str(number)}}


def put(pk: str, sk: str, number: int, **condition: Any) -> dict[str, Any]:
    return {"Put": {"TableName": NAME, "Item": thing(pk, sk, number), **condition}}


def on(pk: str, sk: str) -> dict[str, Any]:
    return {"TableName": NAME, "Key": {"pk": {"S": pk}, "sk": {"S": sk}}}


def everything(client: Any) -> list[tuple[str, str, str]]:
    items = client.scan(TableName=NAME)["Items"]
    return sorted((item["pk"]["S"], item["sk"]["S"], item["number"]["N"]) for item in items)


NOT_THERE = {"ConditionExpression": "attribute_not_exists(pk)"}
ADD = {"UpdateExpression": "ADD #n :one", "ExpressionAttributeNames": {"#n": "number"}}
ADD |= {"ExpressionAttributeValues": {":one": {"N": "1"}}}


def test_a_transaction_that_fails_leaves_everything_as_it_was(table: Any) -> None:
    before = [("a", "1", 1), ("a", "2", 2), ("b", "1", 3)]
    for each in before:
        table.put_item(TableName=NAME, Item=thing(*each))
    known = everything(table)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        table.transact_write_items(
            TransactItems=[
                put("new", "1", 9),
                put("a", "1", 8),
                {"Update": {**on("a", "2"), **ADD}},
                {"Delete": on("b", "1")},
                put("a", "3", 7),
                {"Update": {**on("c", "1"), **ADD, "ConditionExpression": "attribute_exists(pk)"}},
            ]
        )
    assert everything(table) == known


def test_a_transaction_that_succeeds_is_written_whole(table: Any) -> None:
    table.put_item(TableName=NAME, Item=thing("a", "1", 1))
    table.transact_write_items(TransactItems=[put("a", "2", 2, **NOT_THERE), {"Update": {**on("a", "1"), **ADD}}])
    assert everything(table) == [("a", "1", "2"), ("a", "2", "2")]


def test_an_item_that_is_named_twice_is_refused(table: Any) -> None:
    table.put_item(TableName=NAME, Item=thing("a", "1", 1))
    with pytest.raises(ClientError):
        table.transact_write_items(TransactItems=[put("a", "1", 5), put("a", "1", 6)])
    assert everything(table) == [("a", "1", "1")]


def test_a_query_finds_its_partition_in_pages(table: Any) -> None:
    for number in range(5):
        table.put_item(TableName=NAME, Item=thing("a", str(number), number))
        table.put_item(TableName=NAME, Item=thing("b", str(number), number))
    found: list[str] = []
    arguments: dict[str, Any] = {
        "TableName": NAME,
        "KeyConditionExpression": "pk = :pk AND sk > :sk",
        "ExpressionAttributeValues": {":pk": {"S": "a"}, ":sk": {"S": "0"}},
        "Limit": 2,
    }
    while True:
        page = table.query(**arguments)
        found += [item["sk"]["S"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    assert found == ["1", "2", "3", "4"]
    nowhere = {"KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "nowhere"}}}
    assert table.query(TableName=NAME, **nowhere)["Items"] == []
