"""What arrived of a drill, as the API knows it: every alert is in a group, each integration has heard of it, once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ..errors import TocsinError
from .asking import ask
from .desks import Asked
from .failures import UsageError
from .pace import Pace

RUN = "drill_run"
# A query may have 200 parameters and 8 KiB.
_GROUPS_AT_ONCE = 100
_POLLS_SECONDS = (1.0, 2.0, 2.0, 3.0, 5.0)
_LONGEST_POLL_SECONDS = 10.0
_SHOWN = 5
_DELIVERED, _FIRING = "delivered", "firing"


@dataclass(frozen=True, slots=True)
class Findings:
    """What is not as it should be; `late` may still become right, `wrong` never."""

    groups: int = 0
    messages: int = 0
    late: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    ids: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_good(self) -> bool:
        return not self.late and not self.wrong


def await_firing(desk: Asked, run: str, alerts: Mapping[str, str], pace: Pace, *, timeout: timedelta) -> Findings:
    """Wait until everybody has heard that all of the alerts (fingerprint → what to call it) fire; say what is wrong."""

    def look() -> Findings:
        return judge_firing(_groups(desk, {"filter": (f'{RUN}="{run}"',)}), alerts)

    return _await(look, pace, timeout)


def await_resolved(desk: Asked, ids: Sequence[str], pace: Pace, *, timeout: timedelta) -> Findings:
    """Wait until everybody who hears of ends has heard the end of all that they heard fire, in these groups."""

    def look() -> Findings:
        batches = [tuple(ids[start : start + _GROUPS_AT_ONCE]) for start in range(0, len(ids), _GROUPS_AT_ONCE)]
        return judge_resolved([group for batch in batches for group in _groups(desk, {"group": batch})])

    return _await(look, pace, timeout)


def integrations_of(desk: Asked, group: str) -> list[Mapping[str, Any]]:
    """Return every integration that has heard of a group, or has to, with its deliveries."""
    return [told for each in _groups(desk, {"group": (group,)}) for told in each["integrations"]]


def judge_firing(groups: Sequence[Mapping[str, Any]], alerts: Mapping[str, str]) -> Findings:
    """Return what the groups' deliveries come to."""
    known = {each for group in groups for each in group["alerts"]}
    lost = [name for fingerprint, name in alerts.items() if fingerprint not in known]
    late = [f"{len(lost)} of {len(alerts)} alerts are in no group: {_some(lost)}"] if lost else []
    wrong: list[str] = []
    messages = 0
    for group in groups:
        place = f"group {group['group']}"
        if not group["integrations"]:
            late.append(f"{place} of {group['receiver']}: told to nobody yet")
        for each in group["integrations"]:
            told = [delivery for delivery in each["deliveries"] if _is_told(delivery)]
            messages += len(told)
            who = f"{each['integration']}, {place}"
            if each["heard_firing"] < len(group["alerts"]):
                late.append(f"{who}: has heard of {each['heard_firing']} of {len(group['alerts'])} alerts")
            late += _failures(each, who)
            wrong += [f"{who}: {said}" for said in _superfluous(told)]
    return Findings(len(groups), messages, tuple(late), tuple(wrong), tuple(group["group"] for group in groups))


def judge_resolved(groups: Sequence[Mapping[str, Any]]) -> Findings:
    """Return who has not heard the end of what they heard fire, and who has heard it twice."""
    late: list[str] = []
    wrong: list[str] = []
    messages = 0
    for group in groups:
        for each in group["integrations"]:
            ends = [delivery for delivery in each["deliveries"] if _is_end(delivery)]
            messages += len(ends)
            who = f"{each['integration']}, group {group['group']}"
            if each["send_resolved"] and each["heard_resolved"] < each["heard_firing"]:
                late.append(f"{who}: has heard the end of {each['heard_resolved']} of {each['heard_firing']} alerts")
            if len(ends) > 1:
                wrong.append(f"{who}: was told {len(ends)} times that all is over")
            late += _failures(each, who)
    return Findings(len(groups), messages, tuple(late), tuple(wrong), tuple(group["group"] for group in groups))


def said(findings: Findings) -> Iterator[str]:
    """Yield the lines that say what is wrong, the first of each kind."""
    for title, lines in (("MISSING", findings.late), ("TWICE", findings.wrong)):
        for line in lines[:_SHOWN]:
            yield f"{title}: {line}"
        if len(lines) > _SHOWN:
            yield f"{title}: … and {len(lines) - _SHOWN} more"


def _await(look: Callable[[], Findings], pace: Pace, timeout: timedelta) -> Findings:
    ends_at = pace.now() + timeout
    polls = iter(_POLLS_SECONDS)
    while True:
        try:
            found = look()
        except UsageError:
            raise
        except TocsinError as error:  # a deployment under load may not answer in time: it is asked again
            found = Findings(late=(str(error),))
        left = (ends_at - pace.now()).total_seconds()
        if found.is_good or found.wrong or left <= 0:
            return found
        pace.wait(min(next(polls, _LONGEST_POLL_SECONDS), left))


def _groups(desk: Asked, query: Mapping[str, tuple[str, ...]]) -> Sequence[Mapping[str, Any]]:
    groups: list[Mapping[str, Any]] = []
    after: tuple[str, ...] = ()
    while True:
        more = {"after": after} if after else {}
        page = ask(desk, "GET", ("api", "tocsin", "v1", "deliveries"), {**query, **more})
        groups += page["groups"]
        if page["next"] is None:
            return groups
        after = (page["next"],)


def _is_told(delivery: Mapping[str, Any]) -> bool:
    """Say whether it told of alerts that were asked for; what tells only that an incident changed is another thing."""
    is_news = delivery["reason"] != "incident changed"
    return bool(delivery["state"] == _DELIVERED and delivery["firing"] and is_news)


def _is_end(delivery: Mapping[str, Any]) -> bool:
    return bool(delivery["state"] == _DELIVERED and delivery["status"] != _FIRING)


def _failures(integration: Mapping[str, Any], who: str) -> list[str]:
    """Return deliveries that failed and that nothing newer has taken the place of."""
    newest = max((each["at"] for each in integration["deliveries"] if each["state"] == _DELIVERED), default="")
    failed = [each for each in integration["deliveries"] if each["state"] != _DELIVERED and each["at"] > newest]
    return [f"{who}: {each['outcome']}" for each in failed]


def _superfluous(told: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the messages that told of nothing that an earlier one had not told."""
    most = 0
    for delivery in told:
        has_more_to_say = delivery["resolved"] or delivery["reason"] == "repeat interval elapsed"
        if delivery["firing"] <= most and not has_more_to_say:
            yield f"was told twice of the same {delivery['firing']} alerts ({delivery['reason']})"
        most = max(most, delivery["firing"])


def _some(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:_SHOWN])
    return f"{shown}, …" if len(names) > _SHOWN else shown
