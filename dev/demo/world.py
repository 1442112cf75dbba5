"""What the story happens in: service, traffic, Prometheus, receivers and the local stack, each of them running."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dev.demo import audience
from dev.demo.journal import Journal, Kind, Message, alert_of
from dev.mail import Email
from dev.prometheus import Prometheus, PrometheusError, scrape_config
from dev.receivers import Received, Receivers, check_parts
from dev.service import Service, Traffic
from dev.slack_workspace import Event, Workspace
from dev.slack_workspace import Message as Post
from dev.stack import Stack, StackOptions
from tocsin import config
from tocsin.adapters.dynamodb import DynamoIncidents, DynamoRules, Table
from tocsin.core.configuration import Configuration
from tocsin.core.incidents import Incident, IncidentId
from tocsin.core.labels import ALERTNAME, Labels
from tocsin.core.routing import identify_group, routes_for
from tocsin.core.rules import Rule
from tocsin.ports import RuleRecord

CONFIG = Path(__file__).parent / "config"
JOB = "shop"
TICK_SECONDS = 2
WATCH_SECONDS = 0.1
METRIC_SECONDS = 0.25

TEAM, ONCALL, MANAGER = "team@example.com", "oncall@example.com", "manager@example.com"
ROUTING_KEYS = {"oncall": "0" * 31 + "1", "executives": "0" * 31 + "2"}
SLACK_USERS = {"ada": "U0ADA0001"}
PARAMETERS = {
    "EmailAddress": TEAM,
    "EmailFrom": "tocsin@example.com",
    "EmailOncall": ONCALL,
    "EmailManager": MANAGER,
    "ExternalUrl": "https://tocsin.example.com",
    "TickSeconds": "10",
}
_CHANNELS = {
    ("slack", "critical"): audience.SLACK_CRITICAL,
    ("pagerduty", ROUTING_KEYS["oncall"]): audience.PAGERDUTY_ONCALL,
    ("pagerduty", ROUTING_KEYS["executives"]): audience.PAGERDUTY_EXECUTIVES,
    ("sns", TEAM): audience.SUBSCRIBERS,
    ("ses", ONCALL): audience.EMAIL_ONCALL,
    ("ses", MANAGER): audience.EMAIL_MANAGER,
}
# Slack's mark-up around a title: bold, and a link.
_TITLE = re.compile(r"\[(FIRING|RESOLVED)[^\]]*\][^|>*\n]*")
_MEASURES = {audience.ERRORS: "error rate {:.1%}", audience.SLOW: "p95 {:.0f} ms"}


@dataclass
class World:
    """Everything that runs, and what is known of it."""

    journal: Journal
    service: Service
    prometheus: Prometheus
    receivers: Receivers
    slack: Workspace
    stack: Stack
    configuration: Configuration
    above: dict[str, bool] = field(default_factory=dict)
    acknowledged: dict[str, str] = field(default_factory=dict)

    # ---------------------------------------------------------------- what the story does

    def break_service(self) -> None:
        self.service.degrade(failing=0.4, delay_seconds=0.5)
        self.journal.bad_since = datetime.now(UTC)
        text = "the service goes bad: 40% of the answers are 500, each takes 500 ms"
        self.journal.add(Kind.STORY, text, at=self.journal.bad_since)

    def repair_service(self) -> None:
        self.service.recover()
        self.journal.add(Kind.STORY, "the service recovers")

    def acknowledge(self, alert: str, *, by: str) -> None:
        """Acknowledge the alert's incident, as a person does: by the button of its message, with a signed click."""
        post = self.post_of(alert)
        if post is None:
            raise RuntimeError(f"Slack has no message of {alert}")
        user, to = SLACK_USERS[by], f"{self.stack.api_url}/slack/interactions"
        status, answer = self.slack.press(post, "Acknowledge", user=user, name=by, at=to)
        if status != 200:
            raise RuntimeError(f"the click was answered with {status}: {answer}")
        self.acknowledged[alert] = by
        self.journal.add(Kind.ACTION, f"{by} presses Acknowledge in Slack, on {alert}", "signed; taken at once")

    def post_of(self, alert: str) -> Post | None:
        """Return the message that an alert's incident has in Slack."""
        return next((each for each in self.slack.messages if alert in each.text), None)

    # ---------------------------------------------------------------- what the story looks at

    @property
    def messages(self) -> tuple[Message, ...]:
        return self.journal.messages

    @property
    def rules(self) -> dict[str, Rule]:
        return {rule.name: rule for rule in self.configuration.rules()}

    def has_ticked(self) -> bool:
        """Say whether a tick has completed in which every rule could be evaluated."""
        ticks = [line.fields for line in self.journal.logs("metrics") if "TickCompleted" in line.fields]
        return any(not _total(tick.get("RuleEvaluationFailures", 0)) for tick in ticks)

    def is_scraped(self) -> bool:
        with contextlib.suppress(PrometheusError):
            return bool(self.prometheus.query(f'rate(http_requests_total{{job="{JOB}",status="200"}}[5s]) > 0'))
        return False

    def changes(self, alert: str, change: str) -> list[datetime]:
        """Return when an alert changed in this way."""
        lines = self.journal.logs("alert_changed", change=change)
        return [line.at for line in lines if line.fields["labels"].get("alertname") == alert]

    def incident_id(self, alert: str) -> IncidentId | None:
        opened = self.journal.logs("incident_opened", title=alert)
        return IncidentId(opened[-1].fields["incident"]) if opened else None

    def incident(self, alert: str) -> Incident | None:
        """Return the alert's incident as the table has it."""
        incident = self.incident_id(alert)
        return DynamoIncidents(self._table).load_incident(incident) if incident else None

    def execution_status(self, alert: str) -> str:
        """Return the state machine's word for how the alert's escalation stands; empty where there is none."""
        client = self.stack.client("stepfunctions")
        arn = self.stack.physical_id("EscalationStateMachine")
        executions = client.list_executions(stateMachineArn=arn)["executions"]
        name = self.incident_id(alert)
        return next((each["status"] for each in executions if each["name"] == name), "")

    def rule_records(self) -> dict[str, RuleRecord]:
        """Return what the table knows of each rule, by its name."""
        records = DynamoRules(self._table).load_rules(now=datetime.now(UTC))
        return {name: records.get(rule.key, RuleRecord(rule.key)) for name, rule in self.rules.items()}

    @property
    def _table(self) -> Table:
        return Table(self.stack.physical_id("Table"), lambda: self.stack.client("dynamodb"))


