"""Step Functions' waits to the moment.

moto cuts the fraction off a wait's timestamp, then off what is left, and compares it with the local time of the
machine: a wait ends up to two seconds early in UTC and hours wrong elsewhere. A state machine that asks "is it time?"
would ask again and again until it is.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime
from typing import Any

from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.state.choice.comparison.operator.implementations import is_operator
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.timestamp import Timestamp
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

from dev.locks import Patch


def install(patch: Patch) -> None:
    """Put the exact waits in; `patch(owner, name, value)` replaces an attribute and undoes it later."""
    patch(Timestamp, "_get_wait_seconds", _seconds_until)
    patch(WaitFunction, "_wait_interval", _wait)
    # It warns at every IsTimestamp that fractions are not supported; ours has none.
    logging.getLogger(is_operator.__name__).setLevel(logging.ERROR)


def _seconds_until(state: Timestamp, env: Any) -> float:
    state.string.eval(env=env)
    text: str = env.stack.pop()
    if not state._is_valid_timestamp_pattern(text):
        raise FailureEventException(state._create_failure_event(env, text))
    return (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds()


def _wait(state: WaitFunction, env: Any, wait_seconds: float) -> None:
    until = time.monotonic() + wait_seconds
    while env.is_running():
        left = until - time.monotonic()
        if left <= 0:
            return
        # The event is set when the execution is stopped, which ends the loop.
        env.program_state_event.wait(left)
