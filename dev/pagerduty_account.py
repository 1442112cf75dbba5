"""A PagerDuty on this machine: services that keep their incidents, people who take them, and webhooks that tell of it.

with Account(webhook_secrets=("…",)) as pagerduty:
    pagerduty.enqueue_url                          # the Events API, version 2
    pagerduty.incidents                            # as they are now, by routing key and deduplication key
    pagerduty.subscribe(url)                       # who is told of every change, signed by each of the secrets
    pagerduty.acknowledge(incident, by=ANN)        # what people do there
    pagerduty.deliver()                            # send what is to be told, as often as PagerDuty would

Its rules are PagerDuty's: what an event must hold and how large it may be (receivers_pagerduty.py), so many events a
minute for each key; a trigger opens an incident or joins the open one, an acknowledgement or a resolution of what is
not open is taken and does nothing. A webhook that is not answered with 2xx is sent again after 5xx, 429 or no answer,
five times in all and with the same X-Webhook-Id, and what is behind it waits; after any other 4xx it is dropped. Three
that are dropped one after another end the subscription.

Sources: https://developer.pagerduty.com/docs/send-alert-event
https://developer.pagerduty.com/docs/webhooks-behavior, https://developer.pagerduty.com/docs/verifying-webhook-signatures
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from dev.receivers_pagerduty import check_pagerduty

PATH = "/v2/enqueue"
EVENTS_A_MINUTE = 120
ATTEMPTS = 5
DROPS_UNTIL_DISABLED = 3
# In all about 20 minutes.
RETRY_SECONDS = (30.0, 120.0, 300.0, 750.0)
_STATES = {"acknowledge": "acknowledged", "resolve": "resolved"}
_WEB = "https://tocsin.pagerduty.example"


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str

    @property
    def reference(self) -> dict[str, str]:
        return _reference("user_reference", self.id, self.name)


ANN = Person("PANN001", "Ann")
BOB = Person("PBOB001", "Bob")


@dataclass(slots=True)
class Incident:
    """An incident of a service; `status` is triggered, acknowledged or resolved."""

    id: str
    number: int
    routing_key: str
    key: str
    title: str
    created_at: str
    status: str = "triggered"
    events: int = 1
    assignees: list[Person] = field(default_factory=lambda: [ANN])
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Webhook:
    """One webhook: the same bytes under the same id, however often it is sent."""

    id: str
    kind: str
    body: bytes
    answers: list[int] = field(default_factory=list)

    def headers(self, secrets: tuple[str, ...]) -> dict[str, str]:
        return {
            "content-type": "application/json",
            "user-agent": "PagerDuty-Webhook/V3.0",
            "x-webhook-id": self.id,
            "x-pagerduty-signature": sign(self.body, *secrets),
        }


def sign(body: bytes, *secrets: str) -> str:
    """Return the header's value: a signature by each secret."""
    return ",".join(f"v1={hmac.new(each.encode(), body, hashlib.sha256).hexdigest()}" for each in secrets)


Post = Callable[[str, Mapping[str, str], bytes], int]


