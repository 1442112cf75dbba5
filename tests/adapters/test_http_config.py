"""`http_config`: who one is, what one trusts, which way one takes, and where one never goes."""

from __future__ import annotations

import json
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from dev.receivers import Receivers
from tests.adapters.certificates import Certificates
from tests.adapters.local import local_clients, local_transport
from tests.adapters.samples import NOW
from tests.adapters.scripted import ListedSecrets, Outcome, scripted
from tocsin.adapters.credentials import Credentials
from tocsin.adapters.http import Http, Response
from tocsin.adapters.http_config import Connection, HttpClients
from tocsin.adapters.proxies import Proxy, proxy_for
from tocsin.adapters.secrets import Secrets
from tocsin.adapters.tls import Tls, context_of
from tocsin.errors import DeliveryError, FailureReason

URL = "https://hooks.example.com/x"
OK = Response(200, {}, b"ok")


class NamedSecrets(Secrets):
    """Secrets by their reference."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def read(self, reference: str, *, now: Any) -> str:
        return self.values[reference.rpartition("#")[2]]

    reread = read


def credentials(secrets: Secrets | None = None) -> Credentials:
    return Credentials(secrets or NamedSecrets(password="p", token="t", secret="s3cr3t", team="ops"), now=NOW)


def ask(config: Mapping[str, Any], *outcomes: Outcome, url: str = URL, hosts: Mapping[str, str] | None = None) -> Any:
    """Return the answer and every request that was made for it."""
    http, transport, _ = scripted(*(outcomes or (OK,)))
    found = hosts or {}
    clients = HttpClients(http, resolve=lambda host: [found.get(host, "203.0.113.7")])
    answer = clients.connect(config, credentials(), now=NOW).post_json(url, {}, now=NOW)
    return answer, transport.requests


def basic(text: str) -> str:
    return f"Basic {b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("config", "url", "expected"),
    [
        pytest.param({}, URL, None, id="nobody"),
        pytest.param({"basic_auth": {"username": "u", "password": "p"}}, URL, basic("u:p"), id="basic"),
        pytest.param(
            {"basic_auth": {"username": "u", "password_file": "secret:x#password"}},
            URL,
            basic("u:p"),
            id="by reference",
        ),
        pytest.param({"authorization": {"type": "Bearer", "credentials": "t"}}, URL, "Bearer t", id="bearer"),
        pytest.param({"authorization": {"credentials_file": "secret:x#token"}}, URL, "Bearer t", id="a token's place"),
        pytest.param({"authorization": {"type": "ApiKey", "credentials": "k"}}, URL, "ApiKey k", id="another type"),
        pytest.param({}, "https://u%40x:p@hooks.example.com/x", basic("u@x:p"), id="in the URL"),
        pytest.param(
            {"authorization": {"credentials": "t"}}, "https://u:p@hooks.example.com/x", "Bearer t", id="not the URL's"
        ),
    ],
)
def test_who_one_is(config: dict[str, Any], url: str, expected: str | None) -> None:
    _, (request,) = ask(config, url=url)
    assert request.headers.get("authorization") == expected
    assert request.url == URL


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Team": {"values": ["a"], "secrets": ["b"], "files": ["secret:x#team"]}, "X-Nothing": {}},
        {"X-Team": {"values": ["a", "b"]}, "X-Other": {"files": ["secret:x#team"]}},
        {"X-Team": {"values": ["a"]}, "x-team": {"secrets": ["b"]}, "x-other": {"files": ["secret:x#team"]}},
    ],
)
def test_headers(headers: dict[str, Any]) -> None:
    _, (request,) = ask({"http_headers": headers})
    said = {name: value for name, value in request.headers.items() if name.startswith("x-")}
    assert said in ({"x-team": "a, b, ops"}, {"x-team": "a, b", "x-other": "ops"})


def test_a_secret_manager_that_does_not_exist_is_said() -> None:
    with pytest.raises(DeliveryError, match="credentials_ref names a secret manager") as raised:
        ask({"authorization": {"credentials_ref": "vault"}})
    assert raised.value.reason is FailureReason.NOT_CONFIGURED


TO = "https://hooks.example.com/y"


def moved(status: int, to: str) -> Response:
    return Response(status, {"location": to})


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_followed_with_the_message(status: int) -> None:
    answer, requests = ask({"authorization": {"credentials": "t"}}, moved(status, "/y"), OK)
    assert (answer.status, [request.url for request in requests]) == (200, [URL, TO])
    assert {request.method for request in requests} == {"POST"}
    assert requests[1].body == requests[0].body
    assert requests[1].headers["authorization"] == "Bearer t"


def test_credentials_stay_with_their_server() -> None:
    config = {"authorization": {"credentials": "t"}, "http_headers": {"X-Key": {"values": ["k"]}}}
    _, requests = ask(config, moved(307, "https://other.example.com/"), OK)
    assert "authorization" not in requests[1].headers
    assert "x-key" not in requests[1].headers


def test_a_redirect_is_an_answer_where_it_is_not_to_be_followed() -> None:
    assert ask({"follow_redirects": False}, moved(307, TO))[0].status == 307
    assert ask({}, moved(303, TO))[0].status == 303
    assert ask({}, moved(307, ""))[0].status == 307


def test_redirects_in_a_circle_end() -> None:
    answer, requests = ask({}, moved(307, "/x"))
    assert (answer.status, len(requests)) == (307, 10)


@pytest.mark.parametrize(
    ("to", "hosts"),
    [
        pytest.param("http://hooks.example.com/y", {}, id="to where there is no TLS"),
        pytest.param("https://meta.example.com/", {"meta.example.com": "169.254.169.254"}, id="to the cloud's own"),
        pytest.param("https://meta.example.com/", {"meta.example.com": "fd00:ec2::254"}, id="by IPv6"),
        pytest.param("https://meta.example.com/", {"meta.example.com": "::ffff:169.254.169.254"}, id="by both"),
        pytest.param("https://self.example.com/", {"self.example.com": "127.0.0.1"}, id="to one's own machine"),
    ],
)
def test_a_redirect_leads_nowhere_else(to: str, hosts: dict[str, str]) -> None:
    with pytest.raises(DeliveryError, match="nothing is sent there") as raised:
        ask({}, moved(307, to), OK, hosts=hosts)
    assert raised.value.retryable is False


# OAuth 2

OAUTH = {
    "oauth2": {
        "client_id": "id:1",
        "client_secret_file": "secret:x#secret",
        "token_url": "https://login.example.com/token",
        "scopes": ["a", "b"],
        "endpoint_params": {"audience": "ops"},
    }
}


def token(value: str = "abc", **more: Any) -> Response:
    return Response(200, {}, json.dumps({"access_token": value, "token_type": "bearer", **more}).encode())


def test_a_token_is_fetched_and_used() -> None:
    _, (asked, sent) = ask(OAUTH, token(expires_in=60), OK)
    assert asked.url == "https://login.example.com/token"
    assert asked.headers["authorization"] == basic("id%3A1:s3cr3t")
    form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    assert form == {"grant_type": "client_credentials", "scope": "a b", "audience": "ops"}
    assert sent.headers["authorization"] == "Bearer abc"


def test_a_server_that_wants_the_credentials_in_the_form_gets_them_there() -> None:
    _, (_, asked, sent) = ask(OAUTH, Response(401), token(), OK)
    form = parse_qs(asked.body.decode())
    assert (form["client_id"], form["client_secret"], "authorization" in asked.headers) == (["id:1"], ["s3cr3t"], False)
    assert sent.headers["authorization"] == "Bearer abc"


def test_a_token_is_kept_until_shortly_before_it_expires() -> None:
    http, transport, _ = scripted(token("one", expires_in=60), OK, OK, token("two", expires_in=60), OK)
    clients = HttpClients(http)
    for seconds in (0, 49, 50):
        now = NOW + timedelta(seconds=seconds)
        clients.connect(OAUTH, credentials(), now=now).post_json(URL, {}, now=now)
    used = [request.headers["authorization"] for request in transport.requests if request.url == URL]
    assert used == ["Bearer one", "Bearer one", "Bearer two"]


def test_a_rotated_secret_asks_for_another_token() -> None:
    http, transport, _ = scripted(token("one"), token("two"))
    clients = HttpClients(http)
    for secret in ("s", "r"):
        clients.connect(OAUTH, credentials(NamedSecrets(secret=secret)), now=NOW)
    assert len(transport.requests) == 2


@pytest.mark.parametrize(
    "answer", [Response(400, {}, b"invalid_client s3cr3t"), Response(200, {}, b"{}"), Response(200)]
)
def test_no_token_is_said_without_the_secret(answer: Response) -> None:
    with pytest.raises(DeliveryError, match="gave no token") as raised:
        ask(OAUTH, answer)
    assert (raised.value.reason, raised.value.retryable) == (FailureReason.AUTH, False)
    assert "s3cr3t" not in str(raised.value)


# Proxies

PROXY = "http://proxy.example.com:3128"
ENVIRONMENT = {"HTTPS_PROXY": PROXY, "http_proxy": "plain:80", "NO_PROXY": "internal,.example.org"}


@pytest.mark.parametrize(
    ("config", "url", "proxy"),
    [
        ({}, URL, ""),
        ({"proxy_url": PROXY}, URL, PROXY),
        ({"proxy_url": PROXY}, "http://127.0.0.1:9/", ""),
        ({"proxy_url": PROXY}, "http://localhost:9/", ""),
        ({"proxy_url": PROXY, "no_proxy": "example.com"}, URL, ""),
        ({"proxy_url": PROXY, "no_proxy": ".example.com"}, URL, ""),
        ({"proxy_url": PROXY, "no_proxy": "ample.com"}, URL, PROXY),
        ({"proxy_url": PROXY, "no_proxy": "hooks.example.com:443"}, URL, ""),
        ({"proxy_url": PROXY, "no_proxy": "hooks.example.com:80"}, URL, PROXY),
        ({"proxy_url": PROXY, "no_proxy": "10.0.0.0/8, x"}, "http://10.1.2.3/", ""),
        ({"proxy_url": PROXY, "no_proxy": "*"}, URL, ""),
        ({"proxy_from_environment": True}, URL, PROXY),
        ({"proxy_from_environment": True}, "http://hooks.example.com/", "http://plain:80"),
        ({"proxy_from_environment": True}, "https://a.example.org/", ""),
        ({"proxy_from_environment": False}, URL, ""),
    ],
)
def test_which_way_one_takes(config: dict[str, Any], url: str, proxy: str) -> None:
    assert proxy_for(url, config, ENVIRONMENT).url == proxy


def test_connections_are_made_once_for_each_way() -> None:
    made: list[Connection] = []
    http, transport, _ = scripted(OK)

    def make(connection: Connection) -> Any:
        made.append(connection)
        return transport

    clients = HttpClients(http, {}, make)
    config = {"proxy_url": PROXY, "no_proxy": "direct.example.com", "proxy_connect_header": {"X": ["1", "2"]}}
    for url in (URL, URL, "https://direct.example.com/"):
        clients.connect(config, credentials(), now=NOW).post_json(url, {}, now=NOW)
    assert made == [Connection(Tls(), Proxy(PROXY, (("X", "1, 2"),)))]


def test_a_proxy_is_asked_for_the_url() -> None:
    with Receivers() as receivers:
        # A proxy is asked with the whole URL as the path, and here it answers itself.
        clients = local_clients(Http(local_transport(), lambda _: None, lambda: 0.0, lambda: 0.0, budget_seconds=5))
        config = {"proxy_url": receivers.url.replace("//", "//user:p%40ss@")}
        http = clients.connect(config, credentials(), now=NOW)
        assert http.post_json("http://hooks.invalid/x", {}, now=NOW).status == 404


def test_a_proxy_of_another_kind_is_refused() -> None:
    clients = HttpClients(scripted(OK)[0])
    with pytest.raises(DeliveryError, match="not by socks5"):
        clients.connect({"proxy_url": "socks5://x:1"}, credentials(), now=NOW).post_json(URL, {}, now=NOW)


# TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("tls"))


@contextmanager
def https_server(certificates: Certificates, *, asks_for_client: bool = False) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing: refusals are the point."""

    context = certificates.server_context(asks_for_client=asks_for_client)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"https://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()


