"""Tocsin's own API: what groups were told, and how many alerts each integration has heard of.

GET  /api/tocsin/v1/deliveries       filter= as for alerts; or group= a group's id; each may be given several times

An integration that has to hear of a group and of which nothing is known stands there without deliveries. A group that
is named is shown whole, also when it is over; of others, only the alerts that match count, and so many
groups are looked at in one request: `next` is what to give as `after=` for those that follow, null where none do.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..core.routing import GroupId
from ..pipeline.told import Shelf, ToldDelivery, ToldGroup, ToldIntegration, told
from .http import Refused, Request, Response
from .serving import Api, matchers_of
from .views import delivery_view

GROUPS_AT_ONCE = 5


def deliveries(api: Api, request: Request, now: datetime) -> Response:
    """Show what the groups that are asked for were told."""
    matchers, named = matchers_of(api, request), [GroupId(each) for each in request.query.get("group", ()) if each]
    if bool(matchers) == bool(named):
        raise Refused(400, "of which alerts? give matchers of their labels, or else the ids of groups")
    groups, following = (named, None) if named else _page(api, request.last("after"))
    configuration = api.configurations.current(now=now).configuration
    shelf = Shelf(api.desk.groups, api.desk.deliveries)
    found = told(shelf, configuration, groups, matchers or None, now=now)
    return Response(200, {"groups": [_group(each) for each in found], "next": following})


def _page(api: Api, after: str) -> tuple[list[GroupId], str | None]:
    """Return the groups that follow one, and the last of them where there are more."""
    ahead = sorted(group for group in api.desk.groups.active_groups() if group > after)
    page = ahead[:GROUPS_AT_ONCE]
    return page, page[-1] if len(ahead) > len(page) else None


def _group(found: ToldGroup) -> dict[str, Any]:
    return {
        "group": found.group,
        "receiver": found.receiver,
        "alerts": list(found.alerts),
        "integrations": [_integration(each) for each in found.integrations],
    }


def _integration(found: ToldIntegration) -> dict[str, Any]:
    return {
        "integration": found.key,
        "send_resolved": found.send_resolved,
        "heard_firing": found.heard_firing,
        "heard_resolved": found.heard_resolved,
        "deliveries": [_delivery(each) for each in found.deliveries],
    }


def _delivery(found: ToldDelivery) -> dict[str, Any]:
    return {**delivery_view(found.delivery), "firing": found.firing, "resolved": found.resolved}
