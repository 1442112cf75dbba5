"""The doors through which something comes in that is not ours: what is tried on each, and what may come of it.

A target takes any bytes. It may do nothing with them, do its work, or raise one of `refusals`: the project's own
errors, or what its docstring promises. Everything else is a finding.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from importlib import import_module
from typing import Any

from botocore.exceptions import ClientError

from dev.pagerduty_account import sign
from dev.slack_workspace import command_body
from tests.adapters.scripted import Clock, ScriptedTransport
from tests.cli.states import burning
from tests.core.test_pagerduty import body as pagerduty_body
from tests.fuzz import items, seeds, worlds
from tests.fuzz.seeds import SHIPPED, cases, chosen, events, files, rule_files, texts_of
from tests.stories.configurations import configuration, rule
from tests.stories.world import START, World
from tests.web.paging import NEW, Line, hears_pagerduty
from tests.web.test_links import Links
from tests.web.test_slack import CLICK, COMMANDS, INTERACTIONS, Door, altered, signed
from tocsin import config
from tocsin.adapters import smtp
from tocsin.adapters.channel import Outlets
from tocsin.adapters.http import Http, Response
from tocsin.adapters.http_config import HttpClients
from tocsin.adapters.mail import render as render_mail
from tocsin.adapters.mail_sender import EmailSender
from tocsin.adapters.memory import MemoryStore
from tocsin.adapters.prometheus import Clock as QueryClock
from tocsin.adapters.prometheus import Prometheus
from tocsin.adapters.secrets import Secrets
from tocsin.adapters.slack import SlackSender
from tocsin.adapters.sns_out import SnsSender
from tocsin.config.patterns import compile_pattern
from tocsin.config.scenarios import read_scenario
from tocsin.core.action_links import read_keys
from tocsin.core.durations import format_duration, parse_duration
from tocsin.core.matcher_syntax import MatcherSyntaxError, Syntax, parse_matcher, parse_matchers
from tocsin.core.notifications import Notification, from_json
from tocsin.core.oncall import gaps, shifts, who
from tocsin.core.receivers import Kind
from tocsin.core.redaction import Redaction
from tocsin.core.scenarios import alerts_of
from tocsin.core.series import RangeQuery
from tocsin.core.templates import rule as rule_templates
from tocsin.core.templates.alertmanager import TemplateSet
from tocsin.core.templates.errors import TemplateError
from tocsin.errors import ConfigError, DeliveryError, EventError, QueryError, StoreError, TocsinError
from tocsin.pipeline.notify import DeliveryInProgressError
from tocsin.ports import Query
from tocsin.web.api import answer
from tocsin.web.http import Refused, Request, parse_query
from tocsin.web.identities import identify, read_tokens
from tocsin.web.limits import read_limits
from tocsin.web.rates import read_rates
from tocsin.wiring_senders import _SENDERS

NOW = START + timedelta(minutes=10)
# AWS's own example, of the form that is always redacted.
CREDENTIAL = "AKIAIOSFODNN7EXAMPLE"
JSON = (b'"', b"{", b"}", b"[", b"]", b":", b",", b"null", b"true", b"\\u0000", b"\\ud800", b"1e999", b"NaN")
YAML = (
    b"- ",
    b": ",
    b"{",
    b"}",
    b"[",
    b"]",
    b"&a ",
    b"*a",
    b"<<: ",
    b"!!",
    b"|\n",
    b">\n",
    b"# ",
    b"'",
    b'"',
    b"\n  ",
    b"~",
)
MATCHERS = (
    b"=",
    b"!=",
    b"=~",
    b"!~",
    b"{",
    b"}",
    b",",
    b'"',
    b"\\",
    b"\\x",
    b"\\u",
    b"(",
    b")",
    b"[",
    b"*",
    b"(?i)",
    b"\xf0\x9f",
)
TEMPLATES = (
    *(
        b"{{",
        b"}}",
        b"{{-",
        b"-}}",
        b"{{ range . }}",
        b"{{ end }}",
        b"{{ if .Alerts }}",
        b"{{ else }}",
        b"{{ with . }}",
    ),
    *(
        b'{{ define "a" }}',
        b'{{ template "a" . }}',
        b'{{ block "a" . }}',
        b"|",
        b"$",
        b":=",
        b"(",
        b")",
        b"`",
        b"/*",
        b"*/",
    ),
    *(b".Alerts.Firing", b".CommonLabels", b"$labels", b"$value", b"humanize", b"reReplaceAll", b"toJson", b"printf"),
    *(b"{{ break }}", b"{{ continue }}", b"len", b"index", b"slice", b"date", b"safeHtml", b"stringSlice", b"query"),
    *(
        b"<a href=",
        b"<script>",
        b"</script>",
        b"<style>",
        b"'",
        b'"',
        b"<!--",
        b"%9999999d",
        b"%[99]d",
        b"1e999",
        b"0x",
    ),
)


@dataclass(frozen=True, slots=True)
class Target:
    """One door: what is done with an input, which refusals are its own, what inputs begin with."""

    run: Callable[[bytes], object]
    seeds: Callable[[], Sequence[bytes]]
    refusals: tuple[type[BaseException], ...] = ()
    words: Sequence[bytes] = field(default=JSON)
    is_json: bool = False

    def try_out(self, data: bytes) -> None:
        """Run the target. Raises what it must not raise."""
        try:
            self.run(data)
        except self.refusals:
            return


class Finding(AssertionError):
    """A target did not crash, and did something wrong all the same."""


def check(holds: bool, what: str) -> None:
    if not holds:
        raise Finding(what)


def text(data: bytes) -> str:
    """Return a text as it comes from JSON or YAML that was read: perhaps odd, and always a text of UTF-8."""
    return data.decode("utf-8", "replace")


def value(data: bytes) -> Any:
    """Return the JSON value of an event, as Lambda's runtime reads it. Raises ValueError on what is none."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("the runtime itself would not read it") from None


