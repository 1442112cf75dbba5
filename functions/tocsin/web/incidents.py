"""Tocsin's own API: alerts with what Alertmanager has no word for, and incidents.

GET  /api/tocsin/v1/alerts                         pending ones too, with their incidents; filter=
GET  /api/tocsin/v1/incidents                      incidents of groups that fire; filter=
GET  /api/tocsin/v1/incidents/{id}                 one incident, with its deliveries
POST /api/tocsin/v1/incidents/{id}/acknowledge     {"by": …, "comment": …}, and so
     …/resolve, …/escalate, …/note
     …/snooze, …/suppress                          with "until": a time, or a duration
     …/reassign                                    with "to": a user
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..core.durations import parse_duration
from ..core.incidents import Actor, IncidentId, Refusal, Source
from ..core.matcher_syntax import MatcherSyntaxError, parse_matcher
from ..core.matchers import Matcher
from ..core.notifications import parse_time
from ..pipeline import incidents
from ..pipeline.incidents import Order, Verb
from .bodies import needed, read_object, text_of
from .http import Refused, Request, Response
from .serving import Answerer, Api
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


def act(verb: Verb) -> Answerer:
    """Return what answers a request to do something about an incident."""

    def answer(api: Api, request: Request, now: datetime) -> Response:
        order = _order(verb, request, now)
        acted = incidents.act(api.desk, order, now=now)
        if acted is None:
            raise _no_such_incident(request)
        sentence = acted.sentence
        if acted.refusal is None:
            # Who acted is what the body says; who signed the request stands in the log beside it.
            fields = {"verb": verb.value, "by": order.actor.name, "caller": request.caller}
            api.desk.log.info("incident_action", incident=acted.incident.id, **fields)
        elif acted.refusal not in _NOTHING_TO_DO[verb]:
            is_asked_wrongly = acted.refusal in _ASKED_WRONGLY
            is_over = acted.refusal is Refusal.OVER
            said = sentence if is_over else f"unchanged: {sentence}"
            raise Refused(400 if is_asked_wrongly else 409, f"incident {acted.incident.id} is {said}")
        listed = incidents.find_incident(api.desk, acted.incident.id, now=now)
        view = incident_view(listed) if listed is not None else None
        return Response(200, {"changed": acted.refusal is None, "message": sentence, "incident": view})

    return answer


# What is so already is no error.
_NOTHING_TO_DO = {verb: frozenset({Refusal.ALREADY, Refusal.AGAIN}) for verb in Verb} | {
    Verb.RESOLVE: frozenset({Refusal.OVER})
}
_ASKED_WRONGLY = frozenset({Refusal.NO_TIME, Refusal.NO_USER, Refusal.NO_WAY, Refusal.NO_COMMENT})
_NEEDS = {Verb.SNOOZE: "until", Verb.SUPPRESS: "until", Verb.REASSIGN: "to"}


def _matchers(api: Api, request: Request) -> list[Matcher]:
    try:
        return [parse_matcher(text, api.compile_pattern) for text in request.query.get("filter", ())]
    except MatcherSyntaxError as error:
        raise Refused(400, f"filter: {error}") from None


def _incident_id(request: Request) -> IncidentId:
    return IncidentId(request.path[4])


def _no_such_incident(request: Request) -> Refused:
    return Refused(404, f"there is no incident {_incident_id(request)}")


def _order(verb: Verb, request: Request, now: datetime) -> Order:
    """Return what is asked for: who acts, by the body or else by the signature of the request, why, until when."""
    known = ["by", "comment", "source", *([_NEEDS[verb]] if verb in _NEEDS else [])]
    values = read_object(request.body, known) if request.body.strip() else {}
    by = text_of(values, "by", NAME_LENGTH) or request.caller
    if not by:
        raise Refused(400, "`by` is missing from the body: who acts?")
    return Order(
        verb,
        _incident_id(request),
        Actor(by, Source.CLI if values.get("source") == Source.CLI else Source.API),
        text_of(values, "comment", COMMENT_LENGTH),
        until=_until(values, now) if _NEEDS.get(verb) == "until" else None,
        to=needed(values, "to", NAME_LENGTH) if _NEEDS.get(verb) == "to" else "",
    )


def _until(values: Mapping[str, Any], now: datetime) -> datetime:
    """Return when it ends: a time, or a duration from now such as 2h."""
    text = needed(values, "until", NAME_LENGTH)
    try:
        return now + parse_duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        return parse_time(text)
    except ValueError:
        raise Refused(400, f"`until` is neither a time such as 2026-01-02T03:04:05Z nor a duration: {text}") from None
