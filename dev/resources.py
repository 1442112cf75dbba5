"""The resource types of our template that moto's CloudFormation does not create, or not in a way that is of use here.

moto skips a type it does not know and still says CREATE_COMPLETE; a `Ref` to it then leaves a variable out. So every
type is in one of three places: made by moto (MOTO), made here (OURS), or accepted and deliberately without effect
(INERT, each with the reason). Anything else stops the stack.

How moto builds a resource: https://docs.getmoto.org/en/latest/docs/services/cf.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.secretsmanager.models import secretsmanager_backends
from moto.ses.models import ses_backends
from moto.sns.models import sns_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

MOTO = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::KMS::Alias",
        "AWS::KMS::Key",
        "AWS::Lambda::Function",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
    }
)

INERT = {
    "AWS::ApiGatewayV2::Stage": "the local front has one stage, no throttling and no access log",
    "AWS::CloudWatch::Alarm": "there are no metrics to watch",
    "AWS::CloudWatch::CompositeAlarm": "there are no metrics to watch",
    "AWS::CloudWatch::Dashboard": "there are no metrics to show",
    "AWS::Scheduler::ScheduleGroup": "only metrics are counted by it",
    "AWS::Logs::MetricFilter": "there are no metrics to count",
    "AWS::SNS::TopicPolicy": "permissions are not enforced",
    "AWS::SQS::QueuePolicy": "permissions are not enforced",
}

_Attributes = Mapping[str, str]


class UnknownResourceTypesError(Exception):
    """The template has resources that the local stack neither makes nor deliberately leaves out."""

    def __init__(self, resources: Mapping[str, str]) -> None:
        self.resources = dict(resources)
        listing = ", ".join(f"{logical_id} ({kind})" for logical_id, kind in sorted(resources.items()))
        super().__init__(f"the local stack does not know what to do with: {listing}; see dev/resources.py")


class Resource:
    """A resource as it came out of the template: properties with every reference resolved."""

    def __init__(self, kind: str, physical_id: str, properties: dict[str, Any], attributes: _Attributes) -> None:
        self.type = kind
        self.physical_resource_id = physical_id
        self.properties = properties
        self._attributes = attributes

    def get_cfn_attribute(self, name: str) -> str:
        try:
            return self._attributes[name]
        except KeyError:
            raise UnformattedGetAttTemplateException() from None

    def is_created(self) -> bool:
        return True


class Where:
    """Account, region and physical name, which every maker needs to name what it makes."""

    def __init__(self, account: str, region: str, name: str, api_url: str) -> None:
        self.account = account
        self.region = region
        self.name = name
        self.api_url = api_url

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


Made = tuple[str, _Attributes]


def _subscription(properties: dict[str, Any], where: Where) -> Made:
    backend = sns_backends[where.account][where.region]
    subscription = backend.subscribe(properties["TopicArn"], properties["Endpoint"], properties["Protocol"])
    # The scope first: it decides how the policy is read.
    for name in ("FilterPolicyScope", "FilterPolicy", "RedrivePolicy", "RawMessageDelivery"):
        if name in properties:
            value = properties[name]
            backend.set_subscription_attributes(
                subscription.arn, name, value if isinstance(value, str) else json.dumps(value)
            )
    return subscription.arn, {"Arn": subscription.arn}


def _secret(properties: dict[str, Any], where: Where) -> Made:
    backend = secretsmanager_backends[where.account][where.region]
    made = backend.create_secret(
        name=properties.get("Name", where.name),
        secret_string=properties.get("SecretString", "{}"),
        secret_binary=None,
        description=properties.get("Description"),
        tags=properties.get("Tags"),
        kms_key_id=properties.get("KmsKeyId"),
        client_request_token=None,
        replica_regions=[],
        force_overwrite=False,
    )
    arn = json.loads(made)["ARN"]
    return arn, {"Id": arn, "Arn": arn}


def _email_identity(properties: dict[str, Any], where: Where) -> Made:
    identity = properties["EmailIdentity"]
    ses_backends[where.account][where.region].create_email_identity_v2(identity, None, None, None)
    return identity, {}


def _state_machine(properties: dict[str, Any], where: Where) -> Made:
    """In the backend that executes; moto's own CloudFormation model uses the one that only keeps records."""
    definition = properties.get("DefinitionString") or json.dumps(properties["Definition"])
    for name, value in properties.get("DefinitionSubstitutions", {}).items():
        definition = definition.replace("${" + name + "}", str(value))
    backend = stepfunctions_parser_backends[where.account][where.region]
    machine = backend.create_state_machine(
        properties.get("StateMachineName", where.name), definition, properties["RoleArn"]
    )
    return machine.arn, {"Arn": machine.arn, "Name": machine.name}


