"""A real Prometheus that holds given series: blocks made by promtool, so that any past instant can be asked about.

    with holding(series, start=START) as prometheus:
        prometheus.url                       # http://127.0.0.1:PORT

    with prometheus({"up": [(AT, 1.0)]}) as url: ...

Source: https://prometheus.io/docs/prometheus/latest/storage/#backfilling-from-openmetrics-format
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from dev.prometheus import Prometheus, PrometheusError, find_prometheus

MINUTE = timedelta(minutes=1)
Series = Mapping[str, Sequence[float]]
Samples = Mapping[str, Sequence[tuple[datetime, float]]]


def counter(*stretches: tuple[int, float], start: float = 0.0) -> list[float]:
    """Return a counter's samples: for each stretch (samples, increase a sample)."""
    values = [start]
    for count, increase in stretches:
        for _ in range(count):
            values.append(values[-1] + increase)
    return values


def openmetrics(samples: Samples) -> str:
    """Return the samples as OpenMetrics text; the series of one metric must stand together."""
    lines = [
        f"{name} {str(value).replace('nan', 'NaN')} {at.timestamp():.3f}"
        for name in sorted(samples, key=lambda name: (name.partition("{")[0], name))
        for at, value in samples[name]
    ]
    return "\n".join([*lines, "# EOF", ""])


class _Backfilled(Prometheus):
    """Has blocks in its folder before it starts."""

    def __init__(self, text: str) -> None:
        super().__init__("{}")
        self._text = text

    def _start(self, program: Path) -> None:
        assert self._folder is not None
        folder = Path(self._folder.name)
        if not (folder / "data").exists():
            source = folder / "series.txt"
            source.write_text(self._text, encoding="utf-8")
            command = [promtool(), "tsdb", "create-blocks-from", "openmetrics", str(source), str(folder / "data")]
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            if made.returncode:
                raise PrometheusError(f"promtool made no blocks: {made.stdout}{made.stderr}")
        super()._start(program)


def promtool() -> str:
    """Return the promtool beside the prometheus that is used, or else what PATH has."""
    beside = find_prometheus().with_name("promtool")
    found = str(beside) if beside.exists() else shutil.which("promtool")
    if found is None:
        raise PrometheusError("there is no promtool beside prometheus, nor on PATH")
    return found


@contextmanager
def holding(series: Series, *, start: datetime, step: timedelta = MINUTE) -> Iterator[Prometheus]:
    """Run a Prometheus that has these series, one sample a step from `start` on."""
    at = {name: [(start + number * step, value) for number, value in enumerate(series[name])] for name in series}
    with _Backfilled(openmetrics(at)) as running:
        yield running


@contextmanager
def prometheus(samples: Samples) -> Iterator[str]:
    """Run a Prometheus that has these samples, and give its address."""
    with _Backfilled(openmetrics(samples)) as running:
        yield running.url
