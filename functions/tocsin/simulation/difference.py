"""What a change of configuration would have changed: pages that only one of the two sends, and pages that moved.

Two pages are the same one if they go to the same integration, say the same of the same alerts (by name), and are no
further apart than an hour; of several candidates the nearest in time are paired. One that comes at another time is one
that moved.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..core.alerts import Status
from .events import Page

MOVED_WITHIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Moved:
    """A page that comes at another time in B than in A."""

    a: Page
    b: Page

    @property
    def by(self) -> timedelta:
        return self.b.at - self.a.at


@dataclass(frozen=True, slots=True)
class Difference:
    """The pages of A and B, each once, in the order of time."""

    only_a: Sequence[Page]
    only_b: Sequence[Page]
    moved: Sequence[Moved]
    same: int

    @property
    def is_empty(self) -> bool:
        return not (self.only_a or self.only_b or self.moved)


def difference_of(a: Iterable[Page], b: Iterable[Page]) -> Difference:
    """Return how the pages of B differ from those of A."""
    ours, theirs = _by_kind(a), _by_kind(b)
    only_a: list[Page] = []
    only_b: list[Page] = []
    pairs: list[tuple[Page, Page]] = []
    for kind in {**ours, **theirs}:
        paired, left_a, left_b = _pair(ours.get(kind, []), theirs.get(kind, []))
        pairs += paired
        only_a += left_a
        only_b += left_b
    moved = [Moved(first, second) for first, second in pairs if first.at != second.at]
    return Difference(
        only_a=sorted(only_a, key=_order),
        only_b=sorted(only_b, key=_order),
        moved=sorted(moved, key=lambda each: _order(each.a)),
        same=len(pairs) - len(moved),
    )


def _by_kind(pages: Iterable[Page]) -> dict[Hashable, list[Page]]:
    found = defaultdict[Hashable, list[Page]](list)
    for page in pages:
        status = Status.FIRING if page.is_firing else Status.RESOLVED
        found[page.integration.key, status, page.names].append(page)
    return dict(found)


def _pair(a: list[Page], b: list[Page]) -> tuple[list[tuple[Page, Page]], list[Page], list[Page]]:
    """Return the pairs, nearest first, and what is left on either side."""
    a, b = sorted(a, key=_order), sorted(b, key=_order)
    times = [page.at for page in b]
    near: list[tuple[timedelta, int, int]] = []
    for i, page in enumerate(a):
        j = bisect_left(times, page.at - MOVED_WITHIN)
        while j < len(b) and times[j] <= page.at + MOVED_WITHIN:
            near.append((abs(times[j] - page.at), i, j))
            j += 1
    taken_a: dict[int, int] = {}
    taken_b: set[int] = set()
    for _, i, j in sorted(near):
        if i not in taken_a and j not in taken_b:
            taken_a[i] = j
            taken_b.add(j)
    pairs = [(a[i], b[j]) for i, j in taken_a.items()]
    left_a = [page for i, page in enumerate(a) if i not in taken_a]
    return pairs, left_a, [page for j, page in enumerate(b) if j not in taken_b]


def _order(page: Page) -> tuple[datetime, str, str]:
    return page.at, page.integration.key, page.notification.group
