"""Alertmanager's API v2 for silences, with three keys of our own.

    matcherSets   several sets of matchers, any of which has to match; `matchers` then is the first
    schedule      {"timeIntervals": ["nights"]}: holds only within these time intervals of alertmanager.yml
    isExact       silences the alerts that its sets name in full only; said, and never asked for

Source: https://github.com/prometheus/alertmanager/blob/main/api/v2/api.go and compat.go
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..core.matchers import Matcher, MatchType
from ..core.silences import (
    Draft,
    MatcherText,
    Recurrence,
    RefusedSilenceError,
    Silence,
    SilenceId,
    SilenceRefusal,
    SilenceState,
    compile_sets,
)
from ..pipeline import silences
from ..pipeline.standing import list_firing
from .http import Refused, Request, Response
from .reading import TOO_FEW_ITEMS, WRONG_TYPE, Body, read_body
from .serving import Api, matchers_of, milliseconds, said

# Go's zero time: as a start it is long past, and as an end before every start.
_ZERO = datetime.min.replace(tzinfo=UTC)
_TYPES = {
    (True, False): MatchType.EQUAL,
    (False, False): MatchType.NOT_EQUAL,
    (True, True): MatchType.REGEXP,
    (False, True): MatchType.NOT_REGEXP,
}


def list_silences(api: Api, request: Request, now: datetime) -> Response:
    """List the silences, those that are over for less than five days too."""
    wanted, creators = matchers_of(api, request), request.query.get("creator", ())
    found = [
        each
        for each in api.keeper.silences.load_silences(now=now)
        if any(_has_all(matchers, wanted) for matchers in each.matchers)
        and (not creators or each.created_by in creators)
    ]
    found.sort(key=lambda each: _order(each, now))
    return Response(200, [gettable(each, now=now) for each in found])


def get_silence(api: Api, request: Request, now: datetime) -> Response:
    """Show one silence."""
    silence = api.keeper.silences.load_silence(_id_of(request), now=now)
    return Response(404) if silence is None else Response(200, gettable(silence, now=now))


def delete_silence(api: Api, request: Request, now: datetime) -> Response:
    """End a silence."""
    ended = silences.expire(api.keeper, _id_of(request), caller=request.caller, now=now)
    return Response(404 if ended is None else 200)


def post_silence(api: Api, request: Request, now: datetime) -> Response:
    """Make or change a silence."""
    body = read_body(request, "silence")
    configuration = api.configurations.current(now=now).configuration
    try:
        draft = _draft(api, body, now)
        change = silences.save(
            api.keeper,
            draft,
            configuration,
            lambda: [alert.labels for alert in list_firing(api.board, configuration, now=now)],
            caller=request.caller,
            now=now,
        )
    except RefusedSilenceError as error:
        raise _refusal(error) from None
    return Response(200, {"silenceID": change.silence.id})


def gettable(silence: Silence, *, now: datetime) -> dict[str, Any]:
    """Return a silence in Alertmanager's shape."""
    sets = [[_matcher_view(matcher) for matcher in matchers] for matchers in silence.matchers]
    view: dict[str, Any] = {
        "id": silence.id,
        "status": {"state": silence.state_at(now).value},
        "updatedAt": milliseconds(silence.updated_at),
        "comment": silence.comment,
        "createdBy": silence.created_by,
        "endsAt": milliseconds(silence.ends_at),
        "matchers": sets[0],
        "startsAt": milliseconds(silence.starts_at),
    }
    if silence.annotations:
        view["annotations"] = dict(silence.annotations)
    if len(sets) > 1:
        view["matcherSets"] = sets
    if silence.is_exact:
        view["isExact"] = True
    if silence.schedule is not None:
        view["schedule"] = {"timeIntervals": list(silence.schedule.names)}
    return view


def _matcher_view(matcher: Matcher) -> Mapping[str, Any]:
    is_equal, is_regex = next(key for key, type_ in _TYPES.items() if type_ is matcher.type)
    return {"isEqual": is_equal, "isRegex": is_regex, "name": matcher.name, "value": matcher.value}


