"""Functions in AWS's own Lambda runtime: the Runtime Interface Emulator around awslambdaric, without a container.

The emulator (https://github.com/aws/aws-lambda-runtime-interface-emulator) is a Linux program that aws-sam-cli carries.
One emulator takes one event at a time, so a function has a pool of them: the first is started by the first event
(a cold start, as on AWS), further ones while others are busy. The runtime gets a clean environment and the built
artifact as its folder, so that it finds what Lambda would find and nothing else.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import platform
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

LogSink = Callable[[str, str], None]

START_SECONDS = 10.0
# The emulator answers first and writes its report a moment later.
REPORT_SECONDS = 0.25
WORKERS = 4
_INVOCATIONS = "/2015-03-31/functions/function/invocations"
_TIMED_OUT = b"Task timed out after"
_INIT_REPORT = re.compile(r"INIT REPORT\(durationMs: ([0-9.]+)\)")
_OWN_LINES = re.compile(r"^(START|END|REPORT) RequestId: |\[(INFO|DEBUG|WARNING|ERROR)\] \(rapid\) ")


class EmulatorError(Exception):
    """The emulator itself could not be started or reached; no statement about the function."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What came of one event. `payload` is the parsed answer, or Lambda's error object when `errored`."""

    payload: Any
    errored: bool
    logs: str
    seconds: float = 0.0

    @property
    def body(self) -> bytes:
        """The answer as Lambda's API gives it."""
        return json.dumps(self.payload).encode()


@dataclass(frozen=True, slots=True)
class Function:
    """What a worker has to know about a function."""

    name: str
    logical_id: str
    handler: str
    code: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: int = 3
    memory_mb: int = 128


def emulator_binary() -> Path:
    """Return the emulator for this machine out of aws-sam-cli's package."""
    if platform.system() != "Linux":
        raise EmulatorError(
            f"AWS's Lambda emulator is a Linux program; this is {platform.system()}. Run it in a Linux VM."
        )
    import samcli.local.rapid as rapid

    name = "aws-lambda-rie-" + ("arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64")
    path = Path(rapid.__path__[0]) / name
    if not path.exists():
        raise EmulatorError(f"this aws-sam-cli has no {name}")
    return path


def init_milliseconds(log: str) -> list[float]:
    """Return the durations of every initialisation in a log; the emulator's own "Init Duration" is wrong."""
    return [float(found) for found in _INIT_REPORT.findall(log)]


