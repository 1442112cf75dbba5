"""`tocsin alert`: what fires, as amtool shows it; acknowledge and resolve incidents, by id or by what fires in them.

Source: https://github.com/prometheus/alertmanager/blob/main/cli/format
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..core.labels import quote
from .asking import ApiError, ask
from .desks import Asked, choose_desk
from .failures import FAILED, UsageError
from .session import Session
from .tables import columns

INCIDENT = "inc-"


def query(arguments: argparse.Namespace, session: Session) -> int:
    """Print the alerts that match."""
    answer = ask_desk(choose_desk(arguments, session), "GET", ("alerts",), filters(arguments.matchers))
    alerts = [each for each in answer["alerts"] if not arguments.active or each["status"]["state"] == "active"]
    print("\n".join(_FORMATS[arguments.output](sorted(alerts, key=lambda each: str(each["startsAt"])))))
    return 0


def ack(arguments: argparse.Namespace, session: Session) -> int:
    """Acknowledge incidents."""
    return act("acknowledge", arguments, session)


def resolve(arguments: argparse.Namespace, session: Session) -> int:
    """Resolve incidents."""
    return act("resolve", arguments, session)


def act(verb: str, arguments: argparse.Namespace, session: Session, **more: str) -> int:
    """Do something about incidents, which are named by their ids or by what fires in them."""
    desk = choose_desk(arguments, session)
    body = {"by": arguments.by or _user(), "comment": arguments.comment, "source": "cli", **more}
    answers, failed = [], False
    for incident in _incidents(desk, arguments.what):
        try:
            answers.append(ask_desk(desk, "POST", ("incidents", incident, verb), (), body))
        except ApiError as error:
            failed = True
            print(f"tocsin: {error}", file=sys.stderr)
            continue
        if arguments.output != "json":
            shown = answers[-1]["incident"]
            print(f"{shown['id']} {shown['title']}: {answers[-1]['message']}")
    if arguments.output == "json":
        print(json.dumps(answers, ensure_ascii=False))
    return FAILED if failed else 0


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise UsageError("--by: nobody is logged in here, so say who acts") from None


def _incidents(desk: Asked, what: Sequence[str]) -> list[str]:
    """Return the incidents that are named by their ids, or that hold an alert which matches."""
    named = [word for word in what if word.startswith(INCIDENT)]
    if len(named) == len(what):
        return list(dict.fromkeys(named))
    if named:
        raise UsageError(f"expected incidents or matchers, not both: {' '.join(what)}")
    wanted = filters(what)
    found = [each["id"] for each in ask_desk(desk, "GET", ("incidents",), wanted)["incidents"]]
    if not found:
        raise ApiError(_why_none(desk, wanted))
    return found


def _why_none(desk: Asked, wanted: Sequence[str]) -> str:
    alerts = ask_desk(desk, "GET", ("alerts",), wanted)["alerts"]
    if alerts:
        names = ", ".join(sorted({each["labels"].get("alertname", "?") for each in alerts}))
        return f"no incident is open for {names}: an incident is what an escalation policy applies to"
    return f"no alert matches {' '.join(wanted)}"


def filters(words: Sequence[str]) -> tuple[str, ...]:
    """Return words as matchers: a bare word at the beginning is an alert's name, as amtool has it."""
    for word in words[1:]:
        if not _is_matcher(word):
            raise UsageError(f'{word}: expected a matcher such as severity="critical"')
    return tuple(word if _is_matcher(word) else f"alertname={quote(word)}" for word in words)


def _is_matcher(word: str) -> bool:
    return "=" in word or "!~" in word


def ask_desk(
    desk: Asked,
    method: str,
    path: tuple[str, ...],
    wanted: Sequence[str] = (),
    body: Mapping[str, Any] | None = None,
) -> Any:
    """Ask Tocsin's own API, and return the answer's value."""
    return ask(desk, method, ("api", "tocsin", "v1", *path), {"filter": tuple(wanted)} if wanted else {}, body)


# As amtool prints


def _simple(alerts: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [("Alertname", "Starts At", "Summary", "State", "")]
    rows += [
        (
            each["labels"].get("alertname", ""),
            _time(each["startsAt"]),
            each["annotations"].get("summary", ""),
            each["status"]["state"],
            "",
        )
        for each in alerts
    ]
    return _lines(rows)


def _extended(alerts: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [("Labels", "Annotations", "Starts At", "Ends At", "Generator URL", "State", "Incident", "")]
    rows += [
        (
            _pairs(each["labels"]),
            _pairs(each["annotations"]),
            _time(each["startsAt"]),
            _time(each["endsAt"]),
            each.get("generatorURL", ""),
            each["status"]["state"],
            ", ".join(_incident(incident) for incident in each["incidents"]),
            "",
        )
        for each in alerts
    ]
    return _lines(rows)


def _lines(rows: Sequence[Sequence[str]]) -> list[str]:
    # The last cell is empty: amtool ends each with a tab, and so pads it.
    return [line[:-2] for line in columns(rows)]


def _json(alerts: Sequence[Mapping[str, Any]]) -> list[str]:
    return [json.dumps(alerts, ensure_ascii=False)]


def _incident(incident: Mapping[str, str]) -> str:
    by = f" by {incident['by']}" if incident["by"] else ""
    return f"{incident['id']} ({incident['state']}{by})"


def _pairs(values: Mapping[str, str]) -> str:
    return " ".join(f'{name}="{values[name]}"' for name in sorted(values))


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


_FORMATS: Mapping[str, Callable[[Sequence[Mapping[str, Any]]], list[str]]] = {
    "simple": _simple,
    "extended": _extended,
    "json": _json,
}
