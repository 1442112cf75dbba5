"""`tracing:` and `event_recorder:`: what Alertmanager tells of itself. Checked, so that a file is right as a whole.

Source: https://github.com/prometheus/alertmanager/blob/main/tracing/config.go and eventrecorder/config.go
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator

from .blocks import Block, Reading
from .http_client import Headers, HttpConfig, TlsConfig
from .values import Blocks, Count, Duration, Flag, Number, PlainTexts, Text, Url, describe

# The kinds of outputs → the key without which one is nothing.
_OUTPUTS = {"file": "path", "webhook": "url", "kafka": "topic", "stdout": ""}


def _client_type(value: Any) -> str:
    if value not in ("http", "grpc"):
        raise ValueError(f"expected http or grpc, found {describe(value)}")
    return str(value)


def _compression(value: Any) -> str:
    if value not in ("", "gzip"):
        raise ValueError(f"expected gzip, found {describe(value)}")
    return str(value)


class _Tracing(Block):
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = (("endpoint",),)

    client_type: Annotated[str, BeforeValidator(_client_type)] = "grpc"
    endpoint: Text | None = None
    sampling_fraction: Number = 0.0
    insecure: Flag = False
    tls_config: TlsConfig | None = None
    headers: Headers | None = None
    compression: Annotated[str, BeforeValidator(_compression)] = ""
    timeout: Duration | None = None


class _EventRecorder(Block):
    outputs: Blocks = None


def _output_type(value: Any) -> str:
    if value not in _OUTPUTS:
        raise ValueError(f"expected one of {', '.join(_OUTPUTS)}, found {describe(value)}")
    return str(value)


class _Output(Block):
    secrets: ClassVar[Mapping[str, str]] = {}

    type: Annotated[str, BeforeValidator(_output_type)]
    path: Text | None = None
    url: Url | None = None
    http_config: HttpConfig | None = None
    timeout: Duration | None = None
    workers: Count | None = None
    max_retries: Count | None = None
    retry_backoff: Duration | None = None
    brokers: PlainTexts | None = None
    topic: Text | None = None
    client_id: Text | None = None
    format: Text | None = None
    acks: Text | None = None
    compression: Text | None = None
    buffer_size: Count | None = None
    tls_config: TlsConfig | None = None


def check_observability(reading: Reading) -> None:
    """Note what is wrong with what Alertmanager would tell of itself."""
    value = reading.document.value
    if value.get("tracing") is not None:
        reading.block(_Tracing, ("tracing",), context="tracing")
    if value.get("event_recorder") is None:
        return
    recorder = reading.block(_EventRecorder, ("event_recorder",), context="event_recorder")
    for path in reading.items(("event_recorder", "outputs"), context="event_recorder") if recorder else ():
        context = f"event_recorder, output {int(path[-1]) + 1}"
        output = reading.block(_Output, path, context=context)
        needed = _OUTPUTS[output.type] if output else ""
        if needed and not getattr(output, needed):
            reading.problem(path, f"{needed} is missing", context=context)
