"""From the environment to a working application: the only place that reads the environment and builds adapters.

`lazy(function)` builds nothing until it is first used. What a function needs and does not find is said in one error.
"""

from __future__ import annotations

import os
import random
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import urllib3
from botocore.config import Config

from .adapters.dynamodb import (
    DynamoCounters,
    DynamoDeliveries,
    DynamoGroups,
    DynamoIncidents,
    DynamoIngested,
    DynamoInhibitors,
    DynamoLimits,
    DynamoOverrides,
    DynamoPaces,
    DynamoReceipts,
    DynamoRules,
    DynamoSilences,
    DynamoSnapshots,
    Table,
)
from .adapters.powertools import PowertoolsLog
from .adapters.prometheus import Clock, Prometheus, Signer, region_of, sigv4, without_credentials
from .adapters.sqs import SqsActions, SqsTicks, SqsTimers
from .core.redaction import Redaction
from .errors import DeliveryError, FailureReason, SecretError, SettingsError
from .pipeline.configurations import CurrentConfiguration, Source

if TYPE_CHECKING:
    from .adapters.dead_letters import DeadLetterOffice
    from .adapters.heartbeat import TickHeartbeat
    from .adapters.remote import RemoteApi
    from .adapters.secrets import Secrets
    from .adapters.targets import Targets
    from .core.configuration import Configuration
    from .core.dead_letters import Queue
    from .core.patterns import Pattern
    from .core.receivers import Kind
    from .pipeline.clicks import Performer
    from .pipeline.dispatch import Dispatcher
    from .pipeline.escalate import Escalator
    from .pipeline.evaluate import Evaluator
    from .pipeline.ingest import Ingester, Rerouting
    from .pipeline.notify import Notifier
    from .pipeline.patience import Patience
    from .ports import (
        Actions,
        Configurations,
        Counters,
        Deliveries,
        Groups,
        Incidents,
        Ingested,
        Inhibitors,
        Log,
        Overrides,
        Receipts,
        Rules,
        Sender,
        Silences,
        Threads,
        Timers,
    )
    from .web.api import Api
    from .wiring_senders import Senders

