"""Whatever comes in is taken or refused in words: no door crashes, hangs or fills the memory.

This is a short look; `make fuzz` takes a long one, at the same table of targets.
"""

from __future__ import annotations

import pytest

from tests.fuzz.guards import bounded
from tests.fuzz.looking import look
from tests.fuzz.targets import TARGETS, Finding, Target

EXAMPLES = 60


@pytest.mark.parametrize("name", TARGETS)
def test_real_inputs_pass(name: str) -> None:
    target = TARGETS[name]
    for data in target.seeds()[:20]:
        with bounded():
            target.try_out(data)


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_tried_first_is_taken(name: str) -> None:
    """What is refused at once goes no further than the parser, and so does most of what is made of it."""
    target = TARGETS[name]
    target.run(target.seeds()[0])


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_is_taken_or_refused(name: str) -> None:
    assert look(TARGETS[name], examples=EXAMPLES) == EXAMPLES


def test_a_crash_is_a_finding() -> None:
    def crash(data: bytes) -> None:
        raise KeyError("x")

    def wrong(data: bytes) -> None:
        raise Finding("x")

    for run, error in ((crash, KeyError), (wrong, Finding)):
        with pytest.raises(error):
            Target(run, lambda: [b""], (ValueError,)).try_out(b"")
    Target(crash, lambda: [b""], (KeyError,)).try_out(b"")
