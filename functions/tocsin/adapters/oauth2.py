"""OAuth 2: a token for a client's own credentials, kept until shortly before it expires.

Source: https://www.rfc-editor.org/rfc/rfc6749#section-4.4
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

from ..core.wording import clip
from ..errors import DeliveryError, FailureReason
from .credentials import Credentials, not_configured
from .hiding import hide
from .http import Http, Request, Response, redact

# A token that expires on its way is refused, so it is taken for expired a little before.
EARLY = timedelta(seconds=10)
# What a server that does not say how long its tokens last is trusted with.
_UNSAID = timedelta(minutes=5)
_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json", "user-agent": "tocsin"}


@dataclass(frozen=True, slots=True)
class _Token:
    header: str
    expires_at: datetime


class Tokens:
    """Tokens by what was asked for, the client's secret included: a rotated one asks anew."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, ...], _Token] = {}

    def header(self, config: Mapping[str, Any], credentials: Credentials, *, http: Http, now: datetime) -> str:
        """Return the value of the Authorization header. Raises DeliveryError."""
        url, client = str(config.get("token_url") or ""), str(config.get("client_id") or "")
        if not url or not client:
            raise not_configured("http_config.oauth2 needs token_url and client_id")
        secret = credentials.get(config, "client_secret")
        form = _form(config)
        key = (url, client, secret, urlencode(form))
        token = self._kept.get(key)
        if token is None or token.expires_at <= now:
            token = _fetch(url, client, secret, form, http=http, now=now)
            self._kept[key] = token
        return token.header


def _form(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    scopes = " ".join(str(scope) for scope in config.get("scopes") or ())
    parameters = config.get("endpoint_params") or {}
    form = [("grant_type", "client_credentials"), *(("scope", scopes) for _ in range(bool(scopes)))]
    return [*form, *((str(name), str(parameters[name])) for name in sorted(parameters))]


def _fetch(url: str, client: str, secret: str, form: list[tuple[str, str]], *, http: Http, now: datetime) -> _Token:
    basic = b64encode(f"{quote_plus(client)}:{quote_plus(secret)}".encode()).decode()
    headers = {**_FORM, "authorization": f"Basic {basic}"}
    response = http.send(Request(url, headers, urlencode(form).encode()), now=now)
    if response.status != 200:
        # Not every server takes the client's credentials in the header, as the standard asks.
        inside = [*form, ("client_id", client), ("client_secret", secret)]
        response = http.send(Request(url, _FORM, urlencode(inside).encode()), now=now)
    return _token(response, url, secret, now=now)


def _token(response: Response, url: str, secret: str, *, now: datetime) -> _Token:
    try:
        answer = json.loads(response.body)
        value, kind = str(answer["access_token"]), str(answer.get("token_type") or "Bearer")
        lasts = answer.get("expires_in")
        duration = _UNSAID if lasts is None else timedelta(seconds=float(lasts))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        # The answer is not repeated: it may hold half a token.
        raise _refused(response, url, secret) from None
    # Servers say `bearer`, receivers compare with `Bearer`.
    kind = "Bearer" if kind.lower() == "bearer" else kind
    return _Token(f"{kind} {value}", now + duration - EARLY)


def _refused(response: Response, url: str, secret: str) -> DeliveryError:
    said = "no token in the answer" if response.status == 200 else clip(hide(response.text, url, secret), 200)
    return DeliveryError(
        f"{redact(url)} gave no token: {response.status}: {said}", reason=FailureReason.AUTH, retryable=False
    )
