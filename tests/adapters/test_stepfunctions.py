"""An incident's state machine is started once, whoever asks how often."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tocsin.adapters.stepfunctions import StepFunctions
from tocsin.core.incidents import IncidentId, read_execution_name

INCIDENT = IncidentId("inc-0123456789abcdef")
DEFINITION = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("stepfunctions", region_name="eu-west-1")


@pytest.fixture
def arn(client: Any) -> str:
    made = client.create_state_machine(name="e", definition=DEFINITION, roleArn="arn:aws:iam::123456789012:role/e")
    return str(made["stateMachineArn"])


def executions(client: Any, arn: str) -> list[Any]:
    return list(client.list_executions(stateMachineArn=arn)["executions"])


def test_its_execution_bears_the_incidents_id_and_knows_it(client: Any, arn: str):
    StepFunctions(arn, lambda: client).start(INCIDENT, 0)
    (execution,) = executions(client, arn)
    assert execution["name"] == INCIDENT
    described = client.describe_execution(executionArn=execution["executionArn"])
    assert json.loads(described["input"]) == {"incident": INCIDENT, "climb": 0}


def test_a_second_start_is_none(client: Any, arn: str):
    machine = StepFunctions(arn, lambda: client)
    machine.start(INCIDENT, 0)
    machine.start(INCIDENT, 0)
    assert len(executions(client, arn)) == 1


def test_a_start_after_the_execution_has_ended_is_none(client: Any, arn: str):
    machine = StepFunctions(arn, lambda: client)
    machine.start(INCIDENT, 0)
    client.stop_execution(executionArn=executions(client, arn)[0]["executionArn"])
    machine.start(INCIDENT, 0)
    assert [execution["status"] for execution in executions(client, arn)] == ["ABORTED"]


def test_each_climb_has_an_execution_of_its_own(client: Any, arn: str):
    machine = StepFunctions(arn, lambda: client)
    machine.start(INCIDENT, 0)
    machine.start(INCIDENT, 2)
    machine.start(INCIDENT, 2)
    names = sorted(execution["name"] for execution in executions(client, arn))
    assert names == [INCIDENT, f"{INCIDENT}-2"]
    assert [read_execution_name(name) for name in names] == [(INCIDENT, 0), (INCIDENT, 2)]


class Refusing:
    """A client that refuses, as Step Functions do for an execution that has ended or for other reasons."""

    def __init__(self, code: str) -> None:
        self._code = code

    def start_execution(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, "StartExecution")


def test_what_ended_is_not_started_again():
    client: Any = Refusing("ExecutionAlreadyExists")
    StepFunctions("arn", lambda: client).start(INCIDENT, 0)


@pytest.mark.parametrize("code", ["StateMachineDoesNotExist", "ThrottlingException", "AccessDeniedException"])
def test_any_other_refusal_is_an_error(code: str):
    client: Any = Refusing(code)
    with pytest.raises(ClientError, match=code):
        StepFunctions("arn", lambda: client).start(INCIDENT, 0)
