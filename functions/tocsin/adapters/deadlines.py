"""Requests that are over in time, whoever answers them.

A socket's timeout concerns each reading of it: who sends one byte now and then would hold a request for ever. So the
whole has an end, at which the connection is shut from outside.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import urllib3
import urllib3.exceptions


@contextmanager
def ended_after(seconds: float, end: Callable[[], object]) -> Iterator[None]:
    """Call `end` once the block has taken so long; what the block then raises is a TimeoutError."""
    has_ended = threading.Event()

    def end_it() -> None:
        has_ended.set()
        # Whatever it says of a connection that is over by now.
        with suppress(Exception):
            end()

    timer = threading.Timer(max(seconds, 0.0), end_it)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if has_ended.is_set():
            raise TimeoutError(f"not over after {seconds:.1f} seconds") from None
        raise
    finally:
        timer.cancel()


def read_beginning(answer: urllib3.BaseHTTPResponse, size: int, *, until: float) -> bytes:
    """Return at most so many bytes of an answer, by an instant of time.monotonic(); its connection is free after that.

    The headers have said what there is to say: a body that breaks off, or never ends, is as long as it is.
    """
    pieces: list[bytes] = []
    is_whole = False
    with suppress(Exception), ended_after(until - time.monotonic(), answer.shutdown):
        left = size
        while left > 0 and not is_whole:
            piece = answer.read1(left)
            pieces.append(piece)
            left -= len(piece)
            is_whole = not piece
    if is_whole:
        answer.release_conn()
    else:
        answer.close()
    return b"".join(pieces)[:size]
