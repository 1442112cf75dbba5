"""Whatever is wrong with the metrics endpoint: nothing resolves, nothing fires, other rules go on, and it is said why.

A real Prometheus behind a proxy that is told what to do to one rule's queries (metrics_proxy.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
import urllib3

from tests.faults import metrics_proxy as faults
from tests.faults.metrics_proxy import Fault, Proxy, metrics_proxy
from tests.prometheus import holding
from tests.stories.configurations import configuration, rule
from tests.stories.world import START, World
from tocsin.adapters.guarded import guarded
from tocsin.adapters.prometheus import LARGEST_ANSWER_BYTES, Clock, Prometheus
from tocsin.adapters.targets import AT_HOME, read_targets
from tocsin.core.alerts import Status
from tocsin.core.notifications import Reason
from tocsin.core.routing import RouteSpec
from tocsin.core.rules import AlertState
from tocsin.pipeline.own_rules import RULE_FAILING, RULE_FAILING_FOR
from tocsin.ports import Health

ROUTE = RouteSpec(receiver="team", group_by=("alertname",), group_wait=timedelta(seconds=10))
# An answer that is late is asked for again, so a busy machine's are not taken for none.
TIMEOUT_SECONDS = 0.6
# Minutes: `down` is bad for 20, `later` from the fifth on, while the fault lasts.
SERIES = {
    'down{instance="a"}': [1.0] * 20 + [0.0] * 40,
    'later{instance="a"}': [0.0] * 5 + [1.0] * 55,
    'pending{instance="a"}': [0.0] * 2 + [1.0] * 58,
}
RULES = (
    replace(rule("Down"), expr="down > 0"),
    replace(rule("Later"), expr="later > 0"),
    replace(rule("Pending", hold_for=timedelta(minutes=30)), expr="pending > 0 and down"),
)
FAULTS: dict[str, tuple[Fault, str]] = {
    "hangs up": (faults.hangs_up, "connection"),
    "slow": (faults.is_slow, "no answer within"),
    "trickles": (faults.trickles, "no answer within"),
    "cut off": (faults.cuts_off, ""),
    "429": (faults.answers(429, b"{}"), "HTTP 429"),
    "429, and says when": (faults.answers(429, b"{}", retry_after="3600"), "HTTP 429"),
    "503": (faults.answers(503, b"overloaded"), "HTTP 503: overloaded"),
    "503, and says when": (faults.answers(503, b"", retry_after="Fri, 20 Nov 2026 09:00:00 GMT"), "HTTP 503"),
    "a page of HTML": (faults.answers(200, b"<html>Sign in</html>", content_type="text/html"), "JSON"),
    "nothing": (faults.answers(200, b""), "JSON"),
    "null": (faults.answers(200, b"null"), ""),
    "an error, and 200": (faults.answers(200, b'{"status":"error","errorType":"x","error":"y"}'), ""),
    "another tenant": (faults.answers(403, b'{"message":"AccessDenied"}'), "HTTP 403"),
    "a redirect": (faults.answers(302, b"", location="http://169.254.169.254/"), "HTTP 302"),
    "a hundred megabytes": (faults.never_ends, "larger than"),
}


@dataclass(slots=True)
class Patience:
    """Waits in no time, and remembers how many seconds."""

    waits: list[float] = field(default_factory=list)


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    with holding(SERIES, start=START) as prometheus, metrics_proxy(prometheus.url) as running:
        yield running


def begin(proxy: Proxy, fault: Fault = faults.passes) -> tuple[World, Patience]:
    """Return a world at its third minute: Down fires, Pending is pending."""
    proxy.faults.clear()
    proxy.faults["query=down"] = fault
    proxy.asked.clear()
    world, patience = World(configuration(*RULES, route=ROUTE)), Patience()
    pool = guarded(urllib3.PoolManager(), read_targets(AT_HOME))
    clock = Clock(time.monotonic, patience.waits.append, lambda: 0.5)
    world.metrics = Prometheus(proxy.url, pool, clock, timeout_seconds=TIMEOUT_SECONDS)  # type: ignore[assignment]
    world.advance(minutes=3, seconds=30)
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Down/a"])
    return world, patience


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_one_rules_query_changes_nothing_and_delays_nobody(proxy: Proxy, name: str) -> None:
    world, patience = begin(proxy)
    before = {each: world.record(each).active for each in ("Down", "Pending")}
    fault, clue = FAULTS[name]
    proxy.faults.clear()
    proxy.faults["down"] = fault
    world.advance(minutes=2)
    for each, active in before.items():
        record = world.record(each)
        assert record.active == active
        assert record.health is Health.FAILING
        assert clue in record.error, record.error
        assert proxy.url.removeprefix("http://") in record.error or "127.0.0.1" in record.error
    # The other rule fires at its own minute, and people hear nothing else.
    assert [each.fired_at for each in world.record("Later").active.values()] == [START + timedelta(minutes=5)]
    assert world.record("Later").health is Health.OK
    world.expect_page("team", Status.FIRING, Reason.FIRST, alerts=["Later/a"])
    world.expect_silence()
    assert max(patience.waits, default=0) < 60, "a tick waits no longer than it may"
    proxy.faults.clear()
    world.advance(minutes=2)
    assert world.record("Down").active == before["Down"]
    assert world.record("Down").health is Health.OK
    world.expect_silence()
    world.advance(minutes=20)
    ended = [page for page in world.pages if page.names(Status.RESOLVED) == ["Down/a"]]
    assert [page.at for page in ended] != []
    assert len(ended) == 1


def test_a_hundred_megabytes_are_not_read_to_the_end(proxy: Proxy) -> None:
    world, _ = begin(proxy)
    proxy.faults.clear()
    proxy.faults["down"] = faults.never_ends
    world.run_tick()
    world.advance(minutes=1)
    queries = sum(each.startswith("query=") and "down" in each for each in proxy.asked)
    taken = proxy.asked.count("a megabyte")
    assert 0 < taken < queries * ((LARGEST_ANSWER_BYTES >> 20) + 20)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_a_value_that_is_no_number_is_an_alert_all_the_same(proxy: Proxy, value: str) -> None:
    sample = b'{"metric":{"instance":"a"},"value":[1,"%s"]}' % value.encode()
    vector = b'{"status":"success","data":{"resultType":"vector","result":[%s]}}' % sample
    world, _ = begin(proxy, faults.answers(200, vector))
    (alert,) = world.record("Down").active.values()
    assert (alert.state, repr(alert.value)) == (AlertState.FIRING, value.lower().lstrip("+"))
    world.expect_silence()


def test_a_server_whose_clock_is_hours_off_changes_no_time_of_ours(proxy: Proxy) -> None:
    """An instant is asked for, and what the answer says of time is not looked at."""
    world, _ = begin(proxy)
    before = world.record("Down").active
    sample = b'{"metric":{"__name__":"down","instance":"a"},"value":[1795000000.123,"1"]}'
    vector = b'{"status":"success","data":{"resultType":"vector","result":[%s]}}' % sample
    proxy.faults["query=down"] = faults.answers(200, vector, date="Thu, 19 Nov 2026 15:00:00 GMT")
    world.advance(minutes=1)
    assert world.record("Down").active == before
    assert all("time=" in each for each in proxy.asked if "query=" in each)
    world.expect_silence()


def test_an_endpoint_that_is_gone_is_told_as_an_alert_of_our_own_that_ends_with_it(proxy: Proxy) -> None:
    world, _ = begin(proxy)
    proxy.faults.clear()
    proxy.faults["time="] = faults.hangs_up
    world.advance(minutes=RULE_FAILING_FOR.total_seconds() / 60 + 2)
    told = world.pages[-1].notification
    assert {alert.name for alert in told.alerts} == {RULE_FAILING}
    assert all("127.0.0.1" in alert.annotations["description"] for alert in told.alerts)
    assert {page.notification.status for page in world.pages} == {Status.FIRING}
    proxy.faults.clear()
    world.advance(minutes=6)
    ended = {name for page in world.pages for name in page.names(Status.RESOLVED)}
    assert ended == {RULE_FAILING}
