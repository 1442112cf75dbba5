"""Links from mail and text messages (core/action_links.py): a page that asks, and a button that does it.

GET  /act?t=TOKEN   shows the incident and a button, and changes nothing: mail scanners and previews follow links
POST /act?t=TOKEN   acknowledges; twice is once, and says who has it

The token is all that is asked for, so nothing of an incident is shown before it is found to be ours. A link that is not
taken is logged and counted with its reason, and never itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ..core.action_links import PARAMETER, Fault, Permit, Way, read_keys, verify
from ..core.incidents import Actor, Incident, IncidentId, IncidentState, Source
from ..core.incidents import Refusal as Unchanged
from ..core.redaction import Redaction
from ..core.wording import time_text
from ..errors import ConflictError, SecretError, StoreError
from ..pipeline import incidents
from ..pipeline.drills import marked
from ..pipeline.incidents import Order, Verb
from .http import Request, Response
from .identities import Scope
from .link_page import Page, render
from .serving import Api

VERB = Verb.ACKNOWLEDGE


class Refusal(StrEnum):
    """Why a link did nothing; also the dimension of the metric."""

    FORGED = "forged"
    MALFORMED = "malformed"
    EXPIRED = "expired"
    UNKNOWN = "no such incident"
    OVER = "over"
    NOT_ACKNOWLEDGEABLE = "not to be acknowledged"
    TOO_MANY = "too many requests"
    NOT_CONFIGURED = "not configured"
    FAILED = "failed"


_OF_FAULT = {
    Fault.MALFORMED: Refusal.MALFORMED,
    Fault.FORGED: Refusal.FORGED,
    Fault.OTHER_VERB: Refusal.FORGED,
    Fault.EXPIRED: Refusal.EXPIRED,
}
# What may be wrong with the link itself is one answer, whatever it is.
_NOT_VALID = (
    "This link is not valid. It may have been cut on its way: copy all of it from the message, or use another way."
)
_SAID: dict[Refusal, tuple[int, str, str]] = {
    Refusal.FORGED: (403, "Not a valid link", _NOT_VALID),
    Refusal.MALFORMED: (403, "Not a valid link", _NOT_VALID),
    Refusal.NOT_CONFIGURED: (403, "Not a valid link", _NOT_VALID),
    Refusal.EXPIRED: (410, "The link has expired", "Use the link of a newer message, or acknowledge another way."),
    Refusal.UNKNOWN: (404, "No such incident", "The incident of this link is not kept any more."),
    Refusal.TOO_MANY: (429, "Too many requests", "Wait a minute, and try again."),
    Refusal.FAILED: (
        503,
        "That did not work",
        "Nothing was changed. Try again in a moment, or acknowledge another way.",
    ),
}
_SOURCES = {Way.EMAIL: Source.EMAIL, Way.SMS: Source.SMS, Way.SLACK: Source.SLACK, Way.CHAT: Source.API}


@dataclass(frozen=True, slots=True)
class _Visit:
    """A link that was followed and is ours."""

    permit: Permit
    redaction: Redaction


def show(api: Api, request: Request, now: datetime) -> Response:
    """Ask whoever followed a link whether they mean it."""
    found = _visit(api, request, now)
    if isinstance(found, Refusal):
        return _refused(api, found, request, now)
    try:
        incident = api.desk.incidents.load_incident(IncidentId(found.permit.incident))
    except StoreError as error:
        api.desk.log.error("store_failed", error=str(error))
        return _refused(api, Refusal.FAILED, request, now)
    if incident is None:
        return _refused(api, Refusal.UNKNOWN, request, now)
    return _answer(200, _page(api, incident, found, now))


def head(api: Api, request: Request, now: datetime) -> Response:
    """Answer as `show` does, without the page."""
    answer = show(api, request, now)
    return Response(answer.status, headers=answer.headers)


def perform(api: Api, request: Request, now: datetime) -> Response:
    """Acknowledge, and say what came of it."""
    found = _visit(api, request, now)
    if isinstance(found, Refusal):
        return _refused(api, found, request, now)
    permit = found.permit
    actor = Actor(permit.addressee, _SOURCES[permit.way])
    try:
        acted = incidents.act(api.desk, Order(VERB, IncidentId(permit.incident), actor), now=now)
    except (ConflictError, StoreError) as error:
        api.desk.log.error("link_failed", error=str(error))
        return _refused(api, Refusal.FAILED, request, now)
    if acted is None:
        return _refused(api, Refusal.UNKNOWN, request, now)
    answer = _page(api, acted.incident, found, now)
    if acted.refusal is None:
        api.desk.log.info(
            "incident_action",
            incident=acted.incident.id,
            verb=VERB.value,
            by=actor.name,
            caller=f"link by {permit.way}",
        )
        return _answer(200, answer)
    if acted.refusal is Unchanged.ALREADY:
        return _answer(200, answer)
    _note(api, Refusal.OVER if acted.refusal is Unchanged.OVER else Refusal.NOT_ACKNOWLEDGEABLE, request)
    return _answer(409, answer)


def _visit(api: Api, request: Request, now: datetime) -> _Visit | Refusal:
    """Return what a link permits, or why it is not taken."""
    if api.limiter and api.limiter.wait_seconds(f"link {request.source}", Scope.WRITE, now=now):
        return Refusal.TOO_MANY
    try:
        configuration = api.configurations.current(now=now).configuration
    except Exception as error:  # whatever keeps configuration from being read, a person is told to try again
        api.desk.log.error("links_unreadable", error=f"{type(error).__name__}: {error}")
        return Refusal.FAILED
    if configuration.links is None or api.read_secret is None:
        return Refusal.NOT_CONFIGURED
    try:
        keys = read_keys(api.read_secret(configuration.links.secret, now))
    except (SecretError, ValueError) as error:
        api.desk.log.error("links_unreadable", error=str(error))
        return Refusal.FAILED
    verdict = verify(request.last(PARAMETER), keys, verb=VERB.value, now=now)
    return _OF_FAULT[verdict] if isinstance(verdict, Fault) else _Visit(verdict, configuration.redaction)


def _page(api: Api, incident: Incident, visit: _Visit, now: datetime) -> Page:
    heading, sentence, asks = _standing(incident)
    return Page(
        heading=heading,
        sentence=sentence,
        title=marked(api.desk.groups, incident, visit.redaction.text(incident.title), now=now),
        severity=incident.severity,
        state=incident.state.value,
        opened_at=incident.opened_at,
        addressee=visit.permit.addressee,
        button="Acknowledge" if asks else "",
    )


def _standing(incident: Incident) -> tuple[str, str, bool]:
    """Return how an incident stands, as a heading and a sentence, and whether it can be acknowledged."""
    who = incident.who or "nobody"
    since = f" since {time_text(incident.changed_at)}" if incident.changed_at else ""
    until = f" until {time_text(incident.until)}" if incident.until else ""
    match incident.state:
        case IncidentState.ACKNOWLEDGED:
            return "Acknowledged", f"{who} has it{since}.", False
        case IncidentState.RESOLVED:
            return "It is over", f"It was resolved by {who}. There is nothing left to do.", False
        case IncidentState.EXPIRED:
            return "It is over", "Nobody has spoken of its alerts any more. There is nothing left to do.", False
    if not incident.terms.is_acknowledgeable:
        return "It cannot be acknowledged", "Its escalation policy lets nobody: look into it.", False
    if incident.state is IncidentState.OPEN:
        sentence = "Nobody has it yet. Whoever acknowledges has it, and nobody else is called for it."
    else:
        sentence = f"It is {incident.state.value}{until} by {who}. Whoever acknowledges has it."
    return "Acknowledge this incident?", sentence, True


def _refused(api: Api, refusal: Refusal, request: Request, now: datetime) -> Response:
    _note(api, refusal, request)
    status, heading, sentence = _SAID[refusal]
    answer = _answer(status, Page(heading, sentence))
    if refusal is not Refusal.TOO_MANY:
        return answer
    return Response(answer.status, headers={**answer.headers, "retry-after": "60"}, text=answer.text)


def _note(api: Api, refusal: Refusal, request: Request) -> None:
    api.desk.log.warning("link_refused", reason=refusal.value, source=request.source)
    api.desk.log.count("LinksRefused", reason=refusal.value)


def _answer(status: int, page: Page) -> Response:
    text, headers = render(page)
    return Response(status, headers=headers, text=text)
