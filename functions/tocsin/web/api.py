"""The HTTP API: Alertmanager's v2 for its clients (amtool, Grafana, karma, Prometheus servers that send alerts),
Prometheus's for rules, and Tocsin's own.

Each module beside this one answers for one of them; here stands which path is whose, and who may ask. An error that is
not about what is asked for is `{"code": 404, "message": "…"}`. The command line asks this same API, over HTTP or in its
own process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from ..core.redaction import Redaction
from ..errors import ConflictError, SecretError, StoreError
from . import alertmanager, explaining, incidents, prometheus, receivers, receiving, silences
from .http import LARGEST_BODY_BYTES, Refused, Request, Response, check_size, split_path
from .identities import EVERYTHING, Identity, Scope, Tokens, identify, read_tokens
from .serving import Api, Endpoint

__all__ = ["ROUTES", "Api", "answer", "trusted"]


def answer(api: Api, request: Request, *, now: datetime) -> Response:
    """Return the response to a request. Raises only what nobody expected."""
    try:
        endpoint = _endpoint(request)
        if endpoint.scope is not None:
            request = replace(request, identity=_admit(api, request, endpoint.scope, now))
        check_size(request.body, endpoint.body_bytes)
        response = endpoint.answer(api, request, now)
        if endpoint.shows_alerts:
            return replace(response, value=_redaction(api, now).value(response.value))
        return response
    except Refused as refused:
        return refused.response
    except ConflictError as error:
        return Refused(409, f"{error}: try again").response
    except StoreError as error:
        api.desk.log.error("store_failed", error=str(error))
        return Refused(503, "the table could not be read or written: try again").response


def _redaction(api: Api, now: datetime) -> Redaction:
    """Return what must not be shown; who takes an incident is answered also where no configuration can be read."""
    try:
        return api.configurations.current(now=now).configuration.redaction
    except Exception:  # the log of whoever read it says why
        return Redaction()


def trusted(request: Request, name: str = "") -> Request:
    """Return a request of somebody who may do everything: who works on the table itself needs no leave of the API."""
    return replace(request, identity=Identity(name, EVERYTHING))


def _endpoint(request: Request) -> Endpoint:
    methods: Mapping[str, Endpoint] = next(
        (methods for pattern, methods in ROUTES.items() if _matches(pattern, request.path)), {}
    )
    if not methods:
        raise Refused(404, f"path /{'/'.join(request.path)} was not found")
    if request.method not in methods:
        allowed = ",".join(methods)
        raise Refused(405, f"method {request.method} is not allowed, but [{allowed}] are", {"allow": allowed})
    return methods[request.method]


def _matches(pattern: str, path: tuple[str, ...]) -> bool:
    parts = split_path(pattern)
    return len(parts) == len(path) and all(
        bool(found) if part == "{id}" else part == found for part, found in zip(parts, path, strict=True)
    )


def _admit(api: Api, request: Request, scope: Scope, now: datetime) -> Identity:
    """Return who asks, by the gateway or else by a token; whoever may not do this is refused."""
    identity = request.identity or identify(_tokens(api, now), request.authorization, now=now)
    if identity is None:
        raise Refused(401, "a valid token is needed", {"www-authenticate": 'Basic realm="tocsin", Bearer'})
    if scope not in identity.scopes:
        raise Refused(403, f"{identity.name or 'this caller'} lacks the scope {scope.value}")
    return identity


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

ROUTES: Mapping[str, Mapping[str, Endpoint]] = {
    "/": {"GET": Endpoint(_index)},
    "/-/healthy": _WELL,
    "/-/ready": _WELL,
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
    "/api/v1/rules": {"GET": Endpoint(prometheus.rules, shows_alerts=True)},
    "/api/v1/alerts": {"GET": Endpoint(prometheus.alerts, shows_alerts=True)},
    "/api/tocsin/v1/alerts": {"GET": Endpoint(incidents.alerts, shows_alerts=True)},
    "/api/tocsin/v1/explanations": {"GET": Endpoint(explaining.explanations, shows_alerts=True)},
    "/api/tocsin/v1/incidents": {"GET": Endpoint(incidents.list_incidents, shows_alerts=True)},
    "/api/tocsin/v1/incidents/{id}": {"GET": Endpoint(incidents.get_incident, shows_alerts=True)},
    "/api/tocsin/v1/incidents/{id}/acknowledge": {
        "POST": Endpoint(incidents.acknowledge, Scope.WRITE, shows_alerts=True)
    },
    "/api/tocsin/v1/incidents/{id}/resolve": {"POST": Endpoint(incidents.resolve, Scope.WRITE, shows_alerts=True)},
}
