"""The fewest steps of a story that still break the same law."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from tests.chaos.model import BrokenError
from tests.chaos.week import NonsenseError, Step, Week

Begin = Callable[[], Week]


def shrink(begin: Begin, story: Sequence[Step], error: BrokenError) -> BrokenError:
    """Return the error of the shortest story that is found; `begin` makes the week that it happens in."""
    steps, found = list(story), error
    is_shorter = True
    while is_shorter:
        is_shorter = False
        for fewer in _fewer(steps):
            other = replay(begin, fewer)
            if other is not None and other.law is error.law:
                steps, found, is_shorter = fewer, other, True
                break
    return found


def replay(begin: Begin, story: Sequence[Step]) -> BrokenError | None:
    """Live a story, and return how it breaks a law; None where it does not, or makes no sense."""
    week = begin()
    try:
        for each in story:
            getattr(week, each.verb)(*each.arguments, **each.named)
    except BrokenError as error:
        return error
    except NonsenseError:
        pass
    return None


def _fewer(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Yield stories that are shorter by a half, a quarter, ... one step; then those that tell it in fewer words."""
    size = len(steps) // 2
    while size:
        for start in range(0, len(steps), size):
            yield [*steps[:start], *steps[start + size :]]
        size //= 2
    for number, (one, other) in enumerate(pairwise(steps)):
        if one.verb == other.verb == "passes":
            yield [*steps[:number], _together(one, other), *steps[number + 2 :]]


def _together(one: Step, other: Step) -> Step:
    return replace(one, named={"seconds": one.named["seconds"] + other.named["seconds"]})
