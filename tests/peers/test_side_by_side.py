"""The same script, told to a real Alertmanager and to the whole stack: both send the same bodies, in the same order.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.peers.lanes import playing
from tests.peers.playing import PLACEHOLDER, Heard, Sink, call, play

pytestmark = [pytest.mark.peers, pytest.mark.runtime, pytest.mark.stack]

# Debian's package calls it after the system that it belongs to.
PROGRAM = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")
if PROGRAM is None:
    pytest.skip("there is no alertmanager on PATH", allow_module_level=True)
START_SECONDS = 15.0
STOP_SECONDS = 5.0
# Timers are two seconds and more; a queue's delays are whole ones.
APART_SECONDS = 1.0
NEWER = {"notification_reason"}
NO_END = "0001-01-01T00:00:00Z"


def alert(name: str, *, ends: float = 60.0, **labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, **labels},
        "annotations": {"summary": f"{name} of {labels.get('cluster', 'all')}", "team": "shop"},
        "startsAt_s": 0 if ends else -2,
        "endsAt_s": ends,
        "generatorURL": "http://prometheus.test/graph?g0.expr=up",
    }


def alerts(at: float, *posted: Mapping[str, Any]) -> dict[str, Any]:
    return {"at_s": at, "action": "alerts", "alerts": list(posted)}


def silence(at: float, name: str, value: str) -> dict[str, Any]:
    matcher = {"name": name, "value": value, "isRegex": False, "isEqual": True}
    return {"at_s": at, "action": "silence", "startsAt_s": 0, "endsAt_s": 600, "matchers": [matcher]}


GROUPING = {
    "id": "groups that grow, shrink and end",
    "config": """
route:
  receiver: everybody
  group_by: [alertname, cluster]
  group_wait: 2s
  group_interval: 4s
  repeat_interval: 1h
  routes:
    - receiver: oncall
      matchers: [severity="critical"]
      group_by: [cluster]
      continue: true
    - receiver: everybody
receivers:
  - name: everybody
    webhook_configs: [{url: "__SINK__/everybody"}, {url: "__SINK__/firing", send_resolved: false}]
  - name: oncall
    webhook_configs: [{url: "__SINK__/oncall", max_alerts: 1}]
""",
    "script": [
        alerts(
            0,
            alert("Slow", cluster="a", host="2", severity="warning"),
            alert("Slow", cluster="a", host="1", severity="critical"),
            alert("Slow", cluster="b", host="3", severity="warning"),
        ),
        alerts(3.5, alert("Slow", cluster="a", host="0", severity="critical")),
        alerts(7.5, alert("Slow", cluster="a", host="1", severity="critical", ends=0)),
        alerts(
            11.5,
            alert("Slow", cluster="a", host="0", severity="critical", ends=0),
            alert("Slow", cluster="a", host="2", severity="warning", ends=0),
            alert("Slow", cluster="b", host="3", severity="warning", ends=0),
        ),
    ],
    "duration_s": 16.0,
}
INHIBITION = {
    "id": "a source that comes and goes",
    "config": """
route:
  receiver: everybody
  group_by: [alertname]
  group_wait: 2s
  group_interval: 4s
  repeat_interval: 1h
receivers:
  - name: everybody
    webhook_configs: [{url: "__SINK__/everybody"}]
inhibit_rules:
  - source_matchers: [severity="critical"]
    target_matchers: [severity="warning"]
    equal: [cluster]
""",
    "script": [
        alerts(0, alert("Early", cluster="a", severity="warning"), alert("Early", cluster="b", severity="warning")),
        alerts(3.5, alert("Down", cluster="a", severity="critical"), alert("Slow", cluster="a", severity="warning")),
        alerts(4.0, alert("Early", cluster="c", severity="warning")),
        alerts(7.5, alert("Down", cluster="a", severity="critical", ends=0)),
    ],
    "duration_s": 16.0,
}
SILENCE = {
    "id": "a silence on one of a group",
    "config": """
