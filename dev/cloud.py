"""AWS on this machine: moto as one server in this process, creating our own template.

What moto cannot deliver (see the modules beside this one) it hands over at two places: every invocation of a function
goes to `on_invoke`, every notification to a function or a mail address to `on_notification`. moto's state belongs to
the process, so there is one Cloud at a time, and moto's own `mock_aws` must not be used while it is up.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.cloudformation import parsing
from moto.cloudformation.models import cloudformation_backends
from moto.core.config import default_user_config
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.ses.models import ses_backends
from moto.sns.models import Subscription
from moto.sqs.models import Queue, sqs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends
from werkzeug.serving import make_server

from dev import costs, expand, locks, resources, waits
from dev.calls import Call, Calls
from dev.emulator import Invocation

ACCOUNT = DEFAULT_ACCOUNT_ID
# Lambda's API gives the last 4 KB of a log.
TAIL_BYTES = 4096

_one_at_a_time = threading.Lock()


class CloudError(Exception):
    """The stack could not be created; the message is CloudFormation's."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One SNS message on its way to one subscription that wants it."""

    subscription_arn: str
    topic_arn: str
    protocol: str
    endpoint: str
    message_id: str
    subject: str | None
    text: str
    attributes: Mapping[str, Any]


OnInvoke = Callable[[str, bytes, bool], Invocation | None]
OnNotification = Callable[[Notification], None]


class Cloud:
    """The server and the resources in it. Use it as a context manager.

    `on_invoke(function name, event, asynchronous)` runs a function, or only accepts the event when asynchronous.
    """

    def __init__(
        self,
        on_invoke: OnInvoke,
        on_notification: OnNotification,
        on_call: Callable[[Call], None],
        *,
        region: str = expand.REGION,
    ) -> None:
        self.region = region
        self._on_invoke = on_invoke
        self._on_notification = on_notification
        self._undo = contextlib.ExitStack()
        self.calls = Calls(DomainDispatcherApplication(create_backend_app), on_call)

    def __enter__(self) -> Cloud:
        if not _one_at_a_time.acquire(blocking=False):
            raise CloudError("another local stack runs in this process; moto's state is one for all")
        self._undo.callback(_one_at_a_time.release)
        with contextlib.ExitStack() as on_error:
            on_error.callback(self._undo.close)
            self._serve()
            on_error.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def create(
        self, name: str, template: expand.Template, parameters: Mapping[str, str], api_url: str
    ) -> dict[str, Any]:
        """Create the stack, and return its resources by logical id (those whose condition holds)."""
        parsing.get_model_map().update(resources.models(api_url))
        backend = cloudformation_backends[ACCOUNT][self.region]
        code_bucket = s3_backends[ACCOUNT]["aws"]
        code_bucket.create_bucket(expand.CODE_BUCKET, self.region)
        code_bucket.put_object(expand.CODE_BUCKET, expand.CODE_KEY, b"")
        try:
            stack = backend.create_stack(name, json.dumps(template), dict(parameters))
        except Exception as error:  # whatever it is, it is about the template
            raise CloudError(f"CloudFormation refuses the template: {error}") from error
        made = {key: stack.resource_map[key] for key in template["Resources"] if stack.resource_map[key] is not None}
        self._finish_tables(template, made)
        self.outputs = {key: str(output.value) for key, output in stack.output_map.items() if output is not None}
        return made

    def put_config(self, bucket: str, files: Mapping[str, bytes]) -> None:
        """Fill a bucket with these files, and remove what else was in it."""
        backend = s3_backends[ACCOUNT]["aws"]
        if bucket not in backend.buckets:
            backend.create_bucket(bucket, self.region)
        for gone in [key for key in backend.buckets[bucket].keys if key not in files]:
            backend.delete_object(bucket, gone)
        for key, content in files.items():
            backend.put_object(bucket, key, content)

    def put_secret(self, arn: str, text: str) -> None:
        """Replace a secret's text."""
        backend = secretsmanager_backends[ACCOUNT][self.region]
        backend.put_secret_value(arn, text, "", str(uuid.uuid4()), ["AWSCURRENT"])

    def verify_sender(self, address: str) -> None:
        """Make a mail address one that SES sends for."""
        backend = ses_backends[ACCOUNT][self.region]
        if address not in backend.email_identities:
            backend.create_email_identity_v2(address, None, None, None)

    def queue(self, arn: str) -> Queue:
        """Return moto's queue of this ARN."""
        return sqs_backends[ACCOUNT][self.region].get_queue(arn.rpartition(":")[2])

    def send(self, queue_arn: str, body: str) -> None:
        sqs_backends[ACCOUNT][self.region].send_message(queue_arn.rpartition(":")[2], body)

    def stop_executions(self) -> None:
        """End what waits in the state machines; their threads look at it when their wait is over."""
        for execution in stepfunctions_parser_backends[ACCOUNT][self.region]._get_executions():
            if execution.exec_status == "RUNNING":
                with contextlib.suppress(Exception):
                    execution.stop(stop_date=execution.start_date, error=None, cause="the local stack stops")

    def _serve(self) -> None:
        moto_api_backend.reset()
        self._undo.callback(moto_api_backend.reset)
        costs.install(self._patch)
        locks.install(self._patch)
        waits.install(self._patch)
        self._patch(LambdaFunction, "invoke", _invoking(self._on_invoke))
        self._patch(Subscription, "publish", _publishing(Subscription.publish, self._on_notification))
        self._patch_item(default_user_config, "stepfunctions", {"execute_state_machine": True})
        models = parsing.get_model_map()
        for kind in resources.models(""):
            self._patch_item(models, kind, models.get(kind))
        server = make_server("127.0.0.1", 0, self.calls, threaded=True, request_handler=_QuietHandler)
        self.endpoint = f"http://127.0.0.1:{server.server_port}"
        # moto's Step Functions call the other services at this port.
        self._patch_item(os.environ, "MOTO_PORT", str(server.server_port))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="moto", daemon=True)
        thread.start()
        self._undo.callback(server.server_close)
        self._undo.callback(thread.join, 5)
        self._undo.callback(server.shutdown)

    def _finish_tables(self, template: expand.Template, made: Mapping[str, Any]) -> None:
        """What moto's CloudFormation leaves out of a table."""
        backend = dynamodb_backends[ACCOUNT][self.region]
        for logical_id, resource in template["Resources"].items():
            if resource["Type"] != "AWS::DynamoDB::Table" or logical_id not in made:
                continue
            properties, name = resource["Properties"], made[logical_id].name
            if "TimeToLiveSpecification" in properties:
                backend.update_time_to_live(name, properties["TimeToLiveSpecification"])
            if "PointInTimeRecoverySpecification" in properties:
                backend.update_continuous_backups(name, properties["PointInTimeRecoverySpecification"])

    def _patch(self, owner: Any, name: str, value: Any) -> None:
        self._undo.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)

    def _patch_item(self, mapping: Any, key: str, value: Any) -> None:
        if key in mapping:
            self._undo.callback(mapping.__setitem__, key, mapping[key])
        else:
            self._undo.callback(mapping.pop, key, None)
        if value is not None:
            mapping[key] = value


