"""The whole stack on one machine: `with Stack(options) as stack: …`, or `make up`.

Our own template, expanded and created on moto; the built functions in Lambda's runtime emulator; and around them what
delivers events: schedule, queues, topic, asynchronous invocations, HTTP API. Everything runs in this process or is
started by it, listens on the loopback address, and is stopped by it.

    python -m dev.stack --help
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.sqs.models import sqs_backends

from dev import build, cloud, expand, parameters, resources, topics
from dev.asynchronous import RETRY_SECONDS, AsynchronousInvocations, Policy
from dev.calls import Call, Calls
from dev.cloud import Cloud, CloudError, Notification
from dev.emulator import Emulator, EmulatorError, Function, Invocation, Worker
from dev.front import Front, Route, default_routes, routes
from dev.mail import Email, Mailbox
from dev.queues import Mapping as QueueMapping
from dev.queues import Poller
from dev.schedule import Schedule, Ticker

CONFIG_BUCKET = "tocsin-config"
NAME = "tocsin-local"
# What a locally running stack takes where a deployment has to be told.
LOCAL_PARAMETERS = {
    "PrometheusAuth": "none",
    "Stage": "local",
    "Watchdog": "disabled",
    "AllowedTargets": "127.0.0.0/8, ::1",
}


@dataclass(frozen=True, slots=True)
class StackOptions:
    """How the local stack differs from a deployment.

    `parameters` override the template's. `tick_seconds` replaces the schedule's own rate; 0 switches it off.
    `config_dir` is uploaded to S3 and becomes ConfigUri. `secrets` fills SlackSecret, PagerdutySecret, ApiTokensSecret:
    name (slack, pagerduty, apiTokens) → key → value. `artifacts` runs these folders instead of building the template.
    Without `delivers`, functions run only when they are invoked: queues and topics take messages and hand out none.
    `on_invoke` is given each worker as it is about to run; `comes_twice` says of each timer and notification whether it
    is delivered once more.
    """

    template: Path = build.PROJECT / "template.yaml"
    parameters: Mapping[str, str] = field(default_factory=dict)
    tick_seconds: float | None = None
    config_dir: Path | None = None
    secrets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    artifacts: build.Artifacts | None = None
    retry_seconds: tuple[float, ...] = RETRY_SECONDS
    workers: int = 4
    delivers: bool = True
    logs_dir: Path | None = None
    on_event: Callable[[str, str], None] = lambda source, text: None
    on_invoke: Callable[[Worker], None] = lambda worker: None
    comes_twice: Callable[[], bool] = lambda: False


class Stack:
    """The running stack."""

    def __init__(self, options: StackOptions | None = None) -> None:
        self._options = options or StackOptions()
        self._undo = contextlib.ExitStack()
        self._resources: dict[str, Any] = {}
        self._functions: dict[str, Function] = {}
        self._stopping = threading.Event()
        self._schedules: list[Schedule] = []

    def __enter__(self) -> Stack:
        with contextlib.ExitStack() as on_error:
            on_error.callback(self.stop)
            self._start()
            on_error.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ---------------------------------------------------------------- what callers use

    @property
    def endpoint(self) -> str:
        """The address of every AWS service (AWS_ENDPOINT_URL)."""
        return self._cloud.endpoint

    @property
    def api_url(self) -> str:
        """The address of the HTTP API."""
        return self._front.url

    @property
    def client_api_url(self) -> str:
        """The address of the API for clients that don't sign: with tokens, or with a JWT."""
        return self._client_front.url

    @property
    def outputs(self) -> dict[str, str]:
        """The template's outputs."""
        return {name: self._here(value) for name, value in self._cloud.outputs.items()}

    def _here(self, text: str) -> str:
        """Return a text in which the APIs have the addresses that they have on this machine."""
        for _, made in self._of_type("AWS::ApiGatewayV2::Api"):
            real = f"https://{made.physical_resource_id}.execute-api.{self._cloud.region}.amazonaws.com"
            front = self._front if "Body" in made.properties else self._client_front
            text = text.replace(real, front.url)
        return text

    @property
    def inert(self) -> dict[str, str]:
        """What of the template has no effect here: logical id → type. The reasons are in dev/resources.py."""
        return self._inert

    @property
    def calls(self) -> Calls:
        """Every call to AWS, by whom."""
        return self._cloud.calls

    @property
    def logs_dir(self) -> Path:
        """One log file a function, named by its logical id."""
        return self._logs_dir

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a client, or the `tocsin` command, works on this stack."""
        environment: dict[str, str] = {}
        for function in self._functions.values():
            environment |= {name: value for name, value in function.environment.items() if _is_ours(name) and value}
        return {**environment, **self._aws_environment(), "TOCSIN_URL": self.api_url}

    def physical_id(self, logical_id: str) -> str:
        """Return the name, URL or ARN that a `Ref` to this resource gives."""
        return str(self._resource(logical_id).physical_resource_id)

    def arn(self, logical_id: str) -> str:
        """Return the ARN of a resource that has one."""
        return str(self._resource(logical_id).get_cfn_attribute("Arn"))

    def invoke(self, logical_id: str, event: Any) -> Invocation:
        """Run a function synchronously on an event (a value, or JSON as bytes)."""
        return self._emulator.invoke(self.physical_id(logical_id), event)

    def tick(self) -> None:
        """Fire every schedule once, now."""
        for schedule in self._schedules:
            self._fire(schedule.target_arn, schedule.rendered(datetime.now(UTC).replace(microsecond=0)))

    def emails(self) -> list[Email]:
        """Return all mail so far: by SES, and by SNS to subscribed addresses."""
        return self._mailbox.emails()

    def put_config(self, folder: Path) -> None:
        """Upload a configuration folder; the functions see it when they next look."""
        files = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
        self._cloud.put_config(CONFIG_BUCKET, files)

    def put_secret(self, logical_id: str, values: Mapping[str, str]) -> None:
        """Replace a secret's JSON object."""
        self._cloud.put_secret(self.physical_id(logical_id), json.dumps(dict(values)))

    def client(self, service: str) -> Any:
        """Return a boto3 client of this stack."""
        # Only here: it costs a tenth of a second, and starting needs none.
        import boto3

        session = boto3.session.Session(
            aws_access_key_id="local", aws_secret_access_key="local", region_name=self._cloud.region
        )
        create: Callable[..., Any] = session.client
        return create(service, endpoint_url=self.endpoint)

    def stop(self) -> None:
        """Stop everything, in the opposite order of starting it."""
        self._stopping.set()
        self._undo.close()

    # ---------------------------------------------------------------- starting

    def _start(self) -> None:
        options = self._options
        artifacts = options.artifacts or build.build(options.template)
        # One expansion with what is declared tells which parameters there are; the values come with the creation.
        template = expand.expand(options.template, build.parameters(options.template))
        self._inert = resources.check_types(template)
        scratch = self._undo.enter_context(tempfile.TemporaryDirectory(prefix="tocsin-"))
        self._logs_dir = options.logs_dir or Path(scratch)
        self._mailbox = Mailbox(options.on_event)
        self._front, self._client_front = Front(), Front()
        self._undo.callback(self._front.stop)
        self._undo.callback(self._client_front.stop)
        self._cloud = Cloud(self._on_invoke, self._on_notification, self._on_call)
        self._undo.enter_context(self._cloud)
        self._undo.callback(self._cloud.stop_executions)
        self._create(template)
        self._start_functions(artifacts)
        self._start_deliveries()

    def _create(self, template: expand.Template) -> None:
        options = self._options
        declared = template.get("Parameters", {})
        local = {name: value for name, value in LOCAL_PARAMETERS.items() if name in declared}
        values = {**local, **build.parameters(options.template), **options.parameters}
        if options.config_dir is not None:
            self.put_config(options.config_dir)
            values["ConfigUri"] = f"s3://{CONFIG_BUCKET}"
        checked = parameters.check(declared, values)
        self._resources = self._cloud.create(NAME, template, checked, self._front.url)
        for name, keys in options.secrets.items():
            self.put_secret(f"{name[:1].upper()}{name[1:]}Secret", keys)

    def _start_functions(self, artifacts: build.Artifacts) -> None:
        for logical_id, made in self._of_type("AWS::Lambda::Function"):
            self._functions[logical_id] = Function(
                name=made.function_name,
                logical_id=logical_id,
                handler=made.handler,
                code=artifacts.code[logical_id],
                environment={
                    **{name: self._here(str(value)) for name, value in made.environment_vars.items()},
                    **self._aws_environment(),
                    **self._options.environment,
                },
                timeout_seconds=int(made.timeout),
                memory_mb=int(made.memory_size),
            )
        self._trust_senders()
        by_name = {function.name: function for function in self._functions.values()}
        self._emulator = Emulator(
            by_name,
            artifacts.python,
            self._logs_dir,
            self._options.on_event,
            workers=self._options.workers,
            on_invoke=self._options.on_invoke,
        )

    def _start_deliveries(self) -> None:
        options = self._options
        self._asynchronous = AsynchronousInvocations(
            self._emulator.invoke,
            dict(_policy(made.properties) for _, made in self._of_type("AWS::Lambda::EventInvokeConfig")),
            self._cloud.send,
            options.on_event,
            function_arn=lambda name: f"arn:aws:lambda:{self._cloud.region}:{cloud.ACCOUNT}:function:{name}",
            retry_seconds=options.retry_seconds,
            stopped=self._stopping,
        )
        self._undo.callback(self._asynchronous.stop)
        backend = sqs_backends[cloud.ACCOUNT][self._cloud.region]
        for _, made in self._of_type("AWS::Lambda::EventSourceMapping"):
            if options.delivers and _is_true(made.properties.get("Enabled", True)):
                mapping = QueueMapping.of(made.properties)
                poller = Poller(
                    mapping,
                    backend,
                    self._emulator.invoke,
                    options.on_event,
                    self._stopping,
                    comes_twice=options.comes_twice,
                )
                self._undo.callback(poller.stop)
        # Stopped before the threads that wait for it, which would otherwise wait for the functions to finish.
        self._undo.callback(self._emulator.stop)
        for _, made in self._of_type("AWS::ApiGatewayV2::Api"):
            if "Body" in made.properties:
                self._front.connect(routes(made.properties["Body"]), self._emulator.invoke)
            else:
                self._client_front.connect(self._default_routes(made.physical_resource_id), self._emulator.invoke)
        for _, made in self._of_type("AWS::Scheduler::Schedule"):
            self._start_schedule(made)

    def _default_routes(self, api: str) -> list[Route]:
        integrations, found, authorizers = (
            [
                made.properties
                for _, made in self._of_type(f"AWS::ApiGatewayV2::{kind}")
                if made.properties["ApiId"] == api
            ]
            for kind in ("Integration", "Route", "Authorizer")
        )
        return default_routes(integrations, found, authorizers)

    def _start_schedule(self, made: resources.Resource) -> None:
        seconds = self._options.tick_seconds
        is_off = seconds == 0 or made.properties.get("State") == "DISABLED"
        schedule = Schedule.of(made.get_cfn_attribute("Arn"), made.properties, seconds=1.0 if is_off else seconds)
        self._schedules.append(schedule)
        if not is_off:
            self._undo.callback(Ticker(schedule, self._fire).stop)

    def _trust_senders(self) -> None:
        """Verify every sender for SES; in a deployment that is the operator's matter."""
        senders = {
            address
            for function in self._functions.values()
            for name, value in function.environment.items()
            if name.endswith("_FROM")
            for address in re.findall(r"[^\s<>,]+@[^\s<>,]+", value)
        }
        for sender in sorted(senders):
            self._cloud.verify_sender(sender)

    # ---------------------------------------------------------------- events

    def _on_invoke(self, name: str, event: bytes, asynchronous: bool) -> Invocation | None:
        if asynchronous:
            self._asynchronous.accept(name, event)
            return None
        try:
            return self._emulator.invoke(name, event)
        except EmulatorError as error:
            return Invocation({"errorType": "EmulatorError", "errorMessage": str(error)}, True, "")

    def _on_notification(self, notification: Notification) -> None:
        if notification.protocol == "email":
            self._mailbox.take_notification(notification)
        elif self._options.delivers:
            name = notification.endpoint.split(":")[6]
            event = json.dumps(topics.lambda_event(notification)).encode()
            for _ in range(1 + self._options.comes_twice()):
                self._asynchronous.accept(name, event)

    def _on_call(self, call: Call) -> None:
        self._mailbox.take_call(call)
        if call.status >= 500:
            self._options.on_event("aws", f"{call.service} {call.operation} answered {call.status} to {call.caller}")

    def _fire(self, target_arn: str, text: str) -> None:
        service, name = target_arn.split(":")[2], target_arn.rpartition(":")[2]
        self._options.on_event("schedule", text)
        if service == "lambda":
            self._asynchronous.accept(name, text.encode())
        elif service == "sqs":
            self._cloud.send(target_arn, text)
        else:
            raise CloudError(f"the local schedule cannot call {target_arn}")

    # ---------------------------------------------------------------- small things

    def _resource(self, logical_id: str) -> Any:
        try:
            return self._resources[logical_id]
        except KeyError:
            known = ", ".join(sorted(self._resources))
            raise KeyError(f"{logical_id} is no resource of this stack, which has: {known}") from None

    def _of_type(self, kind: str) -> list[tuple[str, Any]]:
        return [(logical_id, made) for logical_id, made in self._resources.items() if made.cf_resource_type == kind]

    def _aws_environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self._cloud.region,
            "AWS_DEFAULT_REGION": self._cloud.region,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": "local",
        }


def _policy(properties: Mapping[str, Any]) -> tuple[str, Policy]:
    """Read an AWS::Lambda::EventInvokeConfig: the function's name and how its failures are treated."""
    destination = properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    retries = int(properties.get("MaximumRetryAttempts", Policy().retries))
    return properties["FunctionName"].rpartition(":")[2], Policy(retries, destination)


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _is_ours(name: str) -> bool:
    return name.startswith(("TOCSIN_", "ALERT_THRESHOLD_")) or name == "CONFIG_URI"


if __name__ == "__main__":
    from dev.up import main

    sys.exit(main(sys.argv[1:]))