# Configuration


def alertmanager(data: bytes) -> None:
    for environment in ({}, {"TOCSIN_ALLOW_INLINE_SECRETS": "true"}):
        made = _refused(partial(config.load, {"alertmanager.yml": data}, environment=environment), ConfigError)
        if made is not None:
            World(made).advance(minutes=1)
    _refused(lambda: config.check_alertmanager("a.yml", data, environment={}, honour_all=True), ConfigError)


def amp_definition(data: bytes) -> None:
    body = text(data).replace("\n", "\n  ")
    config.load({"alertmanager.yml": f"alertmanager_config: |\n  {body}\n".encode()}, environment={})


def scenario_file(data: bytes) -> None:
    found = read_scenario("scenario.yml", data)
    for is_real in (True, False):
        for alert in alerts_of(found, labels={"a": "b"}, is_real=is_real, lasts=found.lasts, now=START):
            check(alert.labels.get("drill") == (None if is_real else "true"), "a drill without its mark")


def tocsin_yml(data: bytes) -> None:
    source = {"alertmanager.yml": b"route: {receiver: a}\nreceivers: [{name: a}, {name: b}]\n", "tocsin.yml": data}
    config.check_tocsin("tocsin.yml", data, environment={"A": "1", "EMPTY": ""})
    made = config.load(source, environment={"A": "1", "EMPTY": ""})
    made.redaction.pairs({"a": "password=hunter2", "b": text(data)[:200]})


def calendar_file(data: bytes) -> None:
    made = config.load({**_ROTA, "oncall/primary.ics": data}, environment={})
    for days in (0, 31, 365):
        start = NOW + timedelta(days=days)
        has = shifts(made.schedules["primary"], start, start + timedelta(days=14))
        for shift in has:
            found = who(made.schedules["primary"], shift.start)
            check(found == shift.user, "a shift is not its user's")


def schedule_file(data: bytes) -> None:
    users = b'users: [{name: ann, phone: "+441234567890"}, {name: bob, phone: "+441234567891"}]\n'
    source = {"alertmanager.yml": _ROTA["alertmanager.yml"], "tocsin.yml": users + b"schedules:\n" + data}
    for schedule in config.load(source, environment={}).schedules.values():
        for days in (0, 180):
            start = NOW + timedelta(days=days)
            end = start + timedelta(days=14)
            spans = sorted([*shifts(schedule, start, end), *gaps(schedule, start, end)], key=lambda each: each.start)
            edges = [start, *(each.end for each in spans)]
            check(edges == [*(each.start for each in spans), end], "shifts and gaps do not partition time")


def rule_file(data: bytes) -> None:
    groups = config.check_rules("rules/a.yml", data)
    config.compiled_rule_file(groups)


def time_intervals(data: bytes) -> None:
    body = text(data).replace("\n", "\n      ")
    head = "route: {receiver: a}\nreceivers: [{name: a}]\ntime_intervals:\n  - name: n\n    time_intervals:\n      "
    source = f"{head}{body}\n"
    made = config.load({"alertmanager.yml": source.encode()}, environment={})
    for intervals in made.time_intervals.values():
        for interval in intervals:
            for hours in (0, 24 * 31, 24 * 366):
                interval.contains(NOW + timedelta(hours=hours))


def notification_templates(data: bytes) -> None:
    source = {
        "alertmanager.yml": b"route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: [templates/*.tmpl]\n",
        "templates/a.tmpl": data,
    }
    config.load(source, environment={})


# Languages


def matchers(data: bytes) -> None:
    for syntax in Syntax:
        found = _refused(partial(parse_matchers, text(data), compile_pattern, syntax), MatcherSyntaxError)
        for matcher in found or ():
            matcher.matches({"a": "b", matcher.name: text(data)[:100]})
            again = parse_matchers(str(matcher), compile_pattern, Syntax.FALLBACK)
            check([each.value for each in again] == [matcher.value], f"{matcher} is read as {again}")
        _refused(partial(parse_matcher, text(data), compile_pattern, syntax), MatcherSyntaxError)


def durations(data: bytes) -> None:
    found = parse_duration(text(data))
    check(parse_duration(format_duration(found)) == found, "a duration is not what it is written as")


def rule_template(data: bytes) -> None:
    said = rule_templates.expand_or_explain(
        text(data),
        labels={"instance": "db-1", "job": "a"},
        value=0.97,
        external_labels={"cluster": "eu"},
        external_url="http://x",
        now=NOW,
        query=lambda expr, at: (),
        compile=compile_pattern,
    )
    check(len(said) <= 8_000_000, "a template writes without end")


