"""`python -m dev.demo`: run the story once; exit status 0 only if every step of it happened."""

from __future__ import annotations

import signal
import sys
from types import FrameType

INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    """Run the story and return the exit status."""
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        from dev.demo.telling import tell  # takes a second, in which Ctrl-C should be as quiet as later

        return tell()
    except KeyboardInterrupt:
        print("Interrupted; everything is stopped.")
        return INTERRUPTED


def _interrupt(number: int, frame: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # stopping everything takes a moment, and must not be interrupted
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