class Worker:
    """One emulator process with one runtime in it."""

    def __init__(self, function: Function, python: Path, log_file: IO[str], sink: LogSink) -> None:
        self.function = function
        self._log_file = log_file
        self._sink = sink
        self._lines: list[str] = []
        self._reported = threading.Event()
        self.event: bytes | None = None  # what is being worked on
        self._port, runtime_port = _free_ports(2)
        self._process = subprocess.Popen(
            [
                str(_executable(emulator_binary())),
                "--log-level=info",
                f"--runtime-interface-emulator-address=127.0.0.1:{self._port}",
                f"--runtime-api-address=127.0.0.1:{runtime_port}",
                str(python),
                "-m",
                "awslambdaric",
                function.handler,
            ],
            cwd=function.code,
            env=_environment(function, python),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"log-{function.logical_id}", daemon=True)
        self._reader.start()
        self._await_listening()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def invoke(self, event: bytes) -> Invocation:
        """Run one event; the caller sees to it that there is only one at a time."""
        self._lines.clear()
        self._reported.clear()
        self.event = event
        begun = time.monotonic()
        # Beyond the function's own timeout, for the cold start and a slow machine.
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self.function.timeout_seconds + 30)
        try:
            connection.request("POST", _INVOCATIONS, body=event, headers={"Content-Type": "application/json"})
            response = connection.getresponse()
            status, answer = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            self.stop()
            return self._outcome(_error("Runtime.EmulatorLost", f"the emulator gave no answer: {error}"), begun)
        finally:
            self.event = None
            connection.close()
        if status >= 500:
            # The runtime is gone. The emulator could start another; a fresh one is as clean as AWS's.
            self.stop()
        else:
            self._reported.wait(REPORT_SECONDS)
        return self._outcome(_parse(answer, status), begun)

    def kill(self) -> None:
        """End both at once, in the middle of whatever they do; the invocation that is under way gets no answer."""
        for pid in [*_descendants(self._process.pid), self._process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the emulator and its runtime, which it puts into a process group of its own."""
        pids = [self._process.pid, *_descendants(self._process.pid)]
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pid in pids[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._reader.join(timeout=2)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _outcome(self, answer: tuple[Any, bool], begun: float) -> Invocation:
        payload, errored = answer
        return Invocation(payload, errored, "\n".join(self._lines), time.monotonic() - begun)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with contextlib.suppress(ValueError):
            for line in self._process.stdout:
                self._take(line.rstrip("\n"))

    def _take(self, line: str) -> None:
        self._lines.append(line)
        with contextlib.suppress(ValueError):
            self._log_file.write(line + "\n")
            self._log_file.flush()
        if line.startswith("REPORT RequestId:"):
            self._reported.set()
        if line and not _OWN_LINES.search(line):
            self._sink(self.function.logical_id, line)

    def _await_listening(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not self.is_alive:
                break
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.005)
        self.stop()
        raise EmulatorError(f"the emulator of {self.function.logical_id} did not start: {' | '.join(self._lines[-3:])}")


class Emulator:
    """Every function's pool of workers, and their logs in one file a function."""

    def __init__(
        self,
        functions: Mapping[str, Function],
        python: Path,
        logs: Path,
        sink: LogSink,
        *,
        workers: int = WORKERS,
        on_invoke: Callable[[Worker], None] = lambda worker: None,
    ) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._pools = {
            name: _Pool(function, python, logs, sink, workers, on_invoke) for name, function in functions.items()
        }

    def invoke(self, name: str, event: Any) -> Invocation:
        """Run the function of this physical name on an event (a value, or JSON as bytes)."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        return self._pools[name].invoke(body)

    def stop(self) -> None:
        for pool in self._pools.values():
            pool.stop()


class _Pool:
    def __init__(
        self,
        function: Function,
        python: Path,
        logs: Path,
        sink: LogSink,
        size: int,
        on_invoke: Callable[[Worker], None],
    ) -> None:
        self._function = function
        self._on_invoke = on_invoke
        self._python = python
        self._sink = sink
        self._slots = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._stopped = False
        self._log_file = (logs / f"{function.logical_id}.log").open("a", encoding="utf-8")

    def invoke(self, event: bytes) -> Invocation:
        with self._slots:
            worker = self._take()
            self._on_invoke(worker)
            try:
                return worker.invoke(event)
            finally:
                self._give_back(worker)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            workers, self._all, self._idle = list(self._all), set(), []
        for worker in workers:
            worker.stop()
        self._log_file.close()

    def _take(self) -> Worker:
        with self._lock:
            if self._stopped:
                raise EmulatorError("the stack is stopping")
            # The one used last is the warmest.
            while self._idle:
                worker = self._idle.pop()
                if worker.is_alive:
                    return worker
                self._all.discard(worker)
        worker = Worker(self._function, self._python, self._log_file, self._sink)
        with self._lock:
            if not self._stopped:
                self._all.add(worker)
                return worker
        worker.stop()
        raise EmulatorError("the stack is stopping")

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            if worker.is_alive and not self._stopped:
                self._idle.append(worker)
            else:
                self._all.discard(worker)


def _parse(answer: bytes, status: int) -> tuple[Any, bool]:
    """Tell an answer from an error: exceptions come with status 200, timeouts as plain text, exits with 502."""
    if answer.startswith(_TIMED_OUT):
        return _error("Sandbox.Timedout", answer.decode())
    try:
        payload = json.loads(answer) if answer else None
    except ValueError:
        return _error("Runtime.MarshalError", answer.decode(errors="replace"))
    errored = status >= 400 or (isinstance(payload, dict) and "errorType" in payload and "errorMessage" in payload)
    return payload, errored


def _error(kind: str, message: str) -> tuple[Any, bool]:
    return {"errorType": kind, "errorMessage": message}, True


def _environment(function: Function, python: Path) -> dict[str, str]:
    """What Lambda sets, and nothing of this shell's."""
    return {
        "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "LAMBDA_TASK_ROOT": str(function.code),
        "PYTHONPATH": str(function.code),
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{python.resolve().name}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function.timeout_seconds),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "_HANDLER": function.handler,
        # botocore adds it to the User-Agent, which tells whose call to AWS it was.
        "AWS_SDK_UA_APP_ID": function.logical_id,
        **function.environment,
    }


def _executable(binary: Path) -> Path:
    """A wheel keeps no executable bits; give it back, or say that we may not."""
    if not os.access(binary, os.X_OK):
        try:
            binary.chmod(0o755)
        except OSError as error:
            raise EmulatorError(f"{binary} is not executable and cannot be made so: {error}") from error
    return binary


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += [int(child), *_descendants(int(child))]
    return found
