"""`http_config`: how an integration talks to its receiver.

Secrets have a key of their own beside the one that refers to them: `credentials` and `credentials_file`. Keys that end
in `_ref` name a secret in a secret manager that Alertmanager has no way to set up; they are taken as it takes them.

Source: https://github.com/prometheus/common/blob/main/config/http_config.go and headers.go
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from .blocks import Block, secret_in_clear_text, words
from .values import IS_LIST, AnyMap, Flag, PlainTexts, Reference, Text, TextMap, TextsMap, describe, kind_of

_RESERVED_HEADERS = words(
    """
    authorization host content-encoding content-length content-type user-agent connection keep-alive
    proxy-authenticate proxy-authorization www-authenticate accept-encoding x-prometheus-remote-write-version
    x-prometheus-remote-read-version x-prometheus-scrape-timeout-seconds x-amz-date x-amz-security-token
    x-amz-content-sha256
    """
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_GRANT_BY_ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_SIGNATURES = ("RS256", "RS384", "RS512")
_TLS_VERSIONS = ("TLS10", "TLS11", "TLS12", "TLS13")


def _tls_version(value: Any) -> str:
    if value not in _TLS_VERSIONS:
        raise ValueError(f"expected {', '.join(_TLS_VERSIONS[:-1])} or {_TLS_VERSIONS[-1]}, found {describe(value)}")
    return str(value)


def _header_name(value: Any) -> str:
    name = str(value)
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError(f"not a valid name of a header: {name!r}")
    return name


def _own_header_name(value: Any) -> str:
    name = _header_name(value)
    if name.lower() in _RESERVED_HEADERS:
        raise ValueError(f"the header {name!r} is not for a person to set")
    return name


def _header_value(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, found {describe(value)}")
    # The value may be a secret, so it is not repeated.
    if any(character in value for character in "\r\n\0"):
        raise ValueError("expected a text on one line")
    return str(value)


TlsVersion = Annotated[str, BeforeValidator(_tls_version)]
HeaderName = Annotated[str, BeforeValidator(_header_name)]
OwnHeaderName = Annotated[str, BeforeValidator(_own_header_name)]
HeaderValue = Annotated[str, BeforeValidator(_header_value)]


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
    """A client that asks for tokens, by its secret or (jwt-bearer) by an assertion that it signs."""

    secrets: ClassVar[Mapping[str, str]] = {
        "client_secret": "client_secret_file",
        "client_certificate_key": "client_certificate_key_file",
    }
    at_most_one: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("client_secret", "client_secret_file", "client_secret_ref"),
        ("client_certificate_key", "client_certificate_key_file", "client_certificate_key_ref"),
    )
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("client_id",), ("token_url",))

    client_id: Text | None = None
    client_secret: Text | None = None
    client_secret_file: Reference | None = None
    client_secret_ref: Text | None = None
    client_certificate_key_id: Text | None = None
    client_certificate_key: Text | None = None
    client_certificate_key_file: Reference | None = None
    client_certificate_key_ref: Text | None = None
    grant_type: Text | None = None
    signature_algorithm: Text | None = None
    iss: Text | None = None
    audience: Text | None = None
    claims: AnyMap | None = None
    scopes: PlainTexts | None = None
    token_url: Text | None = None
    endpoint_params: TextMap | None = None
    tls_config: TlsConfig | None = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        yield from super().between(found)
        is_signed, how = is_by_assertion(found), found.get("signature_algorithm")
        if is_signed and how is not None and str(how) not in _SIGNATURES:
            yield (
                "signature_algorithm",
                f"signature_algorithm: expected {', '.join(_SIGNATURES)}, found {describe(how)}",
            )


def is_by_assertion(oauth2: Mapping[str, Any]) -> bool:
    """Say whether a client signs assertions rather than having a secret."""
    return str(oauth2.get("grant_type")) == _GRANT_BY_ASSERTION


class Header(Block):
    """What one header says: values, secrets and what is read from references, in this order."""

    values: Annotated[list[HeaderValue], IS_LIST] | None = None
    # `secrets` is taken: it says of every block which of its keys hold some.
    secret_values: Annotated[list[HeaderValue], IS_LIST] | None = Field(default=None, alias="secrets")
    files: Annotated[list[Reference], IS_LIST] | None = None

    @classmethod
    def all_between(cls, found: Mapping[str, Any], *, allows_secrets: bool) -> Iterator[tuple[str, str]]:
        yield from super().all_between(found, allows_secrets=allows_secrets)
        if "secrets" in found and not allows_secrets:
            yield "secrets", secret_in_clear_text("secrets", "files: [secret:NAME#KEY]")


def _headers(value: Any) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"expected a mapping of headers by their names, found {kind_of(value)}")
    return {name: {} if header is None else header for name, header in value.items()}


# Those of traces may have every name; those of requests must leave alone what is the connection's and `http_config`'s.
Headers = Annotated[dict[HeaderName, Header], BeforeValidator(_headers)]
OwnHeaders = Annotated[dict[OwnHeaderName, Header], BeforeValidator(_headers)]


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
    http_headers: OwnHeaders | None = None

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        yield from super().between(found)
        ways = [key for key in ("basic_auth", "authorization", "oauth2") if key in found]
        ways += [key for key in ("bearer_token", "bearer_token_file") if key in found][:1]
        if len(ways) > 1:
            yield ways[0], f"at most one of {' and '.join(ways)} may be set"

    def as_json(self) -> dict[str, Any]:
        """Return it as settings have it, a bearer token as the authorization that it is."""
        values = self.model_dump(by_alias=True, exclude_none=True)
        token = {
            "credentials": values.pop("bearer_token", None),
            "credentials_file": values.pop("bearer_token_file", None),
        }
        if any(token.values()):
            values["authorization"] = {"type": "Bearer", **{key: each for key, each in token.items() if each}}
        return values