SHIPPED_CONFIG = Path(__file__).resolve().parent.parent / "config"
SECRET_PREFIX = "TOCSIN_SECRET_"
# botocore's own patience (a minute a try) is longer than a function may run.
CLIENT_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
LONGEST_QUERY_BUDGET_SECONDS = 25.0
# A tick tells no more after so long, nor so short before its function's timeout: then it writes down how far it has
# come, sweeps and reports.
TICK_BUDGET_SECONDS, SECONDS_BEFORE_TIMEOUT = 45.0, 10.0
TOKENS_KEPT_FOR, SECRETS_KEPT_FOR = timedelta(minutes=1), timedelta(minutes=5)
FEWEST_TICK_SECONDS, MOST_TICK_SECONDS = 1, 60
_DLQ_OUTPUTS = {
    "timers": "TimerDeadLetterQueueUrl",
    "ticks": "TickDeadLetterQueueUrl",
    "deliveries": "DeliveryDeadLetterQueueUrl",
    "actions": "ActionDeadLetterQueueUrl",
}


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable that is read: what it does, and which functions cannot do without it."""

    name: str
    purpose: str
    default: str = ""
    needed_by: tuple[str, ...] = ()


_WITH_TABLE = (
    "evaluate",
    "dispatch",
    "escalate",
    "notify_slack",
    "notify_pagerduty",
    "notify_email",
    "notify_webhook",
    "api",
    "act",
)

VARIABLES = (
    Variable("TOCSIN_TABLE", "name of the DynamoDB table", needed_by=_WITH_TABLE),
    Variable("TOCSIN_TOPIC_ARN", "topic that notifications are published to", needed_by=("dispatch",)),
    Variable(
        "TOCSIN_TIMER_QUEUE_URL",
        "queue of delayed looks at groups",
        needed_by=("evaluate", "dispatch", "escalate", "api", "act"),
    ),
    Variable("TOCSIN_TICK_QUEUE_URL", "queue of the ticks between the scheduled ones"),
    Variable("TOCSIN_ACTION_QUEUE_URL", "queue of what people press or type in Slack"),
    Variable("TOCSIN_STATE_MACHINE_ARN", "state machine of the escalation", needed_by=("dispatch",)),
    Variable("TOCSIN_STAGE", "name of the deployment", default="dev"),
    Variable("TOCSIN_PROMETHEUS_URL", "base URL of the Prometheus API", needed_by=("evaluate",)),
    Variable("TOCSIN_PROMETHEUS_AUTH", "how queries are signed: none or sigv4", default="none"),
    Variable("TOCSIN_TICK_SECONDS", "seconds between evaluations", default="60"),
    Variable("TOCSIN_WATCHDOG", "enabled: an alert that always fires goes to a receiver that counts its arrivals"),
    Variable("TOCSIN_EXTERNAL_URL", "where messages link back to"),
    Variable("TOCSIN_API_URL", "address of the API itself, where links in messages lead"),
    Variable("TOCSIN_RUNBOOKS_URL", "where the runbooks of the shipped rules are published"),
    Variable("TOCSIN_EMAIL_FROM", "sender of mail through SES"),
    Variable("TOCSIN_EMAIL_ONCALL", "addresses of who is on call, for the shipped configuration"),
    Variable("TOCSIN_EMAIL_MANAGER", "addresses of the manager, for the shipped configuration"),
    Variable("TOCSIN_EMAIL_SECURITY", "addresses of who looks after security, for the shipped configuration"),
    Variable("TOCSIN_SECRET_SLACK", "secret with Slack's webhook URLs by name"),
    Variable("TOCSIN_SECRET_PAGERDUTY", "secret with PagerDuty's routing keys by name"),
    Variable("TOCSIN_SECRET_API_TOKENS", "secret with the hashes of the API's tokens by name"),
    Variable("TOCSIN_INGEST_LIMITS", "how much one request may send, such as alerts=500,labels=40"),
    Variable("TOCSIN_RATE_LIMITS", "how often a caller may ask in a minute, such as read=600,ingest=6000"),
    Variable("TOCSIN_SECRET_EMAIL", "secret with the mail server's passwords by name"),
    Variable("TOCSIN_SECRET_HEARTBEAT", "secret with the heartbeats' addresses and keys by name"),
    Variable("TOCSIN_SECRET_LINKS", "secret with the keys that links in messages are signed with"),
    Variable("TOCSIN_SECRET_WEBHOOK", "secret with the other receivers' addresses, tokens and keys by name"),
    Variable("TOCSIN_ALLOW_INLINE_SECRETS", "true: alertmanager.yml may hold secrets in clear (not for Lambda)"),
    Variable("TOCSIN_ALLOWED_TARGETS", "where requests may lead: names, networks, * for all that is not inside"),
    Variable("TOCSIN_URL", "address of Tocsin's API, for the command line"),
    Variable("TOCSIN_STACK", "CloudFormation stack of the deployment, for the command line"),
    Variable("TOCSIN_TIMERS_DLQ_URL", "queue of timers that were given up, for the command line"),
    Variable("TOCSIN_TICKS_DLQ_URL", "queue of ticks that failed, for the command line"),
    Variable("TOCSIN_DELIVERIES_DLQ_URL", "queue of notifications that were not delivered, for the command line"),
    Variable("TOCSIN_ACTIONS_DLQ_URL", "queue of clicks that could not be done, for the command line"),
    Variable("CONFIG_URI", "configuration: s3://bucket/prefix or a folder; empty is what is shipped"),
    Variable("ALERT_THRESHOLD_ERROR_RATE", "failed share of requests above which the rule fires"),
    Variable("ALERT_THRESHOLD_RESPONSE_TIME", "p95 latency in milliseconds above which the rule fires"),
    Variable("ALERT_THRESHOLD_DB_POOL", "share of the database pool above which the rule fires"),
    Variable("ALERT_THRESHOLD_CELERY_FAILURES", "failed share of Celery tasks above which the rule fires"),
    Variable(
        "XDG_STATE_HOME", "folder of tocsin/state.json, for the command line without AWS", default="~/.local/state"
    ),
    Variable("AWS_REGION", "region of AWS"),
    Variable("AWS_ENDPOINT_URL", "another address for all of AWS, such as the local stack's"),
    Variable("POWERTOOLS_SERVICE_NAME", "name of the function in logs and metrics"),
    Variable("POWERTOOLS_METRICS_NAMESPACE", "namespace of the metrics", default="Tocsin"),
    Variable("POWERTOOLS_LOG_LEVEL", "least severe log entries that are kept", default="INFO"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment, read once and checked."""

    environment: Mapping[str, str]
    tick: timedelta

    @classmethod
    def read(cls, environment: Mapping[str, str], function: str = "") -> Settings:
        """Return the settings for a function. Raises SettingsError with everything that is missing or wrong."""
        problems = [
            f"{each.name} is not set ({each.purpose})"
            for each in VARIABLES
            if function in each.needed_by and not environment.get(each.name)
        ]
        auth = environment.get("TOCSIN_PROMETHEUS_AUTH") or "none"
        if auth not in ("none", "sigv4"):
            problems.append(f"TOCSIN_PROMETHEUS_AUTH is {auth!r} (expected none or sigv4)")
        seconds = _whole_number(environment.get("TOCSIN_TICK_SECONDS") or "60")
        if seconds is None or not FEWEST_TICK_SECONDS <= seconds <= MOST_TICK_SECONDS:
            found = environment.get("TOCSIN_TICK_SECONDS")
            problems.append(
                f"TOCSIN_TICK_SECONDS is {found!r}"
                f" (expected whole seconds, {FEWEST_TICK_SECONDS} to {MOST_TICK_SECONDS})"
            )
        problems += _wrong_limits(environment)
        problems += _wrong_targets(environment.get("TOCSIN_ALLOWED_TARGETS") or "")
        if problems:
            raise SettingsError(problems)
        return cls(dict(environment), timedelta(seconds=seconds or MOST_TICK_SECONDS))

    def get(self, name: str) -> str:
        """Return a variable, its default where it is not set or empty."""
        default = next((each.default for each in VARIABLES if each.name == name), "")
        return self.environment.get(name) or default

    @property
    def secret_names(self) -> dict[str, str]:
        """Return what each `secret:<name>` reference leads to."""
        return {
            name.removeprefix(SECRET_PREFIX).lower().replace("_", "-"): value
            for name, value in self.environment.items()
            if name.startswith(SECRET_PREFIX) and value
        }


