"""`python -m dev.demo`: run the story once; exit status 0 only if every step of it happened."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType

from dev.demo import story, summary
from dev.demo.journal import Journal
from dev.demo.screen import Screen
from dev.demo.world import World, open_world
from dev.prometheus import PrometheusError
from dev.up import EXPECTED_ERRORS

INTERRUPTED = 130


def main() -> int:
    """Run the story and return the exit status."""
    signal.signal(signal.SIGTERM, _interrupt)
    screen = Screen()
    try:
        return _tell(screen)
    except KeyboardInterrupt:
        screen.say("Interrupted; everything is stopped.")
        return INTERRUPTED
    except (PrometheusError, *EXPECTED_ERRORS) as error:
        print(error, file=sys.stderr)
        return 1


def _tell(screen: Screen) -> int:
    begun = time.monotonic()
    screen.say("Building the functions; starting a web service, a real Prometheus, the receivers and the local stack …")
    with screen.waiting(), open_world(Journal(screen.show)) as world:
        screen.say(f"Everything runs, after {time.monotonic() - begun:.1f} s: {_addresses(world)}")
        results = story.run(world, screen.step_begins, screen.step_ended)
        summary.show(screen.console, world, results)
    return 1 if summary.unhappened(results) else 0


def _addresses(world: World) -> str:
    return f"service {world.service.address}, Prometheus {world.prometheus.url}, AWS {world.stack.endpoint}"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
