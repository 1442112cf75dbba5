"""`http_config`: how an integration talks to its receiver.

Secrets have a key of their own beside the one that refers to them: `credentials` and `credentials_file`. Keys that end
in `_ref` name a secret in a secret manager that Alertmanager has no way to set up; they are taken as it takes them.

Source: https://github.com/prometheus/common/blob/main/config/http_config.go and headers.go
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from .blocks import Block, secret_in_clear_text, words
from .values import Flag, PlainTexts, Reference, ReferenceMap, Text, TextMap, TextsMap, describe

_RESERVED_HEADERS = words(
    """
    authorization host content-encoding content-length content-type user-agent connection keep-alive
    proxy-authenticate proxy-authorization www-authenticate accept-encoding x-prometheus-remote-write-version
    x-prometheus-remote-read-version x-prometheus-scrape-timeout-seconds x-amz-date x-amz-security-token
    x-amz-content-sha256
    """
)
_TLS_VERSIONS = ("TLS10", "TLS11", "TLS12", "TLS13")


def _tls_version(value: Any) -> str:
    if value not in _TLS_VERSIONS:
        raise ValueError(f"expected {', '.join(_TLS_VERSIONS[:-1])} or {_TLS_VERSIONS[-1]}, found {describe(value)}")
    return str(value)


TlsVersion = Annotated[str, BeforeValidator(_tls_version)]


class TlsConfig(Block):
    secrets: ClassVar[Mapping[str, str]] = {"key": "key_file"}
    at_most_one: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("ca", "ca_file", "ca_ref"),
        ("cert", "cert_file", "cert_ref"),
        ("key", "key_file", "key_ref"),
    )

    ca: Text | None = None
    cert: Text | None = None
    key: Text | None = None
    ca_file: Reference | None = None
    cert_file: Reference | None = None
    key_file: Reference | None = None
    ca_ref: Text | None = None
    cert_ref: Text | None = None
    key_ref: Text | None = None
    server_name: Text | None = None
    insecure_skip_verify: Flag = False
    min_version: TlsVersion | None = None
    max_version: TlsVersion | None = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        has_certificate = any(key in found for key in ("cert", "cert_file", "cert_ref"))
        has_key = any(key in found for key in ("key", "key_file", "key_ref"))
        if has_certificate and not has_key:
            yield "", "key_file is missing: a certificate needs its key"
        if has_key and not has_certificate:
            yield "", "cert_file is missing: a key needs its certificate"


class BasicAuth(Block):
    secrets: ClassVar[Mapping[str, str]] = {"password": "password_file"}
    at_most_one: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("username", "username_file", "username_ref"),
        ("password", "password_file", "password_ref"),
    )

    username: Text | None = None
    username_file: Reference | None = None
    username_ref: Text | None = None
    password: Text | None = None
    password_file: Reference | None = None
    password_ref: Text | None = None


def _scheme(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, found {describe(value)}")
    scheme = str(value).strip()
    if scheme.lower() == "basic":
        raise ValueError("not basic: that is what basic_auth is for")
    return scheme or "Bearer"


class Authorization(Block):
    secrets: ClassVar[Mapping[str, str]] = {"credentials": "credentials_file"}
    at_most_one: ClassVar[tuple[tuple[str, ...], ...]] = (("credentials", "credentials_file", "credentials_ref"),)

    type: Annotated[str, BeforeValidator(_scheme)] = "Bearer"
    credentials: Text | None = None
    credentials_file: Reference | None = None
    credentials_ref: Text | None = None


class _Proxy(Block):
    """What `http_config` and the OAuth 2 client in it have in common."""

    proxy_url: Text | None = None
    no_proxy: Text | None = None
    proxy_from_environment: Flag | None = None
    proxy_connect_header: TextsMap | None = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        from_environment = str(found.get("proxy_from_environment", "")).lower() in ("true", "yes", "on")
        if from_environment and "proxy_url" in found:
            yield "proxy_url", "at most one of proxy_from_environment and proxy_url may be set"
        if from_environment and "no_proxy" in found:
            yield "no_proxy", "at most one of proxy_from_environment and no_proxy may be set"
        elif "no_proxy" in found and "proxy_url" not in found:
            yield "no_proxy", "no_proxy needs a proxy_url"
        if "proxy_connect_header" in found and not from_environment and "proxy_url" not in found:
            yield "proxy_connect_header", "proxy_connect_header needs proxy_url or proxy_from_environment"


class Oauth2(_Proxy):
    secrets: ClassVar[Mapping[str, str]] = {"client_secret": "client_secret_file"}
    at_most_one: ClassVar[tuple[tuple[str, ...], ...]] = (("client_secret", "client_secret_file", "client_secret_ref"),)
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("client_id",), ("token_url",))

    client_id: Text | None = None
    client_secret: Text | None = None
    client_secret_file: Reference | None = None
    client_secret_ref: Text | None = None
    scopes: PlainTexts | None = None
    token_url: Text | None = None
    endpoint_params: TextMap | None = None
    tls_config: TlsConfig | None = None


class Headers(Block):
    headers: TextMap | None = None
    secret_headers: TextMap | None = None
    files: ReferenceMap | None = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        seen: set[str] = set()
        for section in ("headers", "secret_headers", "files"):
            here = found.get(section)
            names = [str(name).lower() for name in here] if isinstance(here, dict) else []
            for name in names:
                if name in _RESERVED_HEADERS:
                    yield section, f"{section}: the header {name!r} is not for a person to set"
                if name in seen:
                    yield section, f"{section}: the header {name!r} stands in more than one section"
            seen.update(names)

    @classmethod
    def all_between(cls, found: Mapping[str, Any], *, allows_secrets: bool) -> Iterator[tuple[str, str]]:
        yield from super().all_between(found, allows_secrets=allows_secrets)
        if "secret_headers" in found and not allows_secrets:
            yield "secret_headers", secret_in_clear_text("secret_headers", "files: {HEADER: secret:NAME#KEY}")


class HttpConfig(_Proxy):
    secrets: ClassVar[Mapping[str, str]] = {"bearer_token": "bearer_token_file"}

    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: Oauth2 | None = None
    # Before `authorization` came, this was how a token was given.
    bearer_token: Text | None = None
    bearer_token_file: Reference | None = None
    tls_config: TlsConfig | None = None
    follow_redirects: Flag = True
    enable_http2: Flag = True
    http_headers: Headers | None = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        yield from super().between(found)
        ways = [key for key in ("basic_auth", "authorization", "oauth2") if key in found]
        ways += [key for key in ("bearer_token", "bearer_token_file") if key in found][:1]
        if len(ways) > 1:
            yield ways[0], f"at most one of {' and '.join(ways)} may be set"

    def as_json(self) -> dict[str, Any]:
        """Return it as settings have it, a bearer token as the authorization that it is."""
        values = self.model_dump(exclude_none=True)
        token = {
            "credentials": values.pop("bearer_token", None),
            "credentials_file": values.pop("bearer_token_file", None),
        }
        if any(token.values()):
            values["authorization"] = {"type": "Bearer", **{key: each for key, each in token.items() if each}}
        return values
