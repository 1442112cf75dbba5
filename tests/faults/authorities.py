"""A certificate authority of a test's own, and certificates in every kind of disorder."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import count
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_NUMBERS = count()


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority whose certificate lies in a file."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    ca_file: Path

    @classmethod
    def make(cls, folder: Path) -> Authority:
        key = ec.generate_private_key(ec.SECP256R1())
        made = cls(folder, key, folder / "ca.pem")
        made.ca_file.write_bytes(_pem(_certificate("authority", key, "authority", key, None, (-1, 30))))
        return made

    def context(
        self, *, host: str | None = None, days: tuple[int, int] = (-1, 30), self_signed: bool = False
    ) -> ssl.SSLContext:
        """Return a server's context: its certificate is for 127.0.0.1 or another host, and holds from day to day."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = host or "127.0.0.1"
        issuer, issuer_key = (name, key) if self_signed else ("authority", self.key)
        file = self.folder / f"server-{next(_NUMBERS)}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(_pem(_certificate(name, key, issuer, issuer_key, host, days)) + private)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    host: str | None,
    days: tuple[int, int],
) -> x509.Certificate:
    now, is_authority = datetime.now(UTC), name == "authority"
    names = [x509.DNSName(host)] if host else [x509.IPAddress(ip_address("127.0.0.1"))]
    usage = x509.KeyUsage(True, False, False, False, False, is_authority, is_authority, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
    )
    return builder.sign(issuer_key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