class _QuietHandler(MotoRequestHandler):
    """Requests are recorded as calls; a line each on the terminal helps nobody."""

    def log(self, type: str, message: str, *args: Any) -> None:
        return None


def _invoking(on_invoke: OnInvoke) -> Callable[..., Any]:
    """Replace what moto does for lambda:Invoke, by the API and by a state machine: a container of its own."""

    def invoke(function: LambdaFunction, body: Any, request_headers: Any, response_headers: Any) -> bytes:
        kind = request_headers.get("x-amz-invocation-type", "RequestResponse")
        event = body.encode() if isinstance(body, str) else (body or b"{}")
        response_headers["x-amz-executed-version"] = "$LATEST"
        if kind == "DryRun":
            return b""
        invocation = on_invoke(function.function_name, event, kind == "Event")
        if invocation is None:
            return b""
        if invocation.errored:
            response_headers["x-amz-function-error"] = "Unhandled"
        tail = invocation.logs.encode()[-TAIL_BYTES:]
        response_headers["x-amz-log-result"] = base64.b64encode(tail).decode()
        return invocation.body

    return invoke


def _publishing(original: Callable[..., None], on_notification: OnNotification) -> Callable[..., None]:
    """Replace moto's canned event for functions and its missing mail; filters and message structure stay its own."""

    def publish(
        subscription: Subscription,
        message: str,
        message_id: str,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        message_structure: str | None = None,
        **rest: Any,
    ) -> None:
        if subscription.protocol not in ("lambda", "email"):
            original(
                subscription,
                message,
                message_id,
                subject=subject,
                message_attributes=message_attributes,
                message_structure=message_structure,
                **rest,
            )
            return
        matcher = subscription._filter_policy_matcher
        if matcher is not None and not matcher.matches(message_attributes, message):
            return
        if message_structure == "json":
            message = subscription._parse_message_structure(message, subscription.protocol)
        on_notification(
            Notification(
                subscription_arn=subscription.arn,
                topic_arn=subscription.topic.arn,
                protocol=subscription.protocol,
                endpoint=subscription.endpoint,
                message_id=message_id,
                subject=subject,
                text=message,
                attributes=message_attributes or {},
            )
        )

    return publish
