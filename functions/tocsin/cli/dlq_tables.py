"""Dead letters for people: a line each, more of each, or JSON; and one of them whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..adapters.dead_letters import Counted
from ..core.dead_letters import Letter
from ..core.notifications import format_time
from ..core.redaction import Redaction
from ..core.wording import clip, one_line
from ..web.redaction import without_credentials, without_secret_settings
from .tables import columns

# Of a group's key and of a reason, in the short table.
_SHORT = 100


@dataclass(frozen=True, slots=True)
class Listed:
    """A queue, and the letters in it that were looked at."""

    counted: Counted
    letters: Sequence[Letter]


def _simple(listed: Sequence[Listed]) -> list[str]:
    heads = ("ID", "Sent At", "What", "Receiver", "Group", "Attempts", "Why")
    return _tables(listed, heads, _short_row)


def _short_row(letter: Letter) -> Sequence[str]:
    return (
        letter.raw.id,
        _time(letter.raw.sent_at),
        _what(letter),
        letter.notification.receiver if letter.notification else "",
        clip(_group(letter), _SHORT),
        str(letter.attempts or ""),
        clip(_why(letter), _SHORT),
    )


def _extended(listed: Sequence[Listed]) -> list[str]:
    heads = ("Queue", "ID", "Sent At", "What", "Function", "Notification", "Status", "Receiver", "Integration")
    return _tables(listed, (*heads, "Group", "Attempts", "Why"), _long_row)


def _long_row(letter: Letter) -> Sequence[str]:
    told = letter.notification
    return (
        letter.raw.queue.value,
        letter.raw.id,
        _time(letter.raw.sent_at),
        letter.what.value,
        _function(letter),
        *((told.id, told.status.value, told.receiver, told.key) if told else ("", "", "", "")),
        _group(letter),
        str(letter.attempts or ""),
        _why(letter),
    )


def _tables(listed: Sequence[Listed], heads: Sequence[str], row: Callable[[Letter], Sequence[str]]) -> list[str]:
    """Return the queues as a table, and the letters as another where there are any."""
    queues = [(each.counted.queue.value, str(each.counted.number), _oldest_shown(each)) for each in listed]
    letters = [row(letter) for letter in _letters(listed)]
    summary = _lines([("Queue", "Number", "Oldest"), *queues])
    return [*summary, "", *_lines([heads, *letters])] if letters else summary


def _json(listed: Sequence[Listed]) -> list[str]:
    value = {
        "queues": [
            {"queue": each.counted.queue.value, "number": each.counted.number, "oldest": _oldest(each)}
            for each in listed
        ],
        "letters": [_as_json(letter) for letter in _letters(listed)],
    }
    return [json.dumps(value, ensure_ascii=False)]


FORMATS: Mapping[str, Callable[[Sequence[Listed]], list[str]]] = {
    "simple": _simple,
    "extended": _extended,
    "json": _json,
}


def shown(letter: Letter) -> str:
    """Return all of a letter as JSON for people; what may be a secret is hidden."""
    whole = {**_as_json(letter), "attributes": dict(letter.raw.attributes), "event": _readable(letter)}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _as_json(letter: Letter) -> dict[str, Any]:
    told = letter.notification
    return {
        "queue": letter.raw.queue.value,
        "id": letter.raw.id,
        "sentAt": format_time(letter.raw.sent_at),
        "what": letter.what.value,
        "function": _function(letter),
        "why": _why(letter),
        "attempts": letter.attempts,
        "group": letter.group,
        "at": format_time(letter.at) if letter.at else None,
        "notification": {
            "id": told.id,
            "status": told.status.value,
            "reason": told.reason.value,
            "receiver": told.receiver,
            "integration": told.key,
            "groupKey": told.group_key,
            "alerts": len(told.alerts) + told.truncated,
        }
        if told
        else None,
    }


def _readable(letter: Letter) -> Any:
    """Return what the function was given, JSON inside of JSON as values, and secrets hidden."""
    event = letter.event if letter.event is not None else letter.raw.body
    return _hidden(_unfolded(event))


def _unfolded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _unfolded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_unfolded(each) for each in value]
    if isinstance(value, str) and value.startswith("{"):
        try:
            return _unfolded(json.loads(value))
        except ValueError:
            return value
    return value


def _hidden(value: Any) -> Any:
    return Redaction().value(without_secret_settings(value))


def _why(letter: Letter) -> str:
    return Redaction().text(without_credentials(one_line(letter.why)))


def _letters(listed: Sequence[Listed]) -> Iterator[Letter]:
    return (letter for each in listed for letter in each.letters)


def _oldest(listed: Listed) -> str | None:
    times = [letter.raw.sent_at for letter in listed.letters]
    return format_time(min(times)) if times else None


def _oldest_shown(listed: Listed) -> str:
    times = [letter.raw.sent_at for letter in listed.letters]
    return _time(min(times)) if times else ""


def _what(letter: Letter) -> str:
    function = _function(letter)
    return f"{letter.what.value} of {function}" if function else letter.what.value


def _function(letter: Letter) -> str:
    return letter.function.rpartition(":")[2]


def _group(letter: Letter) -> str:
    return one_line(letter.notification.group_key) if letter.notification else str(letter.group or "")


def _time(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _lines(rows: Sequence[Sequence[str]]) -> list[str]:
    return [line.rstrip() for line in columns(rows)]