def _wrong_limits(environment: Mapping[str, str]) -> list[str]:
    if not any(environment.get(name) for name in ("TOCSIN_INGEST_LIMITS", "TOCSIN_RATE_LIMITS")):
        return []
    from .web.limits import read_limits
    from .web.rates import read_rates

    problems = []
    for name, read in (("TOCSIN_INGEST_LIMITS", read_limits), ("TOCSIN_RATE_LIMITS", read_rates)):
        try:
            read(environment.get(name) or "")
        except ValueError as error:
            problems.append(f"{name}: {error}")
    return problems


def _wrong_targets(text: str) -> list[str]:
    if not text:
        return []
    from .adapters.targets import read_targets

    try:
        read_targets(text)
    except ValueError as error:
        return [f"TOCSIN_ALLOWED_TARGETS holds {error}"]
    return []


def _whole_number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


class Application:
    """Everything one function needs, each part built when it is first used and kept while the sandbox lives."""

    def __init__(self, function: str, environment: Mapping[str, str] | None = None) -> None:
        self._function = function
        self._environment = environment

    @property
    def variables(self) -> Mapping[str, str]:
        return os.environ if self._environment is None else self._environment

    @cached_property
    def settings(self) -> Settings:
        return Settings.read(self.variables, self._function)

    @cached_property
    def log(self) -> PowertoolsLog:
        # Also what is wrong with the settings is logged, so this cannot wait for them.
        namespace = self.variables.get("POWERTOOLS_METRICS_NAMESPACE") or "Tocsin"
        return PowertoolsLog(self._function, namespace=namespace, redaction=lambda: self.redaction)

    @property
    def redaction(self) -> Redaction:
        """What log lines must not hold: as configured, where configuration was read in this sandbox."""
        configurations = self.__dict__.get("configurations")
        return configurations.redaction if configurations else Redaction()

    @contextmanager
    def invocation(self) -> Iterator[PowertoolsLog]:
        """Log what an invocation raises, and write its metrics whatever happens."""
        try:
            yield self.log
        except Exception as error:
            self.log.error("invocation_failed", error=f"{type(error).__name__}: {error}")
            raise
        finally:
            self.log.flush()

    # What talks to AWS

    @cached_property
    def _session(self) -> boto3.Session:
        return boto3.Session(region_name=self.settings.get("AWS_REGION") or None)

    def client(self, service: str) -> Any:
        """Return the session's client for a service, one for all uses."""
        clients: dict[str, Any] = self.__dict__.setdefault("_clients", {})
        if service not in clients:
            clients[service] = self._session.client(service, config=CLIENT_CONFIG)  # type: ignore[call-overload]
        return clients[service]

    @cached_property
    def table(self) -> Table:
        return Table(self.settings.get("TOCSIN_TABLE"), lambda: self.client("dynamodb"))

    @cached_property
    def timers(self) -> SqsTimers:
        return SqsTimers(self.settings.get("TOCSIN_TIMER_QUEUE_URL"), lambda: self.client("sqs"))

    @cached_property
    def actions(self) -> SqsActions | None:
        url = self.settings.get("TOCSIN_ACTION_QUEUE_URL")
        return SqsActions(url, lambda: self.client("sqs")) if url else None

    @cached_property
    def ticks(self) -> SqsTicks:
        return SqsTicks(self.settings.get("TOCSIN_TICK_QUEUE_URL"), lambda: self.client("sqs"))

    @cached_property
    def groups(self) -> DynamoGroups:
        return DynamoGroups(self.table)

    @cached_property
    def incidents(self) -> DynamoIncidents:
        return DynamoIncidents(self.table)

    @cached_property
    def inhibitors(self) -> DynamoInhibitors:
        return DynamoInhibitors(self.table)

    @cached_property
    def overrides(self) -> DynamoOverrides:
        return DynamoOverrides(self.table)

    @cached_property
    def silences(self) -> DynamoSilences:
        return DynamoSilences(self.table, compile_pattern)

    @cached_property
    def ingested(self) -> DynamoIngested:
        return DynamoIngested(self.table)

    @cached_property
    def deliveries(self) -> DynamoDeliveries:
        return DynamoDeliveries(self.table)

    @cached_property
    def rules(self) -> DynamoRules:
        return DynamoRules(self.table)

    # Configuration

    @cached_property
    def source(self) -> Source:
        from .adapters.sources import FolderSource, S3Source

        uri = self.settings.get("CONFIG_URI")
        if uri.startswith("s3://"):
            return S3Source(uri, lambda: self.client("s3"))
        return FolderSource(Path(uri) if uri else SHIPPED_CONFIG)

    def parse(self, files: Mapping[str, bytes]) -> Configuration:
        from . import config  # YAML and pydantic are loaded when there is configuration to read, not before

        return config.load(files, environment=self.settings.environment)

    @cached_property
    def configurations(self) -> CurrentConfiguration:
        return CurrentConfiguration(
            self.source,
            self.parse,
            self.log,
            snapshots=DynamoSnapshots(self.table),
            keeps=self._function == "evaluate",
        )

    # What handlers run

    @cached_property
    def metrics(self) -> Prometheus:
        return Prometheus(
            url=self.settings.get("TOCSIN_PROMETHEUS_URL"),
            pool=self._metrics_pool(),
            clock=Clock(time.monotonic, time.sleep, random.random),
            sign=self._signer(),
        )

    def _metrics_pool(self) -> urllib3.PoolManager:
        """Return connections to the endpoint: a list of receivers need not name it, but it is not inside."""
        from .adapters.guarded import guarded
        from .adapters.targets import host_of

        endpoint = host_of(self.settings.get("TOCSIN_PROMETHEUS_URL"))
        return guarded(urllib3.PoolManager(maxsize=8), self.targets.besides(endpoint))

    def _signer(self) -> Signer | None:
        from .adapters.targets import host_of

        if self.settings.get("TOCSIN_PROMETHEUS_AUTH") != "sigv4":
            return None
        # A workspace may be in another region than the stack is.
        region = region_of(host_of(self.settings.get("TOCSIN_PROMETHEUS_URL"))) or self._session.region_name
        if not region:
            raise SettingsError(["AWS_REGION is not set (queries are signed for a region)"])
        return sigv4("aps", region, self._session.get_credentials)

    @cached_property
    def evaluator(self) -> Evaluator:
        from .pipeline.evaluate import Evaluator

        return Evaluator(
            metrics=self.metrics,
            rules=self.rules,
            groups=self.groups,
            inhibitors=self.inhibitors,
            timers=self.timers,
            log=self.log,
            tick=self.settings.tick,
            # The next tick must find this one over.
            query_budget_seconds=min(LONGEST_QUERY_BUDGET_SECONDS, 0.6 * self.settings.tick.total_seconds()),
            external_url=self.settings.get("TOCSIN_EXTERNAL_URL"),
            graph_url=self.graph_url,
            reroute=self.rerouting,
            limits=DynamoLimits(self.table),
            compile_pattern=compile_pattern,
        )

    def patience(self, context: object) -> Patience:
        """Return how long a tick that begins now may go on; the runtime's `context` says when it would be killed."""
        from .pipeline.patience import Patience

        # The next tick must find this one over.
        seconds = min(TICK_BUDGET_SECONDS, 0.9 * self.settings.tick.total_seconds())
        left = getattr(context, "get_remaining_time_in_millis", None)
        if left is not None:
            seconds = min(seconds, left() / 1000 - SECONDS_BEFORE_TIMEOUT)
        return Patience(time.monotonic).within(seconds)

    @property
    def graph_url(self) -> str:
        """Where a person can look at an expression; AMP has no page that shows one."""
        is_signed = self.settings.get("TOCSIN_PROMETHEUS_AUTH") == "sigv4"
        return "" if is_signed else without_credentials(self.settings.get("TOCSIN_PROMETHEUS_URL"))

    @cached_property
    def ingester(self) -> Ingester:
        from .pipeline.ingest import Ingester

        return Ingester(
            configurations=self.configurations,
            ingested=self.ingested,
            rules=self.rules,
            groups=self.groups,
            inhibitors=self.inhibitors,
            timers=self.timers,
            log=self.log,
        )

    @cached_property
    def rerouting(self) -> Rerouting:
        from .pipeline.ingest import Rerouting

        return Rerouting(self.ingester)

    @cached_property
    def dispatcher(self) -> Dispatcher:
        from .adapters.sns import SnsTopic
        from .adapters.stepfunctions import StepFunctions
        from .pipeline.dispatch import Dispatcher

        return Dispatcher(
            configurations=self.configurations,
            groups=self.groups,
            incidents=self.incidents,
            inhibitors=self.inhibitors,
            silences=self.silences,
            timers=self.timers,
            topic=SnsTopic(self.settings.get("TOCSIN_TOPIC_ARN"), lambda: self.client("sns")),
            escalations=StepFunctions(
                self.settings.get("TOCSIN_STATE_MACHINE_ARN"), lambda: self.client("stepfunctions")
            ),
            log=self.log,
            external_url=self.settings.get("TOCSIN_EXTERNAL_URL"),
        )

    @cached_property
    def escalator(self) -> Escalator:
        from .pipeline.escalate import Escalator

        return Escalator(
            configurations=self.configurations,
            incidents=self.incidents,
            overrides=self.overrides,
            timers=self.timers,
            log=self.log,
        )

    @cached_property
    def performer(self) -> Performer:
        from .pipeline.clicks import Performer
        from .pipeline.incidents import Desk

        return Performer(
            desk=Desk(
                self.rules,
                self.groups,
                self.incidents,
                self.deliveries,
                self.silences,
                self.timers,
                self.log,
                self.ingested,
                users=lambda now: self.configurations.current(now=now).configuration.users,
                intervals=lambda now: self.configurations.current(now=now).configuration.time_intervals,
            ),
            configurations=self.configurations,
            receipts=DynamoReceipts(self.table),
            reply=self.senders.slack_replies(),
            overrides=self.overrides,
            **({"put_off": self.actions.put_off} if self.actions else {}),
        )

    @cached_property
    def notifier(self) -> Notifier:
        from .adapters.timed import TimedSender
        from .pipeline.notify import Notifier

        return Notifier(
            sender=TimedSender(self._linking(self.sender(self._function)), self.log, time.monotonic),
            groups=self.groups,
            deliveries=self.deliveries,
            log=self.log,
            limits=DynamoLimits(self.table),
        )

    def _linking(self, sender: Sender) -> Sender:
        from .adapters.linking import LinkingSender

        return LinkingSender(sender, lambda: self.secrets, self.settings.get("TOCSIN_API_URL"), self.log)

    def sender(self, function: str) -> Sender:
        """Return what delivers for a notifying function."""
        return self.senders.of_function(function)

    @cached_property
    def senders(self) -> Senders:
        """A sender for each kind of integration."""
        from .wiring_senders import Senders

        return Senders(
            self.settings,
            client=self.client,
            client_config=CLIENT_CONFIG,
            secrets=lambda: self.secrets,
            threads=lambda: self.threads,
            paces=lambda: DynamoPaces(self.table) if self.settings.get("TOCSIN_TABLE") else None,
            configuration=lambda now: self.configurations.current(now=now).configuration,
            compile_pattern=compile_pattern,
            targets=self.targets,
        )

    @cached_property
    def targets(self) -> Targets:
        """Where requests may lead."""
        from .adapters.targets import read_targets  # who asks nobody has no use for addresses

        return read_targets(self.settings.get("TOCSIN_ALLOWED_TARGETS"))

    def beat(self, settings: Mapping[str, Any], *, is_well: bool, now: datetime) -> str:
        """Tell somebody outside of a tick. Raises DeliveryError, and whatever keeps it from being tried."""
        return self._tick_heartbeat(settings, is_well=is_well, now=now)

    @cached_property
    def _tick_heartbeat(self) -> TickHeartbeat:
        return self.senders.tick_heartbeat()

    @property
    def threads(self) -> Threads:
        return self.deliveries

    @cached_property
    def secrets(self) -> Secrets:
        from .adapters.secrets import Secrets

        return Secrets(
            self.settings.secret_names,
            secretsmanager=lambda: self.client("secretsmanager"),
            ssm=lambda: self.client("ssm"),
            # A token that is taken away must soon be refused; a sender that is refused reads its secret anew by itself.
            keep=TOKENS_KEPT_FOR if self._function == "api" else SECRETS_KEPT_FOR,
        )

    @cached_property
    def api(self) -> Api:
        """The HTTP API over the table. Configuration is read when a request needs it."""
        return build_api(
            self,
            self.configurations,
            rules=self.rules,
            groups=self.groups,
            incidents=self.incidents,
            deliveries=self.deliveries,
            silences=self.silences,
            ingested=self.ingested,
            inhibitors=self.inhibitors,
            timers=self.timers,
            log=self.log,
            overrides=self.overrides,
            counters=DynamoCounters(self.table),
            receipts=DynamoReceipts(self.table),
            actions=self.actions,
        )

    def tokens_text(self, now: datetime) -> str:
        """Return the secret with the API's tokens. Raises SecretError."""
        return self.secrets.read("secret:api-tokens", now=now)

    def read_secret(self, reference: str, now: datetime) -> str:
        """Return what a reference of the configuration leads to. Raises SecretError."""
        return self.secrets.read(reference, now=now)

    def config_text(self) -> str:
        """Return alertmanager.yml as it is in the source, without its secrets."""
        from .config.showing import showable

        return showable(self.source.read().get("alertmanager.yml", b""))


