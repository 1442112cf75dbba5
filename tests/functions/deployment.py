"""What template.yaml makes, as far as a function can see it, on moto inside this process.

Names and the table's shape are the template's; each function's environment is what the template gives it.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Metrics

from dev import expand
from tests.adapters.stores import table_properties
from tests.functions.happenings import ACCOUNT, REGION, ROOT, STACK

TEMPLATE = expand.read(ROOT / "template.yaml")
FUNCTIONS: Mapping[str, str] = {
    resource["Properties"]["Handler"].partition(".")[0]: logical_id
    for logical_id, resource in TEMPLATE["Resources"].items()
    if resource["Type"] == "AWS::Serverless::Function"
}
# What IAM calls a client's service.
_PREFIXES = {"stepfunctions": "states", "sesv2": "ses"}


class Deployment:
    """The resources and the environment; `actions` holds what each function asked of AWS, in IAM's words."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
        self._monkeypatch = monkeypatch
        self.actions: dict[str, set[str]] = defaultdict(set)
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        monkeypatch.setenv("AWS_REGION", REGION)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.setenv(name, "testing")
        self._resources = _physical_ids()
        self._clients: dict[str, Any] = {}
        # Their endpoints and receivers are servers on this machine.
        self._overrides = {"TOCSIN_ALLOWED_TARGETS": "*, 127.0.0.0/8", **variables}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = boto3.client(service, region_name=REGION)  # type: ignore[call-overload]
        return self._clients[service]

    def create(self) -> None:
        """Make the resources; a function that is refused at the door needs none."""
        self.client("dynamodb").create_table(TableName=self["Table"], **table_properties())
        for name in _named("AWS::SQS::Queue"):
            self.client("sqs").create_queue(QueueName=f"{STACK}-{name}")
        for name in _named("AWS::SecretsManager::Secret"):
            self.client("secretsmanager").create_secret(Name=self[name], SecretString="{}")
        self.client("sns").create_topic(Name=f"{STACK}-AlertsTopic")
        self.client("stepfunctions").create_state_machine(
            name=f"{STACK}-EscalationStateMachine",
            definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
            roleArn=f"arn:aws:iam::{ACCOUNT}:role/{STACK}-EscalationRole",
        )
        self.client("sesv2").create_email_identity(EmailIdentity="tocsin@example.com")

    def __getitem__(self, logical_id: str) -> str:
        """Return a resource's physical id: a name, an ARN or a queue's URL."""
        return self._resources[logical_id]

    def keep_secret(self, logical_id: str, **members: Any) -> None:
        self.client("secretsmanager").put_secret_value(SecretId=self[logical_id], SecretString=json.dumps(members))

    def environment(self, function: str) -> dict[str, str]:
        """Return the variables that the template gives to a function."""
        variables = template_variables(FUNCTIONS[function])
        return {name: self._value(value) for name, value in variables.items()} | self._overrides

    def _value(self, value: Any) -> str:
        match value:
            case {"Ref": str(name)} if name in self._resources:
                return self._resources[name]
            case {"Ref": str(name)}:
                return str(TEMPLATE["Parameters"][name].get("Default", ""))
            case {"Fn::If": ["HasApiTokensSecret", _, created]}:
                return self._value(created)
            case {"Fn::If": [_, created, _]}:
                return self._value(created)
            case {"Fn::Sub": str(text)}:
                return text.replace("${AWS::StackName}", STACK)
            case dict():
                raise ValueError(f"this deployment knows no such intrinsic: {value}")
        return str(value)

    def load(self, function: str, *, without: tuple[str, ...] = (), **variables: str) -> Any:
        """Import a function's handler as a cold start does, in its environment."""
        for variable in [name for each in FUNCTIONS for name in template_variables(FUNCTIONS[each])]:
            self._monkeypatch.delenv(variable, raising=False)
        for name, value in (self.environment(function) | variables).items():
            if name not in without:
                self._monkeypatch.setenv(name, value)
        reset_powertools()
        self._monkeypatch.delitem(sys.modules, f"{function}.handler", raising=False)
        module = importlib.import_module(f"{function}.handler")
        if not without:
            module.app._session.events.register("provide-client-params.*.*", _Recorder(self.actions[function]))
        return module

    def invoke(self, function: str, event: Any) -> Any:
        """Run a function in a fresh sandbox."""
        return self.load(function).handler(event, None)

    # What is there afterwards

    def messages(self, logical_id: str) -> list[dict[str, Any]]:
        """Return the bodies of a queue's messages, delayed ones included."""
        from moto.core.models import DEFAULT_ACCOUNT_ID
        from moto.sqs.models import sqs_backends

        name = self[logical_id].rpartition("/")[2]
        queue = sqs_backends[DEFAULT_ACCOUNT_ID][REGION].get_queue(name)
        return [json.loads(message.body) for message in queue._messages]

    def published(self) -> list[dict[str, Any]]:
        """Return what the topic was handed, as its subscribers' functions would see it."""
        from moto.core.models import DEFAULT_ACCOUNT_ID
        from moto.sns.models import sns_backends

        topic = sns_backends[DEFAULT_ACCOUNT_ID][REGION].topics[self["AlertsTopic"]]
        return [json.loads(json.loads(each[1])["lambda"]) for each in topic.sent_notifications]

    def items(self, prefix: str = "") -> list[dict[str, Any]]:
        """Return the table's items whose partition begins so, as DynamoDB holds them."""
        found = self.client("dynamodb").scan(TableName=self["Table"])["Items"]
        return sorted(
            (item for item in found if item["pk"]["S"].startswith(prefix)), key=lambda i: (i["pk"]["S"], i["sk"]["S"])
        )


