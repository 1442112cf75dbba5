"""The functions as they are deployed, on moto in this process, with a marked secret wherever one can be."""

from __future__ import annotations

import json
import traceback
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.functions.deployment import Deployment
from tests.functions.happenings import queue_event
from tests.secrets.marks import Marks
from tests.secrets.neighbours import Echo, MailEcho
from tests.stories.world import START
from tocsin.core.notifications import format_time

RULES = """
groups:
  - name: g
    rules:
      - {alert: Fires, expr: fires, labels: {severity: critical}, annotations: {summary: it fires}}
"""
# What a line hides by its form is no proof that nothing hands it on: here nothing is hidden by its form.
TOCSIN = """
redaction: {kinds: []}
cooldown: 0s
pagerduty: {webhook_secrets: ['secret:pagerduty#webhook', 'secret:pagerduty#old-webhook']}
slack: {bot_token: 'secret:slack#app', signing_secret: 'secret:slack#signing'}
links: {secret: 'secret:links#key', url: 'https://t.example.org'}
escalation: {policies: [{name: all, steps: [{after: 0s, receivers: [all], users: [ann]}]}]}
users: [{name: ann, pagerduty: 'secret:pagerduty#ann'}]
schedules: [{name: primary, layers: [{users: [ann]}]}]
heartbeat:
  tick: {url_file: 'secret:heartbeat#tick', http_config: {authorization: {credentials_file: 'secret:heartbeat#key'}}}
  delivery: {url_file: 'secret:heartbeat#delivery'}
"""
FUNCTION_OF = {"slack": "notify_slack", "pagerduty": "notify_pagerduty", "email": "notify_email"}
BEGIN = START.replace(year=2025)


def alertmanager(marks: Marks, receivers: Echo, mail: MailEcho) -> str:
    """Return a configuration in which every kind of secret is used at least once."""
    base = receivers.url
    return f"""
global: {{pagerduty_url: '{base}/v2/enqueue'}}
route: {{receiver: all, group_wait: 0s}}
receivers:
- name: all
  slack_configs:
  - api_url_file: secret:slack#hook
  - {{app_token_file: 'secret:slack#app', app_url: '{base}/api/chat.postMessage', channel: '#a'}}
  pagerduty_configs:
  - {{routing_key_file: 'secret:pagerduty#routing', url: '{base}/v2/enqueue'}}
  - {{service_key_file: 'secret:pagerduty#service', url: '{base}/create_event.json'}}
  email_configs:
  - {{to: a@example.org, from: b@example.org, smarthost: '{mail.address}', require_tls: false,
     auth_username: alerts, auth_password_file: 'secret:email#password'}}
  webhook_configs:
  - url_file: secret:webhook#hook
  - {{url: '{base}/basic', http_config: {{basic_auth: {{username: u, password_file: 'secret:webhook#basic'}}}}}}
  - {{url: '{base}/bearer', http_config: {{authorization: {{credentials_file: 'secret:webhook#bearer'}}}}}}
  - url: '{base}/headers'
    http_config: {{http_headers: {{X-Key: {{files: ['secret:webhook#header']}}}}}}
  - url: '{base}/oauth'
    http_config:
      oauth2: {{client_id: c, client_secret_file: 'secret:webhook#client', token_url: '{base}/token'}}
  - url_file: secret:webhook#user
  - url_file: secret:webhook#tls
  - {{url_file: 'secret:webhook#proxied', http_config: {{proxy_url: '{base}'}}}}
  - url: '{base}/key'
    http_config: {{tls_config: {{cert_file: 'secret:webhook#cert', key_file: 'secret:webhook#key'}}}}
  discord_configs:
  - webhook_url_file: secret:webhook#discord
  msteamsv2_configs:
  - webhook_url_file: secret:webhook#teams
  telegram_configs:
  - {{bot_token_file: 'secret:webhook#telegram', api_url: '{base}', chat_id: 1}}
  opsgenie_configs:
  - {{api_key_file: 'secret:webhook#opsgenie', api_url: '{base}'}}
"""


