"""`rate_limits` in tocsin.yml: what is read, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.config.files import load, refusal
from tocsin.core.rate_limits import RateLimit, limit_of

ALERTMANAGER = """
route:
  receiver: default
receivers:
  - name: default
    webhook_configs: [{url_file: 'secret:webhook#default'}]
  - name: pager
    webhook_configs: [{url_file: 'secret:webhook#pager'}]
"""
FULL = """
rate_limits:
  - {receiver: pager, notifications: 20, per: 30s, never_held: [Sev1]}
  - {receiver: default, notifications: 5}
"""


def one(tocsin: str) -> str:
    """Return the one problem there is."""
    (problem,) = refusal(tocsin=tocsin)
    return str(problem)


def test_everything_is_read() -> None:
    found = load(ALERTMANAGER, tocsin=FULL)
    (pager,) = found.receivers["pager"].integrations
    assert limit_of(pager) == RateLimit(20, timedelta(seconds=30), ("sev1",))
    assert limit_of(found.receivers["default"].integrations[0]) == RateLimit(
        5, timedelta(minutes=1), ("critical", "page", "error")
    )


def test_without_them_nobody_has_one() -> None:
    found = load(tocsin="")
    assert not any(limit_of(each) for receiver in found.receivers.values() for each in receiver.integrations)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "{receiver: pagr, notifications: 5}", "there is no receiver 'pagr', did you mean 'pager'?", id="name"
        ),
        pytest.param("{receiver: pager}", "notifications is missing", id="how many"),
        pytest.param("{receiver: pager, notifications: 0}", "expected 1 to 1000, found 0", id="none"),
        pytest.param("{receiver: pager, notifications: 5, per: 2h}", "expected a duration from 1s to 1h", id="long"),
        pytest.param("{receiver: pager, notifications: 5, every: 1m}", "unknown key 'every'", id="a key"),
        pytest.param("x", "expected a mapping", id="no limit"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    assert said in one(tocsin=f"rate_limits:\n  - {text}\n")


def test_a_receiver_has_one_limit() -> None:
    twice = "{receiver: pager, notifications: 5}"
    assert "pager has a limit already" in one(tocsin=f"rate_limits:\n  - {twice}\n  - {twice}\n")


def test_a_list_is_expected() -> None:
    assert "rate_limits: expected a list" in one(tocsin="rate_limits: {pager: 5}")
