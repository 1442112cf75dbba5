"""The digest: what a rate limit holds back is an alert of Tocsin's own, straight to the receiver that is not told.

It fires for each window that is over and of which something is held yet, and is resolved when all of it was told or is
over. So a digest is frozen, kept in the outbox and delivered as every notification is; no limit holds it back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from ..core.labels import quote
from ..core.notifications import format_time
from ..core.rate_limits import Held, RateLimit, digest, limit_of
from ..core.receivers import Receiver
from ..core.rules import Rule, RuleKey, Sample
from ..core.watching import digest_way
from ..ports import Limits, LoadedConfiguration, Log, RuleRecord
from .own_rules import GROUP

HELD_BACK = "TocsinHeldBack"
_LABELS = ("receiver", "integration", "since")

_Windows = dict[tuple[str, str], tuple[RateLimit, list[Held]]]


def held_back_rules(
    limits: Limits | None,
    log: Log,
    loaded: LoadedConfiguration,
    records: Mapping[RuleKey, RuleRecord],
    *,
    now: datetime,
) -> Iterator[tuple[Rule, Sequence[Sample]]]:
    """Yield a rule for each receiver that has a limit, with a sample for each window of each integration."""
    if limits is None:
        return
    for receiver in loaded.configuration.receivers.values():
        if not any(limit_of(each) for each in receiver.integrations):
            continue
        try:
            windows = _windows(limits, receiver, now=now)
        except Exception as error:  # what is not known does not change, and the other rules do not wait for it
            log.error("held_back_not_read", receiver=receiver.name, error=repr(error))
            yield _rule(receiver, {}), _known(records.get(_key(receiver)))
            continue
        yield _rule(receiver, windows), [Sample(_labels(receiver, *window), 1.0) for window in windows]


def _windows(limits: Limits, receiver: Receiver, *, now: datetime) -> _Windows:
    """Return what is held of each window that is over, by integration and by when the window began."""
    found: _Windows = {}
    for integration in receiver.integrations:
        limit = limit_of(integration)
        for each in limits.load_held(integration.key, now=now) if limit else ():
            if limit and each.since + limit.per <= now:
                window = f"{integration.kind.value}/{integration.index}", format_time(each.since)
                found.setdefault(window, (limit, []))[1].append(each)
    return found


def _known(record: RuleRecord | None) -> list[Sample]:
    """Return what was held at the last tick."""
    active = record.active if record else {}
    return [Sample({name: active[key].labels[name] for name in _LABELS}, 1.0) for key in sorted(active)]


def _labels(receiver: Receiver, integration: str, since: str) -> dict[str, str]:
    return {"receiver": receiver.name, "integration": integration, "since": since}


def _key(receiver: Receiver) -> RuleKey:
    digest_of_name = hashlib.sha256(receiver.name.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return RuleKey(f"<tocsin>;{GROUP};{HELD_BACK};{digest_of_name}")


def _rule(receiver: Receiver, windows: _Windows) -> Rule:
    said = {window: digest(limit, held) for window, (limit, held) in windows.items()}
    return Rule(
        key=_key(receiver),
        name=HELD_BACK,
        group=GROUP,
        expr="",
        labels={"severity": "warning"},
        annotations={
            "summary": "".join(_where(window, summary) for window, (summary, _) in said.items()),
            "description": "".join(_where(window, text) for window, (_, text) in said.items()),
        },
        receivers=(digest_way(receiver.name),),
        keep_firing_for=timedelta(0),
    )


def _where(window: tuple[str, str], text: str) -> str:
    integration, since = window
    return (
        "{{ if and (eq $labels.integration "
        + quote(integration)
        + ") (eq $labels.since "
        + quote(since)
        + ") }}{{"
        + quote(text)
        + "}}{{ end }}"
    )
