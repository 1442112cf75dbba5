"""`tocsin silence`: make, list, change, end and import silences, with amtool's words, options and tables.

They ask Alertmanager's API v2: a deployment's, or that same API in this process, on the table or a state file.

Source: https://github.com/prometheus/alertmanager/tree/main/cli (silence_*.go)
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from ..core.labels import quote
from ..core.matcher_syntax import MatcherSyntaxError, parse_matcher
from ..core.matchers import Matcher
from ..core.notifications import format_time, parse_time
from ..wiring import compile_pattern
from .asking import V2, ApiError, NotFoundError, ask
from .desks import Asked, choose_desk
from .failures import FAILED, UsageError
from .session import Session
from .silence_files import read_listed
from .silence_tables import FORMATS
from .times import read_duration

Shown = Mapping[str, Any]


def add(arguments: argparse.Namespace, session: Session) -> int:
    """Make a silence, and print its id."""
    matchers = read_matchers(arguments.matchers)
    if not matchers:
        raise UsageError("no matchers specified")
    starts_at = _time(arguments.start, "--start") or session.now
    ends_at = _time(arguments.end, "--end") or starts_at + _duration(arguments.duration)
    if starts_at > ends_at:
        raise UsageError("silence cannot start after it ends")
    if not arguments.comment:
        raise UsageError("--comment: say why, for those who wonder")
    body: dict[str, Any] = {
        "matchers": [_as_json(matcher) for matcher in matchers],
        "startsAt": format_time(starts_at),
        "endsAt": format_time(ends_at),
        "createdBy": arguments.author or _user(),
        "comment": arguments.comment,
    }
    if arguments.schedule:
        body["schedule"] = {"timeIntervals": arguments.schedule}
    print(_save(choose_desk(arguments, session), body))
    return 0


def query(arguments: argparse.Namespace, session: Session) -> int:
    """List silences: those that hold or will, or with --expired those that are over."""
    desk = choose_desk(arguments, session)
    filters = {"filter": tuple(str(matcher) for matcher in read_matchers(arguments.matchers))}
    found = ask(desk, "GET", (*V2, "silences"), filters if filters["filter"] else {})
    within = read_duration(arguments.within, "--within") or timedelta(0)
    wanted = [
        each
        for each in found
        if _is_listed(each, expired=arguments.expired, within=within, now=session.now)
        and arguments.created_by in ("", each["createdBy"])
        and arguments.id in ("", each["id"])
    ]
    _show(arguments, wanted)
    return 0


def update(arguments: argparse.Namespace, session: Session) -> int:
    """Change when silences begin and end, or why they are there; one that cannot be changed so gets a new id."""
    desk = choose_desk(arguments, session)
    changed = []
    for silence_id in arguments.ids:
        found = ask(desk, "GET", (*V2, "silence", silence_id))
        wanted = {**found, **_changes(arguments, found)}
        if parse_time(wanted["startsAt"]) > parse_time(wanted["endsAt"]):
            raise UsageError("silence cannot start after it ends")
        changed.append({**wanted, "id": _save(desk, _postable(wanted))})
    _show(arguments, changed)
    return 0


def expire(arguments: argparse.Namespace, session: Session) -> int:
    """End silences now."""
    desk = choose_desk(arguments, session)
    failed = False
    for silence_id in arguments.ids:
        try:
            ask(desk, "DELETE", (*V2, "silence", silence_id))
        except NotFoundError:
            failed = True
            print(f"tocsin: there is no silence {silence_id}", file=sys.stderr)
    return FAILED if failed else 0


def import_(arguments: argparse.Namespace, session: Session) -> int:
    """Make the silences that `silence query -o json` printed; those that are there already are updated."""
    desk = choose_desk(arguments, session)
    silences = read_listed(sys.stdin.read() if arguments.file is None else Path(arguments.file).read_text("utf-8"))
    failed = 0
    for silence in silences:
        try:
            print(_import_one(desk, _postable(silence), force=arguments.force), flush=True)
        except (ApiError, UsageError) as error:
            failed += 1
            print(f"tocsin: silence {silence.get('id', '')} was not imported: {error}", file=sys.stderr)
    if failed:
        raise ApiError(f"couldn't import {failed} out of {len(silences)} silences")
    return 0


def _import_one(desk: Asked, silence: dict[str, Any], *, force: bool) -> str:
    if not force and silence.get("id"):
        try:
            return _save(desk, silence)
        except NotFoundError:
            pass  # it comes from elsewhere: made anew
    return _save(desk, {name: value for name, value in silence.items() if name != "id"})


def read_matchers(words: Sequence[str]) -> list[Matcher]:
    """Return words as matchers; a first word that is none is an alert's name."""
    return list(_matchers(words))


def _matchers(words: Sequence[str]) -> Iterator[Matcher]:
    for position, word in enumerate(words):
        try:
            yield parse_matcher(word, compile_pattern)
        except MatcherSyntaxError as error:
            # amtool takes what it cannot read for a name, and a bad pattern for a name that nothing has.
            if position or "=" in word or "!~" in word:
                raise UsageError(str(error)) from None
            yield parse_matcher(f"alertname={quote(word)}", compile_pattern)


def _is_listed(silence: Shown, *, expired: bool, within: timedelta, now: datetime) -> bool:
    ends_at = parse_time(silence["endsAt"])
    if not expired:
        return ends_at > now and (not within or ends_at <= now + within)
    return ends_at <= now and (not within or ends_at >= now - within)


def _changes(arguments: argparse.Namespace, silence: Shown) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    starts_at = _time(arguments.start, "--start") or parse_time(silence["startsAt"])
    ends_at = _time(arguments.end, "--end")
    if ends_at is None and arguments.duration is not None:
        ends_at = starts_at + _duration(arguments.duration)
    if arguments.start is not None:
        changes["startsAt"] = format_time(starts_at)
    if ends_at is not None:
        changes["endsAt"] = format_time(ends_at)
    if arguments.comment:
        changes["comment"] = arguments.comment
    return changes


def _postable(silence: Shown) -> dict[str, Any]:
    """Return what may be sent of a silence that was shown."""
    return {name: value for name, value in silence.items() if name not in ("status", "updatedAt")}


def _save(desk: Asked, silence: Mapping[str, Any]) -> str:
    return str(ask(desk, "POST", (*V2, "silences"), body=silence)["silenceID"])


def _show(arguments: argparse.Namespace, silences: Sequence[Shown]) -> None:
    if arguments.quiet:
        lines = [each["id"] for each in silences]
    else:
        lines = FORMATS[arguments.output](sorted(silences, key=lambda each: str(each["endsAt"])))
    if lines:
        print("\n".join(lines))


def _as_json(matcher: Matcher) -> dict[str, Any]:
    return {
        "name": matcher.name,
        "value": matcher.value,
        "isRegex": matcher.type.is_regexp,
        "isEqual": not matcher.type.startswith("!"),
    }


def _time(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError:
        raise UsageError(f"{option}: expected a time such as 2026-01-02T03:04:05Z, found {text!r}") from None


def _duration(text: str) -> timedelta:
    duration = read_duration(text, "--duration")
    if not duration:
        raise UsageError("silence duration must be greater than 0")
    return duration


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise UsageError("--author: nobody is logged in here, so say who acts") from None
