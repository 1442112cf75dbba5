"""An alert's status at an instant, and the order in which people read alerts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core.alerts import Alert, Status, presentation_order
from tocsin.core.labels import Labels

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def alert(ends_at: datetime | None = None, **labels: str) -> Alert:
    return Alert(Labels({"alertname": "Any", **labels}), {}, NOW, NOW, ends_at)


@pytest.mark.parametrize(
    ("ends_at", "expected"),
    [
        pytest.param(None, Status.FIRING, id="no end fires"),
        pytest.param(NOW + MICROSECOND, Status.FIRING, id="an end ahead fires"),
        pytest.param(NOW, Status.RESOLVED, id="at its end it is resolved: intervals are half-open"),
        pytest.param(NOW - MICROSECOND, Status.RESOLVED, id="an end that is over is resolved"),
    ],
)
def test_an_alerts_status(ends_at, expected):
    assert alert(ends_at).status_at(NOW) is expected


def test_alerts_stand_by_job_then_instance_then_all_labels_and_present_before_absent():
    in_order = [
        alert(job="a", instance="1"),
        alert(job="a", instance="1", zone="x"),
        alert(job="a", instance="2"),
        alert(job="a"),
        alert(job="b", instance="0"),
        alert(instance="0"),
        alert(),
    ]
    keys = [presentation_order(each) for each in in_order]
    assert all(earlier < later for earlier, later in pairwise(keys))


texts = st.text("abc", max_size=2)


@given(st.lists(st.dictionaries(st.sampled_from(["job", "instance", "zone"]), texts)), st.randoms())
def test_the_order_is_of_the_labels_alone(label_sets, random):
    alerts = [alert(**labels) for labels in label_sets]
    shuffled = random.sample(alerts, len(alerts))
    in_order = sorted(alerts, key=presentation_order)
    assert [a.labels for a in sorted(shuffled, key=presentation_order)] == [a.labels for a in in_order]


def test_an_alert_without_a_name_has_an_empty_one():
    assert Alert(Labels({"job": "a"}), {}, NOW, NOW).name == ""