def over_tls(tls: Mapping[str, Any], url: str) -> int:
    http = Http(local_transport(), lambda _: None, lambda: 0.0, lambda: 0.0, timeout_seconds=2, budget_seconds=0)
    clients = local_clients(http)
    return clients.connect({"tls_config": tls}, credentials(), now=NOW).post_json(url, {}, now=NOW).status


def test_whom_one_trusts(certificates: Certificates) -> None:
    with https_server(certificates) as url:
        with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"):
            over_tls({}, url)
        assert over_tls({"ca": certificates.ca}, url) == 204
        assert over_tls({"ca": certificates.ca, "server_name": "receiver.test"}, url) == 204
        with pytest.raises(DeliveryError, match="Hostname mismatch"):
            over_tls({"ca": certificates.ca, "server_name": "other.test"}, url)
        assert over_tls({"insecure_skip_verify": True}, url) == 204
        with pytest.raises(DeliveryError):
            over_tls({"ca": certificates.ca, "max_version": "TLS10", "min_version": "TLS10"}, url)


def test_whom_one_shows_oneself_as(certificates: Certificates) -> None:
    with https_server(certificates, asks_for_client=True) as url:
        own = {"ca": certificates.ca, "cert": certificates.client, "key": certificates.client_key}
        assert over_tls(own, url) == 204
        with pytest.raises(DeliveryError):
            over_tls({"ca": certificates.ca}, url)


def test_old_versions_are_not_spoken_unless_asked_for() -> None:
    assert context_of(Tls()).minimum_version is ssl.TLSVersion.TLSv1_2
    assert context_of(Tls(max_version="TLS12")).maximum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("tls", [Tls(ca="no certificate"), Tls(certificate="x", key="y"), Tls(min_version="SSL3")])
def test_what_is_no_certificate_is_said(tls: Tls) -> None:
    with pytest.raises(DeliveryError, match="tls_config cannot be used") as raised:
        context_of(tls)
    assert raised.value.reason is FailureReason.NOT_CONFIGURED


def test_secrets_are_read_once_a_delivery() -> None:
    secrets = ListedSecrets("v")
    reader = Credentials(secrets, now=NOW)
    assert [reader.at("secret:x#a"), reader.at("secret:x#a")] == ["v", "v"]
    assert len(secrets.readings) == 1