def build_api(
    application: Application,
    configurations: Configurations,
    *,
    rules: Rules,
    groups: Groups,
    incidents: Incidents,
    deliveries: Deliveries,
    silences: Silences,
    ingested: Ingested,
    inhibitors: Inhibitors,
    timers: Timers,
    log: Log,
    overrides: Overrides | None = None,
    counters: Counters | None = None,
    receipts: Receipts | None = None,
    actions: Actions | None = None,
) -> Api:
    """Return the HTTP API over stores: the table's, or others that do the same.

    With `counters` its callers are held to their rates; the command line's own process has none to hold.
    """
    from .pipeline.incidents import Desk
    from .pipeline.ingest import Ingester
    from .pipeline.oncall import Rota
    from .pipeline.silences import Keeper
    from .pipeline.standing import Board
    from .web.limits import read_limits
    from .web.rates import RateLimiter, read_rates
    from .web.serving import About, Api

    rates = read_rates(application.settings.get("TOCSIN_RATE_LIMITS"))
    return Api(
        desk=Desk(
            rules,
            groups,
            incidents,
            deliveries,
            silences,
            timers,
            log,
            ingested,
            users=lambda now: configurations.current(now=now).configuration.users,
            intervals=lambda now: configurations.current(now=now).configuration.time_intervals,
        ),
        compile_pattern=compile_pattern,
        configurations=configurations,
        board=Board(rules, ingested, silences, application.graph_url),
        ingester=Ingester(configurations, ingested, rules, groups, inhibitors, timers, log),
        keeper=Keeper(silences, log, lambda: str(uuid.uuid4())),
        config_text=application.config_text,
        read_secret=application.read_secret,
        tokens_text=application.tokens_text if "api-tokens" in application.settings.secret_names else None,
        limits=read_limits(application.settings.get("TOCSIN_INGEST_LIMITS")),
        limiter=RateLimiter(counters, log, rates) if counters else None,
        seen=counters,
        receipts=receipts,
        actions=actions,
        rota=Rota(configurations, overrides, log) if overrides is not None else None,
        about=About(started_at=datetime.now(UTC), tick=application.settings.tick),
    )