def _order(silence: Silence, now: datetime) -> tuple[int, float]:
    """Active ones first, the next to end before others; then pending ones by their start; then the last ended first."""
    match silence.state_at(now):
        case SilenceState.ACTIVE:
            return 1, silence.ends_at.timestamp()
        case SilenceState.PENDING:
            return 2, silence.starts_at.timestamp()
        case SilenceState.EXPIRED:
            return 3, -silence.ends_at.timestamp()


def _has_all(matchers: Sequence[Matcher], wanted: Sequence[Matcher]) -> bool:
    """Say whether each matcher that is wanted stands among these, as it is: what it matches is not looked at."""
    return all(matcher in matchers for matcher in wanted)


def _id_of(request: Request) -> SilenceId:
    text = request.path[3]
    try:
        uuid.UUID(text)
    except ValueError:
        raise Refused(422, f'silenceID in path must be of type uuid: "{text}"', code=WRONG_TYPE) from None
    return SilenceId(text.lower())


def _draft(api: Api, body: Body, now: datetime) -> Draft:
    comment, created_by = body.need("comment").text(), body.need("createdBy").text()
    ends_at = body.need("endsAt").time()
    sets = _matcher_sets(body)
    starts_at = body.need("startsAt").time()
    id_ = body.get("id").text()
    _check_times(starts_at or _ZERO, ends_at or _ZERO, now)
    _refuse_lost_sets(api, body, id_, now)
    return Draft(
        matchers=compile_sets(sets, api.compile_pattern),
        starts_at=starts_at or _ZERO,
        ends_at=ends_at,
        created_by=created_by,
        comment=comment,
        id=SilenceId(id_) if id_ else None,
        annotations=body.get("annotations").pairs(),
        schedule=_schedule(body.get("schedule")),
    )


def _check_times(starts_at: datetime, ends_at: datetime, now: datetime) -> None:
    """Refuse what Alertmanager's handler refuses before it looks at anything else."""
    if ends_at <= starts_at:
        raise said(400, "Failed to create silence: start time must be before end time")
    if ends_at <= now:
        raise said(400, "Failed to create silence: end time can't be in the past")


def _matcher_sets(body: Body) -> list[list[MatcherText]]:
    sets = body.get("matcherSets")
    if sets.value is not None:
        return [[_matcher(each) for each in matchers.items()] for matchers in sets.items()]
    matchers = body.need("matchers")
    if not matchers.items():
        raise Refused(422, "matchers in body should have at least 1 items", code=TOO_FEW_ITEMS)
    return [[_matcher(each) for each in matchers.items()]]


def _matcher(body: Body) -> MatcherText:
    is_regex = body.need("isRegex").flag(default=False)
    name, value = body.need("name").text(), body.need("value").text()
    return MatcherText(name, _TYPES[body.get("isEqual").flag(default=True), is_regex], value)


def _schedule(body: Body) -> Recurrence | None:
    if body.value is None:
        return None
    return Recurrence(names=tuple(each.text() for each in body.need("timeIntervals").items()))


def _refuse_lost_sets(api: Api, body: Body, id_: str, now: datetime) -> None:
    """A client that knows one set of matchers only must not take the others away without a word."""
    if not id_ or body.get("matcherSets").value is not None:
        return
    stored = api.keeper.silences.load_silence(SilenceId(id_), now=now)
    if stored is not None and len(stored.matchers) > 1:
        raise said(400, f"silence {id_} has {len(stored.matchers)} matcher sets: matcherSets has to name them all")


def _refusal(error: RefusedSilenceError) -> Refused:
    if error.reason is SilenceRefusal.NOT_FOUND:
        return said(404, str(error))
    if error.reason is SilenceRefusal.TOO_BROAD:
        return said(400, str(error))
    return said(400, f"invalid silence: {error}")
