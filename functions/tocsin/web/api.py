"""The HTTP API: Alertmanager's alerts for its clients (amtool, Grafana, karma), and Tocsin's own alerts and incidents.

    GET  /api/v2/alerts                           firing alerts, in Alertmanager's shape; filter=, receiver=, active=
    GET  /api/v1/alerts                           pending ones too, with their incidents; filter=
    GET  /api/v1/incidents                        incidents of groups that fire; filter=
    GET  /api/v1/incidents/{id}                   one incident, with its deliveries
    POST /api/v1/incidents/{id}/acknowledge       {"by": …, "comment": …}
    POST /api/v1/incidents/{id}/resolve           {"by": …, "comment": …}

An error is `{"code": 404, "message": "…"}`. The command line asks this same API, over HTTP or in its own process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..core.escalation import IncidentId, Refusal
from ..core.matcher_syntax import Compile, MatcherSyntaxError, parse_matcher
from ..core.matchers import Matcher
from ..core.notifications import format_time
from ..core.rules import AlertState
from ..core.wording import one_line
from ..errors import ConflictError, StoreError
from ..pipeline import incidents
from ..pipeline.incidents import Acted, Desk, ListedAlert, Verb
from .http import Refused, Request, Response, split_path
from .views import alert_view, gettable_alert, incident_view

NAME_LENGTH, COMMENT_LENGTH = 200, 2000


@dataclass(frozen=True, slots=True)
class Api:
    """What answering works with; `compile_pattern` compiles the regular expressions of filters."""

    desk: Desk
    compile_pattern: Compile


def answer(api: Api, request: Request, *, now: datetime) -> Response:
    """Return the response to a request. Raises only what nobody expected."""
    try:
        return _route(request)(api, request, now)
    except Refused as refused:
        return refused.response
    except ConflictError as error:
        return Refused(409, f"{error}: try again").response
    except StoreError as error:
        api.desk.log.error("store_failed", error=str(error))
        return Refused(503, "the table could not be read or written: try again").response


_Answerer = Callable[[Api, Request, datetime], Response]


def _route(request: Request) -> _Answerer:
    methods: Mapping[str, _Answerer] = next(
        (methods for pattern, methods in _ROUTES.items() if _matches(pattern, request.path)), {}
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


def _index(api: Api, request: Request, now: datetime) -> Response:
    return Response(200, {"service": "tocsin", "paths": {path: list(methods) for path, methods in _ROUTES.items()}})


def _alerts_v2(api: Api, request: Request, now: datetime) -> Response:
    listed = incidents.list_alerts(api.desk, _matchers(api, request), now=now)
    firing = [each for each in listed if each.alert.state is AlertState.FIRING and _is_wanted(api, request, each)]
    return Response(200, [gettable_alert(each, now=now) for each in firing])


def _is_wanted(api: Api, request: Request, listed: ListedAlert) -> bool:
    if request.query.get("active", ("true",))[-1] == "false":
        return False
    receivers = request.query.get("receiver", ())
    if not receivers or not receivers[-1]:
        return True
    try:
        pattern = api.compile_pattern(receivers[-1])
    except ValueError as error:
        raise Refused(400, f"receiver: {error}") from None
    return any(pattern.fullmatch(each.receiver) for each in listed.groups)


def _alerts_v1(api: Api, request: Request, now: datetime) -> Response:
    listed = incidents.list_alerts(api.desk, _matchers(api, request), now=now)
    return Response(200, {"alerts": [alert_view(each, now=now) for each in listed]})


def _incidents(api: Api, request: Request, now: datetime) -> Response:
    listed = incidents.list_incidents(api.desk, _matchers(api, request), now=now)
    return Response(200, {"incidents": [incident_view(each) for each in listed]})


def _incident(api: Api, request: Request, now: datetime) -> Response:
    listed = incidents.find_incident(api.desk, _incident_id(request), now=now)
    if listed is None:
        raise _no_such_incident(request)
    return Response(200, incident_view(listed))


def _acknowledge(api: Api, request: Request, now: datetime) -> Response:
    return _act(api, Verb.ACKNOWLEDGE, request, now)


def _resolve(api: Api, request: Request, now: datetime) -> Response:
    return _act(api, Verb.RESOLVE, request, now)


def _act(api: Api, verb: Verb, request: Request, now: datetime) -> Response:
    by, comment = _who_and_why(request)
    acted = incidents.act(api.desk, verb, _incident_id(request), by=by, comment=comment, now=now)
    if acted is None:
        raise _no_such_incident(request)
    if acted.refusal is None:
        # Who acted is what the body says; who signed the request stands in the log beside it.
        api.desk.log.info("incident_action", incident=acted.incident.id, verb=verb.value, by=by, caller=request.caller)
    if acted.refusal is Refusal.OVER and verb is Verb.ACKNOWLEDGE:
        raise Refused(409, f"incident {acted.incident.id} is {_who_has_it(acted)}")
    listed = incidents.find_incident(api.desk, acted.incident.id, now=now)
    view = incident_view(listed) if listed is not None else None
    return Response(200, {"changed": acted.refusal is None, "message": _who_has_it(acted), "incident": view})


def _who_has_it(acted: Acted) -> str:
    """Return a phrase such as `already acknowledged by ann at 2026-11-20T03:00:00Z (looking)`."""
    incident = acted.incident
    said = acted.refusal.value if acted.refusal else incident.state.value
    at = f" at {format_time(incident.changed_at.replace(microsecond=0))}" if incident.changed_at else ""
    comment = f" ({incident.comment})" if incident.comment else ""
    return f"{said} by {incident.changed_by or 'nobody'}{at}{comment}"


def _matchers(api: Api, request: Request) -> list[Matcher]:
    try:
        return [parse_matcher(text, api.compile_pattern) for text in request.query.get("filter", ())]
    except MatcherSyntaxError as error:
        raise Refused(400, f"filter: {error}") from None


def _incident_id(request: Request) -> IncidentId:
    return IncidentId(request.path[3])


def _no_such_incident(request: Request) -> Refused:
    return Refused(404, f"there is no incident {_incident_id(request)}")


def _who_and_why(request: Request) -> tuple[str, str]:
    """Return who acts, by the body or else by the signature of the request, and their comment."""
    values = _object(request.body)
    unknown = sorted(set(values) - {"by", "comment"})
    if unknown:
        raise Refused(400, f"unknown key {unknown[0]!r} in the body: expected by, comment")
    by = _text(values, "by", NAME_LENGTH) or request.caller
    if not by:
        raise Refused(400, "`by` is missing from the body: who acts?")
    return by, _text(values, "comment", COMMENT_LENGTH)


def _object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(values, dict):
        raise Refused(400, "the body is not a JSON object")
    return values


def _text(values: Mapping[str, Any], name: str, length: int) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(400, f"`{name}` is not a text")
    text = one_line(value)
    if len(text) > length:
        raise Refused(400, f"`{name}` is longer than {length} characters")
    return text


_ROUTES: Mapping[str, Mapping[str, _Answerer]] = {
    "/": {"GET": _index},
    "/api/v2/alerts": {"GET": _alerts_v2},
    "/api/v1/alerts": {"GET": _alerts_v1},
    "/api/v1/incidents": {"GET": _incidents},
    "/api/v1/incidents/{id}": {"GET": _incident},
    "/api/v1/incidents/{id}/acknowledge": {"POST": _acknowledge},
    "/api/v1/incidents/{id}/resolve": {"POST": _resolve},
}
