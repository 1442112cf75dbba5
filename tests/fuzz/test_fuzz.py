"""Whatever comes in is taken or refused in words: no door crashes, hangs or fills the memory.

This is a short look; `make fuzz` takes a long one, at the same table of targets.
"""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.guards import bounded
from tests.fuzz.mutations import mutate
from tests.fuzz.targets import TARGETS, Finding, Target

EXAMPLES = 60


@pytest.mark.parametrize("name", TARGETS)
def test_real_inputs_pass(name: str) -> None:
    target = TARGETS[name]
    for data in target.seeds()[:20]:
        with bounded():
            target.try_out(data)


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_is_taken_or_refused(name: str) -> None:
    target = TARGETS[name]
    beginnings = list(target.seeds())

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.integers(0, 2**32), st.integers(0, len(beginnings) - 1), st.binary(max_size=40))
    def look(number: int, beginning: int, noise: bytes) -> None:
        data = beginnings[beginning] if number % 16 else noise
        data = mutate(Random(number), data, seeds=beginnings, words=target.words, is_json=target.is_json)
        with bounded():
            target.try_out(data)

    look()


def test_a_crash_is_a_finding() -> None:
    def crash(data: bytes) -> None:
        raise KeyError("x")

    def wrong(data: bytes) -> None:
        raise Finding("x")

    for run, error in ((crash, KeyError), (wrong, Finding)):
        with pytest.raises(error):
            Target(run, lambda: [b""], (ValueError,)).try_out(b"")
    Target(crash, lambda: [b""], (KeyError,)).try_out(b"")
