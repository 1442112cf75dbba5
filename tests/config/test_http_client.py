"""`http_config`: every key, taken and refused; secrets in it are references."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest
import yaml

from tests.config.files import ROUTE, read_all, refusal_of_all
from tocsin.config.http_client import Authorization, BasicAuth, Header, HttpConfig, Oauth2, TlsConfig

ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT = "client_id: a, token_url: b"
HTTP = [
    "basic_auth: {username: a, password: b}",
    "basic_auth: {username_file: /a, password_file: /b}",
    "basic_auth: {username_ref: a, password_ref: b}",
    "authorization: {type: Token, credentials: a}",
    "authorization: {credentials_file: /a}",
    "authorization: {credentials_ref: a}",
    "oauth2: {client_id: a, client_secret: b, token_url: c, scopes: [d], endpoint_params: {e: f}, tls_config: {ca: g}}",
    "oauth2: {client_id: a, client_secret_file: /b, token_url: c, proxy_url: d, no_proxy: e}",
    "oauth2: {client_id: a, client_secret_ref: b, token_url: c, proxy_url: d, proxy_connect_header: {e: [f]}}",
    "oauth2: {client_id: a, token_url: c, proxy_from_environment: true}",
    f"oauth2: {{{CLIENT}, grant_type: '{ASSERTION}', signature_algorithm: RS512, client_certificate_key: a}}",
    f"oauth2: {{{CLIENT}, client_certificate_key_file: /a, client_certificate_key_id: b, iss: c, audience: d}}",
    f"oauth2: {{{CLIENT}, client_certificate_key_ref: a, claims: {{e: [1, {{f: true}}]}}}}",
    "bearer_token: a",
    "bearer_token_file: /a",
    "tls_config: {ca_file: /a, cert_file: /b, key_file: /c, server_name: d, insecure_skip_verify: true}",
    "tls_config: {ca: a, cert: b, key: c, min_version: TLS12, max_version: TLS13}",
    "tls_config: {ca_ref: a, cert_ref: b, key_ref: c}",
    "proxy_url: a, no_proxy: b, proxy_connect_header: {c: [d, e]}",
    "proxy_from_environment: true",
    "follow_redirects: false, enable_http2: false",
    "http_headers: {X-A: {values: [b, 1], secrets: [c], files: [/d]}, x-b: {}, x-c: }",
]
MODELS: dict[str, Any] = {
    "": HttpConfig,
    "basic_auth": BasicAuth,
    "authorization": Authorization,
    "oauth2": Oauth2,
    "tls_config": TlsConfig,
    "http_headers.X-A": Header,
}


def steps(within):
    return within.split(".") if within else []


def http(text):
    return f"global: {{http_config: {{{text}}}}}\n{ROUTE}"


@pytest.mark.parametrize("text", HTTP)
def test_http_config_takes_every_key(text):
    assert refusal_of_all(http(text)) == []


def test_every_key_of_http_config_has_its_case():
    values = [yaml.safe_load(f"{{{text}}}") for text in HTTP]
    for within, model in MODELS.items():
        blocks = [reduce(lambda block, key: block.get(key, {}), steps(within), value) for value in values]
        assert {key for block in blocks for key in block} == set(model.keys()), within or "http_config"


@pytest.mark.parametrize(("within", "key"), [(each, key) for each, model in MODELS.items() for key in model.keys()])  # noqa: SIM118
def test_a_key_of_http_config_with_something_of_another_type_is_refused(within, key):
    wrong = reduce(lambda text, step: f"{step}: {{{text}}}", reversed(steps(within)), f"{key}: [[{{}}]]")
    problems = refusal_of_all(http(wrong))
    assert any(key in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("two ways to authorize", "basic_auth: {username: a}, authorization: {credentials: b}", "at most one of"),
        ("two ways, one of them old", "oauth2: {client_id: a, token_url: b}, bearer_token: c", "at most one of oauth2"),
        ("two tokens", "bearer_token: a, bearer_token_file: /b", "at most one of bearer_token and bearer_token_file"),
        ("a name twice", "basic_auth: {username: a, username_file: /b}", "basic_auth: at most one of username"),
        ("basic as a scheme", "authorization: {type: Basic}", "authorization.type: not basic"),
        ("a client without a name", "oauth2: {token_url: a}", "oauth2: client_id is missing"),
        ("a client without an address", "oauth2: {client_id: a}", "oauth2: token_url is missing"),
        ("a certificate without its key", "tls_config: {cert_file: /a}", "tls_config: key_file is missing"),
        ("a key without its certificate", "tls_config: {key_file: /a}", "tls_config: cert_file is missing"),
        ("a version of TLS", "tls_config: {min_version: SSL3}", "tls_config.min_version: expected TLS10"),
        ("two proxies", "proxy_url: a, proxy_from_environment: true", "proxy_from_environment and proxy_url"),
        ("exceptions twice", "no_proxy: a, proxy_from_environment: true", "proxy_from_environment and no_proxy"),
        ("exceptions from nothing", "no_proxy: a", "no_proxy needs a proxy_url"),
        ("headers for no proxy", "proxy_connect_header: {a: [b]}", "proxy_connect_header needs proxy_url"),
        ("a header that is not ours", "http_headers: {Content-type: {values: [a]}}", "'Content-type' is not for"),
        ("a header that is none", "http_headers: {'x y': {values: [a]}}", "not a valid name of a header: 'x y'"),
        (
            "a header of two lines",
            'http_headers: {x: {values: ["a\\nb"]}}',
            "http_headers.x.values[0]: expected a text on",
        ),
        (
            "a header without a list",
            "http_headers: {x: {values: a}}",
            "http_headers.x.values: expected a list, found a text",
        ),
        ("a header that is a text", "http_headers: {x: a}", "http_headers.x: expected a mapping, found a text"),
        ("headers that are none", "http_headers: [a]", "http_headers: expected a mapping of headers by their names"),
        ("a value that is none", "http_headers: {x: {values: [{}]}}", "values[0]: expected text, found a mapping"),
        (
            "a file that is no reference",
            "http_headers: {x: {files: [a]}}",
            "files[0]: expected a reference to a secret",
        ),
        ("an unknown key", "http_headers: {x: {value: [a]}}", "unknown key 'value', did you mean 'values'?"),
        (
            "two keys",
            f"oauth2: {{{CLIENT}, client_certificate_key: a, client_certificate_key_ref: b}}",
            "at most one of",
        ),
        (
            "a signature",
            f"oauth2: {{{CLIENT}, grant_type: '{ASSERTION}', signature_algorithm: HS256}}",
            "oauth2: signature_algorithm: expected RS256, RS384, RS512, found 'HS256'",
        ),
    ],
)
def test_http_config_is_refused_with_its_reason(name, text, expected):
    problems = refusal_of_all(http(text))
    assert any(expected in problem for problem in problems), problems


@pytest.mark.parametrize(
    "text",
    [
        "basic_auth: {password: HIDDEN}",
        "authorization: {credentials: HIDDEN}",
        "oauth2: {client_id: a, token_url: b, client_secret: HIDDEN}",
        "bearer_token: HIDDEN",
        "tls_config: {cert: a, key: HIDDEN}",
        "http_headers: {x: {secrets: [HIDDEN]}}",
        "oauth2: {client_id: a, token_url: b, client_certificate_key: HIDDEN}",
    ],
)
def test_a_secret_of_http_config_in_clear_text_is_refused(text):
    (problem,) = refusal_of_all(http(text), allow_inline_secrets=False)
    assert "is a secret in clear text" in problem
    assert "HIDDEN" not in problem


def test_headers_reach_the_settings_as_they_are_written():
    text = http("http_headers: {X-A: {values: [b, 1], secrets: [c], files: [/d]}, x-b: }")
    text = text.replace("[{name: a}]", "[{name: a, webhook_configs: [{url: 'http://a'}]}]")
    (integration,) = read_all(text)[0].receivers["a"].integrations
    expected = {"X-A": {"values": ["b", "1"], "secrets": ["c"], "files": ["/d"]}, "x-b": {}}
    assert integration.settings["http_config"]["http_headers"] == expected


def test_a_password_within_an_address_is_a_secret_too():
    text = "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://me:HIDDEN@host/'}]}]"
    (problem,) = refusal_of_all(text, allow_inline_secrets=False)
    assert "webhook_configs 1: url is a secret in clear text" in problem
    assert "HIDDEN" not in problem
    assert refusal_of_all(text.replace("me:HIDDEN@", ""), allow_inline_secrets=False) == []