def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """Return the status of an answer; 0 where there was none within PagerDuty's five seconds."""
    request = urllib.request.Request(url, body, dict(headers), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
    except OSError:
        return 0


class Account:
    """The account. As a context manager it runs a server on 127.0.0.1 and a free port; without one it is asked by take.

    `clock` gives the time, `wait` passes seconds between two tries, `post` sends a webhook. `told` holds what
    integrations said: key and action.
    """

    def __init__(
        self,
        *,
        webhook_secrets: tuple[str, ...] = ("local-webhook-secret",),
        events_a_minute: int = EVENTS_A_MINUTE,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        wait: Callable[[float], None] = time.sleep,
        post: Post = post,
    ) -> None:
        self.webhook_secrets = webhook_secrets
        self.incidents: list[Incident] = []
        self.told: list[tuple[str, str]] = []
        self.refusals: list[str] = []
        self.sent: list[Webhook] = []
        self.dropped: list[Webhook] = []
        self.is_disabled = False
        self._events_a_minute, self._clock, self._wait, self._post = events_a_minute, clock, wait, post
        self._urls: list[str] = []
        self._queue: deque[tuple[str, Webhook]] = deque()
        self._taken: dict[str, list[datetime]] = {}
        self._numbers = itertools.count(1)
        self._drops = 0
        self._lock = threading.RLock()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        account = self

        class Handler(_Handler):
            answer = staticmethod(lambda path, body: account.take(path, body))

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def enqueue_url(self) -> str:
        assert self._server is not None, "the account is not running: use it in a with statement"
        return f"http://127.0.0.1:{self._server.server_address[1]}{PATH}"

    @property
    def open(self) -> list[Incident]:
        with self._lock:
            return [each for each in self.incidents if each.status != "resolved"]

    # ---------------------------------------------------------------- what integrations tell

    def take(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer a request to the Events API: status and body."""
        if path != PATH:
            return 404, {"status": "not found"}
        event, problems = check_pagerduty(body)
        with self._lock:
            if problems:
                self.refusals.extend(problems)
                invalid = {"status": "invalid event", "message": "Event object is invalid", "errors": problems}
                return 400, invalid
            if self._is_too_much(event["routing_key"]):
                self.refusals.append("throttled")
                return 429, {"status": "throttle exceeded", "message": "Requests for this service are too frequent"}
            key = event.get("dedup_key") or f"made-{next(self._numbers):026d}"
            self._apply(event, key)
        return 202, {"status": "success", "message": "Event processed", "dedup_key": key}

    def _is_too_much(self, routing_key: str) -> bool:
        now = self._clock()
        lately = [at for at in self._taken.get(routing_key, ()) if (now - at).total_seconds() < 60]
        is_too_much = len(lately) >= self._events_a_minute
        self._taken[routing_key] = lately if is_too_much else [*lately, now]
        return is_too_much

    def _apply(self, event: Mapping[str, Any], key: str) -> None:
        action, routing_key = event["event_action"], event["routing_key"]
        self.told.append((key, action))
        found = next((each for each in self.open if (each.routing_key, each.key) == (routing_key, key)), None)
        us = _reference("events_api_v2_inbound_integration_reference", f"PI{routing_key[:5].upper()}", "Tocsin")
        if action == "trigger":
            if found is not None:
                found.events += 1
                return
            number = len(self.incidents) + 1
            title = event["payload"]["summary"]
            found = Incident(f"Q{number:013d}", number, routing_key, key, title, _time(self._clock()))
            self.incidents.append(found)
            self._tell("incident.triggered", found, us)
        elif found is not None and found.status != _STATES[action]:
            self._change(found, _STATES[action], us)

    # ---------------------------------------------------------------- what people do

    def acknowledge(self, incident: Incident, *, by: Person = ANN) -> None:
        if incident.status == "triggered":
            self._change(incident, "acknowledged", by.reference)

    def resolve(self, incident: Incident, *, by: Person = ANN) -> None:
        if incident.status != "resolved":
            self._change(incident, "resolved", by.reference)

    def time_out(self, incident: Incident) -> None:
        """Resolve an incident as the service's setting does after some hours."""
        self._change(incident, "resolved", None)

    def unacknowledge(self, incident: Incident) -> None:
        """End an acknowledgement as the service's setting does after some time."""
        incident.status = "triggered"
        self._tell("incident.unacknowledged", incident, None)

    def reassign(self, incident: Incident, to: Person, *, by: Person = ANN) -> None:
        self._call("incident.reassigned", incident, to, by)

    def escalate(self, incident: Incident, to: Person, *, by: Person = ANN) -> None:
        """Hand an incident to who comes next in the service's own escalation policy."""
        self._call("incident.escalated", incident, to, by)

    def delegate(self, incident: Incident, to: Person, *, by: Person = ANN) -> None:
        """Hand an incident to another escalation policy, whose first is called."""
        self._call("incident.delegated", incident, to, by)

    def reopen(self, incident: Incident, *, by: Person = ANN) -> None:
        self._call("incident.reopened", incident, incident.assignees[0], by)

    def _call(self, kind: str, incident: Incident, who: Person, by: Person) -> None:
        """Call somebody for an incident, whoever has it."""
        incident.assignees, incident.status = [who], "triggered"
        self._tell(kind, incident, by.reference)

    def note(self, incident: Incident, text: str, *, by: Person = ANN) -> None:
        incident.notes.append(text)
        place = _reference("incident_reference", incident.id, incident.title)
        data = {"incident": place, "id": f"N{len(incident.notes)}", "content": text, "trimmed": False}
        self._queue_event("incident.annotated", by.reference, {**data, "type": "incident_note"})

    def ping(self) -> None:
        """Send what the button `Send test event` does."""
        self._queue_event("pagey.ping", None, {"message": "Hello from your friend Pagey!", "type": "ping"})

    def _change(self, incident: Incident, status: str, agent: Mapping[str, str] | None) -> None:
        with self._lock:
            incident.status = status
            self._tell(f"incident.{status}", incident, agent)

    # ---------------------------------------------------------------- whom it tells

    def subscribe(self, url: str) -> None:
        self._urls.append(url)

    def deliver(self) -> list[Webhook]:
        """Send what waits, in order, each until it is taken or given up; return what was sent."""
        sent: list[Webhook] = []
        while not self.is_disabled:
            with self._lock:
                if not self._queue:
                    break
                url, webhook = self._queue.popleft()
            self._send(url, webhook)
            sent.append(webhook)
        return sent

    def send_again(self, webhook: Webhook) -> int:
        """Send a webhook once more, as may happen though it was taken; return the answer's status."""
        answers = [self._once(url, webhook) for url in self._urls]
        return answers[-1]

    def _send(self, url: str, webhook: Webhook) -> None:
        for pause in self._pauses():
            self._wait(pause)
            status = self._once(url, webhook)
            if 200 <= status < 300:
                self._drops = 0
                return
            if 400 <= status < 500 and status != 429:
                break
        self.dropped.append(webhook)
        self._drops += 1
        self.is_disabled = self._drops >= DROPS_UNTIL_DISABLED

    def _pauses(self) -> Iterator[float]:
        yield 0.0
        yield from RETRY_SECONDS[: ATTEMPTS - 1]

    def _once(self, url: str, webhook: Webhook) -> int:
        status = self._post(url, webhook.headers(self.webhook_secrets), webhook.body)
        webhook.answers.append(status)
        self.sent.append(webhook)
        return status

    def _tell(self, kind: str, incident: Incident, agent: Mapping[str, str] | None) -> None:
        self._queue_event(kind, agent, self._data(incident))

    def _queue_event(self, kind: str, agent: Mapping[str, str] | None, data: Mapping[str, Any]) -> None:
        with self._lock:
            number = next(self._numbers)
            event = {
                "id": f"01TOCSIN{number:018d}",
                "event_type": kind,
                "resource_type": kind.partition(".")[0],
                "occurred_at": _time(self._clock()),
                "agent": agent,
                "client": None,
                "data": dict(data),
            }
            body = json.dumps({"event": event}, ensure_ascii=False, separators=(",", ":")).encode()
            for index, url in enumerate(self._urls):
                self._queue.append((url, Webhook(f"{number:08d}-0000-4000-8000-{index:012d}", kind, body)))

    def _data(self, incident: Incident) -> dict[str, Any]:
        return {
            "id": incident.id,
            "type": "incident",
            "self": f"https://api.pagerduty.example/incidents/{incident.id}",
            "html_url": f"{_WEB}/incidents/{incident.id}",
            "number": incident.number,
            "status": incident.status,
            "incident_key": incident.key,
            "created_at": incident.created_at,
            "title": incident.title,
            "service": _reference("service_reference", "PSVC001", "Shop"),
            "assignees": [each.reference for each in incident.assignees],
            "escalation_policy": _reference("escalation_policy_reference", "PPOL001", "Default"),
            "teams": [],
            "priority": None,
            "urgency": "high",
            "conference_bridge": None,
            "resolve_reason": None,
        }


def _reference(kind: str, id_: str, summary: str) -> dict[str, str]:
    plural = kind.removesuffix("_reference") + "s"
    api, web = f"https://api.pagerduty.example/{plural}/{id_}", f"{_WEB}/{plural}/{id_}"
    return {"html_url": web, "id": id_, "self": api, "summary": summary, "type": kind}


def _time(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    answer: Callable[[str, bytes], tuple[int, dict[str, Any]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, value = self.answer(self.path, body)
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what came is remembered."""
