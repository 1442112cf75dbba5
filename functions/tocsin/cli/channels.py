"""`tocsin channels test`: a notification that says it is a test, through each integration of one receiver or of all.

PagerDuty is told the resolution right after, so that no incident stays open. No secret is printed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from ..core.alerts import Alert
from ..core.configuration import Configuration
from ..core.labels import Labels
from ..core.notifications import Notification, Reason, compose
from ..core.receivers import Integration, Kind, Receiver
from ..core.routing import GroupIdentity
from ..errors import SecretError, TocsinError
from ..wiring import Workplace
from .failures import FAILED, UsageError, did_you_mean
from .session import Session, load_configuration

NAME = "TocsinTest"


def test(arguments: argparse.Namespace, session: Session) -> int:
    """Try the channels; 1 where one of them failed."""
    workplace = session.workplace(CONFIG_URI=arguments.config)
    failed = 0
    for receiver in _chosen(load_configuration(workplace), arguments.receiver):
        if not receiver.integrations:
            print(f"{receiver.name}: has no integration")
        for integration in receiver.integrations:
            said = f"{receiver.name} ({integration.kind})"
            try:
                try_out = _look if arguments.dry_run else _send
                print(f"{said}: {try_out(workplace, integration, now=session.now)}", flush=True)
            except TocsinError as error:
                failed += 1
                sys.stdout.flush()
                print(f"{said}: failed: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
    return FAILED if failed else 0


def _chosen(configuration: Configuration, name: str | None) -> list[Receiver]:
    if name is None:
        return list(configuration.receivers.values())
    # Users are told only where one of their ways is named: nobody wants a text message for a test of everything.
    known = {**configuration.receivers, **configuration.contacts}
    if name not in known:
        raise UsageError(f"there is no receiver {name}; {did_you_mean(name, known)}")
    return [known[name]]


def _send(workplace: Workplace, integration: Integration, *, now: datetime) -> str:
    sender = workplace.sender_of(integration.kind)
    answer = sender(notification(integration, now=now), now=now)
    if integration.kind is Kind.PAGERDUTY:
        over = sender(notification(integration, now=now, is_over=True), now=now)
        answer = f"{answer}; resolved again: {over}"
    return f"sent: {answer}"


def _look(workplace: Workplace, integration: Integration, *, now: datetime) -> str:
    """Return what would be sent where, after reading the secrets that sending would read."""
    said = [f"{name} {value}" for name, value in _places(integration)]
    for name, reference in sorted(integration.settings.items()):
        if name.endswith("_file"):
            workplace.secrets.read(str(reference), now=now)
            said.append(f"{reference} is there")
    if integration.kind in (Kind.EMAIL, Kind.SNS) and (missing := workplace.missing_for_aws):
        raise SecretError(f"needs AWS, and {missing}")
    is_topic = integration.kind is Kind.SNS and not integration.settings.get("phone_number")
    if is_topic and not workplace.settings.get("TOCSIN_TOPIC_ARN"):
        raise SecretError("needs AWS, and TOCSIN_TOPIC_ARN is not set")
    return f"would send a test notification ({', '.join(said) or 'nothing to check'})"


def _places(integration: Integration) -> Iterator[tuple[str, object]]:
    for name in ("to", "from", "channel", "topic_arn"):
        if value := integration.settings.get(name):
            yield name, value


def notification(integration: Integration, *, now: datetime, is_over: bool = False) -> Notification:
    """Return the test notification for an integration."""
    identity = GroupIdentity(integration.receiver, "{}/[tocsin channels test]", Labels({"alertname": NAME}))
    alert = Alert(
        labels=Labels({"alertname": NAME, "severity": "info"}),
        annotations={
            "summary": "This is a test: nothing is wrong",
            "description": f"Sent by `tocsin channels test` to see that {integration.receiver} can be told. "
            "There is nothing to do.",
        },
        starts_at=now,
        updated_at=now,
    )
    if is_over:
        now += timedelta(seconds=1)
        alert = replace(alert, ends_at=now, updated_at=now)
    return compose(
        identity,
        integration,
        [alert],
        seq=int(now.timestamp() * 1000),
        reason=Reason.ALL_RESOLVED if is_over else Reason.FIRST,
        retry_after=timedelta(minutes=5),
        incident=None,
        step=None,
        external_url="",
        now=now,
    )
