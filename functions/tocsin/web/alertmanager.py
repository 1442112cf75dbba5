"""Alertmanager's API v2, but for silences and receivers: status, alerts, groups of alerts.

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/api.go
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..core.matchers import matches_all
from ..core.receivers import Receiver
from ..core.routing import Route
from ..pipeline.standing import Standing, StandingGroup, group_standing, list_standing
from .http import Request, Response
from .receivers import receiver_view, wanted_receivers
from .serving import ALERTMANAGER_VERSION, Api, flag, matchers_of, milliseconds


def status(api: Api, request: Request, now: datetime) -> Response:
    """Say what this is, and the configuration that it runs on."""
    about = api.about
    version = {
        "branch": "",
        "buildDate": "",
        "buildUser": "",
        "goVersion": "",
        "revision": "",
        # Clients compare it with the release in which what they use came.
        "version": f"{ALERTMANAGER_VERSION}+tocsin.{about.version}",
    }
    return Response(
        200,
        {
            "cluster": {"peers": [], "status": "disabled"},
            "config": {"original": api.config_text()},
            "uptime": milliseconds(about.started_at),
            "versionInfo": version,
        },
    )


def alerts(api: Api, request: Request, now: datetime) -> Response:
    """List what fires, by fingerprint."""
    wanted, to = _filter(api, request), wanted_receivers(api, request)
    configuration = api.configurations.current(now=now).configuration
    configured, listed = configuration.receivers, []
    for each in list_standing(api.board, configuration, now=now):
        names = receiver_names(each, configuration.root)
        if wanted(each) and any(to.takes(configured, name) for name in names):
            listed.append(gettable(each, names, configured, resolve_timeout=configuration.resolve_timeout, now=now))
    return Response(200, listed)


def groups(api: Api, request: Request, now: datetime) -> Response:
    """List the groups of what fires; one of which nothing is wanted is left out."""
    wanted, to = _filter(api, request), wanted_receivers(api, request)
    shows_muted = flag(request, "muted")
    configuration = api.configurations.current(now=now).configuration
    configured = configuration.receivers
    standing = [each for each in list_standing(api.board, configuration, now=now) if wanted(each)]

    def view(group: StandingGroup) -> dict[str, Any]:
        timeout = configuration.resolve_timeout
        return {
            "alerts": [
                gettable(
                    each,
                    receiver_names(each, configuration.root),
                    configured,
                    resolve_timeout=timeout,
                    muted_by=group.muted_by,
                    now=now,
                )
                for each in group.alerts
            ],
            "labels": dict(group.identity.labels),
            "receiver": receiver_view(configured, group.identity.receiver),
        }

    found = group_standing(standing, configuration, now=now)
    return Response(
        200,
        [
            view(group)
            for group in found
            if to.takes(configured, group.identity.receiver) and (shows_muted or not group.muted_by)
        ],
    )


def gettable(
    standing: Standing,
    receivers: Sequence[str],
    configured: Mapping[str, Receiver],
    *,
    resolve_timeout: timedelta,
    muted_by: Sequence[str] = (),
    now: datetime,
) -> dict[str, Any]:
    """Return an alert in Alertmanager's shape.

    A rule's alert has no end while it fires. The API must name one: what a source that fell silent would get.
    """
    alert = standing.alert
    view = {
        "annotations": dict(alert.annotations),
        "endsAt": milliseconds(alert.ends_at or now + resolve_timeout),
        "fingerprint": alert.fingerprint,
        "receivers": [receiver_view(configured, name) for name in receivers],
        "startsAt": milliseconds(alert.starts_at),
        "status": {
            "inhibitedBy": list(standing.inhibited_by),
            "mutedBy": list(muted_by),
            "silencedBy": list(standing.silenced_by),
            "state": "suppressed" if standing.is_suppressed or muted_by else "active",
        },
        "updatedAt": milliseconds(alert.updated_at),
        "labels": dict(alert.labels),
    }
    return {**view, "generatorURL": alert.generator_url} if alert.generator_url else view


def receiver_names(standing: Standing, root: Route) -> list[str]:
    """Return the receivers of the routes that an alert takes, in order."""
    return [route.receiver for route in standing.routes(root)]


def _filter(api: Api, request: Request) -> Callable[[Standing], bool]:
    """Return what the parameters let through. `unprocessed` is taken and means nothing, as in Alertmanager."""
    matchers = matchers_of(api, request)
    active, silenced, inhibited = (flag(request, name) for name in ("active", "silenced", "inhibited"))

    def is_wanted(each: Standing) -> bool:
        if not active and not each.is_suppressed:
            return False
        if (not silenced and each.silenced_by) or (not inhibited and each.inhibited_by):
            return False
        return matches_all(matchers, each.alert.labels)

    return is_wanted
