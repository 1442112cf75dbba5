"""What fires, for commands and the API to be asked about: a story in virtual time, and its state as a file."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from pathlib import Path

from tests.stories.configurations import MINUTE, configuration, equal, policy, receiver, rule
from tests.stories.world import START, World
from tocsin.adapters.local_state import LocalStore
from tocsin.adapters.memory import FixedConfigurations, MemoryStore
from tocsin.pipeline.incidents import Desk
from tocsin.pipeline.ingest import Ingester
from tocsin.pipeline.oncall import Rota
from tocsin.pipeline.silences import Keeper
from tocsin.pipeline.standing import Board
from tocsin.web.serving import About, Api
from tocsin.wiring import compile_pattern

PARTS = ("rules", "groups", "notifications", "incidents", "ingested", "silences", "claims", "deliveries")
ASKED_AT = START + timedelta(minutes=10)


def burning() -> World:
    """Return a world in which DiskFull fires (an incident is open for it), SlowDisk fires too, and Hot is pending."""
    world = World(
        configuration(
            rule(
                "DiskFull", annotations={"summary": "{{ $labels.instance }} is 97% full", "runbook_url": "http://r/x"}
            ),
            rule("SlowDisk", severity="warning", annotations={"description": "two\nlines"}),
            rule("Hot", hold_for=timedelta(hours=1), severity="warning"),
            receivers=[receiver("oncall"), receiver("boss")],
            policies=[policy((0, "oncall"), (60, "boss"), matchers=(equal("severity", "critical"),))],
        )
    )
    world.metric_goes_bad("DiskFull", instance="db-1", value=0.97)
    world.metric_goes_bad("Hot", instance="db-1", value=81.0)
    world.advance(minutes=2)
    world.metric_goes_bad("SlowDisk", instance="db-2", value=float("inf"))
    world.advance(minutes=8)
    assert world.now == ASKED_AT
    return world


def api_of(world: World) -> Api:
    """Return the API over a world's store."""
    store, log, configurations = world.store, world.log, FixedConfigurations(world.loaded)
    numbers = itertools.count(len(getattr(store, "silences", ())) + 1)
    return Api(
        desk=Desk(store, store, store, store, store, world.timers, log, store),
        compile_pattern=compile_pattern,
        configurations=configurations,
        board=Board(store, store, store),
        ingester=Ingester(configurations, store, store, store, store, world.timers, log),
        keeper=Keeper(store, log, lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"),
        rota=Rota(configurations, store, log),
        about=About(started_at=START),
    )


def keep(store: MemoryStore, path: Path, *, now: datetime) -> None:
    """Write a store as a state file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = LocalStore(path, saves=True)
    for name in PARTS:
        setattr(kept, name, getattr(store, name))
    kept.save(now=now)


__all__ = ["ASKED_AT", "MINUTE", "api_of", "burning", "keep"]