def text_template(data: bytes) -> None:
    _fill(data, as_html=False)


def html_template(data: bytes) -> None:
    _fill(data, as_html=True)


def _fill(data: bytes, *, as_html: bool) -> None:
    told = worlds.told()
    fill = _templates().html if as_html else _templates().text
    said = fill(text(data), told, now=told.created_at)
    check(len(said) <= 8_000_000, "a template writes without end")


@cache
def _templates() -> TemplateSet:
    return TemplateSet(compile=compile_pattern)


def redaction(data: bytes) -> None:
    said = Redaction().text(f"{text(data)} {CREDENTIAL} ")
    check(not said.rstrip().endswith(CREDENTIAL), "a credential stands behind it")


def settings(data: bytes) -> None:
    """Limits and rates, as the environment has them."""
    for read in (read_limits, read_rates):
        _refused(partial(read, text(data)), ValueError)


# What is sent to us


@dataclass(slots=True)
class _Api:
    """The API over an installation that is made anew from time to time."""

    world: World | None = None
    asked: int = 0

    def __call__(self, event: Any) -> None:
        if self.world is None or self.asked % 100 == 0:
            self.world = burning()
        self.asked += 1
        answered = worlds.ask(self.world, event)
        check(answered["statusCode"] < 500, f"the API fails: {answered}")
        json.dumps(answered).encode()
        answered["body"].encode()


_api = _Api()


def _post(path: str) -> Callable[[bytes], None]:
    def post(data: bytes) -> None:
        _api(
            {
                "rawPath": path,
                "requestContext": {"http": {"method": "POST", "path": path}},
                "headers": {"content-type": "application/json"},
                "body": base64.b64encode(data).decode(),
                "isBase64Encoded": True,
            }
        )

    return post


@dataclass(slots=True)
class _Pagerduty:
    """The door for PagerDuty's webhooks, over an installation that is made anew from time to time."""

    line: Line | None = None
    asked: int = 0

    def __call__(self, body: bytes, header: str) -> int:
        if self.line is None or self.asked % 100 == 0:
            world = burning()
            world.configure(hears_pagerduty(world.loaded.configuration))
            self.line = Line(world)
        self.asked += 1
        return self.line.post("", {"x-pagerduty-signature": header, "x-webhook-id": str(self.asked)}, body)


_pagerduty = _Pagerduty()


def pagerduty_webhook(data: bytes) -> None:
    status = _pagerduty(data, sign(data, NEW))
    check(status in (202, 400), f"a signed webhook is answered with {status}")


def pagerduty_signature(data: bytes) -> None:
    status = _pagerduty(b"{}", text(data)[:8_000])
    check(status == 401, f"a stranger is answered with {status}")


def _pagerduty_events() -> list[bytes]:
    (group,) = {each.group for each in burning().store.incidents.values()}
    key = f"{group}/oncall"
    kinds = ("acknowledged", "resolved", "reassigned", "triggered")
    return [*(pagerduty_body(f"incident.{kind}", incident_key=key) for kind in kinds), pagerduty_body("pagey.ping")]


@dataclass(slots=True)
class _Slack:
    """The doors for Slack's clicks and commands, over an installation that is made anew from time to time."""

    door: Door | None = None
    asked: int = 0

    def __call__(self, body: bytes, path: str, signature: str = "") -> int:
        if self.door is None or self.asked % 100 == 0:
            self.door = Door()
            self.door.api = replace(self.door.api, seen=None)  # what is tried is tried again
        self.asked += 1
        request = altered(signed(body), x_slack_signature=signature) if signature else signed(body)
        return self.door.post(request, path, is_encoded=True).status


_slack = _Slack()


def slack_click(data: bytes) -> None:
    status = _slack(data, INTERACTIONS)
    check(status in (200, 400), f"a signed click is answered with {status}")


def slack_command(data: bytes) -> None:
    status = _slack(data, COMMANDS)
    check(status in (200, 400), f"a signed command is answered with {status}")


def slack_signature(data: bytes) -> None:
    status = _slack(CLICK, INTERACTIONS, text(data)[:8_000] or "none")
    check(status == 401, f"a stranger is answered with {status}")


@dataclass(slots=True)
class _Links:
    """The page behind links, over an installation that is made anew from time to time."""

    links: Links | None = None
    asked: int = 0

    def __call__(self, query: str) -> None:
        if self.links is None or self.asked % 100 == 0:
            self.links = Links()
        self.asked += 1
        before = self.links.incident
        asked = Request("POST", ("act",), parse_query(query), source="192.0.2.1")
        answered = answer(self.links.api, asked, now=self.links.world.now)
        if asked.last("t") == self.links.token():
            check(answered.status == 200, "a link of ours is refused")
            return
        check(answered.status == 403, f"a stranger's link is answered with {answered.status}")
        check(self.links.incident == before, "a stranger's link changes an incident")


_links = _Links()


def links(data: bytes) -> None:
    _links(text(data))


def link_keys(data: bytes) -> None:
    said = text(data)
    try:
        keys = read_keys(said)
    except ValueError as error:
        check("k" * 8 not in str(error), "what is said of keys holds one")
        raise
    check(all(len(key) >= 32 for key in keys), "a short key is taken")


