"""`tls_config`: whom to trust, whom to be, and which versions.

Certificates and keys are given in clear (`cert`) or by reference (`cert_file`); a key never stays on the disk.

Source: https://prometheus.io/docs/alerting/latest/configuration/#tls_config
"""

from __future__ import annotations

import ssl
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .credentials import Credentials, not_configured

_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}


@dataclass(frozen=True, slots=True)
class Tls:
    """A `tls_config` with its references read; hashable, so that connections can be kept for it."""

    ca: str = ""
    certificate: str = ""
    key: str = ""
    server_name: str = ""
    min_version: str = ""
    max_version: str = ""
    skips_verification: bool = False


def read_tls(config: Mapping[str, Any] | None, credentials: Credentials) -> Tls:
    """Return what a `tls_config` says. Raises DeliveryError where a reference leads nowhere."""
    config = config or {}
    return Tls(
        ca=credentials.get(config, "ca"),
        certificate=credentials.get(config, "cert"),
        key=credentials.get(config, "key"),
        server_name=str(config.get("server_name") or ""),
        min_version=str(config.get("min_version") or ""),
        max_version=str(config.get("max_version") or ""),
        skips_verification=bool(config.get("insecure_skip_verify")),
    )


def context_of(tls: Tls) -> ssl.SSLContext:
    """Return the context for a client. Raises DeliveryError where a certificate or key is none."""
    try:
        context = ssl.create_default_context(cadata=tls.ca or None)
        if tls.certificate:
            _load_certificate(context, tls)
        _limit_versions(context, tls)
    except (ssl.SSLError, ValueError, KeyError) as error:
        # OpenSSL's words name no contents.
        raise not_configured(f"tls_config cannot be used: {type(error).__name__}: {error}") from None
    if tls.skips_verification:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_certificate(context: ssl.SSLContext, tls: Tls) -> None:
    # OpenSSL takes a client's certificate from a file only; this one is gone before the first connection.
    with tempfile.NamedTemporaryFile("w", suffix=".pem", encoding="utf-8") as file:
        file.write(f"{tls.certificate.strip()}\n{tls.key.strip()}\n")
        file.flush()
        context.load_cert_chain(file.name)


def _limit_versions(context: ssl.SSLContext, tls: Tls) -> None:
    with warnings.catch_warnings():
        # Python deprecates the versions that an old receiver may still need.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = _VERSIONS[tls.min_version or "TLS12"]
        if tls.max_version:
            context.maximum_version = _VERSIONS[tls.max_version]
