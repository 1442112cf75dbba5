"""A backtest as JSON: for scripts, and to be kept beside the change that it judges."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..core.alerts import Status
from ..core.notifications import format_time
from .difference import Difference, Moved
from .events import Page
from .history import Gap
from .report import Count, Nights, Report, RuleCount

VERSION = 1


def report_json(report: Report) -> dict[str, Any]:
    """Return one configuration's report."""
    return {
        "pages": [page_json(page, report.nights) for page in report.pages],
        "totals": {
            **_count(report.total),
            "nights_disturbed": report.nights_disturbed,
            "incidents": report.incidents,
            "kept_quiet": dict(report.quiet),
        },
        "receivers": {name: _count(count) for name, count in report.by_receiver.items()},
        "rules": {name: _rule(count) for name, count in report.by_rule.items()},
        "days": {day.isoformat(): _count(count) for day, count in report.by_day.items()},
        "hours": {f"{hour:02}": _count(count) for hour, count in report.by_hour.items()},
        "failing_rules": dict(report.failing),
        "troubles": list(report.troubles),
    }


def difference_json(difference: Difference, nights: Nights) -> dict[str, Any]:
    """Return what differs between two configurations."""
    return {
        "same": difference.same,
        "only_a": [page_json(page, nights) for page in difference.only_a],
        "only_b": [page_json(page, nights) for page in difference.only_b],
        "moved": [_moved(each, nights) for each in difference.moved],
    }


def backtest_json(
    reports: Mapping[str, Report], difference: Difference | None, gaps: Iterable[Gap], *, step_seconds: float
) -> dict[str, Any]:
    """Return a whole backtest; `reports` are by the name of their configuration, the first one is A."""
    first = next(iter(reports.values()))
    nights = first.nights
    whole: dict[str, Any] = {
        "version": VERSION,
        "from": format_time(first.start),
        "to": format_time(first.end),
        "step_seconds": step_seconds,
        "time_zone": str(nights.zone),
        "night": {"from_hour": nights.begins, "to_hour": nights.ends},
        "gaps": [_gap(gap) for gap in gaps],
        "configurations": [{"name": name, **report_json(report)} for name, report in reports.items()],
    }
    return whole if difference is None else {**whole, "difference": difference_json(difference, nights)}


def page_json(page: Page, nights: Nights) -> dict[str, Any]:
    """Return one page, with the hour that it was where people live."""
    told = page.notification
    return {
        "at": format_time(page.at),
        "local": nights.local(page.at).isoformat(),
        "night": nights.is_night(page.at),
        "receiver": page.receiver,
        "integration": page.integration.key,
        "status": told.status.value,
        "reason": told.reason.value,
        "severity": told.severity,
        "step": told.step,
        "group_labels": dict(told.group_labels),
        "alerts": list(page.names),
        "firing": len(page.alerts(Status.FIRING)),
        "resolved": len(page.alerts(Status.RESOLVED)),
    }


def _moved(moved: Moved, nights: Nights) -> dict[str, Any]:
    page = page_json(moved.a, nights)
    return {**page, "at_b": format_time(moved.b.at), "later_seconds": moved.by.total_seconds()}


def _count(count: Count) -> dict[str, int]:
    return {"firing": count.firing, "resolved": count.resolved, "night": count.night}


def _rule(rule: RuleCount) -> dict[str, Any]:
    return {
        **_count(rule.pages),
        "firings": rule.firings,
        "firing_seconds": rule.firing_for.total_seconds(),
        "flaps": rule.flaps,
        "flapping": rule.is_flapping,
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "rules": list(gap.rules),
        "from": format_time(gap.start),
        "to": format_time(gap.end),
        "error": gap.error,
    }