@dataclass(slots=True)
class _Rota:
    """The API over an installation with a schedule, in which overrides are asked for."""

    world: World | None = None
    asked: int = 0

    def __call__(self, path: str, body: bytes) -> None:
        if self.world is None or self.asked % 100 == 0:
            self.world = World(config.load({**_ROTA, "oncall/primary.ics": CALENDAR}, environment={}))
        self.asked += 1
        answered = worlds.ask(
            self.world,
            {
                "rawPath": f"/api/tocsin/v1/oncall/primary/{path}",
                "requestContext": {"http": {"method": "POST", "path": path}},
                "headers": {},
                "body": base64.b64encode(body).decode(),
                "isBase64Encoded": True,
            },
        )
        check(answered["statusCode"] < 500, f"the API fails: {answered}")
        shown = {"rawPath": "/api/tocsin/v1/oncall/primary", "headers": {}}
        shown |= {"requestContext": {"http": {"method": "GET", "path": "/"}}}
        check(worlds.ask(self.world, shown)["statusCode"] == 200, "the schedule cannot be shown any more")


_rota = _Rota()


def overrides(data: bytes) -> None:
    for path in ("overrides", "swaps"):
        _rota(path, data)


def gateway_event(data: bytes) -> None:
    _api(value(data))


def query_string(data: bytes) -> None:
    for path in (
        "/api/v2/alerts",
        "/api/v2/alerts/groups",
        "/api/v2/silences",
        "/api/v1/rules",
        "/api/tocsin/v1/explanations",
        "/api/tocsin/v1/oncall",
        "/api/tocsin/v1/deliveries",
    ):
        context = {"http": {"method": "GET", "path": path}}
        _api({"rawPath": path, "rawQueryString": text(data), "requestContext": context, "headers": {}})


def authorization(data: bytes) -> None:
    tokens = read_tokens('{"a": {"hash": "' + "0" * 64 + '", "scopes": ["read"]}}')
    check(identify(tokens, text(data), now=NOW) is None, "a stranger is let in")


def tokens_secret(data: bytes) -> None:
    said = text(data)
    found = read_tokens(said)
    hashes = [each for each in ("0" * 64, "1" * 64) if said.count(each) == 1 and f'"hash": "{each}"' in said]
    check(not any(each in problem for each in hashes for problem in found.problems), "a problem says a hash")
    identify(found, "Bearer x", now=NOW)


@cache
def _functions() -> worlds.Functions:
    return worlds.Functions(burning())


def _handler(*functions: str) -> Callable[[bytes], None]:
    def handle(data: bytes) -> None:
        event = value(data)
        for function in functions:
            _refused(partial(_functions().run, function, event), TocsinError, DeliveryInProgressError, Refused)

    return handle


# Answers


def _endpoint(body: bytes, status: int) -> Prometheus:
    class Pool:
        def request(self, method: str, url: str, **arguments: Any) -> Any:
            return _Answer(body, status)

    clock = QueryClock(lambda: 0.0, lambda seconds: None, lambda: 0.5)
    return Prometheus(url="http://ann:hunter2@p", pool=Pool(), clock=clock)


class _Answer:
    """What urllib3 gives."""

    def __init__(self, body: bytes, status: int) -> None:
        self._body, self.status = body, status
        self.headers = {"Retry-After": "1"}

    def read1(self, size: int) -> bytes:
        body, self._body = self._body[:size], self._body[size:]
        return body

    def close(self) -> None:
        """Nothing is open."""

    release_conn = close


def metrics_answer(data: bytes) -> None:
    for status in (200, 400):
        metrics = _endpoint(data, status)
        (found,) = metrics.query_all([Query("up", NOW)], budget_seconds=1.0)
        check("hunter2" not in str(found), "an error tells the password")
        metrics.query_range_all(
            [RangeQuery("up", NOW, NOW + timedelta(hours=1), timedelta(minutes=1))], budget_seconds=1.0
        )
        if not isinstance(found, QueryError):
            world = _ticking()
            world.metrics.results["diskfull"] = tuple(found)
            world.run_tick(at=world.now)
            world.advance(minutes=2)


def _ticking() -> World:
    return World(configuration(rule("DiskFull")))


def _secrets(data: bytes) -> Secrets:
    class Manager:
        def get_secret_value(self, SecretId: str) -> dict[str, Any]:
            return {"SecretString": text(data)}

        def get_parameter(self, Name: str, WithDecryption: bool) -> dict[str, Any]:
            return {"Parameter": {"Value": text(data)}}

    manager: Any = Manager()
    return Secrets({"slack": "arn"}, secretsmanager=lambda: manager, ssm=lambda: manager)


def secret_json(data: bytes) -> None:
    secrets = _secrets(data)
    for reference in ("secret:slack#hook", "secret:slack", "ssm:/a", "ssm:/a#hook"):
        _refused(partial(secrets.read, reference, now=NOW), TocsinError)


def secret_reference(data: bytes) -> None:
    reference = text(data)
    if not reference.startswith("/"):  # a file of this machine
        _secrets(b'{"hook": "x"}').read(reference, now=NOW)


