"""Starting an incident's state machine. Its execution is named after the incident and its climb, so two starts are one.

Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ..core.incidents import IncidentId, execution_name

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctions:
    """The escalation's state machine."""

    def __init__(self, arn: str, client: Callable[[], SFNClient]) -> None:
        self._arn = arn
        self._client = client

    def start(self, incident: IncidentId, climb: int) -> None:
        body = json.dumps({"incident": incident, "climb": climb})
        name = execution_name(incident, climb)
        try:
            self._client().start_execution(stateMachineArn=self._arn, name=name, input=body)
        except ClientError as error:
            # Started before, and ended since: starting it again would climb anew.
            if error.response.get("Error", {}).get("Code") != "ExecutionAlreadyExists":
                raise