def secrets(marks: Marks, base: str) -> dict[str, dict[str, str]]:
    """Return what the secrets hold: a mark in each member."""
    key = f"-----BEGIN PRIVATE KEY-----\n{marks('TLS key')}\n-----END PRIVATE KEY-----"
    return {
        "slack": {
            "hook": f"{base}/services/T0/B0/{marks('slack hook')}",
            "app": f"xoxb-{marks('slack app')}",
            "signing": f"{marks('signing secret')} {marks('old signing secret')}",
        },
        "pagerduty": {
            "routing": marks("routing key"),
            "service": marks("service key"),
            "ann": marks("routing key of a user"),
            "webhook": marks("PagerDuty's webhook"),
            "old-webhook": marks("PagerDuty's old webhook"),
        },
        "email": {"password": marks("mail password", odd=True)},
        "heartbeat": {
            "tick": f"{base}/ping/{marks('heartbeat of ticks')}",
            "delivery": f"{base}/ping/{marks('heartbeat of arrivals')}",
            "key": marks("heartbeat key", odd=True),
        },
        "links": {"key": f"long-enough-{marks('links key')} long-enough-{marks('old links key')}"},
        "webhook": {
            "hook": f"{base}/hook/{marks('webhook path')}?key={marks('webhook parameter')}",
            "basic": marks("basic password", odd=True),
            "bearer": marks("bearer"),
            "header": marks("header", odd=True),
            "client": marks("client secret", odd=True),
            "user": base.replace("://", f"://u:{marks('password in a URL')}@") + "/user",
            "tls": f"{base.replace('http:', 'https:')}/tls/{marks('TLS path')}",
            "proxied": f"http://receiver.invalid/proxied/{marks('proxied path')}",
            "cert": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "key": key,
            "discord": f"{base}/api/webhooks/1/{marks('discord')}",
            "teams": f"{base}/workflows/{marks('teams')}",
            "telegram": f"123456:{marks('telegram')}",
            "opsgenie": marks("opsgenie"),
        },
    }


