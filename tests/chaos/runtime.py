"""The same by sampling, on the local stack with Lambda's own runtime (part of `make chaos`).

Alerts are sent, others fire in rules over a real Prometheus, and they end, while workers are killed in the middle of
what they do, timers come again and notifications come twice. Then all is left in peace, and what the receivers got is
looked at.
"""

from __future__ import annotations

import contextlib
import json
import random
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from dev.emulator import Worker
from dev.prometheus import Prometheus, scrape_config
from dev.receivers import Received, Receivers
from dev.stack import Stack, StackOptions
from tests.chaos.figures import table, write_block

# The first of all alerts are sent, the others fire in rules.
SENT, RULED, SEED = 30, 15, 4
ALERTS = SENT + RULED
METRIC = "chaos_is_wrong"
# Calm for as long as it takes to tell again what was killed: an alert that is over before that is told as over.
PHASE_SECONDS, CALM_SECONDS, PATIENCE_SECONDS, QUIET_SECONDS = 45.0, 150.0, 420.0, 90.0
KILLED, TWICE = 0.12, 0.2
# There is one tick where there are many deliveries.
KILLED_OF = {"EvaluateFunction": 0.4}
IDEMPOTENT = "pagerduty"
CONFIG = """
route: {{receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 10s, repeat_interval: 4h}}
receivers:
  - name: team
    slack_configs: [{{api_url: '{slack}', send_resolved: true}}]
    pagerduty_configs: [{{routing_key: '{key}', url: '{pagerduty}'}}]
    webhook_configs: [{{url: '{webhook}'}}]
"""
Heard = dict[tuple[str, str], list[str]]
# Whom of what, and whether it fires or is over.
Told = tuple[str, str, str]


@dataclass
class Disturbance:
    """What goes wrong while it lasts, chosen by a seed; how often it did; which deliveries were killed."""

    random: random.Random = field(default_factory=lambda: random.Random(SEED))
    lasts: bool = True
    counts: Counter[str] = field(default_factory=Counter)
    killed: Counter[Told] = field(default_factory=Counter)

    def on_invoke(self, worker: Worker) -> None:
        """Perhaps kill a worker in a moment: its function needs about a tenth of a second when it is warm."""
        if self.lasts and self.random.random() < KILLED_OF.get(worker.function.logical_id, KILLED):
            threading.Timer(self.random.random() * 0.15, self._kill, [worker]).start()

    def _kill(self, worker: Worker) -> None:
        event = worker.event
        if event is None:
            return  # it was done already
        worker.kill()
        self.counts[f"{worker.function.logical_id} killed"] += 1
        if (told := delivery(event)) is not None:
            self.killed[told] += 1

    def comes_twice(self) -> bool:
        is_twice = self.lasts and self.random.random() < TWICE
        self.counts["timers and notifications that came twice"] += is_twice
        return is_twice


class Source:
    """What alerts come from: some are sent, of the others rules see a metric."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.url = ""
        self._gauge = Gauge(METRIC, "Whether the alert of this name fires.", ["name"], registry=registry)

    def tell(self, *, begun: float, ended: float) -> None:
        """Have this share of all alerts begun, and this share be over again, from the first on."""
        _post(self.url, firing=range(int(SENT * ended), int(SENT * begun)), ended=int(SENT * ended))
        for number in range(RULED):
            self._gauge.labels(_alert(SENT + number)).set(int(RULED * ended) <= number < int(RULED * begun))


@contextlib.contextmanager
def _scraped(registry: CollectorRegistry) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes these metrics."""
    server, _ = start_http_server(0, "127.0.0.1", registry)
    try:
        with Prometheus(scrape_config({"chaos": f"127.0.0.1:{server.server_port}"})) as prometheus:
            yield prometheus
    finally:
        server.shutdown()
        server.server_close()


def _rule_file() -> str:
    """Return a rule for each alert that is not sent (JSON is YAML)."""
    names = [_alert(SENT + number) for number in range(RULED)]
    rules = [{"alert": name, "expr": f'{METRIC}{{name="{name}"}} == 1'} for name in names]
    return json.dumps({"groups": [{"name": "chaos", "rules": rules}]})


def run() -> tuple[Heard, Disturbance]:
    """Play, and return what each receiver heard of each alert, in order."""
    disturbance = Disturbance()
    registry = CollectorRegistry()
    source = Source(registry)
    with Receivers() as receivers, _scraped(registry) as prometheus, tempfile.TemporaryDirectory() as folder:
        config = CONFIG.format(
            slack=receivers.slack_url("team"),
            key="0123456789abcdef0123456789abcdef",
            pagerduty=receivers.pagerduty_url,
            webhook=receivers.webhook_url("team"),
        )
        Path(folder, "alertmanager.yml").write_text(config, encoding="utf-8")
        Path(folder, "tocsin.yml").write_text("cooldown: 0s\n", encoding="utf-8")
        Path(folder, "rules").mkdir()
        Path(folder, "rules", "chaos.yml").write_text(_rule_file(), encoding="utf-8")
        options = StackOptions(
            parameters={"PrometheusUrl": prometheus.url},
            config_dir=Path(folder),
            tick_seconds=5,
            retry_seconds=(1.0, 2.0),
            environment={"TOCSIN_ALLOW_INLINE_SECRETS": "true"},
            on_invoke=disturbance.on_invoke,
            comes_twice=disturbance.comes_twice,
        )
        with Stack(options) as stack:
            source.url = stack.api_url
            _disturb(source, disturbance)
            disturbance.lasts = False
            _wait(source, receivers)
            return heard(receivers.received), disturbance


