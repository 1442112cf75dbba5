"""Email by a mail server: STARTTLS unless it is switched off, TLS from the start on port 465, and a login.

The message's id is the notification's, so that a mailbox can tell a repeated delivery.

Sources: https://www.rfc-editor.org/rfc/rfc5321, https://www.rfc-editor.org/rfc/rfc4954
https://prometheus.io/docs/alerting/latest/configuration/#email_config
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any

from ..core.notifications import Notification
from ..core.wording import clip, one_line
from ..errors import DeliveryError, FailureReason
from .credentials import Credentials, not_configured
from .guarded import ForbiddenAddressError, open_socket
from .http import LEADS_INSIDE
from .mail import Email
from .ses import addresses
from .targets import Targets
from .texts import Texts
from .tls import context_of, read_tls

TIMEOUT_SECONDS = 15.0
_IMPLICIT_TLS_PORT = 465
_SAID_LENGTH = 300


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, and whom it goes from and to."""

    sender: str
    recipients: tuple[str, ...]
    content: EmailMessage


@dataclass(frozen=True, slots=True)
class _Server:
    """A mail server as the settings describe it."""

    host: str
    port: int
    hello: str
    is_tls: bool
    needs_tls: bool


def message(notification: Notification, email: Email, *, default_sender: str, texts: Texts) -> Letter:
    """Return the letter. Raises DeliveryError where an address is missing."""
    sender = texts.value("from", default_sender)
    recipients = addresses(texts.value("to"))
    where = f"receiver {notification.receiver}"
    if not recipients:
        raise not_configured(f"{where}: `to` holds no address")
    if not addresses(sender):
        raise not_configured(f"{where}: there is no sender: set `from`, or TOCSIN_EMAIL_FROM")
    own = {"From": sender, "To": ", ".join(recipients), **email.headers}
    content = EmailMessage(policy=SMTP)
    domain = parseaddr(sender)[1].rpartition("@")[2] or "tocsin.invalid"
    fixed = {
        "Subject": email.subject,
        "Date": format_datetime(notification.created_at),
        "Message-ID": f"<{notification.id}@{domain}>",
        "Auto-Submitted": "auto-generated",
        "X-Tocsin-Notification": notification.id,
        "X-Tocsin-Group": str(notification.group),
    }
    for name, value in {**own, **fixed}.items():
        content[name] = one_line(value)
    _set_parts(content, email)
    return Letter(parseaddr(sender)[1], tuple(parseaddr(each)[1] for each in recipients), content)


def _set_parts(content: EmailMessage, email: Email) -> None:
    text, html = (part.encode("utf-8", "replace").decode() for part in (email.text, email.html))
    content.set_content(text, cte="quoted-printable")
    if html:
        content.add_alternative(html, subtype="html", cte="quoted-printable")


