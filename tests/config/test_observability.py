"""`tracing:` and `event_recorder:`: every key, taken and refused."""

from __future__ import annotations

import pytest

from tests.config.files import ROUTE, refusal_of_all


@pytest.mark.parametrize(
    "text",
    [
        "tracing: {client_type: http, endpoint: a, sampling_fraction: 0.5, insecure: true, compression: gzip}",
        "tracing: {endpoint: a, timeout: 5s, tls_config: {server_name: b}, headers: {authorization: {values: [y]}}}",
        "event_recorder: {outputs: [{type: file, path: a}, {type: stdout}]}",
        "event_recorder: {outputs: [{type: webhook, url: 'http://a', http_config: {proxy_url: a}, timeout: 1s}]}",
        "event_recorder: {outputs: [{type: webhook, url: 'http://a', workers: 2, max_retries: 3, retry_backoff: 1s}]}",
        "event_recorder: {outputs: [{type: kafka, brokers: [a], topic: b, client_id: c, format: json, acks: all}]}",
        "event_recorder: {outputs: [{type: kafka, topic: b, compression: lz4, buffer_size: 9, tls_config: {}}]}",
    ],
)
def test_what_alertmanager_tells_of_itself_is_taken(text):
    assert refusal_of_all(f"{text}\n{ROUTE}") == []


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("nowhere to tell", "tracing: {}", "tracing: endpoint is missing"),
        ("an unknown key", "tracing: {endpoint: a, sampling: 1}", "tracing: unknown key 'sampling'"),
        ("a client that is none", "tracing: {endpoint: a, client_type: udp}", "client_type: expected http or grpc"),
        ("a compression", "tracing: {endpoint: a, compression: zip}", "compression: expected gzip"),
        ("a mapping", "event_recorder: {outputs: a}", "outputs: expected a list"),
        ("a type", "event_recorder: {outputs: [{type: printer}]}", "output 1: type: expected one of file"),
        ("a file without a path", "event_recorder: {outputs: [{type: file}]}", "output 1: path is missing"),
        ("an unknown key of an output", "event_recorder: {outputs: [{type: stdout, to: a}]}", "unknown key 'to'"),
    ],
)
def test_what_alertmanager_tells_of_itself_is_refused_with_its_reason(name, text, expected):
    problems = refusal_of_all(f"{text}\n{ROUTE}")
    assert any(expected in problem for problem in problems), problems
