"""The HTTP API: Alertmanager's v2 for its clients (amtool, Grafana, karma, Prometheus servers that send alerts),
Prometheus's for rules, and Tocsin's own.

Each module beside this one answers for one of them; here stands which path is whose, and who may ask. An error that is
not about what is asked for is `{"code": 404, "message": "…"}`. The command line asks this same API, over HTTP or in its
own process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ..core.redaction import Redaction
from ..errors import ConflictError, SecretError, StoreError
from ..pipeline.incidents import Verb
from . import (
    alertmanager,
    deliveries,
    explaining,
    incidents,
    links,
    metrics,
    oncall,
    pagerduty,
    prometheus,
    receivers,
    receiving,
    silences,
    slack,
)
from .audit import note_refusal
from .http import LARGEST_BODY_BYTES, Refused, Request, Response, check_size, refusal, split_path
from .identities import EVERYTHING, Identity, Scope, Tokens, identify, read_tokens
from .serving import Api, Endpoint

__all__ = ["ROUTES", "Api", "answer", "trusted"]


def answer(api: Api, request: Request, *, now: datetime) -> Response:
    """Return the response to a request; whatever is refused is logged. Raises only what nobody expected."""
    found = _Asked(request)
    try:
        response = _answer(api, found, now)
    except Refused as refused:
        response = refused.response
    except ConflictError as error:
        api.desk.log.warning("request_lost", error=str(error))
        response = refusal(409, "somebody else changed it meanwhile: try again")
    except StoreError as error:
        api.desk.log.error("store_failed", error=str(error))
        response = refusal(503, "the table could not be read or written: try again")
    note_refusal(api.desk.log, response, found.request, path=found.pattern)
    return response


@dataclass(slots=True)
class _Asked:
    """A request, with what is found out about it on the way: who asks, and which of our paths it is."""

    request: Request
    pattern: str = ""


def _answer(api: Api, asked: _Asked, now: datetime) -> Response:
    # Who asks comes before what there is: an address tells a stranger nothing.
    asked.pattern, methods = _methods(asked.request)
    endpoint = methods.get(asked.request.method)
    if endpoint is None or endpoint.scope is not None:
        asked.request = replace(asked.request, identity=_identity(api, asked.request, now))
    if endpoint is None:
        raise _no_such_endpoint(asked.request, methods)
    if endpoint.scope is not None:
        _admit(api, asked.request, endpoint.scope, now)
    check_size(asked.request.body, endpoint.body_bytes)
    response = endpoint.answer(api, asked.request, now)
    if endpoint.shows_alerts:
        return replace(response, value=_redaction(api, now).value(response.value))
    return response


def _redaction(api: Api, now: datetime) -> Redaction:
    """Return what must not be shown; who takes an incident is answered also where no configuration can be read."""
    try:
        return api.configurations.current(now=now).configuration.redaction
    except Exception:  # the log of whoever read it says why
        return Redaction()


def trusted(request: Request, name: str = "") -> Request:
    """Return a request of somebody who may do everything: who works on the table itself needs no leave of the API."""
    return replace(request, identity=Identity(name, EVERYTHING))


def _methods(request: Request) -> tuple[str, Mapping[str, Endpoint]]:
    """Return the path of ours that is asked for, and its methods; none where there is no such path."""
    nothing: tuple[str, Mapping[str, Endpoint]] = ("", {})
    return next((each for each in ROUTES.items() if _matches(each[0], request.path)), nothing)


def _no_such_endpoint(request: Request, methods: Mapping[str, Endpoint]) -> Refused:
    if not methods:
        return Refused(404, f"path /{'/'.join(request.path)} was not found")
    allowed = ",".join(methods)
    return Refused(405, f"method {request.method} is not allowed, but [{allowed}] are", {"allow": allowed})


def _matches(pattern: str, path: tuple[str, ...]) -> bool:
    parts = split_path(pattern)
    return len(parts) == len(path) and all(
        bool(found) if part == "{id}" else part == found for part, found in zip(parts, path, strict=True)
    )


def _identity(api: Api, request: Request, now: datetime) -> Identity:
    """Return who asks, by the gateway or else by a token; what is wrong with a token is not said."""
    identity = request.identity or identify(_tokens(api, now), request.authorization, now=now)
    if identity is None:
        raise Refused(401, "a valid token is needed", {"www-authenticate": 'Basic realm="tocsin", Bearer'})
    return identity


def _admit(api: Api, request: Request, scope: Scope, now: datetime) -> None:
    """Refuse who may not do this, and who does it too often."""
    identity = request.identity or Identity("", frozenset())
    if scope not in identity.scopes:
        raise Refused(403, f"this needs the scope {scope.value}")
    seconds = api.limiter.wait_seconds(identity.name, scope, now=now) if api.limiter else 0
    if seconds:
        # Alertmanager tries a webhook again after 5xx alone; Prometheus sends what fires again, whatever the answer is.
        status = 503 if request.path == _WEBHOOK else 429
        raise Refused(status, "too many requests: try again later", {"retry-after": str(seconds)})


def _tokens(api: Api, now: datetime) -> Tokens:
    if api.tokens_text is None:
        return Tokens()
    try:
        tokens = read_tokens(api.tokens_text(now))
    except SecretError as error:
        api.desk.log.error("tokens_unreadable", error=str(error))
        raise Refused(503, "the tokens could not be read: try again") from None
    if tokens.problems:
        api.desk.log.warning("tokens_refused", problems=list(tokens.problems))
    return tokens


def _index(api: Api, request: Request, now: datetime) -> Response:
    return Response(200, {"service": "tocsin", "paths": {path: list(methods) for path, methods in ROUTES.items()}})


def _is_well(api: Api, request: Request, now: datetime) -> Response:
    return Response(200, "OK")


_WELL = {"GET": Endpoint(_is_well, scope=None), "HEAD": Endpoint(_is_well, scope=None)}

_WEBHOOK = ("alerts", "webhook")

ROUTES: Mapping[str, Mapping[str, Endpoint]] = {
    "/": {"GET": Endpoint(_index)},
    "/-/healthy": _WELL,
    "/-/ready": _WELL,
    "/slack/interactions": {"POST": Endpoint(slack.interactions, scope=None, body_bytes=slack.BODY_BYTES)},
    "/slack/commands": {"POST": Endpoint(slack.commands, scope=None)},
    "/act": {
        "GET": Endpoint(links.show, scope=None),
        "HEAD": Endpoint(links.head, scope=None),
        "POST": Endpoint(links.perform, scope=None),
    },
    "/metrics": {"GET": Endpoint(metrics.metrics)},
    "/api/v2/status": {"GET": Endpoint(alertmanager.status)},
    "/api/v2/receivers": {"GET": Endpoint(receivers.receivers)},
    "/api/v2/alerts": {
        "GET": Endpoint(alertmanager.alerts, shows_alerts=True),
        "POST": Endpoint(receiving.post_alerts, Scope.INGEST, LARGEST_BODY_BYTES),
    },
    "/api/v2/alerts/groups": {"GET": Endpoint(alertmanager.groups, shows_alerts=True)},
    "/api/v2/silences": {
        "GET": Endpoint(silences.list_silences),
        "POST": Endpoint(silences.post_silence, Scope.WRITE),
    },
    "/api/v2/silence/{id}": {
        "GET": Endpoint(silences.get_silence),
        "DELETE": Endpoint(silences.delete_silence, Scope.WRITE),
    },
    "/alerts/webhook": {"POST": Endpoint(receiving.post_webhook, Scope.INGEST, LARGEST_BODY_BYTES)},
    "/pagerduty/webhook": {"POST": Endpoint(pagerduty.webhook, scope=None, body_bytes=pagerduty.BODY_BYTES)},
    "/api/v1/rules": {"GET": Endpoint(prometheus.rules, shows_alerts=True)},
    "/api/v1/alerts": {"GET": Endpoint(prometheus.alerts, shows_alerts=True)},
    "/api/tocsin/v1/alerts": {"GET": Endpoint(incidents.alerts, shows_alerts=True)},
    "/api/tocsin/v1/deliveries": {"GET": Endpoint(deliveries.deliveries)},
    "/api/tocsin/v1/explanations": {"GET": Endpoint(explaining.explanations, shows_alerts=True)},
    "/api/tocsin/v1/incidents": {"GET": Endpoint(incidents.list_incidents, shows_alerts=True)},
    "/api/tocsin/v1/incidents/{id}": {"GET": Endpoint(incidents.get_incident, shows_alerts=True)},
    "/api/tocsin/v1/oncall": {"GET": Endpoint(oncall.list_schedules)},
    "/api/tocsin/v1/oncall/{id}": {"GET": Endpoint(oncall.get_schedule)},
    "/api/tocsin/v1/oncall/{id}/overrides": {"POST": Endpoint(oncall.post_override, Scope.WRITE)},
    "/api/tocsin/v1/oncall/{id}/overrides/{id}": {"DELETE": Endpoint(oncall.delete_override, Scope.WRITE)},
    "/api/tocsin/v1/oncall/{id}/swaps": {"POST": Endpoint(oncall.post_swap, Scope.WRITE)},
    **{
        f"/api/tocsin/v1/incidents/{{id}}/{verb}": {
            "POST": Endpoint(incidents.act(verb), Scope.WRITE, shows_alerts=True)
        }
        for verb in Verb
    },
}
