"""Compiled regular expressions, as the core knows them: handed in, so that it depends on no engine.

In Tocsin they are RE2's (config/patterns.py), which takes linear time whatever the pattern and the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn, Protocol


class Match(Protocol):
    """What is used of a match: groups by number, and its place."""

    def group(self, group: int, /) -> str | None: ...

    def start(self) -> int: ...

    def end(self) -> int: ...


class Pattern(Protocol):
    """What is used of a compiled regular expression."""

    @property
    def groups(self) -> int: ...

    @property
    def groupindex(self) -> Mapping[str, int]: ...

    @property
    def programsize(self) -> int:
        """Return how many instructions it has: they, times the text's length, are what a search may take."""
        ...

    def fullmatch(self, text: str, /) -> Match | None: ...

    def search(self, text: str, /) -> Match | None: ...

    def finditer(self, text: str, /) -> Iterator[Match]: ...


# Returns a compiled pattern; raises ValueError for one that is not valid.
Compile = Callable[[str], Pattern]


def without_engine(text: str) -> NoReturn:
    """Stand in where nobody said how patterns are compiled. Raises ValueError."""
    raise ValueError(f"{text!r}: regular expressions are not available here")
