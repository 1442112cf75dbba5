"""`http_config`: authorization, headers, TLS, proxy and redirects of an integration's requests.

Rules:
- Secrets are read as settings refer to them (credentials.py); a URL's own `user:password@` is basic authorization.
- Redirects are followed with the same method and body (a notification must arrive); not to where there is no TLS any
  more, not to one's own machine, and without the credentials when they lead to another server.
- Nothing is sent to where it must not lead (targets.py), a proxy included, nor asked of a proxy for there.

Source: https://prometheus.io/docs/alerting/latest/configuration/#http_config
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import urllib3
import urllib3.exceptions

from .credentials import Credentials, not_configured
from .guarded import guarded
from .http import Http, PooledTransport, Request, Response, Transport, forbidden
from .oauth2 import Tokens
from .proxies import Proxy, proxy_for
from .targets import Resolve, Targets, addresses_of, host_of, is_loopback
from .tls import Tls, context_of, read_tls

# 303 asks for a GET, which would leave the notification behind.
_REDIRECTS = frozenset({301, 302, 307, 308})
_MOST_REDIRECTS = 10


@dataclass(frozen=True, slots=True)
class Connection:
    """What a pool of connections is made for."""

    tls: Tls
    proxy: Proxy


_NO_TARGETS = Targets()


def pooled(connection: Connection, targets: Targets = _NO_TARGETS, resolve: Resolve = addresses_of) -> Transport:
    """Return connections of their own. Raises DeliveryError where TLS or the proxy cannot be."""
    if connection.tls.skips_verification:
        # Who configured it knows; a warning with every request tells nobody.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    names = {"server_hostname": connection.tls.server_name} if connection.tls.server_name else {}
    options: dict[str, Any] = {"num_pools": 8, "maxsize": 4, "ssl_context": context_of(connection.tls), **names}
    proxy = urlsplit(connection.proxy.url)
    if not connection.proxy.url:
        return PooledTransport(guarded(urllib3.PoolManager(**options), targets, resolve))
    if proxy.scheme not in ("http", "https"):
        raise not_configured(f"a proxy is reached by http or https, not by {proxy.scheme}")
    headers = dict(connection.proxy.headers)
    if proxy.username:
        headers["proxy-authorization"] = _basic(unquote(proxy.username), unquote(proxy.password or ""))
    bare = urlunsplit(proxy._replace(netloc=proxy.netloc.rpartition("@")[2]))
    manager = urllib3.ProxyManager(bare, proxy_headers=headers, **options)
    return ByProxy(PooledTransport(guarded(manager, targets, resolve)), targets, resolve)


@dataclass(frozen=True, slots=True)
class ByProxy:
    """A transport by a proxy, which connects where we cannot look: it is asked only for what is allowed."""

    transport: Transport
    targets: Targets
    resolve: Resolve

    def __call__(self, request: Request, *, timeout_seconds: float) -> Response:
        if not self.targets.permit_others(host_of(request.url), self.resolve):
            raise forbidden(request.url)
        return self.transport(request, timeout_seconds=timeout_seconds)


@dataclass(slots=True)
class HttpClients:
    """Connects as an `http_config` asks; connections and tokens are kept between invocations.

    `http` has the patience and the connections of who asks for nothing special; `environment` names proxies.
    """

    http: Http
    environment: Mapping[str, str] = field(default_factory=dict)
    make: Callable[[Connection], Transport] = pooled
    resolve: Resolve = addresses_of
    targets: Targets = _NO_TARGETS
    tokens: Tokens = field(default_factory=Tokens)
    _transports: dict[Connection, Transport] = field(default_factory=dict)

    def connect(
        self, config: Mapping[str, Any] | None, credentials: Credentials, *, now: datetime, until: float | None = None
    ) -> Http:
        """Return what requests are sent with, all over by `until` (monotonic seconds). Raises DeliveryError."""
        config, patient = config or {}, replace(self.http, until=until)
        over = self._over(config, credentials)
        headers = {**_headers(config, credentials), **self._authorization(config, credentials, patient, now=now)}
        credentials.note(*_secrets_of(headers, config))
        follows = bool(config.get("follow_redirects", True))
        hide = credentials.hide_bytes
        transport = ConfiguredTransport(over, headers, self.resolve, self.targets, hide, follows_redirects=follows)
        return replace(patient, transport=transport)

    def _over(self, config: Mapping[str, Any], credentials: Credentials) -> Callable[[str], Transport]:
        tls = read_tls(config.get("tls_config"), credentials)
        return lambda url: self._transport(Connection(tls, proxy_for(url, config, self.environment)))

    def _transport(self, connection: Connection) -> Transport:
        if connection == Connection(Tls(), Proxy()):
            return self.http.transport
        if connection not in self._transports:
            self._transports[connection] = self.make(connection)
        return self._transports[connection]

    def _authorization(
        self, config: Mapping[str, Any], credentials: Credentials, patient: Http, *, now: datetime
    ) -> dict[str, str]:
        if basic := config.get("basic_auth"):
            username = credentials.get(basic, "username")
            return {"authorization": _basic(username, credentials.get(basic, "password"))}
        if authorization := config.get("authorization"):
            value = credentials.get(authorization, "credentials")
            return {"authorization": f"{authorization.get('type') or 'Bearer'} {value}"} if value else {}
        if oauth2 := config.get("oauth2"):
            over = self._over(oauth2, credentials)
            credentials.note(*_secrets_of({}, oauth2), *map(str, (oauth2.get("endpoint_params") or {}).values()))
            hide = credentials.hide_bytes
            transport = ConfiguredTransport(over, {}, self.resolve, self.targets, hide, follows_redirects=False)
            http = replace(patient, transport=transport)
            return {"authorization": self.tokens.header(oauth2, credentials, http=http, now=now)}
        return {}


@dataclass(frozen=True, slots=True)
class ConfiguredTransport:
    """A transport that adds headers and follows redirects; `over` gives the connections for a URL.

    `hide` takes out of an answer what it repeats of secrets.
    """

    over: Callable[[str], Transport]
    headers: Mapping[str, str]
    resolve: Resolve
    targets: Targets
    hide: Callable[[bytes], bytes]
    follows_redirects: bool

    def __call__(self, request: Request, *, timeout_seconds: float) -> Response:
        # What an integration says of itself, such as Opsgenie's key, is not for `http_config` to change.
        current = _with_authority(replace(request, headers={**self.headers, **request.headers}))
        for _ in range(_MOST_REDIRECTS):
            response = self.over(current.url)(current, timeout_seconds=timeout_seconds)
            location = response.headers.get("location")
            if not self.follows_redirects or response.status not in _REDIRECTS or not location:
                return replace(response, body=self.hide(response.body))
            target = urljoin(current.url, location)
            self._check(current.url, target)
            same = _origin(target) == _origin(current.url)
            kept = current.headers if same else _without(current.headers, self.headers)
            current = _with_authority(replace(current, url=target, headers=kept))
        return replace(response, body=self.hide(response.body))

    def _check(self, source: str, target: str) -> None:
        """Raise DeliveryError where a redirect leads to somewhere that nobody has configured on purpose."""
        before, after = urlsplit(source), urlsplit(target)
        loses_tls = before.scheme == "https" and after.scheme != "https"
        host = after.hostname or ""
        addresses = list(self.resolve(host))
        is_inside = not all(self.targets.permit(host, each) for each in addresses)
        is_own = any(is_loopback(each) for each in addresses)
        if loses_tls or is_inside or (is_own and not all(map(is_loopback, self.resolve(before.hostname or "")))):
            raise forbidden(target)


def _headers(config: Mapping[str, Any], credentials: Credentials) -> dict[str, str]:
    """Return `http_headers` by their names in lower case: their values, secrets and what `files` refer to."""
    found: dict[str, list[str]] = {}
    for name, header in (config.get("http_headers") or {}).items():
        said = [*(header.get("values") or ()), *(header.get("secrets") or ())]
        said += [credentials.at(str(reference)) for reference in header.get("files") or ()]
        found.setdefault(str(name).lower(), []).extend(map(str, said))
    return {name: ", ".join(values) for name, values in found.items() if values}


def _secrets_of(headers: Mapping[str, str], config: Mapping[str, Any]) -> Iterator[str]:
    """Yield what of headers and of a proxy must not be repeated; a kind such as `Bearer` is no part of it."""
    for value in headers.values():
        yield value.partition(" ")[2] or value
    try:
        password = urlsplit(str(config.get("proxy_url") or "")).password
    except ValueError:
        password = None
    yield unquote(password or "")
    for values in (config.get("proxy_connect_header") or {}).values():
        yield from map(str, values)


def _with_authority(request: Request) -> Request:
    """Return a request whose URL's `user:password@` stands in a header, where HTTP has it."""
    try:
        parts = urlsplit(request.url)
    except ValueError:
        return request
    if not parts.username:
        return request
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    own = {"authorization": _basic(unquote(parts.username), unquote(parts.password or ""))}
    return replace(request, url=bare, headers={**own, **request.headers})


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port


def _without(headers: Mapping[str, str], configured: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in configured and name != "authorization"}


def _basic(username: str, password: str) -> str:
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"
