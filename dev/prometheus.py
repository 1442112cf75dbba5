"""A real Prometheus on this machine, on a free port, with a given configuration.

with Prometheus(scrape_config({"shop": service.address})) as prometheus:
    prometheus.url                      # http://127.0.0.1:PORT
    prometheus.query("up")              # [({"job": "shop", …}, 1.0)]
    prometheus.kill()                   # as a crash would
    prometheus.start()                  # the same port and the same data again

Sources: https://prometheus.io/docs/prometheus/latest/command-line/prometheus/
https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

START_SECONDS = 60.0
STOP_SECONDS = 5.0
ATTEMPTS = 3


class PrometheusError(Exception):
    """There is no Prometheus, it did not start, or it gave no answer; the message says which and why."""


def find_prometheus() -> Path:
    """Return the program: PROMETHEUS_BIN, or else what PATH has."""
    named = os.environ.get("PROMETHEUS_BIN")
    found = named or shutil.which("prometheus")
    if not found:
        raise PrometheusError("there is no prometheus on PATH: install it, or name it in PROMETHEUS_BIN")
    if not os.access(found, os.X_OK):
        raise PrometheusError(f"PROMETHEUS_BIN is {found}, which is not a program")
    return Path(found).resolve()


def scrape_config(targets: Mapping[str, str], *, interval: str = "1s") -> str:
    """Return a configuration (JSON is YAML) that scrapes an address for each job."""
    return json.dumps(
        {
            "global": {"scrape_interval": interval, "scrape_timeout": interval},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in targets.items()
            ],
        },
        indent=2,
    )


class Prometheus:
    """A context manager: the program runs inside; its data live in a temporary folder and go with it."""

    def __init__(self, config: str) -> None:
        self._config = config
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    def __enter__(self) -> Self:
        program = find_prometheus()
        self._folder = tempfile.TemporaryDirectory(prefix="prometheus-", ignore_cleanup_errors=True)
        (Path(self._folder.name) / "prometheus.yml").write_text(self._config, encoding="utf-8")
        try:
            self._start_somewhere(program)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it again after `stop` or `kill`, where it was and with what it knew."""
        if not self.is_running:
            self._start(find_prometheus())

    def stop(self) -> None:
        """End it in order."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = None

    def query(self, expr: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and the value of each series of an instant query."""
        status, body = self._get("/api/v1/query?" + urlencode({"query": expr}))
        try:
            answer: dict[str, Any] = json.loads(body)
        except ValueError:  # "Service Unavailable", while it starts
            raise PrometheusError(f"Prometheus answered no JSON: {body[:100]!r}") from None
        if status != 200:
            raise PrometheusError(f"{answer.get('errorType')}: {answer.get('error')}")
        return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]

    # ---------------------------------------------------------------- starting

    def _start_somewhere(self, program: Path) -> None:
        """Start on a free port; another program may take it in between, then another is tried."""
        for attempt in range(1, ATTEMPTS + 1):
            self._port = _free_port()
            try:
                return self._start(program)
            except PrometheusError as error:
                if attempt == ATTEMPTS or "address already in use" not in str(error):
                    raise

    def _start(self, program: Path) -> None:
        assert self._folder is not None
        folder = Path(self._folder.name)
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(program),
                    f"--config.file={folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    "--log.level=warn",
                ],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a terminal's Ctrl-C is for us; we stop it ourselves
            )
        self._await_ready(folder / "log")

    def _await_ready(self, log: Path) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.is_running:
                raise PrometheusError(f"Prometheus did not start:\n{_end_of(log)}")
            try:
                if self._get("/-/ready")[0] == 200:
                    return
            except PrometheusError:
                pass
            time.sleep(0.02)
        self.kill()
        raise PrometheusError(f"Prometheus was not ready within {START_SECONDS:.0f} s:\n{_end_of(log)}")

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            raise PrometheusError(f"Prometheus gave no answer: {error!r}") from error
        finally:
            connection.close()


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
