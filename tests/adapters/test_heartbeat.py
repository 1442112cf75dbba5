"""Heartbeats: what is asked where, and that nobody waits for who watches."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from tests.adapters.samples import NOW, alert, notification
from tests.adapters.scripted import ListedSecrets, Outcome, outlets, scripted, timed_out
from tocsin.adapters.heartbeat import HeartbeatSender, TickHeartbeat
from tocsin.adapters.http import Http, Request, Response
from tocsin.adapters.http_config import HttpClients
from tocsin.adapters.secrets import Secrets
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason, SecretError

URL = "https://hc-ping.com/5bf66975"
BY_SECRET = {"url_file": "secret:heartbeat#tick"}
OK = Response(200, {}, b"OK")


def beat(
    settings: Mapping[str, Any], *outcomes: Outcome, is_well: bool = True, url: str = URL, seconds: float = 5.0
) -> tuple[str, list[Request]]:
    http, transport, _ = scripted(*(outcomes or (OK,)))
    told = TickHeartbeat(ListedSecrets(url), HttpClients(http), seconds)(settings, is_well=is_well, now=NOW)
    return told, transport.requests


class TestTick:
    def test_the_address_of_the_secret_is_asked_once(self):
        answer, (request,) = beat(BY_SECRET)
        assert (answer, request.method, request.url, request.body) == ("200", "GET", URL, b"")

    def test_another_method_may_be_asked_for(self):
        _, (request,) = beat({**BY_SECRET, "method": "POST"})
        assert request.method == "POST"

    @pytest.mark.parametrize(
        ("name", "url", "failure", "asked"),
        [
            ("a path", URL, "/fail", f"{URL}/fail"),
            ("a path after a slash", f"{URL}/", "/fail", f"{URL}/fail"),
            ("a path before the parameters", f"{URL}?create=1", "/fail", f"{URL}/fail?create=1"),
            ("a parameter", URL, "?state=fail", f"{URL}?state=fail"),
            ("a parameter beside others", f"{URL}?env=prod", "?state=fail", f"{URL}?env=prod&state=fail"),
        ],
    )
    def test_a_failed_tick_is_told_where_the_service_can_hear_it(self, name: str, url: str, failure: str, asked: str):
        _, (request,) = beat({**BY_SECRET, "failure": failure}, is_well=False, url=url)
        assert request.url == asked, name

    def test_a_failed_tick_is_silence_where_the_service_knows_nothing_else(self):
        assert beat(BY_SECRET, is_well=False) == ("", [])

    def test_a_key_stands_in_a_header(self):
        authorization = {"type": "GenieKey", "credentials_file": "secret:heartbeat#opsgenie"}
        _, (request,) = beat({**BY_SECRET, "http_config": {"authorization": authorization}})
        assert request.headers["authorization"] == f"GenieKey {URL}"

    @pytest.mark.parametrize("outcome", [Response(404, {}, b"not found"), Response(302, {}, b"")])
    def test_what_is_refused_is_an_error_that_does_not_hold_the_address(self, outcome: Response):
        with pytest.raises(DeliveryError) as raised:
            beat(BY_SECRET, outcome)
        assert "5bf66975" not in str(raised.value)
        assert "https://hc-ping.com/" in str(raised.value)

    @pytest.mark.parametrize("outcome", [Response(503, {}, b""), Response(429, {"retry-after": "1"}, b""), timed_out()])
    def test_it_is_asked_again_only_within_two_seconds(self, outcome: Outcome):
        http, transport, clock = scripted(outcome, seconds=2.0)
        with pytest.raises(DeliveryError):
            TickHeartbeat(ListedSecrets(URL), HttpClients(http), 5.0)(BY_SECRET, is_well=True, now=NOW)
        assert len(transport.requests) == 1
        assert transport.timeouts == [2.0]
        assert clock.slept == []

    def test_a_secret_that_is_missing_is_said(self):
        with pytest.raises(DeliveryError, match="there is no such secret"):
            TickHeartbeat(_Refusing(), HttpClients(scripted(OK)[0]), 5.0)(BY_SECRET, is_well=True, now=NOW)

    def test_whatever_hangs_is_left_to_itself(self):
        released = threading.Event()

        def hang(request: Request, *, timeout_seconds: float) -> Response:
            released.wait(60)
            return OK

        http = Http(hang, sleep=lambda _: None, random=lambda: 1.0, monotonic=lambda: 0.0)
        with pytest.raises(DeliveryError) as raised:
            TickHeartbeat(ListedSecrets(URL), HttpClients(http), 0.05)(BY_SECRET, is_well=True, now=NOW)
        released.set()
        assert raised.value.reason is FailureReason.TIMEOUT


class _Refusing(Secrets):
    """Secrets of which there are none."""

    def __init__(self) -> None: ...

    def read(self, reference: str, *, now: datetime) -> str:
        raise SecretError(f"{reference}: there is no such secret")


class TestDelivery:
    def of(self, settings: Mapping[str, Any]) -> Any:
        return notification(Kind.HEARTBEAT, alert(), settings=settings)

    def test_without_an_address_it_has_arrived_all_the_same(self):
        found, transport = outlets(OK)
        assert HeartbeatSender(found)(self.of({}), now=NOW).startswith("arrived")
        assert transport.requests == []

    def test_its_arrival_is_told(self):
        found, transport = outlets(OK, secrets=ListedSecrets(URL))
        assert HeartbeatSender(found)(self.of({"url_file": "secret:heartbeat#delivery"}), now=NOW) == "200"
        (request,) = transport.requests
        assert (request.method, request.url) == ("GET", URL)

    def test_what_is_refused_is_raised(self):
        found, _ = outlets(Response(404, {}, b""), secrets=ListedSecrets(URL))
        with pytest.raises(DeliveryError):
            HeartbeatSender(found)(self.of({"url_file": "secret:heartbeat#delivery"}), now=NOW)
