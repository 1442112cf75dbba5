"""How much a computation may do, counted in steps and not in time: the same input always ends at the same place.

A step is some microseconds of work: a statement, a call, a few characters of a text. Several computations may share a
larger allowance, `within` which each has its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# How much is gone through in a step.
CHARACTERS = 4
ELEMENTS = 4


class TooManyStepsError(Exception):
    """A computation has used up what it may do."""


class Steps:
    """Steps that may be taken, and those that were."""

    __slots__ = ("limit", "taken", "within")

    def __init__(self, limit: int, within: Steps | None = None) -> None:
        self.limit = limit
        self.within = within
        self.taken = 0

    def take(self, number: int = 1) -> None:
        """Count steps. Raises TooManyStepsError once there are more than may be taken."""
        self.taken += number
        if self.taken > self.limit:
            raise TooManyStepsError(f"more than {self.limit} steps")
        if self.within is not None:
            self.within.take(number)

    @property
    def are_used_up(self) -> bool:
        return self.taken > self.limit


def steps_of(value: object) -> int:
    """Return the steps that it takes to go through a text, a list or a map once."""
    if isinstance(value, str):
        return len(value) // CHARACTERS
    return len(value) // ELEMENTS if isinstance(value, Mapping | Sequence) else 0