def send(letter: Letter, notification: Notification, credentials: Credentials, *, targets: Targets) -> str:
    """Hand a letter to the mail server and return what it said. Raises DeliveryError."""
    settings = notification.integration.settings
    server = _server(settings)
    context = context_of(read_tls(settings.get("tls_config"), credentials))
    name = str((settings.get("tls_config") or {}).get("server_name") or server.host)
    login = _login(settings, credentials)
    try:
        client = _connect(server, context, name, targets)
        try:
            return _converse(client, server, letter, login)
        finally:
            with suppress(smtplib.SMTPException, OSError):
                client.quit()
    except ForbiddenAddressError:
        raise not_configured(f"{server.host} {LEADS_INSIDE}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise _failure(error, server) from None


class _Plain(smtplib.SMTP):
    """Connects to where it may."""

    targets: Targets

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # as smtplib's own
        return open_socket(host, port, seconds=timeout, targets=self.targets)


class _Tls(smtplib.SMTP_SSL, _Plain):
    """The same with TLS from the start, which is laid over the other's socket."""


def _connect(server: _Server, context: ssl.SSLContext, name: str, targets: Targets) -> smtplib.SMTP:
    hello = server.hello or None
    if server.is_tls:
        client: _Plain = _Tls(timeout=TIMEOUT_SECONDS, context=context, local_hostname=hello)
    else:
        client = _Plain(timeout=TIMEOUT_SECONDS, local_hostname=hello)
    client.targets = targets
    # The name that certificates are compared with: smtplib takes it from here, and has no other way.
    client._host = name  # type: ignore[attr-defined]
    try:
        _greet(client, server, context)
    except BaseException:
        client.close()
        raise
    return client


def _greet(client: smtplib.SMTP, server: _Server, context: ssl.SSLContext) -> None:
    client.connect(server.host, server.port)
    client.ehlo_or_helo_if_needed()
    if server.needs_tls and not server.is_tls:
        if not client.has_extn("starttls"):
            raise not_configured(f"{server.host}: require_tls is on, and the server offers no STARTTLS")
        client.starttls(context=context)
        client.ehlo()


def _converse(
    client: smtplib.SMTP, server: _Server, letter: Letter, login: Callable[[smtplib.SMTP], None] | None
) -> str:
    if login and client.has_extn("auth"):
        login(client)
    code, said = client.mail(letter.sender)
    if code >= 300:
        raise smtplib.SMTPSenderRefused(code, said, letter.sender)
    refused = {each: client.rcpt(each) for each in letter.recipients}
    wrong = {each: answer for each, answer in refused.items() if answer[0] >= 300}
    if len(wrong) == len(letter.recipients):
        raise smtplib.SMTPRecipientsRefused(wrong)
    code, said = client.data(letter.content.as_bytes())
    if code != 250:
        raise smtplib.SMTPDataError(code, said)
    # Who is refused alone keeps the message from nobody else, and is told of in the record.
    left_out = f", refused: {', '.join(wrong)}" if wrong else ""
    return f"{server.host}: {clip(one_line(said.decode('utf-8', 'replace')), _SAID_LENGTH)}{left_out}"


def _server(settings: Mapping[str, Any]) -> _Server:
    host, _, port = str(settings["smarthost"]).rpartition(":")
    forced = settings.get("force_implicit_tls")
    if not port.isdecimal():
        raise not_configured(f"smarthost needs a port by its number, not {port!r}")
    is_tls = int(port) == _IMPLICIT_TLS_PORT if forced is None else bool(forced)
    needs_tls = settings.get("require_tls")
    hello = str(settings.get("hello") or "")
    return _Server(host.strip("[]"), int(port), hello, is_tls, True if needs_tls is None else bool(needs_tls))


def _login(settings: Mapping[str, Any], credentials: Credentials) -> Callable[[smtplib.SMTP], None] | None:
    """Return how to log in; the first of the server's ways for which there is a secret."""
    user = str(settings.get("auth_username") or "")
    password, secret = credentials.get(settings, "auth_password"), credentials.get(settings, "auth_secret")
    if not user:
        return None
    identity = str(settings.get("auth_identity") or "")

    def login(client: smtplib.SMTP) -> None:
        offered = client.esmtp_features.get("auth", "").upper().split()
        client.user, client.password = user, secret or password
        if secret and "CRAM-MD5" in offered:
            client.auth("CRAM-MD5", client.auth_cram_md5)
        elif password and "PLAIN" in offered:
            client.auth("PLAIN", lambda challenge=None: f"{identity}\0{user}\0{password}")
        elif password and "LOGIN" in offered:
            client.password = password
            client.auth("LOGIN", client.auth_login)
        else:
            ways = " ".join(offered) or "none"
            raise not_configured(f"the mail server's ways to log in ({ways}) fit neither auth_password nor auth_secret")

    return login


def _failure(error: Exception, server: _Server) -> DeliveryError:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        said = "; ".join(f"{each}: {answer[1]!r}" for each, answer in sorted(error.recipients.items()))
        return _answered(server, codes[0], said, is_later=any(400 <= code < 500 for code in codes))
    if isinstance(error, smtplib.SMTPAuthenticationError):
        message = f"{server.host}: the login was refused: {error.smtp_code}"
        # 454: the server's own accounts are out of reach for the moment.
        return DeliveryError(message, reason=FailureReason.AUTH, retryable=400 <= error.smtp_code < 500)
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return _answered(server, error.smtp_code, str(said), is_later=400 <= error.smtp_code < 500)
    is_late = isinstance(error, TimeoutError)
    said = "no answer in time" if is_late else f"{type(error).__name__}: {clip(one_line(str(error)), _SAID_LENGTH)}"
    reason = FailureReason.TIMEOUT if is_late else FailureReason.CONNECTION
    return DeliveryError(
        f"{server.host}: {said}", reason=reason, retryable=not isinstance(error, ssl.SSLCertVerificationError)
    )


def _answered(server: _Server, code: int, said: str, *, is_later: bool) -> DeliveryError:
    message = f"{server.host} answered {code}: {clip(one_line(said), _SAID_LENGTH)}"
    reason = FailureReason.SERVER_ERROR if is_later else FailureReason.CLIENT_ERROR
    return DeliveryError(message, reason=reason, retryable=is_later)