def _disturb(source: Source, disturbance: Disturbance) -> None:
    """Tell of alerts as Prometheus does, again and again: ever more of them, all of them, ever fewer."""
    for seconds, begins, ends in (
        (PHASE_SECONDS, True, False),
        (CALM_SECONDS, False, False),
        (PHASE_SECONDS, False, True),
    ):
        disturbance.lasts = begins or ends
        begun = time.monotonic()
        while (share := (time.monotonic() - begun) / seconds) < 1:
            source.tell(begun=share if begins else 1, ended=share if ends else 0)
            time.sleep(2)


def _post(url: str, *, firing: range, ended: int) -> None:
    now = datetime.now(UTC)
    later, before = (now + timedelta(hours=1)).isoformat(), (now - timedelta(seconds=1)).isoformat()
    alerts: list[dict[str, Any]] = [
        {"labels": {"alertname": _alert(number)}, "startsAt": before, "endsAt": before} for number in range(ended)
    ]
    alerts += [{"labels": {"alertname": _alert(number)}, "endsAt": later} for number in firing]
    body = json.dumps(alerts).encode()
    request = urllib.request.Request(f"{url}/api/v2/alerts", body, {"content-type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=60).close()
    except (urllib.error.HTTPError, OSError):
        return  # it is sent again in a moment


def _alert(number: int) -> str:
    return f"Chaos{number:02}"


def _wait(source: Source, receivers: Receivers) -> None:
    """Wait until everybody has heard of every end, and then whether anything comes after it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        source.tell(begun=1, ended=1)
        known = heard(receivers.received)
        if len(known) == 3 * ALERTS and all(each[-1] == "resolved" for each in known.values()):
            break
        time.sleep(3)
    time.sleep(QUIET_SECONDS)


def heard(received: Sequence[Received]) -> Heard:
    """Return what was taken, by receiver and alert: firing, resolved, in the order in which it came."""
    found: Heard = defaultdict(list)
    for each in received:
        if each.status < 300:
            words, word = found[each.integration, _name(each.payload)], _status(each)
            # The same event once more is none to who knows it by its key.
            if not (each.integration == IDEMPOTENT and words[-1:] == [word]):
                words.append(word)
    return found


def _name(payload: Any) -> str:
    text = json.dumps(payload)
    start = text.index("Chaos")
    return text[start : start + len(_alert(0))]


def _status(received: Received) -> str:
    payload: Mapping[str, Any] = received.payload
    if received.integration == "pagerduty":
        return "resolved" if payload["event_action"] == "resolve" else "firing"
    if received.integration == "webhook":
        return str(payload["status"])
    return "firing" if "*Firing:*" in json.dumps(payload) else "resolved"


def delivery(event: bytes) -> Told | None:
    """Return what an event has a function tell; None where it is no notification."""
    message = json.loads(event).get("Records", [{}])[0].get("Sns", {}).get("Message")
    if message is None:
        return None
    notification = json.loads(message)
    return notification["integration"], notification["common_labels"]["alertname"], notification["status"]


def problems(known: Heard, killed: Mapping[Told, int]) -> Iterator[tuple[str, str]]:
    """Yield what was lost, twice or stale, and of what; or once more, where what told it was killed as it did so."""
    for integration in ("slack", "pagerduty", "webhook"):
        for number in range(ALERTS):
            name = _alert(number)
            words = known.get((integration, name), [])
            what = f"{integration}, {name}: {words}"
            for word in ("firing", "resolved"):
                if word not in words:
                    yield "lost", what
                allowed = 0 if integration == IDEMPOTENT else killed.get((integration, name, word), 0)
                for repeat in range(words.count(word) - 1):
                    yield ("once more" if repeat < allowed else "twice"), what
            if "firing" in words[words.index("resolved") if "resolved" in words else len(words) :]:
                yield "stale", what


def main() -> int:
    """Play, print, write; return the exit status."""
    known, disturbance = run()
    found = list(problems(known, disturbance.killed))
    counts = Counter(kind for kind, _ in found)
    print(*(f"{kind}: {what}" for kind, what in found), sep="\n", file=sys.stderr)
    rows = [(what, count) for what, count in sorted(disturbance.counts.items())]
    rows += [(f"**{kind}**", counts[kind]) for kind in ("lost", "once more", "twice", "stale")]
    alerts = f"{ALERTS} alerts that fired and ended, {SENT} sent and {RULED} of rules over a real Prometheus"
    text = f"{alerts}, told to three receivers.\n\n{table(('what', 'times'), rows)}"
    print(text)
    write_block("chaos:runtime", text, command="make chaos")
    return 1 if counts["lost"] or counts["twice"] or counts["stale"] else 0


if __name__ == "__main__":
    sys.exit(main())
