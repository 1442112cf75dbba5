"""POST /pagerduty/webhook: PagerDuty tells what happens to its incidents (webhooks v3).

Before anything of the body is read, the bytes that came must be signed by one of the secrets of tocsin.yml; while one
is exchanged for another, PagerDuty sends a signature by each. An event is done once, by the id of its delivery and by
its own, which is signed: it counts as done only after it was, and whatever keeps it from being done is answered so that
PagerDuty tells it again. What is not for us is taken and forgotten: too many refusals, and PagerDuty says nothing more.

Sources: https://developer.pagerduty.com/docs/verifying-webhook-signatures
https://developer.pagerduty.com/docs/webhooks-behavior
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, timedelta

from ..core.pagerduty import PagerdutyEvent, WebhookError, read_event
from ..errors import ConflictError, SecretError, StoreError
from ..pipeline import pagerduty
from ..pipeline.pagerduty import Heard, Outcome
from ..ports import Receipt, Receipts
from .audit import Refusal
from .http import Refused, Request, Response
from .serving import Api
from .signatures import Distrust, is_signed_once, untrusted

SIGNATURE, DELIVERY = "x-pagerduty-signature", "x-webhook-id"
# PagerDuty sends nothing larger.
BODY_BYTES = 256 * 1024
# As long as this function may run; who crashes has it given back by then.
IN_HAND = timedelta(seconds=30)
# A day longer than what is taken may be old.
KEPT_FOR = pagerduty.OLDEST + timedelta(days=1)
_V1 = re.compile(r"v1=([0-9a-f]{64})")


def webhook(api: Api, request: Request, now: datetime) -> Response:
    """Take one event, and answer 202 where it need not be told again."""
    _check_signature(api, request, now)
    try:
        event = read_event(request.body)
    except WebhookError as error:
        raise Refused(400, str(error), reason=Refusal.MALFORMED.value) from None
    if api.receipts is None:
        raise Refused(503, "what came cannot be remembered here")
    try:
        heard = _hear_once(api, api.receipts, request, event, now)
    except ConflictError as error:
        # 409 would be the end of it: PagerDuty tries again after 5xx alone.
        api.desk.log.warning("request_lost", error=str(error))
        raise Refused(503, "somebody else changed it meanwhile: try again") from None
    if heard is None:
        return Response(202, {"message": "it came before"}, reason=Refusal.REPLAYED.value)
    fields = {"incident": heard.incident or "", "said": heard.said, "event_id": event.id, "kind": event.kind}
    api.desk.log.info("pagerduty_event", outcome=heard.outcome.value, **fields)
    api.desk.log.count("PagerdutyEvents", outcome=heard.outcome.value)
    reason = Refusal.STALE.value if heard.outcome is Outcome.STALE else ""
    return Response(202, {"message": heard.outcome.value}, reason=reason)


def _check_signature(api: Api, request: Request, now: datetime) -> None:
    """Raise Refused unless one of the signatures is by one of our secrets."""
    listed = (part.strip() for part in request.headers.get(SIGNATURE, "").split(","))
    signatures = [found[1] for part in listed if (found := _V1.fullmatch(part))]
    if not signatures:
        raise untrusted(Distrust.MALFORMED)
    references = api.configurations.current(now=now).configuration.pagerduty_secrets
    if not references or api.read_secret is None:
        api.desk.log.warning("pagerduty_not_configured", missing="pagerduty.webhook_secrets in tocsin.yml")
        raise untrusted(Distrust.FORGED)
    secrets, is_whole = _secrets(api, references, now)
    if not is_signed_once(request.body, signatures, secrets):
        if not is_whole:
            raise Refused(503, "a secret could not be read: try again")
        raise untrusted(Distrust.FORGED)


def _secrets(api: Api, references: tuple[str, ...], now: datetime) -> tuple[list[str], bool]:
    """Return the secrets that can be read, and whether that is all of them."""
    assert api.read_secret is not None  # looked at before
    found = []
    for reference in references:
        try:
            found.append(api.read_secret(reference, now))
        except SecretError as error:
            api.desk.log.error("pagerduty_secret_unreadable", error=str(error))
    return found, len(found) == len(references)


def _hear_once(api: Api, receipts: Receipts, request: Request, event: PagerdutyEvent, now: datetime) -> Heard | None:
    """Return what came of an event; None where it was done before. Raises Refused while somebody else is at it."""
    until = now + IN_HAND
    delivery = request.headers.get(DELIVERY, "")
    names = [f"pagerduty event {event.id}", *([f"pagerduty webhook {delivery}"] if delivery else [])]
    states = []
    for name in names:
        states.append(receipts.begin(name, until=until, now=now))
        if states[-1] is not Receipt.GRANTED:
            break
    mine = names[: states.count(Receipt.GRANTED)]
    if states[-1] is Receipt.DONE:
        _finish(receipts, mine, now)
        return None
    if states[-1] is Receipt.BUSY:
        _drop(receipts, mine, until)
        raise Refused(503, "it is being done just now", {"retry-after": "30"})
    try:
        configuration = api.configurations.current(now=now).configuration
        heard = pagerduty.hear(api.desk, receipts, configuration, event, now=now)
    except BaseException:
        _drop(receipts, mine, until)
        raise
    _finish(receipts, mine, now)
    return heard


def _finish(receipts: Receipts, names: list[str], now: datetime) -> None:
    for name in names:
        receipts.finish(name, keep_until=now + KEPT_FOR)


def _drop(receipts: Receipts, names: list[str], until: datetime) -> None:
    """Give back what was in hand; where even that fails, its time runs out."""
    for name in names:
        with suppress(StoreError):
            receipts.drop(name, until=until)
