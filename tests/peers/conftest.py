"""The whole stack with its API for clients, a real Prometheus that sends it its alerts, and amtool beside them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from dev.prometheus import Prometheus
from dev.stack import Stack, StackOptions

TOKENS = {
    "amtool": ("a-token-for-amtool", ["read", "write", "ingest"]),
    "prometheus": ("a-token-for-prometheus", ["ingest"]),
    "grafana": ("a-token-for-grafana", ["read"]),
}
RULES = """
groups:
  - name: peers
    interval: 60s
    rules:
      - alert: AlwaysOn
        expr: vector(1)
        labels:
          severity: warning
        annotations:
          summary: 'the value is {{ $value }}'
      - alert: Waiting
        expr: vector(2)
        for: 1h
      - alert: Never
        expr: vector(0) > 1
        keep_firing_for: 5m
        annotations:
          summary: never
      - record: peers:one
        expr: vector(1)
"""
ALERTMANAGER = """
global:
  resolve_timeout: 5m
route:
  receiver: everybody
  group_by: [alertname]
  routes:
    - receiver: warnings
      matchers: [severity="warning"]
receivers:
  - name: everybody
  - name: warnings
inhibit_rules:
  - source_matchers: [alertname="Down"]
    target_matchers: [alertname="Slow"]
    equal: [service]
"""
# Prometheus repeats an alert after a minute: what it sent before it knew where to is sent again then.
PATIENCE_SECONDS = 120.0
T = TypeVar("T")


class Sender(Prometheus):
    """A Prometheus that learns where to send its alerts once that is known."""

    def send_to(self, address: str) -> None:
        assert self._folder is not None
        assert self._process is not None
        Path(self._folder.name, "prometheus.yml").write_text(self.config(self._folder.name, address), encoding="utf-8")
        self._process.send_signal(signal.SIGHUP)

    def _start(self, program: Path) -> None:
        assert self._folder is not None
        folder = Path(self._folder.name)
        (folder / "peers.yml").write_text(RULES, encoding="utf-8")
        (folder / "prometheus.yml").write_text(self.config(str(folder)), encoding="utf-8")
        super()._start(program)

    @staticmethod
    def config(folder: str, address: str = "") -> str:
        token, _ = TOKENS["prometheus"]
        manager = {
            "static_configs": [{"targets": [address]}],
            "authorization": {"credentials": token},
            "api_version": "v2",
        }
        return json.dumps(
            {
                "global": {"evaluation_interval": "1s", "external_labels": {"cluster": "peer"}},
                "rule_files": [f"{folder}/peers.yml"],
                "alerting": {"alertmanagers": [manager] if address else []},
            }
        )


@dataclass(frozen=True, slots=True)
class Peers:
    """What runs, and how it is asked."""

    stack: Stack
    prometheus: Sender

    def get(self, path: str, *, token: str = TOKENS["grafana"][0]) -> Any:
        """Return the JSON of the API for clients."""
        return get_json(f"{self.stack.client_api_url}{path}", Authorization=f"Bearer {token}")

    def eventually(self, ask: Callable[[], T], until: Callable[[T], bool]) -> T:
        """Ask until the answer satisfies; return the last one either way, for the assertion to show."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not until(answer := ask()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return answer


def get_json(url: str, **headers: str) -> Any:
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def status_of(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.fixture(scope="session")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    folder = tmp_path_factory.mktemp("config")
    (folder / "rules").mkdir()
    (folder / "rules" / "peers.yml").write_text(RULES, encoding="utf-8")
    (folder / "alertmanager.yml").write_text(ALERTMANAGER, encoding="utf-8")
    (folder / "tocsin.yml").write_text("{}\n", encoding="utf-8")
    tokens = {
        name: {"hash": hashlib.sha256(token.encode()).hexdigest(), "scopes": scopes}
        for name, (token, scopes) in TOKENS.items()
    }
    with Sender("{}") as prometheus:
        options = StackOptions(
            parameters={"PrometheusUrl": prometheus.url, "ApiAuth": "tokens"},
            secrets={"apiTokens": tokens},
            config_dir=folder,
            tick_seconds=0,
        )
        with Stack(options) as stack:
            stack.tick()
            prometheus.send_to(stack.client_api_url.removeprefix("http://"))
            yield Peers(stack, prometheus)


@dataclass(frozen=True, slots=True)
class Amtool:
    """The real amtool, on the API for clients."""

    program: str
    url: str
    http_config: Path

    def __call__(self, *words: str, fails: bool = False) -> str:
        command = [self.program, f"--alertmanager.url={self.url}", f"--http.config.file={self.http_config}", *words]
        # No configuration of whoever runs this.
        environment = {**os.environ, "HOME": str(self.http_config.parent)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
        assert (done.returncode != 0) is fails, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout + (done.stderr if fails else "")

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--output=json"))


@pytest.fixture(scope="session")
def amtool(peers: Peers, tmp_path_factory: pytest.TempPathFactory) -> Amtool:
    program = shutil.which("amtool")
    if program is None:
        pytest.skip("there is no amtool on PATH")
    http_config = tmp_path_factory.mktemp("amtool") / "http.yml"
    name, (token, _) = "amtool", TOKENS["amtool"]
    http_config.write_text(json.dumps({"basic_auth": {"username": name, "password": token}}), encoding="utf-8")
    return Amtool(program, peers.stack.client_api_url, http_config)
