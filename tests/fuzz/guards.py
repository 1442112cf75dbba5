"""That an input comes to an end: by the processor's own time, which a busy machine does not use up."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# An input has 20,000 bytes at most; what takes so long for one takes for ever for a few.
PROCESSOR_SECONDS = 20.0


class Endless(BaseException):
    """An input kept the processor busy beyond all measure; nothing that is fuzzed may catch this."""


@contextmanager
def bounded(seconds: float = PROCESSOR_SECONDS) -> Iterator[None]:
    """Raise Endless where what is done inside takes more of the processor's time."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Endless(f"more than {seconds} s of the processor's time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
