"""Tocsin's own API: what groups were told, and how many alerts each integration has heard of.

GET  /api/tocsin/v1/deliveries       filter= as for alerts, group= a group's id; each may be given several times

A group that is named is shown whole, also when it is over; of others, only the alerts that match count.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..core.routing import GroupId
from ..pipeline.told import Shelf, ToldDelivery, ToldGroup, ToldIntegration, told
from .http import Refused, Request, Response
from .serving import Api, matchers_of
from .views import delivery_view


def deliveries(api: Api, request: Request, now: datetime) -> Response:
    """Show what the groups that are asked for were told."""
    matchers, groups = matchers_of(api, request), [GroupId(each) for each in request.query.get("group", ()) if each]
    if not matchers and not groups:
        raise Refused(400, "of which alerts? give matchers of their labels, or the ids of groups")
    configuration = api.configurations.current(now=now).configuration
    shelf = Shelf(api.desk.groups, api.desk.deliveries)
    return Response(200, {"groups": [_group(each) for each in told(shelf, configuration, matchers, groups, now=now)]})


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
