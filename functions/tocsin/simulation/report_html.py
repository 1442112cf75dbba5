"""A backtest as a page to read: one file, nothing loaded from anywhere, no script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from html import escape

from .difference import Difference
from .events import Page
from .history import Gap
from .report import Count, Nights, Report
from .report_html_style import STYLE
from .wording import moment, signed, whole_seconds

PAGES_SHOWN = 2000
BAR_REM = 7

_HEAD = ("Firing", "Resolved", "By night")


def backtest_html(
    reports: Mapping[str, Report], difference: Difference | None, gaps: Iterable[Gap], *, step: timedelta
) -> str:
    """Return the whole page; `reports` are by the name of their configuration, the first one is A."""
    first = next(iter(reports.values()))
    stretch = f"{moment(first.nights, first.start)} to {moment(first.nights, first.end)}"
    parts = [
        f"<h1>Backtest</h1><p>{escape(stretch)} ({escape(str(first.nights.zone))}), every {whole_seconds(step)}.</p>",
        _warnings([str(gap) for gap in gaps]),
    ]
    if difference is not None:
        parts.append(_difference(difference, first.nights, list(reports)))
    letters = "AB" if len(reports) > 1 else ""
    for position, (name, report) in enumerate(reports.items()):
        title = f"{letters[position]}: {name}" if letters else name
        parts.append(f"<section><h2>{escape(title)}</h2>{_report(report)}</section>")
    body = "\n".join(part for part in parts if part)
    head = (
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Backtest {escape(stretch)}</title><style>{STYLE}</style></head>"
    )
    return f'<!doctype html>\n<html lang="en">{head}\n<body><main>\n{body}\n</main></body></html>\n'


def _report(report: Report) -> str:
    return "\n".join(
        part
        for part in (
            _headline(report),
            _warnings([f"{name}: {error}" for name, error in report.failing.items()] + list(report.troubles)),
            _flapping(report),
            _hours(report),
            _days(report),
            _table("Receivers", ("Receiver", *_HEAD), [(name, *_cells(c)) for name, c in report.by_receiver.items()]),
            _rules(report),
            _pages(f"All pages ({len(report.pages)})", report.pages, report.nights),
        )
        if part
    )


def _headline(report: Report) -> str:
    figures = [
        (report.total.firing, "pages say that something fires"),
        (report.total.night, f"of them by night, nights disturbed: {report.nights_disturbed}"),
        (report.total.resolved, "pages say that it is over"),
        (report.incidents, "incidents"),
        *((count, why) for why, count in report.quiet.items()),
    ]
    cards = "".join(f"<li><b>{number}</b>{escape(text)}</li>" for number, text in figures)
    return f'<ul class="figures">{cards}</ul>'


def _flapping(report: Report) -> str:
    if not report.flapping:
        return ""
    items = "".join(
        f"<li><b>{escape(rule.name)}</b> fired again within an hour of its end {rule.flaps} times</li>"
        for rule in report.flapping
    )
    return f'<h3>Flapping</h3><ul class="warn">{items}</ul>'


def _hours(report: Report) -> str:
    most = max((count.firing for count in report.by_hour.values()), default=0)
    bars = []
    for hour, count in report.by_hour.items():
        at = report.nights.local(report.start).replace(hour=hour)
        kind = "bar night" if report.nights.is_night(at) else "bar"
        bars.append(_bar(kind, count.firing, most, f"{hour:02}", f"{hour:02}:00, {count.firing} pages"))
    return f'<h3>By hour</h3><div class="chart">{"".join(bars)}</div><p class="note">Darker hours are night.</p>'


def _days(report: Report) -> str:
    most = max((count.firing for count in report.by_day.values()), default=0)
    bars = [
        _bar(
            "bar",
            count.firing,
            most,
            f"{day.day}",
            f"{day:%A} {day.isoformat()}, {count.firing} pages, {count.night} by night",
        )
        for day, count in report.by_day.items()
    ]
    return f'<h3>By day</h3><div class="chart">{"".join(bars)}</div>'


def _bar(kind: str, value: int, most: int, label: str, title: str) -> str:
    height = BAR_REM * value / most if most else 0.0
    number = str(value) if value else ""
    return (
        f'<div class="{kind}" title="{escape(title)}"><span>{number}</span>'
        f'<i style="height:{height:.2f}rem"></i><em>{escape(label)}</em></div>'
    )


def _rules(report: Report) -> str:
    rows = [
        (rule.name, *_cells(rule.pages), str(rule.firings), whole_seconds(rule.firing_for), str(rule.flaps))
        for rule in report.by_rule.values()
    ]
    return _table("Rules", ("Rule", *_HEAD, "Fired", "Firing for", "Flaps"), rows)


def _difference(difference: Difference, nights: Nights, names: Sequence[str]) -> str:
    a, b = names[0], names[-1]
    figures = "".join(
        f"<li><b>{count}</b>{escape(text)}</li>"
        for count, text in (
            (len(difference.only_a), f"pages only in A ({a})"),
            (len(difference.only_b), f"pages only in B ({b})"),
            (len(difference.moved), "pages at another time"),
            (difference.same, "pages the same"),
        )
    )
    moved = [
        (moment(nights, each.a.at), moment(nights, each.b.at), signed(each.by), each.a.receiver, each.a.what)
        for each in difference.moved[:PAGES_SHOWN]
    ]
    return "\n".join(
        (
            f'<section><h2>What the change makes</h2><ul class="figures">{figures}</ul>',
            _pages("Only in A: no longer sent", difference.only_a, nights),
            _pages("Only in B: new", difference.only_b, nights),
            _table("Moved", ("In A", "In B", "Later by", "Receiver", "What"), moved),
            "</section>",
        )
    )


def _pages(title: str, pages: Sequence[Page], nights: Nights) -> str:
    rows = [
        (
            ("☾ " if nights.is_night(page.at) else "") + moment(nights, page.at),
            page.receiver,
            page.notification.status.value,
            page.reason.value,
            page.what,
        )
        for page in pages[:PAGES_SHOWN]
    ]
    table = _table("", ("When", "Receiver", "Status", "Why", "What"), rows)
    more = f'<p class="note">The first {PAGES_SHOWN} are shown.</p>' if len(pages) > PAGES_SHOWN else ""
    is_open = " open" if 0 < len(pages) <= 50 else ""
    return f"<details{is_open}><summary>{escape(title)}</summary>{table}{more}</details>" if pages else ""


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    heading = f"<h3>{escape(title)}</h3>" if title else ""
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"{heading}<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"


def _warnings(texts: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return f'<ul class="warn">{items}</ul>' if items else ""


def _cells(count: Count) -> tuple[str, str, str]:
    return str(count.firing), str(count.resolved), str(count.night)
