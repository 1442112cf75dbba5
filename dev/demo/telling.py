"""Tell the story once, from set-up to summary."""

from __future__ import annotations

import sys
import time

from dev.demo import story, summary
from dev.demo.journal import Journal
from dev.demo.screen import Screen
from dev.demo.world import World, open_world
from dev.prometheus import PrometheusError
from dev.up import EXPECTED_ERRORS


def tell() -> int:
    """Return the exit status: 0 only if every step happened."""
    screen = Screen()
    begun = time.monotonic()
    screen.say("Building the functions; starting a web service, a real Prometheus, the receivers and the local stack …")
    try:
        with screen.waiting(), open_world(Journal(screen.show)) as world:
            screen.say(f"Everything runs, after {time.monotonic() - begun:.1f} s: {_addresses(world)}")
            results = story.run(world, screen.step_begins, screen.step_ended)
            summary.show(screen.console, world, results)
    except (PrometheusError, *EXPECTED_ERRORS) as error:
        print(error, file=sys.stderr)
        return 1
    return 1 if summary.unhappened(results) else 0


def _addresses(world: World) -> str:
    return f"service {world.service.address}, Prometheus {world.prometheus.url}, AWS {world.stack.endpoint}"