class Stack:
    """Runs functions, and keeps everything that came out of them."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capture: pytest.CaptureFixture[str],
        folder: Path,
        *,
        receivers: Echo,
        mail: MailEcho,
        prometheus: str,
    ) -> None:
        self.marks = Marks()
        self.config = folder / "config"
        self.receivers, self.mail = receivers, mail
        self.out: list[str] = []
        self._capture = capture
        password = self.marks("prometheus password")
        self.prometheus = prometheus.replace("://", f"://ann:{password}@")
        self._write_config()
        self.deployment = Deployment(
            monkeypatch,
            CONFIG_URI=str(self.config),
            TOCSIN_PROMETHEUS_URL=self.prometheus,
            TOCSIN_PROMETHEUS_AUTH="none",
            **{
                f"TOCSIN_SECRET_{name.upper()}": f"marked-{name}"
                for name in ("slack", "pagerduty", "email", "webhook", "links", "heartbeat")
            },
            TOCSIN_WATCHDOG="enabled",
        )
        # Keys of AWS are in the environment of every function.
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", self.marks("secret access key", odd=True))
        monkeypatch.setenv("AWS_SESSION_TOKEN", self.marks("session token", odd=True))
        self.deployment.create()
        self.manager = self.deployment.client("secretsmanager")
        for name, members in secrets(self.marks, receivers.url).items():
            self.manager.create_secret(Name=f"marked-{name}", SecretString=json.dumps(members))
        self._modules: dict[str, Any] = {}
        self._seq = 0
        self._patience = 5.0

    def _write_config(self) -> None:
        texts = {
            "alertmanager.yml": alertmanager(self.marks, self.receivers, self.mail),
            "tocsin.yml": TOCSIN,
            "rules/a.yml": RULES,
        }
        for name, text in texts.items():
            path = self.config / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def run(self, function: str, event: Any) -> Any:
        """Run a function in its sandbox and keep what it says; what it raises is told as Lambda's runtime logs it."""
        module = self._module(function)
        try:
            answered = module.handler(event, None)
        except Exception as error:
            self.out += ["".join(traceback.format_exception(error)), repr(error), repr(vars(error))]
            answered = None
        self.out.append(json.dumps(answered, default=repr))
        self._keep_output()
        return answered

    def _module(self, function: str) -> Any:
        if function not in self._modules:
            self._modules[function] = module = self.deployment.load(function)
            if function.startswith("notify_"):
                self._be_impatient(module.app)
            if function == "evaluate":
                metrics = module.app.metrics
                patient = replace(metrics.clock, sleep=lambda seconds: None)
                module.app.__dict__["metrics"] = replace(metrics, clock=patient, timeout_seconds=0.3)
        return self._modules[function]

    def wait_for_answers(self, seconds: float) -> None:
        """Let those who deliver wait so long for an answer, and try nothing again."""
        self._patience = seconds
        for function, module in self._modules.items():
            if function.startswith("notify_"):
                self._be_impatient(module.app)

    def _be_impatient(self, app: Any) -> None:
        clients = app.senders._outlets.clients
        clients.http = replace(
            clients.http, timeout_seconds=self._patience, budget_seconds=self._patience, backoff_seconds=100.0
        )

    def forget_secrets(self) -> None:
        """Let what was read of secrets be as old as it may become."""
        for module in self._modules.values():
            module.app.secrets._kept.clear()

    def _keep_output(self) -> None:
        captured = self._capture.readouterr()
        self.out += [captured.out, captured.err]

    def keep(self, *texts: str) -> None:
        self.out += texts

    def fire(self) -> list[dict[str, Any]]:
        """Let the alert fire and its group be looked at; return the notifications that the topic was handed."""
        self.run("evaluate", {"now": format_time(BEGIN)})
        self._look()
        # A group is looked at by the machine's own time, and so its incident was opened then.
        self.run("escalate", {"incident": self.incident(), "now": format_time(datetime.now(UTC))})
        self._look()
        return self.deployment.published()

    def incident(self) -> str:
        """Return the incident that the alert has opened."""
        (found,) = {item["pk"]["S"] for item in self.deployment.items("incident#")}
        return str(found).removeprefix("incident#")

    def _look(self) -> None:
        for timer in self.deployment.messages("TimerQueue"):
            self.run("dispatch", queue_event("TimerQueue", timer))

    def deliver(self, told: Mapping[str, Any]) -> None:
        """Deliver a notification, each time as if it were the group's next."""
        self._seq += 1
        later = BEGIN + timedelta(seconds=self._seq)
        message = {
            **told,
            "id": f"{self._seq:032x}",
            "seq": told["seq"] + self._seq,
            "created_at": format_time(later),
        }
        event = {"Records": [{"Sns": {"Message": json.dumps(message)}}]}
        self.run(FUNCTION_OF.get(told["integration"], "notify_webhook"), event)

    def sweep(self) -> None:
        """Keep what was written of deliveries, and take it out of the table: moto is slow with many items."""
        client = self.deployment.client("dynamodb")
        for item in self.deployment.items("delivery#"):
            self.out += [repr(item), *_unpacked(item)]
            client.delete_item(TableName=self.deployment["Table"], Key={name: item[name] for name in ("pk", "sk")})

    def everything(self) -> Iterator[str]:
        """Yield all that was said, sent to AWS and written: what an operator, a colleague or a stranger could read."""
        yield from self.out
        yield from self.written()

    def written(self) -> Iterator[str]:
        """Yield what is in queues, on the topic and in the table now."""
        for queue in ("TimerQueue", "ActionQueue", "DeliveryDeadLetterQueue"):
            yield json.dumps(self.deployment.messages(queue))
        yield json.dumps(self.deployment.published())
        for item in self.deployment.items():
            yield repr(item)
            yield from _unpacked(item)


def _unpacked(item: Mapping[str, Any]) -> Iterator[str]:
    for attribute in item.values():
        for value in attribute.values():
            data = getattr(value, "value", value)
            if isinstance(data, bytes):
                try:
                    yield zlib.decompress(data).decode(errors="replace")
                except zlib.error:
                    yield data.decode(errors="replace")
