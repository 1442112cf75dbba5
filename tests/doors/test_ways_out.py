"""Every way out of Tocsin, as a function is wired: to this machine it leads only where AllowedTargets says so.

A way that is new belongs into WAYS; what would connect past them is found in the code.
"""

from __future__ import annotations

import ast
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.samples import NOW, alert, notification
from tocsin.core.receivers import Kind
from tocsin.errors import DeliveryError, FailureReason, QueryError
from tocsin.ports import Query
from tocsin.wiring import Application

TOCSIN = Path(__file__).parents[2] / "functions" / "tocsin"
ENVIRONMENT = {
    "TOCSIN_TABLE": "table",
    "TOCSIN_TIMER_QUEUE_URL": "url",
    "TOCSIN_PROMETHEUS_URL": "http://HERE",
    "TOCSIN_ALLOW_INLINE_SECRETS": "true",
    "AWS_REGION": "eu-west-1",
}
# Settings by the way that they open; HERE is where the test listens.
WAYS: Mapping[str, tuple[Kind, Mapping[str, Any]]] = {
    "slack": (Kind.SLACK, {"api_url": "http://HERE/x"}),
    "pagerduty": (Kind.PAGERDUTY, {"routing_key": "a" * 32, "url": "http://HERE/x"}),
    "pagerduty's first version": (
        Kind.PAGERDUTY,
        {"service_key": "a" * 32, "url": "http://HERE/generic/2010-04-15/create_event.json"},
    ),
    "email": (Kind.EMAIL, {"to": "a@example.org", "from": "b@example.org", "smarthost": "HERE", "require_tls": False}),
    "sns": (
        Kind.SNS,
        {
            "topic_arn": "arn:aws:sns:eu-west-1:123456789012:a",
            "api_url": "http://HERE",
            "sigv4": {"access_key": "a", "secret_key": "b"},
        },
    ),
    "discord": (Kind.DISCORD, {"webhook_url": "http://HERE/x"}),
    "msteamsv2": (Kind.MSTEAMSV2, {"webhook_url": "http://HERE/x"}),
    "opsgenie": (Kind.OPSGENIE, {"api_key": "k", "api_url": "http://HERE/"}),
    "telegram": (Kind.TELEGRAM, {"bot_token": "1:a", "chat_id": -100, "api_url": "http://HERE"}),
    "webhook": (Kind.WEBHOOK, {"url": "http://HERE/x"}),
    "heartbeat": (Kind.HEARTBEAT, {"url": "http://HERE/x"}),
    "a proxy": (Kind.WEBHOOK, {"url": "http://203.0.113.7/", "http_config": {"proxy_url": "http://HERE"}}),
    "a proxy, for TLS": (Kind.WEBHOOK, {"url": "https://203.0.113.7/", "http_config": {"proxy_url": "http://HERE"}}),
    "a server of tokens": (
        Kind.WEBHOOK,
        {
            "url": "http://203.0.113.7/",
            "http_config": {"oauth2": {"client_id": "c", "client_secret": "s", "token_url": "http://HERE/t"}},
        },
    ),
    "TLS of one's own": (
        Kind.WEBHOOK,
        {"url": "https://HERE/x", "http_config": {"tls_config": {"insecure_skip_verify": True}}},
    ),
}


@dataclass(slots=True)
class Listener:
    """A server that refuses everybody, and counts them."""

    address: str
    came: int = 0


