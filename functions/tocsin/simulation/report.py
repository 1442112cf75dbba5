"""What a stretch of virtual time meant for people: pages by receiver, rule, day and hour, nights, and what flaps.

A page is one notification at one integration. Those that say that something fires are counted apart from those that
say that it is over; a night's pages are of the first kind.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

from .events import Chronicle, Firing, Page

# An alert that fires again this soon after it was resolved flaps.
FLAPS_WITHIN = timedelta(hours=1)
# So many times make a rule one that flaps.
FLAPS_TO_BE_NAMED = 3


@dataclass(frozen=True, slots=True)
class Nights:
    """Where people live, and between which hours (the second not included) they sleep."""

    zone: tzinfo
    begins: int = 22
    ends: int = 7

    def local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)

    def is_night(self, at: datetime) -> bool:
        hour = self.local(at).hour
        if self.begins <= self.ends:
            return self.begins <= hour < self.ends
        return hour >= self.begins or hour < self.ends


@dataclass(slots=True)
class Count:
    """Pages: those that say that something fires, those that say that it is over, and of the first those by night."""

    firing: int = 0
    resolved: int = 0
    night: int = 0

    def add(self, page: Page, *, is_night: bool) -> None:
        self.firing += page.is_firing
        self.resolved += not page.is_firing
        self.night += page.is_firing and is_night


@dataclass(slots=True)
class RuleCount:
    """One rule: its pages, how often and how long its alerts fired, and how often one fired again soon after."""

    name: str
    pages: Count = field(default_factory=Count)
    firings: int = 0
    firing_for: timedelta = timedelta(0)
    flaps: int = 0

    @property
    def is_flapping(self) -> bool:
        return self.flaps >= FLAPS_TO_BE_NAMED


@dataclass(frozen=True, slots=True)
class Report:
    """A chronicle, counted; keys are sorted where they have an order of their own, else the most pages come first."""

    start: datetime
    end: datetime
    nights: Nights
    pages: Sequence[Page]
    total: Count
    by_receiver: Mapping[str, Count]
    by_rule: Mapping[str, RuleCount]
    by_day: Mapping[date, Count]
    by_hour: Mapping[int, Count]
    quiet: Mapping[str, int]
    incidents: int
    failing: Mapping[str, str]
    troubles: Sequence[str]

    @property
    def nights_disturbed(self) -> int:
        """Return how many nights had a page; a night belongs to the day on which it begins."""
        return len({self._night_of(page.at) for page in self.pages if page.is_firing and self.nights.is_night(page.at)})

    @property
    def flapping(self) -> list[RuleCount]:
        return sorted((each for each in self.by_rule.values() if each.is_flapping), key=lambda r: (-r.flaps, r.name))

    def _night_of(self, at: datetime) -> date:
        return (self.nights.local(at) - timedelta(hours=self.nights.ends)).date()


def report_of(chronicle: Chronicle, start: datetime, end: datetime, nights: Nights) -> Report:
    """Return what happened from `start` (included) to `end` (not included); what came before warmed up."""
    pages = [page for page in chronicle.pages if start <= page.at < end]
    total, by_receiver = Count(), defaultdict[str, Count](Count)
    by_day = {day: Count() for day in _days(nights.local(start).date(), nights.local(end - _INSTANT).date())}
    by_hour = {hour: Count() for hour in range(24)}
    rules = _count_rules(chronicle.firings, start, end)
    for page in pages:
        local, is_night = nights.local(page.at), nights.is_night(page.at)
        counted = [total, by_receiver[page.receiver], by_day[local.date()], by_hour[local.hour]]
        counted += [rules.setdefault(name, RuleCount(name)).pages for name in page.names]
        for count in counted:
            count.add(page, is_night=is_night)
    return Report(
        start=start,
        end=end,
        nights=nights,
        pages=pages,
        total=total,
        by_receiver=dict(sorted(by_receiver.items(), key=lambda item: (-item[1].firing, item[0]))),
        by_rule=dict(sorted(rules.items(), key=lambda item: (-item[1].pages.firing, -item[1].firings, item[0]))),
        by_day=by_day,
        by_hour=by_hour,
        quiet=dict(sorted(Counter(each.why for each in chronicle.quiet if start <= each.at < end).items())),
        incidents=sum(start <= each.opened_at < end for each in chronicle.incidents.values()),
        failing=dict(sorted(chronicle.failing.items())),
        troubles=chronicle.troubles,
    )


_INSTANT = timedelta(microseconds=1)


def _count_rules(firings: Iterable[Firing], start: datetime, end: datetime) -> dict[str, RuleCount]:
    rules: dict[str, RuleCount] = {}
    ended: dict[tuple[str, object], datetime] = {}
    for firing in firings:
        which = (firing.rule, firing.labels)
        last = ended.get(which)
        if firing.ended is not None:
            ended[which] = firing.ended
        if firing.ended is not None and firing.ended <= start:
            continue
        count = rules.setdefault(firing.name, RuleCount(firing.name))
        count.firings += 1
        count.firing_for += min(firing.ended or end, end) - max(firing.began, start)
        count.flaps += last is not None and firing.began >= start and firing.began - last <= FLAPS_WITHIN
    return rules


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
