"""Alerts that are sent to us: by Prometheus servers and amtool (API v2), and by Alertmanagers (webhook, version 4).

Whoever forwards notifications speaks of an alert only when there is something to tell, hours apart. So an alert that is
forwarded without an end holds until it is said to be resolved, or for `hold`; not for resolve_timeout.

Sources: https://prometheus.io/docs/alerting/latest/alerts_api/
https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..core.durations import parse_duration
from ..core.merging import Posted
from ..pipeline.ingest import ingest
from .http import Refused, Request, Response
from .limits import excess, within
from .reading import WRONG_TYPE, Body, read_body
from .serving import Api, said

# The longest repeat_interval that Amazon's alert manager knows, and an hour.
FORWARDED_HOLD = timedelta(days=5, hours=1)


def post_alerts(api: Api, request: Request, now: datetime) -> Response:
    """Take alerts as Alertmanager's API v2 does: those that are valid, even if others are not."""
    posted = [_posted(each) for each in read_body(request, "alerts").items()]
    return take(api, posted, now=now)


def post_webhook(api: Api, request: Request, now: datetime) -> Response:
    """Take a notification of an Alertmanager, or of a Grafana, whose webhooks have the same shape."""
    hold = _hold(request)
    posted = [_forwarded(each, now) for each in read_body(request, "webhook").need("alerts").items()]
    return take(api, posted, now=now, hold=hold)


def take(api: Api, posted: Sequence[Posted], *, now: datetime, hold: timedelta | None = None) -> Response:
    """Take what is within the limits and valid; whatever is refused makes the answer an error, as in Alertmanager."""
    if len(posted) > api.limits.alerts:
        raise Refused(413, f"{len(posted)} alerts in one request, at most {api.limits.alerts} are allowed")
    small = [within(api.limits, each) for each in posted if not excess(api.limits, each)]
    too_large = [reason for each in posted if (reason := excess(api.limits, each))]
    outcome = ingest(api.ingester, small, now=now, hold=hold)
    refused = [*too_large, *outcome.refused]
    if refused:
        raise said(400, "\n".join(refused))
    return Response(200)


def _posted(body: Body) -> Posted:
    return Posted(
        labels=body.need("labels").pairs(),
        annotations=body.get("annotations").pairs(),
        starts_at=body.get("startsAt").time(),
        ends_at=body.get("endsAt").time(),
        generator_url=_url(body.get("generatorURL")),
    )


def _forwarded(body: Body, now: datetime) -> Posted:
    posted = _posted(body)
    return forwarded(posted, body.get("status").text(), now=now)


def forwarded(posted: Posted, status: str, *, now: datetime) -> Posted:
    """Return an alert of a notification: one that is resolved has an end by now, one that fires has none or a later."""
    is_resolved = status == "resolved"
    ends_at = posted.ends_at
    if is_resolved and (ends_at is None or ends_at > now):
        ends_at = now
    elif not is_resolved and ends_at is not None and ends_at <= now:
        ends_at = None
    # Clocks differ: a start after the end would have the end refused, and the alert fire on.
    starts_at = posted.starts_at
    if starts_at is not None and starts_at > (ends_at or now):
        starts_at = ends_at or now
    return Posted(posted.labels, posted.annotations, starts_at, ends_at, posted.generator_url)


def _url(body: Body) -> str:
    text = body.text()
    head = text.partition("/")[0]
    is_url = text.startswith("/") or (head.endswith(":") and len(head) > 1) or ":" in head
    if text and not (is_url and text.isprintable()):
        raise Refused(422, f'{body.path} in body must be of type uri: "{text}"', code=WRONG_TYPE)
    return text


def _hold(request: Request) -> timedelta:
    text = request.last("hold")
    if not text:
        return FORWARDED_HOLD
    try:
        hold = parse_duration(text)
    except ValueError as error:
        raise Refused(400, f"hold: {error}") from None
    if hold <= timedelta(0):
        raise Refused(400, "hold: expected more than 0s")
    return hold
