"""A backtest as text: figures first, then tables, then the pages themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..simulation.difference import Difference
from ..simulation.events import Page
from ..simulation.report import Count, Nights, Report
from ..simulation.wording import moment, signed, whole_seconds
from .tables import columns

BAR = 40


def report_lines(report: Report, *, pages: int) -> Iterator[str]:
    """Yield the lines of one configuration's report with so many of its pages."""
    yield from _headline(report)
    yield from (f"WARNING: {name} cannot be evaluated: {error}" for name, error in report.failing.items())
    yield from (f"WARNING: {trouble}" for trouble in report.troubles)
    if report.flapping:
        names = ", ".join(f"{rule.name} ({rule.flaps} times)" for rule in report.flapping)
        yield f"Flapping, firing again within an hour: {names}"
    yield from _table("Receiver", report.by_receiver.items())
    yield from _rules(report)
    yield from _table("Day", ((f"{day:%a} {day}", count) for day, count in report.by_day.items() if count.firing))
    yield from _hours(report)
    yield from page_lines(report.pages, report.nights, title="Pages", most=pages)


def difference_lines(difference: Difference, nights: Nights, *, pages: int) -> Iterator[str]:
    """Yield the lines that say what differs."""
    yield (
        f"{len(difference.only_a)} only in A, {len(difference.only_b)} only in B,"
        f" {len(difference.moved)} at another time, {difference.same} the same"
    )
    yield from page_lines(difference.only_a, nights, title="Only in A", most=pages)
    yield from page_lines(difference.only_b, nights, title="Only in B", most=pages)
    if difference.moved and pages:
        rows = [("Moved", "to", "by", "Receiver", "What")]
        rows += [
            (moment(nights, each.a.at), moment(nights, each.b.at), signed(each.by), each.a.receiver, each.a.what)
            for each in difference.moved[:pages]
        ]
        yield from _block(rows, len(difference.moved) - pages)


def page_lines(pages: Sequence[Page], nights: Nights, *, title: str, most: int) -> Iterator[str]:
    """Yield a table of the first pages, and how many more there are."""
    if not pages or not most:
        return
    rows = [(title, "", "Receiver", "Status", "Why", "What")]
    rows += [
        (
            moment(nights, page.at),
            "night" if nights.is_night(page.at) else "",
            page.receiver,
            page.notification.status.value,
            page.reason.value,
            page.what,
        )
        for page in pages[:most]
    ]
    yield from _block(rows, len(pages) - most)


def _headline(report: Report) -> Iterator[str]:
    total, nights = report.total, report.nights
    night = f"{nights.begins:02}:00 to {nights.ends:02}:00 {nights.zone}"
    yield (
        f"{_some(total.firing, 'page')} that something fires, {total.night} of them by night ({night}, "
        f"{_some(report.nights_disturbed, 'night')}); {_some(total.resolved, 'page')} that it is over"
    )
    quiet = ", ".join(f"{count} {why}" for why, count in report.quiet.items())
    yield _some(report.incidents, "incident") + (f"; alerts kept quiet: {quiet}" if quiet else "")


def _some(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count != 1 else ''}"


def _rules(report: Report) -> Iterator[str]:
    rows = [("Rule", "Firing", "Resolved", "Night", "Fired", "For", "Flaps")]
    rows += [
        (rule.name, *_cells(rule.pages), str(rule.firings), whole_seconds(rule.firing_for), str(rule.flaps))
        for rule in report.by_rule.values()
    ]
    yield from _block(rows, 0)


def _table(name: str, counts: Iterable[tuple[str, Count]]) -> Iterator[str]:
    rows = [(name, "Firing", "Resolved", "Night")]
    rows += [(each, *_cells(count)) for each, count in counts]
    yield from _block(rows, 0)


def _hours(report: Report) -> Iterator[str]:
    most = max((count.firing for count in report.by_hour.values()), default=0)
    if not most:
        return
    yield ""
    yield "Hour"
    for hour, count in report.by_hour.items():
        bar = "█" * max(1, round(BAR * count.firing / most)) if count.firing else ""
        yield f"{hour:02}    {bar} {count.firing or ''}".rstrip()


def _block(rows: Sequence[Sequence[str]], more: int) -> Iterator[str]:
    if len(rows) < 2:
        return
    yield ""
    yield from (line.rstrip() for line in columns(rows))
    if more > 0:
        yield f"… and {more} more"


def _cells(count: Count) -> tuple[str, str, str]:
    return str(count.firing), str(count.resolved), str(count.night)