@contextlib.contextmanager
def open_world(journal: Journal, folder: Path = CONFIG) -> Iterator[World]:
    """Start everything with a configuration folder; what was started is stopped in the opposite order."""
    with contextlib.ExitStack() as running:
        service = running.enter_context(Service())
        running.enter_context(Traffic(service.address))
        receivers = running.enter_context(Receivers())
        slack = running.enter_context(Workspace(channels=("#warnings",)))
        # Prometheus looks for targets five seconds after its start: it does that while the stack boots.
        prometheus = running.enter_context(Prometheus(scrape_config({JOB: service.address})))
        stack = running.enter_context(Stack(_options(journal, folder, prometheus, receivers, slack)))
        world = World(journal, service, prometheus, receivers, slack, stack, _configuration(folder))
        running.enter_context(_watching(world))
        yield world


def _options(
    journal: Journal, folder: Path, prometheus: Prometheus, receivers: Receivers, slack: Workspace
) -> StackOptions:
    return StackOptions(
        parameters={**PARAMETERS, "PrometheusUrl": prometheus.url},
        config_dir=folder,
        secrets={
            "slack": {
                "critical": receivers.slack_url("critical"),
                "bot_token": slack.token,
                "signing_secret": slack.signing_secret,
            },
            "pagerduty": ROUTING_KEYS,
        },
        # The template allows ten seconds at least. Below, ticks come the same way: as messages, each with its delay.
        environment={
            "TOCSIN_TICK_SECONDS": str(TICK_SECONDS),
            "TOCSIN_PAGERDUTY_URL": receivers.pagerduty_url,
            "TOCSIN_SLACK_APP_URL": slack.api_url,
        },
        on_event=journal.take_log,
    )


def _configuration(folder: Path) -> Configuration:
    files = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*.yml")}
    return config.load(files, environment={})


# -------------------------------------------------------------------- watching


@contextlib.contextmanager
def _watching(world: World) -> Iterator[None]:
    stopped = threading.Event()
    watchers = [
        threading.Thread(target=watch, args=(world, stopped), name=watch.__name__, daemon=True)
        for watch in (_watch_messages, _watch_timers, _watch_metrics)
    ]
    for watcher in watchers:
        watcher.start()
    try:
        yield
    finally:
        stopped.set()
        for watcher in watchers:
            watcher.join(timeout=10)


def _watch_messages(world: World, stopped: threading.Event) -> None:
    posts = mails = seen = 0
    while not stopped.wait(WATCH_SECONDS):
        received, emails, events = world.receivers.received, world.stack.emails(), world.slack.events
        news = [*map(message_of_post, received[posts:]), *map(message_of_mail, emails[mails:])]
        for event in events[seen:]:
            if (message := message_of_slack(event)) is not None:
                news.append(message)
            else:
                text = _first_line(event)
                world.journal.add(Kind.MESSAGE, f"{audience.SLACK_WARNINGS}, {event.what}: {text}", at=event.at)
        posts, mails, seen = len(received), len(emails), len(events)
        for message in sorted(news, key=lambda each: each.at):
            world.journal.take_message(message)