route:
  receiver: everybody
  group_by: [cluster]
  group_wait: 2s
  group_interval: 4s
  repeat_interval: 1h
receivers:
  - name: everybody
    webhook_configs: [{url: "__SINK__/everybody"}]
""",
    "script": [
        alerts(0, alert("Full", cluster="a", host="1"), alert("Full", cluster="a", host="2")),
        silence(0.5, "host", "1"),
        alerts(3.5, alert("Full", cluster="a", host="3")),
        {"at_s": 7.5, "action": "expire_silence"},
        alerts(11.5, *(alert("Full", cluster="a", host=host, ends=0) for host in "123")),
    ],
    "duration_s": 16.0,
}
SCRIPTS = [pytest.param(script, id=str(script["id"])) for script in (GROUPING, INHIBITION, SILENCE)]


class Alertmanager:
    """A context manager: the program runs inside, alone in its cluster, its data in a folder."""

    def __init__(self, config: str, folder: Path) -> None:
        (folder / "alertmanager.yml").write_text(config, encoding="utf-8")
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._address = f"127.0.0.1:{free.getsockname()[1]}"
        self.url = f"http://{self._address}"

    def __enter__(self) -> Self:
        command = [
            str(PROGRAM),
            f"--config.file={self._folder}/alertmanager.yml",
            f"--storage.path={self._folder}/data",
            f"--web.listen-address={self._address}",
            "--cluster.listen-address=",
        ]
        with (self._folder / "log").open("w", encoding="utf-8") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._await_ready()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                call(f"{self.url}/api/v2/status")
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        raise RuntimeError((self._folder / "log").read_text(encoding="utf-8"))

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def perform(script: Mapping[str, Any], folder: Path) -> list[Heard]:
    """Play a script to Alertmanager."""
    with Sink() as sink, Alertmanager(script["config"].replace(PLACEHOLDER, sink.url), folder) as manager:
        return play(script, manager.url, sink, linger=0.0)


Pair = tuple[Future[list[Heard]], Future[list[Heard]]]


@pytest.fixture(scope="module")
def pairs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Pair]]:
    """Play the scripts that were chosen to both, beside each other."""
    functions = [item for item in request.session.items if isinstance(item, pytest.Function)]
    chosen: list[Any] = [item.callspec.params["script"] for item in functions if item.path == request.path]
    with playing(chosen, tmp_path_factory.mktemp("lanes")) as ours, ThreadPoolExecutor(len(chosen)) as threads:
        yield {
            script["id"]: (threads.submit(perform, script, tmp_path_factory.mktemp("alertmanager")), ours[script["id"]])
            for script in chosen
        }


@pytest.mark.parametrize("script", SCRIPTS)
def test_both_tell_the_same(script: Mapping[str, Any], pairs: Mapping[str, Pair]) -> None:
    theirs, ours = (by_group(promise.result()) for promise in pairs[script["id"]])
    assert theirs
    assert {group: [body(each) for each in heard] for group, heard in ours.items()} == {
        group: [body(each) for each in heard] for group, heard in theirs.items()
    }
    late = {
        group: [round(our.at - their.at, 2) for our, their in zip(ours[group], theirs[group], strict=True)]
        for group in theirs
    }
    assert all(abs(seconds) <= APART_SECONDS for each in late.values() for seconds in each), late


def by_group(heard: Sequence[Heard]) -> dict[tuple[str, str], list[Heard]]:
    """Return the requests of each group to each path, in their order."""
    found: dict[tuple[str, str], list[Heard]] = {}
    for each in heard:
        found.setdefault((each.path, each.payload["groupKey"]), []).append(each)
    return found


def body(heard: Heard) -> dict[str, Any]:
    """Return a body without what is each one's own: its address, and the moments at which it was played to.

    Releases after the one that is beside us add keys: these are left out.
    """
    shown = [{**each, "startsAt": "", "endsAt": each["endsAt"] == NO_END} for each in heard.payload["alerts"]]
    known = {name: value for name, value in heard.payload.items() if name not in NEWER}
    return {**known, "alerts": shown, "externalURL": ""}
