"""Several lanes (tests/peers/lane.py) beside each other, and the scripts dealt out to whichever is free."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.peers.playing import Heard

PROJECT = Path(__file__).resolve().parents[2]
# Scripts mostly wait; but each begins with a new stack, and few cores have to be in time for all of them.
LANES = 3
STOP_SECONDS = 30.0


class LaneError(Exception):
    """A script could not be played; the message is the lane's."""


class Lanes:
    """Lanes are started as they are needed. `play` at once gives a promise of what the sink will have heard."""

    def __init__(self, logs: Path, size: int = LANES) -> None:
        self._logs = logs
        self._idle: queue.SimpleQueue[subprocess.Popen[str]] = queue.SimpleQueue()
        self._all: list[subprocess.Popen[str]] = []
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="lane")

    def play(self, case: Mapping[str, Any]) -> Future[list[Heard]]:
        return self._threads.submit(self._play, case)

    def stop(self) -> None:
        """Close the lanes' input, at which they end after what they are playing."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in self._all:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        for process in self._all:
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.terminate()
                process.wait()
        self._threads.shutdown()
        for process in self._all:
            assert process.stdout is not None
            process.stdout.close()

    def _play(self, case: Mapping[str, Any]) -> list[Heard]:
        try:
            process = self._idle.get_nowait()
        except queue.Empty:
            process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(dict(case)) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise LaneError(f"the lane of {case['id']} ended; its log is in {self._logs}")
        self._idle.put(process)
        answer = json.loads(line)
        if "failed" in answer:
            raise LaneError(answer["failed"])
        return [Heard(**each) for each in answer["heard"]]

    def _start(self) -> subprocess.Popen[str]:
        with (self._logs / f"lane-{len(self._all)}.log").open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.peers.lane"],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
            )
        self._all.append(process)
        return process


@contextlib.contextmanager
def playing(cases: Iterable[Mapping[str, Any]], logs: Path) -> Iterator[dict[str, Future[list[Heard]]]]:
    """Play scripts; inside, each one's promise stands under its id. The longest begin first."""
    lanes = Lanes(logs)
    try:
        yield {case["id"]: lanes.play(case) for case in sorted(cases, key=lambda case: -case["duration_s"])}
    finally:
        lanes.stop()
