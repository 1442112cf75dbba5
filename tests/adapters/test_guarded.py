"""Connections that are not made: with real sockets on this machine, and names that a test resolves."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import urllib3

from dev.receivers import Receivers
from tests.adapters.certificates import Certificates
from tests.adapters.samples import NOW
from tests.adapters.test_http_config import credentials
from tocsin.adapters.guarded import ForbiddenAddressError, guarded, open_socket
from tocsin.adapters.http import Http, PooledTransport, Request, Response
from tocsin.adapters.http_config import HttpClients, pooled
from tocsin.adapters.targets import Resolve, Targets, read_targets
from tocsin.errors import DeliveryError, FailureReason

HERE = read_targets("127.0.0.0/8")


@dataclass(slots=True)
class Listener:
    """A server on a port of 127.0.0.1 that counts who comes."""

    port: int
    peers: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@contextmanager
def listening(answer: bytes = b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n") -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Listener(server.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    connection, peer = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(2)
                    if not connection.recv(1):
                        continue  # it was only looked whether anybody is there
                    found.peers.append(peer[0])
                    connection.sendall(answer.replace(b"PORT", str(found.port).encode()))

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield found
        finally:
            with socket.create_connection(("127.0.0.1", found.port)):
                server.close()


@dataclass(slots=True)
class Names:
    """Resolves names as a test says, each time with the next answer; `asked` counts."""

    answers: dict[str, list[list[str]]]
    asked: int = 0

    def __call__(self, host: str) -> list[str]:
        self.asked += 1
        given = self.answers.get(host, [[host]])
        return given.pop(0) if len(given) > 1 else given[0]


def post(url: str, targets: Targets = Targets(), resolve: Resolve | None = None) -> Response:  # noqa: B008
    pool = urllib3.PoolManager()
    transport = PooledTransport(guarded(pool, targets, resolve) if resolve else guarded(pool, targets))
    try:
        return transport(Request(url, {}, b"{}"), timeout_seconds=2)
    finally:
        pool.clear()


def is_refused(send: Callable[[], object]) -> bool:
    with pytest.raises(DeliveryError) as raised:
        send()
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.NOT_CONFIGURED, False)
    return "nothing is sent there" in str(raised.value)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "0"]
)
def test_this_machine_is_not_reached_in_any_spelling(host: str) -> None:
    with listening() as server:
        assert is_refused(lambda: post(f"http://{host}:{server.port}/"))
        assert server.peers == []


def test_it_is_where_somebody_allows_it() -> None:
    with listening() as server:
        assert post(server.url, HERE).status == 204
        assert server.peers == ["127.0.0.1"]


def test_nothing_is_sent_by_tls_either(tmp_path: Path) -> None:
    with listening() as server:
        assert is_refused(lambda: post(f"https://localhost:{server.port}/"))
        assert server.peers == [], "not even the beginning of TLS"


def test_a_name_that_leads_inside_helps_nobody() -> None:
    with listening() as server:
        names = Names({"hooks.example.org": [["127.0.0.1"]]})
        assert is_refused(lambda: post(f"http://hooks.example.org:{server.port}/", resolve=names))
        assert server.peers == []


def test_a_name_that_changes_its_mind_is_asked_once() -> None:
    # Rebinding: the first answer is looked at, a second one would be connected to.
    names = Names({"hooks.example.org": [["127.0.0.2"], ["127.0.0.1"]]})
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.01)
        only_the_second = read_targets("127.0.0.2")
        with pytest.raises(OSError, match=r"refused|timed out"):
            open_socket("hooks.example.org", server.getsockname()[1], seconds=1, targets=only_the_second, resolve=names)
        with pytest.raises(TimeoutError):
            server.accept()
    assert names.asked == 1


def test_of_a_names_addresses_only_those_are_tried_that_are_allowed() -> None:
    with listening() as server:
        names = Names({"hooks.example.org": [["169.254.169.254", "127.0.0.1", "::1"]]})
        assert post(f"http://hooks.example.org:{server.port}/", HERE, names).status == 204
        assert server.peers == ["127.0.0.1"]


def test_the_next_address_is_tried_where_nobody_listens() -> None:
    with listening() as server:
        names = Names({"hooks.example.org": [["127.0.0.3", "127.0.0.1"]]})
        assert post(f"http://hooks.example.org:{server.port}/", HERE, names).status == 204


def test_a_name_without_an_address_is_tried_again_later() -> None:
    with pytest.raises(DeliveryError) as raised:
        post("http://hooks.invalid/", resolve=lambda host: [])
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.CONNECTION, True)
    assert raised.value.may_have_arrived is False


def test_the_error_says_nothing_of_the_url() -> None:
    with pytest.raises(DeliveryError) as raised:
        post("http://127.0.0.1:1/s3cr3t?token=s3cr3t")
    assert "s3cr3t" not in str(raised.value)


def test_the_name_is_what_a_certificate_is_compared_with(tmp_path: Path) -> None:
    """The connection is made to an address; TLS goes by the name all the same."""
    certificates = Certificates.make(tmp_path)
    context = ssl.create_default_context(cafile=None)
    context.load_verify_locations(cadata=certificates.ca)
    server_context = certificates.server_context()
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked: list[str] = []
        server_context.sni_callback = lambda _, name, __: asked.append(name)

        def serve() -> None:
            with server.accept()[0] as connection:
                try:
                    server_context.wrap_socket(connection, server_side=True)
                except (ssl.SSLError, OSError):
                    return

        threading.Thread(target=serve, daemon=True).start()
        pool = guarded(urllib3.PoolManager(ssl_context=context), HERE, lambda host: ["127.0.0.1"])
        url = f"https://hooks.example.org:{server.getsockname()[1]}/"
        with pytest.raises(DeliveryError, match=r"hooks\.example\.org"):
            PooledTransport(pool)(Request(url, {}, b"{}"), timeout_seconds=2)
    assert asked == ["hooks.example.org"]


# ------------------------------------------------------------------------------------- redirects and proxies


def clients(targets: Targets, resolve: Resolve) -> HttpClients:
    http = Http(
        PooledTransport(guarded(urllib3.PoolManager(), targets, resolve)),
        sleep=lambda _: None,
        random=lambda: 0.0,
        monotonic=lambda: 0.0,
        timeout_seconds=2,
        budget_seconds=2,
        backoff_seconds=4,
    )
    return HttpClients(http, {}, partial(pooled, targets=targets, resolve=resolve), resolve, targets)


def redirect(to: str) -> bytes:
    return f"HTTP/1.1 307 T\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n".encode()


@pytest.mark.parametrize(
    "to",
    [
        "http://169.254.169.254/",
        "http://2852039166/",
        "http://[fd00:ec2::254]/",
        "http://0:PORT/",
        "//127.0.0.1:PORT/x",
    ],
)
def test_a_redirect_leads_nowhere_inside(to: str) -> None:
    # The receiver is allowed, by its address; the rest of the machine is not.
    with listening(redirect(to)) as server:
        targets = read_targets("127.0.0.5")
        names = Names({"hooks.example.org": [["127.0.0.5"]], "2852039166": [["169.254.169.254"]], "0": [["0.0.0.0"]]})
        with socket.create_server(("127.0.0.5", 0)) as other:
            threading.Thread(target=_answer_once, args=(other, redirect(to.replace("PORT", str(server.port))))).start()
            url = f"http://hooks.example.org:{other.getsockname()[1]}/"
            http = clients(targets, names).connect({}, credentials(), now=NOW)
            assert is_refused(lambda: http.post_json(url, {}, now=NOW))
        assert server.peers == []


def _answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_inside_is_not_used(scheme: str) -> None:
    with listening() as server:
        http = clients(Targets(), Names({})).connect({"proxy_url": server.url}, credentials(), now=NOW)
        assert is_refused(lambda: http.post_json(f"{scheme}://203.0.113.7/", {}, now=NOW))
        assert server.peers == []


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/",
        "http://meta.example.org/",
        "https://[fe80::1]/",
        # urllib3 tells the proxy 169.254.169.254, whatever others read.
        "http://169.254.169.254\\.example.org/",
        "http://%31%36%39.254.169.254/",
    ],
)
def test_a_proxy_is_not_asked_for_what_is_inside(url: str) -> None:
    with listening() as server:
        names = Names({"meta.example.org": [["169.254.169.254"]]})
        http = clients(HERE, names).connect({"proxy_url": server.url}, credentials(), now=NOW)
        assert is_refused(lambda: http.post_json(url, {}, now=NOW))
        assert server.peers == []


def test_a_server_of_tokens_inside_is_not_asked() -> None:
    oauth2 = {"client_id": "c", "client_secret_file": "secret:x#secret", "token_url": "http://169.254.170.2/token"}
    connect = clients(Targets(), Names({})).connect
    assert is_refused(lambda: connect({"oauth2": oauth2}, credentials(), now=NOW))


def test_a_socket_of_ones_own_is_refused_the_same() -> None:
    with Receivers() as receivers, pytest.raises(ForbiddenAddressError):
        open_socket("127.0.0.1", int(receivers.url.rpartition(":")[2]), seconds=1, targets=Targets())