_SETTINGS: dict[str, dict[str, Any]] = {
    "slack": {"api_url_file": "secret:slack#hook"},
    "slack app": {"api_url": "https://slack.com/api/chat.postMessage", "channel": "#a", "update_message": True},
    "pagerduty": {"routing_key_file": "secret:slack#hook"},
    "webhook": {"url_file": "secret:slack#hook"},
    "discord": {"webhook_url_file": "secret:slack#hook"},
    "msteamsv2": {"webhook_url_file": "secret:slack#hook"},
    "telegram": {"bot_token_file": "secret:slack#hook", "chat_id": 1},
    "opsgenie": {"api_key_file": "secret:slack#hook"},
    "pagerduty v1": {"service_key_file": "secret:slack#hook"},
    "heartbeat": {"url_file": "secret:slack#hook"},
    "email": {"to": "a@example.com, Ops <b@example.com>", "from": "Tocsin <t@example.com>"},
    "sns": {"topic_arn": "arn:aws:sns:eu-west-1:123456789012:other"},
    "sns sms": {"phone_number": "+441234567890"},
}
OAUTH = {"oauth2": {"client_id": "c", "client_secret_file": "secret:slack#hook", "token_url": "https://t/x"}}


def receiver_answer(data: bytes) -> None:
    for name, own in _SETTINGS.items():
        for status in (200, 202, 400, 429):
            _deliver(name.split()[0], own, Response(status, {"retry-after": text(data)[:20]}, data))
    _deliver("webhook", {"url_file": "secret:slack#hook", "http_config": OAUTH}, Response(200, {}, data))


def _deliver(kind: str, own: dict[str, Any], answer: Response) -> None:
    told = worlds.told()
    clock = Clock()
    http = Http(ScriptedTransport([answer], clock), clock.sleep, lambda: 0.5, clock.monotonic)
    outlets = Outlets(
        _secrets(b'{"hook": "https://example.com/x/s3cr3t-s3cr3t"}'), HttpClients(http, {}, resolve=_no_address)
    )
    notification = _with(told, kind, own)
    sender = _senders(kind, answer)(outlets)
    try:
        said = sender(notification, now=NOW)
    except DeliveryError as error:
        said = str(error)
    knows_it = "secret:" in str(own)
    check(not knows_it or "s3cr3t-s3cr3t" not in str(said), "an answer tells a secret")


def _no_address(host: str) -> tuple[str, ...]:
    return ()


def _with(told: Notification, kind: str, own: dict[str, Any]) -> Notification:
    integration = replace(told.integration, kind=Kind(kind), settings={"http_config": {}, **own})
    return replace(told, integration=integration)


def _senders(kind: str, answer: Response) -> Callable[[Outlets], Any]:
    """Return what makes a kind's sender; an answer is AWS's where the kind is not told over HTTP."""
    aws: Any = _Aws(answer)
    if kind == "slack":
        return lambda outlets: SlackSender(outlets, MemoryStore())
    if kind == "email":
        return lambda outlets: EmailSender(lambda: aws, "t@example.com", outlets)
    if kind == "sns":
        return lambda outlets: SnsSender(lambda access: aws, outlets)
    module, name = _SENDERS[kind]
    made: Callable[[Outlets], Any] = getattr(import_module(f"tocsin.adapters.{module}"), name)
    return made


@dataclass(frozen=True, slots=True)
class _Aws:
    """SES and SNS, which answer so."""

    answer: Response

    def publish(self, **message: Any) -> dict[str, Any]:
        said = text(self.answer.body)
        if self.answer.status >= 400:
            code = "Throttling" if self.answer.status == 429 else said[:30]
            raise ClientError({"Error": {"Code": code, "Message": said}}, "Publish")
        return {"MessageId": said}

    send_email = publish


def _letter(outlets: Outlets, notification: Notification) -> bytes:
    """Return a notification as a mail server is handed it."""
    texts = outlets.texts(notification, now=NOW)
    letter = smtp.message(notification, render_mail(notification, texts), default_sender="t@example.com", texts=texts)
    return letter.content.as_bytes()


def told_to_everybody(data: bytes) -> None:
    """A frozen notification, whatever is in it, is delivered by every sender, or refused as none (law 10)."""
    try:
        notification = from_json(value(data))
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
        return
    for name, own in _SETTINGS.items():
        kind = name.split()[0]
        settings = {**notification.integration.settings, **own}
        answer = Response(202 if kind == "pagerduty" else 200, {}, b'{"ok": true, "status": "success"}')
        clock = Clock()
        http = Http(ScriptedTransport([answer], clock), clock.sleep, lambda: 0.5, clock.monotonic)
        clients = HttpClients(http, {}, resolve=_no_address)
        outlets = Outlets(_secrets(b'{"hook": "https://example.com/x"}'), clients, lambda now: _templates())
        sender = _senders(kind, answer)(outlets)
        _refused(partial(sender, _with(notification, kind, settings), now=NOW), DeliveryError)
        if kind == "email":
            _refused(partial(_letter, outlets, _with(notification, kind, settings)), DeliveryError)


def stored_items(data: bytes) -> None:
    items.read(data)