@contextmanager
def listening() -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Listener(f"127.0.0.1:{server.getsockname()[1]}")

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                found.came += 1
                with connection, suppress(OSError):
                    connection.settimeout(0.2)
                    with suppress(TimeoutError):
                        connection.recv(65536)  # a mail server speaks first: there nothing comes
                    connection.sendall(b"HTTP/1.1 400 No\r\ncontent-length: 0\r\n\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield found
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def _here(value: Any, address: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _here(each, address) for key, each in value.items()}
    return value.replace("HERE", address) if isinstance(value, str) else value


def _application(function: str, address: str, allowed: str) -> Application:
    return Application(function, {**_here(ENVIRONMENT, address), "TOCSIN_ALLOWED_TARGETS": allowed})


def _deliver(way: str, address: str, allowed: str) -> Callable[[], object]:
    kind, settings = WAYS[way]
    sender = _application("notify_webhook", address, allowed).senders.of_kind(kind.value)
    told = notification(kind, alert(), settings=_here(settings, address))
    return lambda: sender(told, now=NOW)


def test_every_kind_is_a_way() -> None:
    assert {kind for kind, _ in WAYS.values()} == {kind for kind in Kind if kind.honoured}


@pytest.mark.parametrize("allowed", ["", "*", "hooks.example.org", "10.0.0.0/8", "0.0.0.0/0"])
@pytest.mark.parametrize("way", WAYS)
def test_a_delivery_does_not_lead_inside(way: str, allowed: str) -> None:
    with listening() as listener:
        with pytest.raises(DeliveryError) as raised:
            _deliver(way, listener.address, allowed)()
        assert (raised.value.reason, raised.value.retryable) == (FailureReason.NOT_CONFIGURED, False)
        assert "TOCSIN_ALLOWED_TARGETS" in str(raised.value)
    assert listener.came == 0


@pytest.mark.parametrize("way", WAYS)
def test_it_does_where_it_is_allowed(way: str) -> None:
    """Or the test above would show nothing."""
    with listening() as listener, suppress(Exception):
        _deliver(way, listener.address, "203.0.113.7, 127.0.0.1")()
    assert listener.came > 0


@pytest.mark.parametrize(("allowed", "comes"), [("*", False), ("hooks.slack.com", False), ("127.0.0.1", True)])
def test_an_answer_to_who_clicked(allowed: str, *, comes: bool) -> None:
    with listening() as listener:
        reply = _application("act", listener.address, allowed).senders.slack_replies()
        with pytest.raises(DeliveryError) as raised:
            reply(f"http://{listener.address}/actions/x", "done", now=NOW)
        assert (raised.value.reason is FailureReason.NOT_CONFIGURED) is not comes
    assert (listener.came > 0) is comes


@pytest.mark.parametrize(("allowed", "comes"), [("*", False), ("127.0.0.1", True)])
def test_the_heartbeat_of_a_tick(allowed: str, *, comes: bool) -> None:
    with listening() as listener:
        application = _application("evaluate", listener.address, allowed)
        with pytest.raises(DeliveryError) as raised:
            application.beat({"url": f"http://{listener.address}/"}, is_well=True, now=NOW)
        assert (raised.value.reason is FailureReason.NOT_CONFIGURED) is not comes
    assert (listener.came > 0) is comes


@pytest.mark.parametrize(("allowed", "comes"), [("*", False), ("hooks.example.org", False), ("127.0.0.1", True)])
def test_a_query(allowed: str, *, comes: bool) -> None:
    with listening() as listener:
        metrics = _application("evaluate", listener.address, allowed).metrics
        (answer,) = metrics.query_all([Query("up", NOW)], budget_seconds=2)
    assert isinstance(answer, QueryError)
    assert ("TOCSIN_ALLOWED_TARGETS" in str(answer)) is not comes
    assert (listener.came > 0) is comes


CONNECTS = {"PoolManager", "ProxyManager", "HTTPConnectionPool", "HTTPSConnectionPool", "create_connection", "urlopen"}
# The modules that make connections: each gives them to guarded(), as the tests above see, but for the command line's.
CONNECTING = {
    "adapters/guarded.py",
    "adapters/http.py",
    "adapters/http_config.py",
    "wiring.py",  # the metrics endpoint's; and those to the API at the address that who types the command gives
    "wiring_senders.py",
}


def _connects(path: Path) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return bool(
        CONNECTS & {each.attr if isinstance(each, ast.Attribute) else getattr(each, "id", "") for each in called}
    )


def test_nothing_connects_past_them() -> None:
    modules = {str(path.relative_to(TOCSIN)) for path in TOCSIN.rglob("*.py") if _connects(path)}
    assert modules == CONNECTING
