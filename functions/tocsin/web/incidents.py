"""Tocsin's own API: alerts with what Alertmanager has no word for, and incidents.

GET  /api/tocsin/v1/alerts                         pending ones too, with their incidents; filter=
GET  /api/tocsin/v1/incidents                      incidents of groups that fire; filter=
GET  /api/tocsin/v1/incidents/{id}                 one incident, with its deliveries
POST /api/tocsin/v1/incidents/{id}/acknowledge     {"by": …, "comment": …}
POST /api/tocsin/v1/incidents/{id}/resolve         {"by": …, "comment": …}
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..core.escalation import IncidentId, Refusal
from ..core.json_text import JsonError, read_json
from ..core.matcher_syntax import MatcherSyntaxError, parse_matcher
from ..core.matchers import Matcher
from ..core.notifications import format_time
from ..core.wording import one_line
from ..pipeline import incidents
from ..pipeline.incidents import Acted, Verb
from .http import Refused, Request, Response
from .serving import Api
from .views import alert_view, incident_view

NAME_LENGTH, COMMENT_LENGTH = 200, 2000


def alerts(api: Api, request: Request, now: datetime) -> Response:
    """List pending and firing alerts."""
    listed = incidents.list_alerts(api.desk, _matchers(api, request), now=now)
    return Response(200, {"alerts": [alert_view(each, now=now) for each in listed]})


def list_incidents(api: Api, request: Request, now: datetime) -> Response:
    """List incidents that are open."""
    listed = incidents.list_incidents(api.desk, _matchers(api, request), now=now)
    return Response(200, {"incidents": [incident_view(each) for each in listed]})


def get_incident(api: Api, request: Request, now: datetime) -> Response:
    """Show one incident."""
    listed = incidents.find_incident(api.desk, _incident_id(request), now=now)
    if listed is None:
        raise _no_such_incident(request)
    return Response(200, incident_view(listed))


def acknowledge(api: Api, request: Request, now: datetime) -> Response:
    """Acknowledge an incident."""
    return _act(api, Verb.ACKNOWLEDGE, request, now)


def resolve(api: Api, request: Request, now: datetime) -> Response:
    """Resolve an incident."""
    return _act(api, Verb.RESOLVE, request, now)


def _act(api: Api, verb: Verb, request: Request, now: datetime) -> Response:
    by, comment = _who_and_why(request)
    acted = incidents.act(api.desk, verb, _incident_id(request), by=by, comment=comment, now=now)
    if acted is None:
        raise _no_such_incident(request)
    if acted.refusal is None:
        # Who acted is what the body says; who signed the request stands in the log beside it.
        caller = _caller(request)
        api.desk.log.info("incident_action", incident=acted.incident.id, verb=verb.value, by=by, caller=caller)
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


def _caller(request: Request) -> str:
    return request.identity.name if request.identity else ""


def _incident_id(request: Request) -> IncidentId:
    return IncidentId(request.path[4])


def _no_such_incident(request: Request) -> Refused:
    return Refused(404, f"there is no incident {_incident_id(request)}")


def _who_and_why(request: Request) -> tuple[str, str]:
    """Return who acts, by the body or else by the signature of the request, and their comment."""
    values = _object(request.body)
    unknown = sorted(set(values) - {"by", "comment"})
    if unknown:
        raise Refused(400, f"unknown key {unknown[0]!r} in the body: expected by, comment")
    by = _text(values, "by", NAME_LENGTH) or _caller(request)
    if not by:
        raise Refused(400, "`by` is missing from the body: who acts?")
    return by, _text(values, "comment", COMMENT_LENGTH)


def _object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        values = read_json(body)
    except JsonError:
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
