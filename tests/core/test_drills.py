"""What is a drill, and what is said of one."""

from __future__ import annotations

import pytest

from tests.adapters.samples import alert, notification
from tocsin.core.alerts import Alert
from tocsin.core.drills import is_drill, marked
from tocsin.core.receivers import Kind
from tocsin.core.wording import title

DRILL = {"drill": "true"}


def over(**labels: str) -> Alert:
    return alert(labels=labels, resolved=True)


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        pytest.param([alert(labels=DRILL)], True, id="one alert of a drill"),
        pytest.param([alert()], False, id="an alert for real"),
        pytest.param([alert(labels={"drill": "false"})], False, id="a label that says no"),
        pytest.param([alert(labels=DRILL), alert()], False, id="one for real beside a drill's is for real"),
        pytest.param([alert(labels=DRILL), over()], True, id="what fires is a drill's, what is over was not"),
        pytest.param([alert(), over(**DRILL)], False, id="what fires is for real, a drill's is over"),
        pytest.param([over(**DRILL)], True, id="a drill that is over"),
        pytest.param([over(**DRILL), over()], False, id="over, one of them was for real"),
    ],
)
def test_what_is_a_drill(alerts: list[Alert], expected: bool) -> None:
    given = notification(Kind.SLACK, *alerts)
    assert is_drill(given) is expected
    assert title(given).startswith("DRILL: [") is expected


def test_one_mark_is_enough_and_nothing_stays_nothing() -> None:
    drill = notification(Kind.SLACK, alert(labels=DRILL))
    assert marked(drill, marked(drill, "x")) == "DRILL: x"
    assert marked(drill, " ") == " "
