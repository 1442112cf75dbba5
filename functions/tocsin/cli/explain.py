"""`tocsin explain`: why an alert was told to somebody, or was not, from its rule to what the receivers answered."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..core.labels import Labels
from .alert import filters
from .asking import ApiError, ask
from .desks import choose_desk
from .session import Session

Shown = Mapping[str, Any]
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_BEFORE_TIME = {
    "waits for the group's next look": ", at ",
    "a later escalation step": ", at ",
    "cooled down": " until ",
    "inhibited": " since ",
    "silenced": " since ",
    "muted": " since ",
}


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Explain the alerts, one after another."""
    words = arguments.what
    if len(words) == 1 and _FINGERPRINT.fullmatch(words[0]):
        query: dict[str, tuple[str, ...]] = {"fingerprint": (words[0],)}
    else:
        query = {"filter": filters(words)}
    path = ("api", "tocsin", "v1", "explanations")
    found = ask(choose_desk(arguments, session), "GET", path, query)["explanations"]
    if arguments.output == "json":
        print(json.dumps(found, ensure_ascii=False))
        return 0
    if not found:
        raise ApiError(f"no alert is known for {' '.join(words)}")
    print("\n\n".join("\n".join(lines(each)) for each in found))
    return 0


def lines(explained: Shown) -> Iterator[str]:
    """Yield one alert's explanation, for people."""
    yield f"{Labels(explained['labels'])} {explained['fingerprint']}"
    yield f"  {_state(explained)}"
    if explained["rule"]:
        yield from _rule(explained["rule"])
    elif explained["state"] == "firing":
        yield "  sent to us"
    for group in explained["groups"]:
        yield from _group(group)
    if not explained["groups"]:
        yield "  goes to nobody: no route matches"


def _state(explained: Shown) -> str:
    if explained["state"] == "unknown":
        return "not known now: this is where its labels lead, and what was told before"
    said: str = explained["state"]
    if explained["value"] is not None:
        said += f", value {explained['value']}"
    if explained["active_at"]:
        said += f", active since {explained['active_at']}"
    if explained["fired_at"]:
        said += f", firing since {explained['fired_at']}"
    return said


def _rule(rule: Shown) -> Iterator[str]:
    hold = f" for {rule['for']}" if rule["for"] not in (None, "0s") else ""
    yield f"  rule {rule['name'] or rule['key']}: {' '.join((rule['expr'] or 'no longer configured').split())}{hold}"
    if rule["error"]:
        yield f"  which cannot be evaluated: {rule['error']}"


def _group(group: Shown) -> Iterator[str]:
    yield f"  to {group['receiver']} in group {group['group_key']}"
    timers = f"waits {group['group_wait']}, looks every {group['group_interval']}"
    ahead = f", next at {group['next_look_at']}" if group["next_look_at"] else ""
    yield f"    {timers}, repeats after {group['repeat_interval']}{ahead}"
    if group["mute"]:
        mute = group["mute"]
        yield f"    {mute['kind']} since {mute['since']} by {'; '.join(mute['because'])}"
    if group["cooldown"]:
        held = group["cooldown"]["held"]
        yield f"    cools down until {group['cooldown']['until']}" + (f", firings kept back: {held}" if held else "")
    if group["incident"]:
        yield f"    incident {group['incident']['id']}, {group['incident']['state']}"
    if not group["told"]:
        yield "    its receiver has no integration: nobody is told"
    for told in group["told"]:
        yield from _told(told)


def _told(told: Shown) -> Iterator[str]:
    step = f" (step {told['step']})" if told["step"] else ""
    at = f"{_BEFORE_TIME.get(told['verdict'], ' at ')}{told['at']}" if told["at"] else ""
    yield f"    {told['integration']}{step}: {told['verdict']}{at}"
    for each in told["deliveries"]:
        tries = f"{each['attempts']} attempt{'s' if each['attempts'] != 1 else ''}"
        outcome = f": {each['outcome']}" if each["outcome"] else ""
        yield (
            f"      {each['at']} {each['status']}, {each['reason']}, {each['state']} in {tries}{outcome}"
            f" [{each['notification']}]"
        )
