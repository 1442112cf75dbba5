"""The dead-letter queues over moto: looking takes nothing away, and what is handed in arrives as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.adapters.letters import (
    ACCOUNT,
    AT,
    REGION,
    Office,
    deployment,
    notification,
    of_lambda,
    of_sns,
    sns_event,
    text_of,
    timer,
)
from tocsin.adapters.dead_letters import DeadLetterOffice
from tocsin.core.dead_letters import Queue, Raw
from tocsin.core.receivers import Kind
from tocsin.errors import StoreError
from tocsin.pipeline.dead_letters import read


@pytest.fixture
def office() -> Iterator[Office]:
    with mock_aws(config={"lambda": {"use_docker": False}}):
        yield deployment()


@pytest.fixture
def invocations() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def letters(office: Office, invocations: list[dict[str, Any]]) -> DeadLetterOffice:
    clients = {name: boto3.client(name, REGION) for name in ("sqs", "sns", "lambda")}
    clients["lambda"].meta.events.register(
        "provide-client-params.lambda.Invoke", lambda params, **_: invocations.append(dict(params))
    )
    urls = {queue: office.urls[f"{queue.value}-dlq"] for queue in Queue}
    return DeadLetterOffice(urls, clients.__getitem__, wait_seconds=0)


def test_looking_takes_nothing_away(office: Office, letters: DeadLetterOffice) -> None:
    ids = {office.put("deliveries", str(number)) for number in range(25)}
    for _ in range(3):
        assert letters.count(Queue.DELIVERIES).number == 25
        with letters.opened(Queue.DELIVERIES, limit=100) as opened:
            assert {each.raw.id for each in opened} == ids
    with letters.opened(Queue.DELIVERIES, limit=7) as opened:
        assert len(opened) == 7
    with letters.opened(Queue.TICKS, limit=7) as opened:
        assert opened == []


def test_a_letter_has_its_attributes_and_what_its_queue_has_tried(office: Office, letters: DeadLetterOffice) -> None:
    office.put("timers", timer())
    office.put("deliveries", "x", ErrorMessage="no permission")
    with letters.opened(Queue.TIMERS, limit=9) as (opened,):
        assert (opened.raw.attempts, opened.raw.body) == (5, timer())
    with letters.opened(Queue.DELIVERIES, limit=9) as (opened,):
        assert (opened.raw.attempts, opened.raw.attributes) == (None, {"ErrorMessage": "no permission"})


def test_what_is_deleted_stays_so_and_the_rest_is_given_back(office: Office, letters: DeadLetterOffice) -> None:
    for number in range(3):
        office.put("deliveries", str(number))
    with letters.opened(Queue.DELIVERIES, limit=9) as opened:
        letters.delete(opened[0])
    with letters.opened(Queue.DELIVERIES, limit=9) as opened:
        assert len(opened) == 2


def test_a_timer_goes_to_the_queue_that_it_came_from(office: Office, letters: DeadLetterOffice) -> None:
    office.put("timers", timer())
    with letters.opened(Queue.TIMERS, limit=9) as (opened,):
        letters.send_timer(read(opened.raw))
    assert office.bodies("timers") == [timer()]


def test_a_notification_goes_to_the_function_that_failed(
    office: Office, letters: DeadLetterOffice, invocations: list[dict[str, Any]]
) -> None:
    event = sns_event(text_of(notification()))
    office.put("deliveries", of_lambda("notify-slack", event))
    with letters.opened(Queue.DELIVERIES, limit=9) as (opened,):
        letters.invoke(read(opened.raw))
    (invoked,) = invocations
    assert invoked["FunctionName"] == f"arn:aws:lambda:{ACCOUNT}:function:notify-slack"
    assert invoked["InvocationType"] == "Event"
    assert json.loads(invoked["Payload"]) == event


@pytest.mark.parametrize(("kind", "function"), [(Kind.SLACK, "notify-slack"), (Kind.DISCORD, "notify-webhook")])
def test_what_sns_could_not_hand_over_goes_to_the_function_that_its_filters_choose(
    office: Office, letters: DeadLetterOffice, invocations: list[dict[str, Any]], kind: Kind, function: str
) -> None:
    told = notification(kind=kind)
    office.put("deliveries", of_sns(told, office.topic))
    with letters.opened(Queue.DELIVERIES, limit=9) as (opened,):
        letters.invoke(read(opened.raw))
    (invoked,) = invocations
    assert invoked["FunctionName"].endswith(f":function:{function}")
    (record,) = json.loads(invoked["Payload"])["Records"]
    assert json.loads(record["Sns"]["Message"])["id"] == told.id


def test_what_no_function_is_there_for_is_an_error(office: Office, letters: DeadLetterOffice) -> None:
    office.put("deliveries", of_sns(notification(kind=Kind.TELEGRAM), office.topic))
    with (
        letters.opened(Queue.DELIVERIES, limit=9) as (opened,),
        pytest.raises(StoreError, match="no function is subscribed"),
    ):
        letters.invoke(read(opened.raw))


def test_what_is_not_accepted_is_an_error(office: Office) -> None:
    def refuse(service: str) -> Any:
        raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "Function not found"}}, "Invoke")

    letters = DeadLetterOffice({}, refuse)
    letter = read(Raw(Queue.DELIVERIES, "id", of_lambda("gone", sns_event(text_of(notification()))), AT))
    with pytest.raises(StoreError, match="Function not found"):
        letters.invoke(letter)
