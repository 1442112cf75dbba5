"""`tocsin drill storm` and `tocsin drill prometheus`: alerts go in by the doors that others use, and everybody who
should hear of them is seen to have heard, once.

A sender that is refused, or that gets no answer, sends again, as a Prometheus server and an Alertmanager do.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..adapters.remote import RemoteApi
from ..core.drills import LABEL, YES
from ..core.durations import parse_duration
from ..core.labels import fingerprint
from ..core.notifications import format_time
from ..core.wording import duration_text, plural
from ..errors import TocsinError
from .arrivals import RUN, Findings, await_firing, await_resolved, said
from .asking import V2, ask
from .desks import Asked, choose_desk
from .failures import FAILED, UsageError
from .label_words import read_labels
from .pace import Pace, RealPace
from .session import Session

WEBHOOK = ("alerts", "webhook")
BATCH = 250
SENDERS = 4
# Prometheus sends what fires with an end of four times its resend delay, which is a minute.
_PROMETHEUS_ENDS_AFTER = timedelta(minutes=4)
_AGAIN_SECONDS = (1.0, 2.0, 4.0, 8.0)
_SETTLE_SECONDS = 3.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Drill:
    """One run: where it asks, what marks its alerts, how its time goes, how long it waits for what should arrive."""

    desk: Asked
    run: str
    labels: Mapping[str, str]
    pace: Pace
    timeout: timedelta

    def alert(self, alertname: str, **labels: str) -> Json:
        """Return an alert of this run without its times."""
        everything = {"alertname": alertname, **labels, **self.labels, LABEL: YES, RUN: self.run}
        summary = f"{alertname} ({', '.join(labels.values())}): a drill, nothing is wrong"
        return {"labels": everything, "annotations": {"summary": summary, "description": "There is nothing to do."}}


def storm(arguments: argparse.Namespace, session: Session) -> int:
    """Send many alerts within seconds."""
    return run_storm(drill_of(arguments, session, choose_desk(arguments, session), RealPace()), arguments)


def prometheus(arguments: argparse.Namespace, session: Session) -> int:
    """Send as a Prometheus server does, and as an Alertmanager does."""
    return run_prometheus(drill_of(arguments, session, choose_desk(arguments, session), RealPace()))


def drill_of(arguments: argparse.Namespace, session: Session, desk: Asked, pace: Pace) -> Drill:
    """Return the run that is asked for."""
    run = f"{session.now:%Y%m%dT%H%M%S}"
    return Drill(desk, run, read_own_labels(arguments), pace, read_timeout(arguments.timeout))


def read_own_labels(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the labels that are given for the alerts."""
    labels = read_labels(["x=", *arguments.labels]) if arguments.labels else {}
    labels.pop("x", None)
    if taken := {LABEL, RUN, "alertname"} & labels.keys():
        raise UsageError(f"{min(taken)}: this label is the drill's own")
    return labels


def read_timeout(text: str) -> timedelta:
    """Return a duration above zero."""
    try:
        timeout = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--timeout: {error}") from None
    if not timeout:
        raise UsageError("--timeout: expected a duration above zero")
    return timeout


# The storm


def run_storm(drill: Drill, arguments: argparse.Namespace) -> int:
    """Send, wait for what is to arrive, end it, wait for that; say what was seen."""
    count, seconds, groups = arguments.alerts, arguments.seconds, min(arguments.groups, arguments.alerts)
    begun = drill.pace.now()
    ends_at = format_time(begun + drill.timeout + timedelta(hours=1))
    alerts = [
        drill.alert("DrillStorm", severity=arguments.severity, service=f"drill-{number % groups:03}", n=str(number))
        for number in range(count)
    ]
    bodies = [{**each, "startsAt": format_time(begun), "endsAt": ends_at} for each in alerts]
    print(f"Sending {plural(count, 'alert')} of {plural(groups, 'service')} within {seconds:g} s (run {drill.run})")
    _send_all(drill, bodies, seconds)
    print(f"All were accepted after {duration_text(drill.pace.now() - begun)}", flush=True)
    found = await_firing(drill.desk, drill.run, names_of(alerts), drill.pace, timeout=drill.timeout)
    found = _settled(drill, found, alerts)
    _report(drill, found, begun, "firing")
    if arguments.keep:
        return _status(found)
    over = drill.pace.now()
    _send_all(drill, [{**each, "endsAt": format_time(over)} for each in alerts], 0)
    return max(_status(found), _ended(drill, found, over))


def _send_all(drill: Drill, bodies: Sequence[Json], seconds: float) -> None:
    """Send in batches that are spread over the seconds, beside each other where there is a server to take them."""
    batches = [bodies[start : start + BATCH] for start in range(0, len(bodies), BATCH)]
    if not isinstance(drill.desk, RemoteApi):
        for batch in batches:
            _post(drill, (*V2, "alerts"), batch)
            drill.pace.wait(seconds / len(batches))
        return
    begun = drill.pace.now()

    def send(number: int) -> None:
        due = begun + timedelta(seconds=seconds * number / len(batches))
        drill.pace.wait((due - drill.pace.now()).total_seconds())
        _post(drill, (*V2, "alerts"), batches[number])

    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(send, range(len(batches))))