def _schedule(properties: dict[str, Any], where: Where) -> Made:
    name = properties.get("Name", where.name)
    return name, {"Arn": where.arn("scheduler", f"schedule/default/{name}")}


def _event_source_mapping(properties: dict[str, Any], where: Where) -> Made:
    """Only kept: moto's own would call the function inside SendMessage, one message at a time."""
    identifier = str(uuid.uuid4())
    return identifier, {
        "Id": identifier,
        "EventSourceMappingArn": where.arn("lambda", f"event-source-mapping:{identifier}"),
    }


def _event_invoke_config(properties: dict[str, Any], where: Where) -> Made:
    return f"{properties['FunctionName']}|{properties['Qualifier']}", {}


def _kept(kind: str) -> Callable[[dict[str, Any], Where], Made]:
    """Only kept, for the local front to read."""

    def make(properties: dict[str, Any], where: Where) -> Made:
        identifier = f"{kind}-{uuid.uuid4().hex[:7]}"
        return identifier, {f"{kind.capitalize()}Id": identifier}

    return make


def _http_api(properties: dict[str, Any], where: Where) -> Made:
    identifier = uuid.uuid4().hex[:10]
    return identifier, {"ApiId": identifier, "ApiEndpoint": where.api_url}


OURS: dict[str, Callable[[dict[str, Any], Where], Made]] = {
    "AWS::ApiGatewayV2::Api": _http_api,
    "AWS::ApiGatewayV2::Authorizer": _kept("authorizer"),
    "AWS::ApiGatewayV2::Integration": _kept("integration"),
    "AWS::ApiGatewayV2::Route": _kept("route"),
    "AWS::Lambda::EventInvokeConfig": _event_invoke_config,
    "AWS::Lambda::EventSourceMapping": _event_source_mapping,
    "AWS::SES::EmailIdentity": _email_identity,
    "AWS::SNS::Subscription": _subscription,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::SecretsManager::Secret": _secret,
    "AWS::StepFunctions::StateMachine": _state_machine,
}


def _inert(kind: str) -> Callable[[dict[str, Any], Where], Made]:
    service = kind.split("::")[1].lower()

    def make(properties: dict[str, Any], where: Where) -> Made:
        return where.name, {"Arn": where.arn(service, where.name)}

    return make


def check_types(template: Mapping[str, Any]) -> dict[str, str]:
    """Return the template's inert resources, type by logical id; raise UnknownResourceTypesError for unknown ones."""
    types = {logical_id: resource["Type"] for logical_id, resource in template["Resources"].items()}
    unknown = {logical_id: kind for logical_id, kind in types.items() if kind not in MOTO | OURS.keys() | INERT.keys()}
    if unknown:
        raise UnknownResourceTypesError(unknown)
    return {logical_id: kind for logical_id, kind in types.items() if kind in INERT}


def models(api_url: str) -> dict[str, Any]:
    """Return what to put into moto's map of types, so that it makes these resources as it makes its own."""
    makers = {**OURS, **{kind: _inert(kind) for kind in INERT}}
    return {kind: _Model(kind, make, api_url) for kind, make in makers.items()}


class _Model:
    """What moto's CloudFormation asks of the class behind a resource type."""

    def __init__(self, kind: str, make: Callable[[dict[str, Any], Where], Made], api_url: str) -> None:
        self._kind = kind
        self._make = make
        self._api_url = api_url

    def cloudformation_name_type(self) -> str:
        return ""

    def cloudformation_type(self) -> str:
        return self._kind

    def has_cfn_attr(self, attribute: str) -> bool:
        # GetAtt itself refuses what does not exist.
        return True

    def create_from_cloudformation_json(
        self, resource_name: str, cloudformation_json: dict[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Resource:
        properties = cloudformation_json.get("Properties", {})
        where = Where(account_id, region_name, resource_name, self._api_url)
        physical_id, attributes = self._make(properties, where)
        return Resource(self._kind, physical_id, properties, attributes)
