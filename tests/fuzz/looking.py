"""Looking at one door with Hypothesis: so many inputs, the same ones each time."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.guards import bounded
from tests.fuzz.mutations import mutate
from tests.fuzz.targets import Target


def look(target: Target, *, examples: int) -> int:
    """Try real inputs that were changed, and some noise; return how many. Raises what the target must not raise."""
    beginnings = list(target.seeds())
    tried = 0

    @settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(st.integers(0, 2**32), st.integers(0, len(beginnings) - 1), st.binary(max_size=40))
    def try_one(number: int, beginning: int, noise: bytes) -> None:
        nonlocal tried
        tried += 1
        with bounded():
            target.try_out(changed(target, Random(number), beginnings, beginnings[beginning] if number % 16 else noise))

    try_one()
    return tried


def changed(target: Target, random: Random, beginnings: list[bytes], data: bytes) -> bytes:
    """Return an input of a target with something changed in it."""
    return mutate(random, data, seeds=beginnings, words=target.words, is_json=target.is_json)