def message_of_slack(event: Event) -> Message | None:
    """Return what people saw as news of an alert: its message, and the edit that says that it is over."""
    title = _title(event.content)
    is_over = "[RESOLVED" in title
    if event.what == "replied" or (event.what == "edited" and not is_over):
        return None
    status = "resolved" if is_over else "firing"
    return Message(event.at, audience.SLACK_WARNINGS, _alert_in(event.content), status, title)


def _first_line(event: Event) -> str:
    """Return what is new: who did what, where an edit says so, or what is said in the thread."""
    blocks = event.content.get("blocks") or ()
    texts = [block["text"]["text"] for block in blocks[1:] if "text" in block] or [str(event.content.get("text"))]
    return texts[0].partition("\n")[0].replace("*", "")


def _title(payload: Any) -> str:
    return next((found[0].strip() for text in _texts(payload) if (found := _TITLE.search(text))), "")


def message_of_post(received: Received) -> Message:
    """Return what arrived at Slack or PagerDuty."""
    target = (received.integration, received.target)
    if received.integration == "slack":
        title = _title(received.payload)
        status = "resolved" if "[RESOLVED" in title else "firing"
    else:
        event = received.payload if isinstance(received.payload, dict) else {}
        title = f"{event.get('event_action')} {event.get('payload', {}).get('summary', '')}".partition(": ")[0]
        status = "resolved" if event.get("event_action") == "resolve" else "firing"
    channel = _CHANNELS.get(target, " ".join(target))
    return Message(received.at, channel, _alert_in(received.payload), status, title, received.problems)


def message_of_mail(mail: Email) -> Message:
    """Return what arrived by mail, checked as a mail server and a reader's program would."""
    address = ", ".join(mail.to)
    channel = _CHANNELS.get((mail.via, address), f"{mail.via} {address}")
    status = "resolved" if "[RESOLVED" in mail.subject else "firing"
    problems = check_parts(mail.subject, html=mail.html if mail.via == "ses" else None, text=mail.text)
    return Message(mail.at, channel, _alert_in([mail.subject, mail.text]), status, mail.subject, tuple(problems))


def _alert_in(payload: Any) -> str:
    """Return the alert that a payload's texts speak of: the group key says it, else the name itself."""
    texts = list(_texts(payload))
    named = next((name for text in texts if (name := alert_of(text))), "")
    return named or next((alert for alert in audience.ALERTS for text in texts if alert in text), "")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _watch_timers(world: World, stopped: threading.Event) -> None:
    """Tell of the timers that evaluate sets; the groups' own, every group_interval, would only repeat themselves."""
    queue, seen = world.stack.physical_id("TimerQueue"), 0
    while not stopped.wait(WATCH_SECONDS):
        calls = world.stack.calls.since(seen)
        seen += len(calls)
        for call in calls:
            if call.operation == "SendMessage" and call.caller == "EvaluateFunction":
                request = call.parameters()
                if request["QueueUrl"] == queue:
                    group = _group_name(world, json.loads(request["MessageBody"])["group"])
                    text = f"look at the group of {group} in {request['DelaySeconds']} s"
                    world.journal.add(Kind.TIMER, text, "announced before anything is written", at=call.at)


def _group_name(world: World, group: str) -> str:
    """Return the alert whose group this is, by routing the alerts that have been seen."""
    for line in world.journal.logs("alert_changed"):
        labels = Labels(line.fields["labels"])
        for route in routes_for(world.configuration.root, labels):
            if identify_group(route, labels).id == group:
                return labels.get(ALERTNAME, group)
    return group


def _watch_metrics(world: World, stopped: threading.Event) -> None:
    while not stopped.wait(METRIC_SECONDS):
        for alert, measure in _MEASURES.items():
            with contextlib.suppress(PrometheusError):
                _look_at_metric(world, alert, measure)


def _look_at_metric(world: World, alert: str, measure: str) -> None:
    result = world.prometheus.query(world.rules[alert].expr)
    before, after = world.above.get(alert, False), bool(result)
    world.above[alert] = after
    if after and not before:
        world.journal.add(Kind.METRIC, measure.format(result[0][1]), f"above the threshold of {alert}")
    elif before and not after:
        world.journal.add(Kind.METRIC, f"{measure.split(' {')[0]} is back", f"below the threshold of {alert}")


def _total(value: Any) -> float:
    return sum(value) if isinstance(value, list) else float(value)