def _refused(work: Callable[[], Any], *refusals: type[BaseException]) -> Any:
    """Return what work does, nothing where it is refused; a refusal can be said."""
    try:
        return work()
    except refusals as error:
        str(error).encode("utf-8", "surrogatepass")
        return None


# The table


def _yaml_seeds(*more: bytes) -> Callable[[], list[bytes]]:
    return lambda: chosen(more, files(SHIPPED, "alertmanager.yml"), texts_of("config.json", "yaml"))


def _bodies(*more: Any) -> Callable[[], list[bytes]]:
    return lambda: [seeds.as_json(each) for each in more]


def _events(*patterns: str, more: Sequence[Any] = ()) -> Callable[[], list[bytes]]:
    return lambda: chosen(events(*patterns), (seeds.as_json(each) for each in more))


ALERT = {
    "labels": {"alertname": "Theirs", "instance": "a"},
    "annotations": {"summary": "x"},
    "startsAt": "2026-11-20T03:00:00.000Z",
    "endsAt": "2026-11-20T05:00:00+02:00",
    "generatorURL": "http://p/graph?g0.expr=up",
}
SILENCE = {
    "matchers": [{"name": "a", "value": "b|c", "isRegex": True, "isEqual": False}],
    "startsAt": "2026-11-20T03:00:00Z",
    "endsAt": "2026-11-21T03:00:00Z",
    "createdBy": "ann",
    "comment": "x",
    "schedule": {"timeIntervals": ["nights"]},
    "matcherSets": [[{"name": "a", "value": "b", "isRegex": False}], [{"name": "c", "value": "d", "isRegex": False}]],
    "annotations": {"a": "b"},
}
WEBHOOK = {
    "version": "4",
    "status": "firing",
    "groupKey": "g",
    "receiver": "r",
    "alerts": [{**ALERT, "status": "firing"}],
}
VECTOR = {
    "status": "success",
    "data": {
        "resultType": "vector",
        "result": [
            {"metric": {"__name__": "up", "instance": "a"}, "value": [1763600000.123, "0.97"]},
            {"metric": {"instance": "b"}, "value": [1763600000, "+Inf"]},
            {"metric": {"instance": "c"}, "histogram": [1763600000, {"count": "1"}]},
        ],
    },
}
MATRIX = {
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [{"metric": {"a": "b"}, "values": [[1763600000, "1"], [1763600060, "NaN"]]}],
    },
}
TOKENS = {
    "a": {"hash": "0" * 64, "scopes": ["read", "write"], "expires": "2027-01-01T00:00:00Z"},
    "b": {"scopes": ["ingest"], "hashes": [{"hash": "1" * 64, "not_before": "2026-01-01T00:00:00Z"}]},
}
TOCSIN_YML = b"""
cooldown: 5m
external_labels: {cluster: eu}
rules:
  - name: r
    severity: critical
    metric: m
    condition: gt
    threshold: ${A:-1}
    window: 5
    channels: [a]
cooldowns: [{matchers: ['a="b"'], receiver: b, cooldown: 1h}]
users: [{name: ann, phone: "+441234567890", pagerduty: "secret:p#a", notify: [{by: sms, after: 2m}, {by: pagerduty}]}]
schedules: [{name: primary, layers: [{users: [ann], restrictions: [{days: [monday:friday], from: "18:00"}]}]}]
escalation: {policies: [{name: p, matchers: ['a=~"b.*"'], steps: [{receivers: [a]}, {after: 5m, receivers: [b]}]}]}
silences: {required_labels: [team], max_alerts: 5}
links: {secret: "secret:links#key", valid_for: 2h, url: "https://alerts.example.com"}
redaction: {kinds: [passwords], patterns: ['a+'], labels: [a], keep: [b]}
slack: {bot_token: "secret:slack#bot", signing_secret: "secret:slack#signing"}
pagerduty: {webhook_secrets: ["secret:pagerduty#webhook"]}
rate_limits: [{receiver: a, notifications: 10, per: 1m, never_held: [critical]}]
heartbeat: {tick: {url_file: "secret:h#t", method: POST, failure: /fail}, delivery: {url_file: "secret:h#d"}}
canary: {receivers: [a], at: "08:30", time_zone: Europe/Berlin}
compatibility: alertmanager
"""

_ROTA = {
    "alertmanager.yml": b"global: {smtp_from: a@example.com}\nroute: {receiver: a}\nreceivers: [{name: a}]\n",
    "tocsin.yml": b"""
users: [{name: ann, email: ann@example.com}, {name: bob, email: bob@example.com}]
schedules: [{name: primary, time_zone: Europe/Berlin, layers: [{ical: primary.ics}]}]
""",
}
CALENDAR = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//example//EN\r
BEGIN:VEVENT\r
UID:1\r
SUMMARY:ann\r
DTSTART;TZID=Europe/Berlin:20261116T090000\r
DURATION:P7D\r
RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO\r
EXDATE;TZID=Europe/Berlin:20261214T090000\r
END:VEVENT\r
BEGIN:VEVENT\r
UID:2\r
SUMMARY:On call\r
ATTENDEE;CN=Bob:mailto:bob@example.com\r
DTSTART;VALUE=DATE:20261123\r
DTEND;VALUE=DATE:20261130\r
END:VEVENT\r
END:VCALENDAR\r
"""
SCHEDULES = b"""- name: primary
  time_zone: Europe/Berlin
  layers:
  - {users: [ann, bob], shift: 1w, start: 2026-01-05, handoff: monday 09:00, until: 2027-06-01}
  - turns: [{user: ann, for: 5d}, {user: bob, for: 2d}]
    start: 2026-01-05T18:00
    time_zone: Australia/Lord_Howe
    restrictions:
    - {days: [friday:monday], from: "18:00", until: "09:00"}
    - {from: "sunday 06:00", until: "monday 09:00"}
  overrides:
  - {user: ann, from: 2026-12-24T09:00, until: "2026-12-27T00:00+02:00"}