class _Recorder:
    """Notes a call in IAM's words; a transaction is what it writes."""

    def __init__(self, actions: set[str]) -> None:
        self._actions = actions

    def __call__(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        if model.name == "TransactWriteItems":
            names = [f"{kind}Item" for action in params["TransactItems"] for kind in action]
        else:
            names = [model.name]
        service = model.service_model.service_name
        self._actions.update(f"{_PREFIXES.get(service, service)}:{name}" for name in names)


def template_variables(logical_id: str) -> dict[str, Any]:
    """Return the variables that the template sets for a function, its own over everybody's."""
    common = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    own = TEMPLATE["Resources"][logical_id]["Properties"].get("Environment", {}).get("Variables", {})
    return {**common, **own}


def allowed_actions(logical_id: str) -> set[str]:
    """Return the actions that the template's role lets a function do."""
    role = TEMPLATE["Resources"][logical_id]["Properties"]["Role"]["Fn::GetAtt"]
    name = role.partition(".")[0] if isinstance(role, str) else role[0]
    documents = [policy["PolicyDocument"] for policy in TEMPLATE["Resources"][name]["Properties"]["Policies"]]
    for resource in TEMPLATE["Resources"].values():
        if {"Ref": name} in resource.get("Properties", {}).get("Roles", []):
            documents.append(resource["Properties"]["PolicyDocument"])
    actions = (statement["Action"] for document in documents for statement in document["Statement"])
    return {action for each in actions for action in ([each] if isinstance(each, str) else each)}


def reset_powertools() -> None:
    """Forget what Powertools keeps in its classes: a process on Lambda is one function's."""
    Metrics(service="none", namespace="none").clear_metrics()
    for name in FUNCTIONS:
        logging.Logger.manager.loggerDict.pop(name, None)


def _named(kind: str) -> list[str]:
    return [name for name, resource in TEMPLATE["Resources"].items() if resource["Type"] == kind]


def _physical_ids() -> dict[str, str]:
    queues = {
        name: f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{STACK}-{name}" for name in _named("AWS::SQS::Queue")
    }
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{STACK}-EscalationStateMachine"
    return {
        "Table": f"{STACK}-Table",
        "AlertsTopic": f"arn:aws:sns:{REGION}:{ACCOUNT}:{STACK}-AlertsTopic",
        "EscalationStateMachine": machine,
        **{name: f"{STACK}-{name}" for name in _named("AWS::SecretsManager::Secret")},
        **queues,
    }