def lazy(function: str) -> Application:
    """Return a function's application, of which nothing is built yet."""
    return Application(function)


def environment() -> dict[str, str]:
    """Return the environment, for the command line to put its options over."""
    return dict(os.environ)


def compile_pattern(text: str) -> Pattern:
    """Return a compiled regular expression. Raises ValueError."""
    from .config.patterns import compile_pattern as compile_by_re2  # RE2 is loaded when there is a pattern

    return compile_by_re2(text)


class Workplace(Application):
    """What the command line works with, perhaps without AWS: then what needs it says so, and the rest works."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__("cli", environment)

    @property
    def state_file(self) -> Path:
        """Where state is kept without a table."""
        home = self.settings.get("XDG_STATE_HOME")
        return Path(home).expanduser() / "tocsin" / "state.json"

    @cached_property
    def targets(self) -> Targets:
        """Where requests may lead; to this machine too, where nothing else is said: it is somebody's own."""
        from .adapters.targets import AT_HOME, read_targets

        return read_targets(self.settings.get("TOCSIN_ALLOWED_TARGETS") or AT_HOME)

    def client(self, service: str) -> Any:
        """Return the client for a service. Raises SecretError or DeliveryError where AWS is out of reach."""
        if missing := self.missing_for_aws:
            message = f"needs AWS ({service}), and {missing}"
            if service in ("secretsmanager", "ssm"):
                raise SecretError(message)
            raise DeliveryError(message, reason=FailureReason.NOT_CONFIGURED, retryable=False)
        return super().client(service)

    @cached_property
    def missing_for_aws(self) -> str:
        """Return what is missing for calls to AWS; empty where nothing is."""
        from botocore.exceptions import BotoCoreError

        try:
            if not self._session.region_name:
                return "AWS_REGION is not set"
            return "" if self._session.get_credentials() else "no AWS credentials were found"
        except BotoCoreError as error:
            return str(error)

    @property
    def threads(self) -> Threads:
        if self.settings.get("TOCSIN_TABLE"):
            return self.deliveries
        from .adapters.memory import MemoryStore  # without a table, every message is a new one

        return MemoryStore()

    def sender_of(self, kind: Kind) -> Sender:
        """Return what delivers for a kind of integration."""
        if kind.value != "sns":
            return self.senders.of_kind(kind.value)
        from .adapters.topic_sender import TopicSender

        return TopicSender(
            self.settings.get("TOCSIN_TOPIC_ARN"), lambda: self.client("sns"), self.senders.of_kind("sns")
        )

    def dead_letter_office(self, queues: Sequence[Queue]) -> DeadLetterOffice:
        """Return the dead-letter queues that the environment names, or the stack does."""
        from .adapters.dead_letters import DeadLetterOffice

        outputs = self._stack_outputs
        urls = {
            queue: self.settings.get(f"TOCSIN_{queue.value.upper()}_DLQ_URL") or outputs.get(_DLQ_OUTPUTS[queue.value])
            for queue in queues
        }
        timers = self.settings.get("TOCSIN_TIMER_QUEUE_URL") or outputs.get("TimerQueueUrl", "")
        return DeadLetterOffice({queue: url for queue, url in urls.items() if url}, self.client, timer_queue=timers)

    @cached_property
    def table(self) -> Table:
        name = self.settings.get("TOCSIN_TABLE") or self._stack_outputs.get("TableName", "")
        return Table(name, lambda: self.client("dynamodb"))

    @cached_property
    def _stack_outputs(self) -> Mapping[str, str]:
        name = self.settings.get("TOCSIN_STACK")
        if not name:
            return {}
        (stack,) = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())}

    def remote_api(self, url: str) -> RemoteApi:
        """Return Tocsin's API at an address, signed for where it is AWS's and there are credentials."""
        from .adapters.remote import RemoteApi, is_local

        signs = not is_local(url) and not self.missing_for_aws
        region = self._session.region_name
        sign = sigv4("execute-api", region, self._session.get_credentials) if signs and region else None
        return RemoteApi(url, urllib3.PoolManager(), sign)
