"""Windows, what is never held, and what a digest says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.adapters.samples import alert, notification
from tocsin.core.alerts import Status
from tocsin.core.notifications import Notification, Reason
from tocsin.core.rate_limits import RATE_LIMIT, Held, RateLimit, as_settings, digest, is_exempt, limit_of
from tocsin.core.receivers import Kind
from tocsin.core.routing import GroupId

NOW = datetime(2026, 11, 20, 3, 5, 59, 999999, tzinfo=UTC)
LIMIT = RateLimit(20, timedelta(minutes=1))


def told(severity: str = "warning", **changes: object) -> Notification:
    return replace(notification(Kind.SLACK, alert(labels={"severity": severity})), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(told(), False, id="a warning"),
        pytest.param(told("critical"), True, id="what is critical"),
        pytest.param(told("Page"), True, id="however it is written"),
        pytest.param(
            notification(Kind.SLACK, *(alert(labels={"severity": each}) for each in ("info", "page"))),
            True,
            id="what is to page, beside an info",
        ),
        pytest.param(told(reason=Reason.UPDATE), True, id="a change of what was told already"),
        pytest.param(told(group_key='{}/[tocsin-digest/team]:{since="x"}'), True, id="a digest"),
        pytest.param(told(group_key='{}/[tocsin-canary/team]:{alertname="x"}'), True, id="a canary"),
        pytest.param(told(group_key='{}/{a="b"}:{alertname="x"}'), False, id="any other group"),
    ],
)
def test_what_is_never_held(given: Notification, expected: bool) -> None:
    assert is_exempt(LIMIT, given) is expected


def test_a_window_begins_where_the_one_before_it_ends() -> None:
    assert LIMIT.window(NOW) == datetime(2026, 11, 20, 3, 5, tzinfo=UTC)
    assert LIMIT.window(NOW + timedelta(microseconds=1)) == datetime(2026, 11, 20, 3, 6, tzinfo=UTC)


def test_a_limit_travels_in_settings() -> None:
    given = notification(Kind.SLACK, alert(), settings={RATE_LIMIT: as_settings(LIMIT)})
    assert limit_of(given.integration) == LIMIT
    assert limit_of(notification(Kind.SLACK, alert()).integration) is None


def held(number: int, severity: str = "warning", status: Status = Status.FIRING, alerts: int = 1) -> Held:
    return Held(GroupId(f"g{number}"), NOW, status, severity, f"[FIRING:{alerts}] Rule{number}", alerts)


def test_a_digest_says_how_much_of_what() -> None:
    summary, text = digest(
        LIMIT, [held(1, "info"), held(2, alerts=5), held(3), held(4, "odd"), held(5, status=Status.RESOLVED)]
    )
    assert summary == "Held back: 4 groups with 8 alerts (2 warning, 1 info, 1 odd)"
    assert text.splitlines() == [
        "More than 20 notifications in 60 s: these groups still fire, and are told one by one as there is room. "
        "Nothing is lost.",
        "warning: [FIRING:1] Rule3",
        "warning: [FIRING:5] Rule2",
        "info: [FIRING:1] Rule1",
        "odd: [FIRING:1] Rule4",
        "1 group had an end meanwhile",
    ]


def test_a_long_digest_says_how_much_it_leaves_out() -> None:
    _, text = digest(LIMIT, [held(number) for number in range(35)])
    assert text.splitlines()[-1] == "and 5 more"


def test_a_digest_of_what_is_over_says_so() -> None:
    summary, text = digest(LIMIT, [held(1, status=Status.RESOLVED)])
    assert summary == "Held back: 0 groups with 0 alerts"
    assert text.endswith("1 group had an end meanwhile")