def _post(drill: Drill, path: tuple[str, ...], body: Json | Sequence[Json]) -> None:
    """Send until it is accepted; what the API does not understand is an error at once."""
    ends_at = drill.pace.now() + drill.timeout
    tries = iter(_AGAIN_SECONDS)
    while True:
        try:
            ask(drill.desk, "POST", path, body=body)
            return
        except UsageError:
            raise
        except TocsinError:
            if drill.pace.now() >= ends_at:
                raise
            drill.pace.wait(next(tries, _AGAIN_SECONDS[-1]))


# As others send


def run_prometheus(drill: Drill) -> int:
    """Send two alerts as Prometheus does and two as Alertmanager does, each more than once; then that they are over."""
    begun = drill.pace.now()
    down = [
        drill.alert("DrillTargetDown", severity="warning", service="drill-prometheus", instance=f"host-{n}:9100")
        for n in (1, 2)
    ]
    slow = [
        drill.alert("DrillSlow", severity="warning", service="drill-alertmanager", instance=f"host-{n}:8080")
        for n in (1, 2)
    ]
    print(f"Sending as Prometheus to /api/v2/alerts, as Alertmanager to /alerts/webhook (run {drill.run})")
    for _ in range(3):
        _post(drill, (*V2, "alerts"), [_as_prometheus(each, begun, drill.pace.now()) for each in down])
        _post(drill, WEBHOOK, _as_alertmanager(slow, begun))
        drill.pace.wait(1)
    alerts = [*down, *slow]
    found = await_firing(drill.desk, drill.run, names_of(alerts), drill.pace, timeout=drill.timeout)
    # A sender goes on sending what fires.
    _post(drill, (*V2, "alerts"), [_as_prometheus(each, begun, drill.pace.now()) for each in down])
    found = _settled(drill, found, alerts)
    _report(drill, found, begun, "firing")
    over = drill.pace.now()
    for _ in range(2):
        _post(
            drill,
            (*V2, "alerts"),
            [{**_as_prometheus(each, begun, over), "endsAt": format_time(over)} for each in down],
        )
        _post(drill, WEBHOOK, _as_alertmanager(slow, begun, over=over))
    return max(_status(found), _ended(drill, found, over))


def _as_prometheus(alert: Json, began: datetime, now: datetime) -> Json:
    """Return an alert as a Prometheus server sends it, again and again while it fires."""
    return {
        **alert,
        "startsAt": format_time(began),
        "endsAt": format_time(now + _PROMETHEUS_ENDS_AFTER),
        "generatorURL": "http://prometheus.example.com/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
    }


def _as_alertmanager(alerts: Sequence[Json], began: datetime, over: datetime | None = None) -> Json:
    """Return a notification as an Alertmanager's webhook sends it, version 4."""
    status = "firing" if over is None else "resolved"
    shared = {name: value for name, value in alerts[0]["labels"].items() if name != "instance"}
    return {
        "version": "4",
        "groupKey": '{}:{alertname="DrillSlow"}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "tocsin",
        "groupLabels": {"alertname": "DrillSlow"},
        "commonLabels": shared,
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.com",
        "alerts": [
            {
                **each,
                "status": status,
                "startsAt": format_time(began),
                "endsAt": "0001-01-01T00:00:00Z" if over is None else format_time(over),
                "generatorURL": "http://prometheus.example.com/graph?g0.expr=slow&g0.tab=1",
                "fingerprint": fingerprint(each["labels"]),
            }
            for each in alerts
        ],
    }


# What both say


def names_of(alerts: Sequence[Json]) -> dict[str, str]:
    """Return what each alert is called, by its fingerprint."""
    own = {LABEL, RUN, "alertname", "severity"}
    return {
        fingerprint(each["labels"]): " ".join(value for name, value in each["labels"].items() if name not in own)
        for each in alerts
    }


def _settled(drill: Drill, found: Findings, alerts: Sequence[Json]) -> Findings:
    """Look once more a moment later: what comes twice comes late."""
    if not found.is_good:
        return found
    drill.pace.wait(_SETTLE_SECONDS)
    return await_firing(drill.desk, drill.run, names_of(alerts), drill.pace, timeout=timedelta(0))


def _ended(drill: Drill, found: Findings, over: datetime) -> int:
    """Wait until all have heard of the end, and say what was seen."""
    ended = await_resolved(drill.desk, found.ids, drill.pace, timeout=drill.timeout)
    _report(drill, ended, over, "resolved")
    return _status(ended)


def _report(drill: Drill, found: Findings, since: datetime, what: str) -> None:
    took = duration_text(drill.pace.now() - since)
    print(f"{what}: {plural(found.groups, 'group')}, {plural(found.messages, 'message')}, {took}")
    for line in said(found):
        print(line)
    print(
        f"{what}: everything arrived, once" if found.is_good else f"{what}: NOT everything arrived, or not once",
        flush=True,
    )


def _status(found: Findings) -> int:
    return 0 if found.is_good else FAILED
