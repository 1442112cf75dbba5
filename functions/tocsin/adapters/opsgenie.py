"""Opsgenie, by its Alert API: a group opens one alert there, and closes it.

The alert's alias is the group's and the receiver's; Opsgenie counts what comes again under an alias that is open, so
`update_alerts` puts new words into it besides. Requests are taken with 202 and done later.

Sources: https://docs.opsgenie.com/docs/alert-api, https://docs.opsgenie.com/docs/response
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from ..core.alerts import Status
from ..core.labels import common
from ..core.notifications import Notification
from ..core.wording import clean, clip, one_line, title
from ..errors import FailureReason
from . import plain
from .channel import Channel, Outlets
from .hiding import hide
from .http import JSON_HEADERS, Request, encode, refused
from .pagerduty_contents import dedup_key
from .texts import Texts

API_URL = "https://api.opsgenie.com/"
MESSAGE_LENGTH = 130
DESCRIPTION_LENGTH = 15_000
SOURCE_LENGTH = 100
ENTITY_LENGTH = 512
NOTE_LENGTH = 25_000
TAGS, TAG_LENGTH = 20, 50
ACTIONS, ACTION_LENGTH = 10, 50
RESPONDERS = 50
DETAILS_LENGTH = 8_000
_PRIORITY_OF = {
    "critical": "P1",
    "page": "P1",
    "error": "P2",
    "high": "P2",
    "warning": "P3",
    "medium": "P3",
    "low": "P4",
    "info": "P5",
}
_PRIORITIES = frozenset({"P1", "P2", "P3", "P4", "P5"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request of the API: what is asked for below `v2/alerts`, and the body."""

    method: str
    path: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OpsgenieSender:
    """Delivers notifications to the integration whose key each one's settings refer to."""

    outlets: Outlets

    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Post what opens, updates or closes the alert. Raises DeliveryError."""
        calls = render(notification, self.outlets.texts(notification, now=now))
        return self.outlets.deliver(notification, partial(send, calls), now=now)


def send(calls: tuple[Call, ...], channel: Channel) -> str:
    """Make the calls one after another and return the last answer. Raises DeliveryError."""
    key = channel.secret("api_key")
    base = str(channel.settings.get("api_url") or API_URL).rstrip("/")
    said = ""
    for call in calls:
        url = f"{base}/v2/alerts{call.path}"
        headers = {**JSON_HEADERS, "authorization": f"GenieKey {key}"}
        response = channel.http.send(Request(url, headers, encode(call.body), call.method), now=channel.now)
        if not 200 <= response.status < 300:
            # 422 is also what a key is answered that another data centre knows.
            is_refused = "key" in response.text.lower() and response.status == 422
            reason = FailureReason.AUTH if is_refused else None
            raise refused(response, url, said=hide(response.text, key), reason=reason)
        said = response.text
    return said or "accepted"


def render(notification: Notification, texts: Texts | None = None) -> tuple[Call, ...]:
    """Return the calls; what cannot be rendered becomes a plain alert. Never raises."""
    alias = dedup_key(notification)
    try:
        return _calls(notification, texts or Texts(notification), alias)
    except Exception as error:
        return _plain_calls(notification, error, alias)


def _calls(notification: Notification, texts: Texts, alias: str) -> tuple[Call, ...]:
    source = clip(one_line(_own(texts, "source") or "Tocsin"), SOURCE_LENGTH)
    at = f"/{alias.replace('/', '%2F')}"
    if notification.status is Status.RESOLVED:
        return (Call("POST", f"{at}/close?identifierType=alias", {"source": source}),)
    opened = _alert(notification, texts, source)
    create = Call("POST", "", {"alias": alias, **opened})
    if not texts.settings.get("update_alerts"):
        return (create,)
    parts = ((name, opened[name]) for name in ("message", "description") if opened.get(name))
    return (create, *(Call("PUT", f"{at}/{name}?identifierType=alias", {name: said}) for name, said in parts))


def _alert(notification: Notification, texts: Texts, source: str) -> dict[str, Any]:
    heading, story = title(notification), plain.render(notification, limit_bytes=DESCRIPTION_LENGTH).text
    message = texts.said("message", heading) if texts.is_given("message") else heading
    description = texts.said("description", story) if texts.is_given("description") else story
    alert = {
        "message": clip(one_line(message) or heading, MESSAGE_LENGTH),
        "description": clip(clean(description), DESCRIPTION_LENGTH),
        "source": source,
        "priority": _priority(notification, texts),
        "details": _details(notification, texts),
        "tags": _listed(texts.value("tags"), TAGS, TAG_LENGTH),
        "actions": _listed(texts.value("actions"), ACTIONS, ACTION_LENGTH),
        "note": clip(texts.said("note"), NOTE_LENGTH),
        "entity": clip(texts.value("entity"), ENTITY_LENGTH),
        "responders": list(_responders(texts))[:RESPONDERS],
    }
    return {name: value for name, value in alert.items() if value}


def _priority(notification: Notification, texts: Texts) -> str:
    """Return the settings' priority, else that of the severity; without a known one Opsgenie takes P3."""
    asked = texts.value("priority").upper()
    return asked if asked in _PRIORITIES else _PRIORITY_OF.get(notification.severity.lower(), "")


def _details(notification: Notification, texts: Texts) -> dict[str, str]:
    """Return the common labels with the settings' details over them, as far as Opsgenie has room."""
    shared = common([alert.labels for alert in notification.alerts])
    own = texts.settings.get("details") or {}
    every = {**shared, **{name: texts.prose(str(own[name])) for name in own}}
    kept: dict[str, str] = {}
    room = DETAILS_LENGTH
    for name in [*sorted(own), *sorted(set(every) - set(own))]:
        value = clip(clean(every[name]), 1000)
        room -= len(name) + len(value)
        if room < 0:
            break
        kept[name] = value
    return kept


def _responders(texts: Texts) -> Iterator[dict[str, str]]:
    for responder in texts.settings.get("responders") or ():
        filled = {key: texts.field(str(value)) for key, value in responder.items() if value}
        known = {key: value for key, value in filled.items() if value}
        kind = known.get("type", "").lower()
        if not {"id", "name", "username"} & set(known) or not kind:
            # Filled from labels that these alerts do not have.
            continue
        if kind == "teams":
            yield from ({"type": "team", "name": name} for name in _listed(known.get("name", ""), RESPONDERS, 200))
        else:
            yield {**known, "type": kind}


def _listed(text: str, most: int, length: int) -> list[str]:
    names = dict.fromkeys(part.strip() for part in text.split(","))
    return [clip(name, length) for name in names if name][:most]


def _own(texts: Texts, key: str) -> str:
    return texts.value(key) if texts.is_given(key) else ""


def _plain_calls(notification: Notification, error: Exception, alias: str) -> tuple[Call, ...]:
    if notification.status is Status.RESOLVED:
        return (Call("POST", f"/{alias.replace('/', '%2F')}/close?identifierType=alias", {"source": "Tocsin"}),)
    rest = plain.degraded(notification, error)
    alert = {
        "alias": alias,
        "message": clip(rest.subject, MESSAGE_LENGTH),
        "description": clip(rest.text, DESCRIPTION_LENGTH),
        "source": "Tocsin",
        # Its true gravity could not be told: better too loud.
        "priority": "P1",
    }
    return (Call("POST", "", alert),)