"""

TARGETS: dict[str, Target] = {
    "alertmanager.yml": Target(alertmanager, _yaml_seeds(), (ConfigError,), YAML),
    "alertmanager.yml of AMP": Target(amp_definition, _yaml_seeds(), (ConfigError,), YAML),
    "tocsin.yml": Target(tocsin_yml, lambda: chosen([TOCSIN_YML], files(SHIPPED, "tocsin.yml")), (ConfigError,), YAML),
    "scenarios": Target(scenario_file, lambda: list(files(SHIPPED, "scenarios/*.yml")), (ConfigError,), YAML),
    "schedules": Target(schedule_file, lambda: [SCHEDULES], (ConfigError,), YAML),
    "calendars": Target(
        calendar_file,
        lambda: [CALENDAR],
        (ConfigError,),
        (
            b"RRULE:",
            b"FREQ=",
            b"HOURLY",
            b"COUNT=",
            b"UNTIL=",
            b"BYDAY=",
            b"BYSETPOS=",
            b"DTSTART",
            b";TZID=",
            b"RDATE:",
            b"EXDATE:",
            b"RECURRENCE-ID:",
            b"DURATION:",
            b"-P1D",
            b"VALUE=DATE",
            b"VALUE=PERIOD",
            b"BEGIN:VTIMEZONE",
            b"00010101",
        ),
    ),
    "overrides of schedules": Target(
        overrides,
        _bodies(
            {
                "user": "ann",
                "from": "2026-11-20T03:00:00Z",
                "until": "2026-11-21T03:00:00Z",
                "by": "ann",
                "comment": "x",
            },
            {"first": "2026-11-20T03:00:00Z", "second": "2026-11-27T03:00:00Z", "by": "ann"},
        ),
        (),
        JSON,
        is_json=True,
    ),
    "rule files": Target(rule_file, lambda: chosen(rule_files(), [b"groups: []\n"]), (ConfigError,), YAML),
    "time intervals": Target(
        time_intervals,
        lambda: chosen(
            texts_of("time_intervals.json", "intervals"), [b"- times: [{start_time: '09:00', end_time: '17:00'}]\n"]
        ),
        (ConfigError,),
        YAML,
    ),
    "template files": Target(
        notification_templates,
        lambda: chosen(files(SHIPPED, "templates/*.tmpl"), [b'{{ define "a" }}b{{ end }}']),
        (ConfigError,),
        TEMPLATES,
    ),
    "matchers": Target(
        matchers, lambda: chosen(texts_of("matchers.json", "input"), [b'{a="b",c=~"d.*"}']), (), MATCHERS
    ),
    "durations": Target(
        durations, lambda: chosen(texts_of("durations.json", "input"), [b"1h30m", b"1y2w3d4h5m6s7ms"]), (ValueError,)
    ),
    "templates of rules": Target(
        rule_template,
        lambda: chosen(texts_of("templates_prometheus.json", "text"), [b"{{ $labels.a | title }}"]),
        (),
        TEMPLATES,
    ),
    "templates of texts": Target(
        text_template,
        lambda: chosen(texts_of("templates_alertmanager.json", "text"), [b"{{ .Status }}"]),
        (TemplateError,),
        TEMPLATES,
    ),
    "templates of pages": Target(
        html_template,
        lambda: chosen(
            texts_of("templates_alertmanager.json", "text"), [b'<a href="{{ .ExternalURL }}">{{ .Status }}</a>']
        ),
        (TemplateError,),
        TEMPLATES,
    ),
    "redaction": Target(
        redaction,
        lambda: [
            b"password=hunter2",
            b"pg://a:hunter2@db",
            b"AKIAIOSFODNN7EXAMPLE",
            b"Bearer abcdefgh12345678",
            b"-----BEGIN PRIVATE KEY-----",
        ],
        (),
        (
            b"password",
            b"=",
            b":",
            b"://",
            b"@",
            b"token",
            b"eyJ",
            b".",
            b"-----BEGIN ",
            b"PRIVATE KEY-----",
            b'"',
            b"[redacted]",
        ),
    ),
    "limits in settings": Target(
        settings, lambda: [b"alerts=500,labels=40", b"read=600,ingest=6000"], (), (b"=", b",", b"read", b"alerts")
    ),
    "alerts": Target(
        _post("/api/v2/alerts"),
        lambda: chosen(
            _bodies([ALERT])(), ([seeds.as_json([c["alert"]]) for c in cases("alert_api.json") if "alert" in c])
        ),
        (),
        JSON,
        is_json=True,
    ),
    "alerts by webhook": Target(_post("/alerts/webhook"), _bodies(WEBHOOK), (), JSON, is_json=True),
    "silences": Target(_post("/api/v2/silences"), _bodies(SILENCE), (), JSON, is_json=True),
    "actions on incidents": Target(
        _post("/api/tocsin/v1/incidents/inc-0/acknowledge"),
        _bodies({"by": "ann", "comment": "x"}),
        (),
        JSON,
        is_json=True,
    ),
    "webhooks of PagerDuty": Target(pagerduty_webhook, _pagerduty_events, (), JSON, is_json=True),
    "signatures of PagerDuty": Target(
        pagerduty_signature,
        lambda: [sign(b"{}", "guess", "another").encode(), b"v1=" + b"0" * 64, b""],
        (),
        (b"v1=", b",", b"0" * 64, b"v2=", b" "),
    ),
    "clicks in Slack": Target(slack_click, lambda: [CLICK], (), (*JSON, b"payload=", b"%22", b"&")),
    "commands in Slack": Target(
        slack_command,
        lambda: [command_body(each, user="U1", name="ann") for each in ("list", "ack inc-1 x", "oncall", "help")],
        (),
        (b"command=", b"text=", b"&", b"%20", b"ack+", b"user_id="),
    ),
    "signatures of Slack": Target(
        slack_signature,
        lambda: [b"v0=" + b"0" * 64, b"v1=", b""],
        (),
        (b"v0=", b"v1=", b",", b"0" * 64, b" "),
    ),
    "links": Target(
        links,
        lambda: [f"t={Links().token()}".encode(), f"t={Links().token()[:-1]}".encode(), b"t=", b""],
        (Refused,),
        (b"t=", b"&t=", b"%", b"AAAA", b"-", b"_", b"="),
    ),
    "keys of links": Target(
        link_keys,
        lambda: [b"k" * 43, b"k" * 43 + b" " + b"l" * 43, b"kkkkkkkk short"],
        (ValueError,),
        (b" ", b",", b"k" * 32),
    ),
    "events of the gateway": Target(
        gateway_event, _events("api_list.json", "api_acknowledge.json"), (EventError, ValueError), JSON, is_json=True
    ),
    "query strings": Target(
        query_string,
        lambda: [
            b"filter=a%3D%22b%22&active=false",
            b"receiver=te.m",
            b"match[]=%7Ba%3D%22b%22%7D&type=alert&group_limit=1",
            b"fingerprint=0",
        ],
        (),
        (b"&", b"=", b"%", b"filter=", b"%7B", b"%22", b"+", b";", b"match[]=", b"group_next_token=", b"group_limit="),
    ),
    "authorization": Target(
        authorization, lambda: [b"Bearer abc", b"Basic YTpi", b"basic =="], (), (b"Bearer ", b"Basic ", b"=", b":")
    ),
    "tokens": Target(tokens_secret, _bodies(TOKENS), (), JSON, is_json=True),
    "events of AMP's topic": Target(
        _handler("api"),
        _events("api_topic.json"),
        (ValueError,),
        (*JSON, b"\\n", b"Alerts Firing:", b"Labels:", b" - a = b", b"Source:"),
        is_json=True,
    ),
    "events of the schedule": Target(
        _handler("evaluate"), _events("evaluate_*.json"), (ValueError,), JSON, is_json=True
    ),
    "events of timers": Target(_handler("dispatch"), _events("dispatch_*.json"), (ValueError,), JSON, is_json=True),
    "events of clicks": Target(_handler("act"), _events("act_*.json"), (ValueError,), JSON, is_json=True),
    "questions of the state machine": Target(
        _handler("escalate"), _events("escalate_*.json"), (ValueError,), JSON, is_json=True
    ),
    "notifications by SNS": Target(
        _handler("notify_slack", "notify_pagerduty", "notify_email", "notify_webhook"),
        _events("notify_*.json"),
        (ValueError,),
        JSON,
        is_json=True,
    ),
    "notifications to every receiver": Target(
        told_to_everybody, lambda: [seeds.as_json(worlds.message())], (ValueError,), (*JSON, *TEMPLATES), is_json=True
    ),
    "answers of metrics": Target(
        metrics_answer,
        _bodies(VECTOR, MATRIX, {"status": "error", "errorType": "x", "error": "y"}),
        (),
        JSON,
        is_json=True,
    ),
    "answers of receivers": Target(
        receiver_answer,
        _bodies(
            {"ok": True, "ts": "1.2", "channel": "C"},
            {"ok": False, "error": "x", "parameters": {"retry_after": 5}},
            {"access_token": "x", "expires_in": 5},
        ),
        (),
        (*JSON, b"s3cr3t-s3cr3t", b"/x/s3cr3t-s3cr3t"),
        is_json=True,
    ),
    "secrets": Target(secret_json, _bodies({"hook": "https://example.com/x"}), (), JSON, is_json=True),
    "references to secrets": Target(
        secret_reference,
        lambda: [b"secret:slack#hook", b"secretsmanager:a#b", b"ssm:/a"],
        (TocsinError,),
        (b":", b"#", b"/", b"secret"),
    ),
    "items of the table": Target(stored_items, items.seeds, (StoreError, ValueError), JSON, is_json=True),
}
