"""Slack's own requests: POST /slack/interactions (buttons) and POST /slack/commands (`/tocsin …`).

Slack waits three seconds. So a request is verified, what was asked for handed to a queue, and an empty answer given;
the answer for the person follows by the request's response_url (pipeline/clicks.py). Before anything of the body is
read, its bytes must be signed by the app's signing secret, not more than five minutes ago, and for the first time.

Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

from ..core.clicks import Click
from ..errors import SecretError
from .audit import Refusal
from .http import Refused, Request, Response
from .serving import Api
from .signatures import Distrust, check_first, is_signed_once, is_timely, untrusted
from .slack_payloads import PayloadError, read_command, read_interaction

SIGNATURE, TIMESTAMP = "x-slack-signature", "x-slack-request-timestamp"
# An interaction repeats the whole message, and as a form it is up to three times as long.
BODY_BYTES = 512 * 1024
_V0 = re.compile(r"v0=([0-9a-f]{64})")
_SECONDS = re.compile(r"[0-9]{1,11}")
# What Slack sends unsigned, to see whether there is a certificate; it holds nothing that anybody would act on.
_SSL_CHECK = re.compile(rb"(?:token=\w{0,100}&)?ssl_check=1(?:&token=\w{0,100})?")
_TAKEN = Response(200)


def interactions(api: Api, request: Request, now: datetime) -> Response:
    """Take what was pressed."""
    key = _verified(api, request, now)
    try:
        click = read_interaction(request.body, key=key, at=now)
    except PayloadError as error:
        raise _malformed(error) from None
    if click is not None:  # a button with a URL is followed by Slack itself, and told all the same
        _hand_over(api, click)
    return _TAKEN


def commands(api: Api, request: Request, now: datetime) -> Response:
    """Take what was typed; what needs no work is answered at once."""
    if _SSL_CHECK.fullmatch(request.body):
        return _TAKEN
    key = _verified(api, request, now)
    try:
        command = read_command(request.body, key=key, at=now)
    except PayloadError as error:
        raise _malformed(error) from None
    if command.click is None:
        return Response(200, {"response_type": "ephemeral", "text": command.answer})
    _hand_over(api, command.click)
    return _TAKEN


def _verified(api: Api, request: Request, now: datetime) -> str:
    """Return what the request is known by from now on. Raises Refused unless it is Slack's, fresh and new."""
    signature = _V0.fullmatch(request.headers.get(SIGNATURE, ""))
    seconds = request.headers.get(TIMESTAMP, "")
    if signature is None or not _SECONDS.fullmatch(seconds):
        raise untrusted(Distrust.MALFORMED)
    try:
        sent_at = datetime.fromtimestamp(int(seconds), UTC)
    except (OverflowError, ValueError, OSError):
        raise untrusted(Distrust.MALFORMED) from None
    if not is_timely(sent_at, now=now):
        raise untrusted(Distrust.STALE)
    message = b"v0:" + seconds.encode() + b":" + request.body
    if not is_signed_once(message, [signature[1]], _secrets(api, now)):
        raise untrusted(Distrust.FORGED)
    check_first(api, f"slack {signature[1]}", now=now)
    return hashlib.sha256(signature[1].encode()).hexdigest()[:32]


def _secrets(api: Api, now: datetime) -> list[str]:
    """Return the signing secrets, both while one is exchanged for another."""
    app = api.configurations.current(now=now).configuration.slack
    if app is None or not app.signing_secret or api.read_secret is None:
        api.desk.log.warning("slack_not_configured", missing="slack.signing_secret in tocsin.yml")
        return []
    try:
        return api.read_secret(app.signing_secret, now).replace(",", " ").split()
    except SecretError as error:
        api.desk.log.error("slack_secret_unreadable", error=str(error))
        raise Refused(503, "a secret could not be read: try again") from None


def _hand_over(api: Api, click: Click) -> None:
    if api.actions is None:
        raise Refused(503, "what is pressed cannot be done here")
    api.actions.hand_over(click)
    api.desk.log.info("click_taken", click=click.id, press=click.button.press.value, incident=click.button.incident)


def _malformed(error: PayloadError) -> Refused:
    return Refused(400, str(error), reason=Refusal.MALFORMED.value)
