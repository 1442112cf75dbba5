"""A scenario's file, NAME.yml: alerts that `tocsin fire NAME` sends.

description   one line, for the list of scenarios
lasts         how long the alerts fire where nobody says otherwise (15m)
alerts        labels (with alertname), annotations, and burning_for: since when it has been firing when it is sent
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import PurePath

from pydantic import Field

from ..core.drills import LABEL
from ..core.labels import ALERTNAME
from ..core.scenarios import Part, Scenario
from ..errors import ConfigError
from .blocks import Block, Reading
from .documents import Path, read_document
from .values import Blocks, Duration, FilledText, LabelMap, PositiveDuration, TextMap

DEFAULT_LASTS = timedelta(minutes=15)


class _File(Block):
    description: FilledText
    lasts: PositiveDuration = DEFAULT_LASTS
    alerts: Blocks = None


class _Alert(Block):
    labels: LabelMap
    annotations: TextMap = Field(default_factory=dict)
    burning_for: Duration = timedelta(0)


def read_scenario(file: str, content: bytes) -> Scenario:
    """Return the scenario that a file says; its name is the file's. Raises ConfigError with all that is wrong."""
    reading = Reading(read_document(file, content))
    head = reading.block(_File, ())
    parts: list[Part] = []
    if isinstance(reading.document.value, dict):
        parts = [part for path in reading.items(("alerts",)) if (part := _part(reading, path)) is not None]
        if not parts and not reading.problems:
            reading.problem((), "alerts: expected one at least")
    if reading.problems or head is None:
        raise ConfigError(reading.problems)
    return Scenario(PurePath(file).stem, head.description, head.lasts, tuple(parts))


def _part(reading: Reading, path: Path) -> Part | None:
    context = f"alerts[{path[-1]}]"
    block = reading.block(_Alert, path, context=context)
    if block is None:
        return None
    if not block.labels.get(ALERTNAME):
        reading.problem((*path, "labels"), f"labels: {ALERTNAME} is missing", context=context)
    if LABEL in block.labels:
        message = f"labels: {LABEL} is set by `tocsin fire`, unless it is told --real"
        reading.problem((*path, "labels", LABEL), message, context=context)
    return Part(block.labels, block.annotations, block.burning_for)
