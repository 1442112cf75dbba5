"""`python -m dev.drill`: run the drills once; exit status 0 only if everything arrived, once.

python -m dev.drill [--alerts N] [--seconds S] [--groups G] [--only DRILL]
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Run the drills and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m dev.drill", description="Run the drills on the local stack.")
    parser.add_argument("--alerts", type=int, default=10_000, help="of the storm (10000)")
    parser.add_argument("--seconds", type=float, default=10.0, help="within which the storm is sent (10)")
    parser.add_argument("--groups", type=int, default=40, help="of the storm (40)")
    parser.add_argument("--only", choices=("escalation", "prometheus", "storm"), help="only this one")
    parsed = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(parsed)
    except KeyboardInterrupt:
        print("Interrupted; everything is stopped.")
        return INTERRUPTED


def _run(parsed: argparse.Namespace) -> int:
    from dev.drill import runs  # takes a second, in which Ctrl-C should be as quiet as later
    from dev.drill.stage import open_stage, wait_for

    drills: dict[str, Callable[[], list[str]]] = {
        "escalation": lambda: runs.escalation(stage),
        "prometheus": lambda: runs.prometheus(stage),
        "storm": lambda: runs.storm(stage, alerts=parsed.alerts, seconds=parsed.seconds, groups=parsed.groups),
    }
    chosen = [parsed.only] if parsed.only else list(drills)
    print("Building and starting the local stack …", flush=True)
    failed = []
    with open_stage(storm_wait_seconds=wait_for(parsed.alerts)) as stage:
        for name in chosen:
            print(f"\n== {name}", flush=True)
            begun = time.monotonic()
            problems = drills[name]()
            for problem in problems:
                print(f"WRONG: {problem}")
            verdict = "wrong" if problems else "everything arrived, once"
            print(f"== {name}: {verdict} ({time.monotonic() - begun:.0f} s)", flush=True)
            failed += [name] if problems else []
        for problem in stage.problems[:10]:
            print(f"beside the drills: {problem}")
    print(f"\n{len(chosen) - len(failed)} of {len(chosen)} drills went well; everything is stopped.")
    return 1 if failed else 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
