"""What the counts of a report count, and what is told of two configurations."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.simulation.feeding import world
from tests.stories.configurations import configuration, rule
from tests.stories.world import START
from tocsin.core.configuration import Configuration
from tocsin.core.routing import RouteSpec
from tocsin.simulation.difference import Difference, difference_of
from tocsin.simulation.report import Nights, Report, report_of

UTC = ZoneInfo("UTC")
ROUTE = RouteSpec(receiver="team", group_by=("alertname", "instance"), group_wait=timedelta(0))


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(f"2026-03-28T{text}").replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("nights", "night", "day"),
    [
        pytest.param(
            Nights(UTC), ["22:00:00", "23:59:59", "00:00:00", "06:59:59"], ["07:00:00", "21:59:59"], id="over"
        ),
        pytest.param(Nights(UTC, 1, 5), ["01:00:00", "04:59:00"], ["00:59:00", "05:00:00", "23:00:00"], id="within"),
        pytest.param(
            Nights(ZoneInfo("Asia/Tokyo")), ["13:00:00", "21:59:00"], ["22:00:00", "12:59:00"], id="elsewhere"
        ),
    ],
)
def test_a_night_is_where_people_live(nights: Nights, night: list[str], day: list[str]) -> None:
    assert all(nights.is_night(at(text)) for text in night)
    assert not any(nights.is_night(at(text)) for text in day)


def reported(setting: Configuration, series: dict[str, dict[str, list[float | None]]], *, skip: int = 0) -> Report:
    ran = world(setting, series, minutes=600)
    return report_of(ran.run(), START + timedelta(minutes=skip), ran.scope.end, Nights(UTC))


FLAPPING: list[float | None] = [*([1.0] * 5), *([None] * 10)] * 5


def test_a_rule_flaps_that_fires_again_and_again() -> None:
    report = reported(
        configuration(rule("Disk"), rule("Calm"), route=ROUTE), {"Disk": {"a": FLAPPING}, "Calm": {"a": [1.0]}}
    )
    disk, calm = report.by_rule["Disk"], report.by_rule["Calm"]
    assert (disk.firings, disk.flaps, disk.is_flapping) == (5, 4, True)
    assert disk.firing_for == timedelta(minutes=25)
    assert (calm.firings, calm.flaps, calm.is_flapping) == (1, 0, False)
    assert [each.name for each in report.flapping] == ["Disk"]


def test_series_that_fire_one_after_another_do_not_flap() -> None:
    series = {f"{number}": [*([None] * number * 10), 1.0, None] for number in range(6)}
    report = reported(configuration(rule("Disk"), route=ROUTE), {"Disk": series})
    assert (report.by_rule["Disk"].firings, report.by_rule["Disk"].flaps) == (6, 0)


def test_pages_are_counted_by_everything() -> None:
    report = reported(
        configuration(rule("Disk"), route=ROUTE), {"Disk": {"a": [1.0] * 20, "b": [None] * 300 + [1.0] * 5}}
    )
    assert (report.total.firing, report.total.resolved) == (2, 2)
    assert report.total.night == 1  # at three in the morning, and at eight
    assert report.nights_disturbed == 1
    assert report.by_day[date(2026, 11, 20)] == report.total
    assert {hour: count.firing for hour, count in report.by_hour.items() if count.firing} == {3: 1, 8: 1}
    assert report.by_receiver == {"team": report.total}


def test_what_comes_before_the_beginning_warms_up() -> None:
    report = reported(configuration(rule("Disk"), route=ROUTE), {"Disk": {"a": [1.0] * 120}}, skip=60)
    assert (report.total.firing, report.total.resolved) == (0, 1)
    assert report.by_rule["Disk"].firings == 1
    assert report.by_rule["Disk"].firing_for == timedelta(minutes=60)


def differing(a: Configuration, b: Configuration, series: dict[str, dict[str, list[float | None]]]) -> Difference:
    return difference_of(*(world(each, series, minutes=600).run().pages for each in (a, b)))


def test_the_same_configuration_makes_no_difference() -> None:
    setting = configuration(rule("Disk"), route=ROUTE)
    found = differing(setting, setting, {"Disk": {"a": FLAPPING}})
    assert found.is_empty
    assert found.same == 10


def test_a_longer_for_moves_some_pages_and_saves_others() -> None:
    short, long = (configuration(rule("Disk", hold_for=timedelta(minutes=m)), route=ROUTE) for m in (0, 6))
    found = differing(short, long, {"Disk": {"a": [*FLAPPING, *([1.0] * 30)]}})
    assert [each.by for each in found.moved] == [timedelta(minutes=6), timedelta(minutes=1)]
    assert len(found.only_a) == 10
    assert found.only_b == []


def test_another_receiver_is_another_page() -> None:
    other = RouteSpec(receiver="team", group_by=("alertname",), group_wait=timedelta(0))
    setting, later = (configuration(rule("Disk"), route=each) for each in (ROUTE, other))
    found = differing(setting, later, {"Disk": {"a": [1.0] * 5}})
    assert found.is_empty  # grouped otherwise, but the same people hear the same at the same time
