"""What the answers of the HTTP API are made with, and what several of them need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ..core.matcher_syntax import MatcherSyntaxError, parse_matcher
from ..core.matchers import Matcher
from ..core.patterns import Compile, Pattern
from ..pipeline.incidents import Desk
from ..pipeline.ingest import Ingester
from ..pipeline.oncall import Rota
from ..pipeline.silences import Keeper
from ..pipeline.standing import Board
from ..ports import Actions, Configurations, Counters, Receipts
from .http import BODY_BYTES, Refused, Request, Response
from .identities import Scope
from .limits import Limits
from .rates import RateLimiter

# Which Alertmanager's API this is: clients look at it, and choose how they ask.
ALERTMANAGER_VERSION = "0.34.0"
VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class About:
    """What the API says of itself."""

    version: str = VERSION
    started_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    tick: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Api:
    """What answering works with.

    `compile_pattern` compiles the regular expressions of filters, `config_text` gives alertmanager.yml without its
    secrets, `tokens_text` the secret with the tokens (raising SecretError); without it no token is good. `read_secret`
    gives what a reference of the configuration leads to, raising the same. Without a `limiter` everybody may ask as
    often as they wish. `seen` counts signed requests, so that none is taken twice; without it they are.
    `receipts` says the same of what PagerDuty tells us, and tries again until it is done. `actions` takes what people
    press in a chat. `rota` is for questions about schedules.
    """

    desk: Desk
    compile_pattern: Compile
    configurations: Configurations
    board: Board
    ingester: Ingester
    keeper: Keeper
    config_text: Callable[[], str] = str
    tokens_text: Callable[[datetime], str] | None = None
    read_secret: Callable[[str, datetime], str] | None = None
    limits: Limits = field(default_factory=Limits)
    limiter: RateLimiter | None = None
    seen: Counters | None = None
    receipts: Receipts | None = None
    actions: Actions | None = None
    rota: Rota | None = None
    about: About = field(default_factory=About)


Answerer = Callable[[Api, Request, datetime], Response]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a method of a path is answered, who may ask, and how large a body may be.

    `shows_alerts` says that the answer holds labels and annotations, which are redacted.
    """

    answer: Answerer
    scope: Scope | None = Scope.READ
    body_bytes: int = BODY_BYTES
    shows_alerts: bool = False


def said(status: int, message: str) -> Refused:
    """Return an error as Alertmanager's handlers write theirs: the body is the sentence, as a JSON text."""
    return Refused(status, message, value=message)


def matchers_of(api: Api, request: Request, parameter: str = "filter") -> list[Matcher]:
    """Return the matchers of a parameter, which may be given several times. Raises Refused."""
    try:
        return [parse_matcher(text, api.compile_pattern) for text in request.query.get(parameter, ())]
    except MatcherSyntaxError as error:
        raise said(400, str(error)) from None


def receiver_pattern(api: Api, request: Request) -> Pattern | None:
    """Return what `receiver` names have to match, or None where anything will do."""
    text = request.last("receiver")
    if not text:
        return None
    try:
        return api.compile_pattern(text)
    except ValueError as error:
        raise said(400, f"failed to parse receiver param: {error}") from None


def flag(request: Request, name: str, *, default: bool = True) -> bool:
    """Return a parameter that is true or false; as in Alertmanager, what is not one of the words for true is false."""
    text = request.last(name)
    return text.lower() in _TRUE if text else default


_TRUE = frozenset({"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"})


def milliseconds(instant: datetime) -> str:
    """Return a time as Alertmanager's API writes it."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
