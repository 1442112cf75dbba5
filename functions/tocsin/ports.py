"""What the pipeline needs of the world, shaped by the pipeline; adapters/ fulfils it, and wiring.py puts it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from .core.alerts import Alert
from .core.clicks import Click
from .core.configuration import Configuration
from .core.grouping import Flush, Group, GroupState
from .core.incidents import Event, Incident, IncidentId
from .core.labels import Fingerprint
from .core.merging import Received
from .core.notifications import Notification
from .core.oncall import Override
from .core.rate_limits import Held, RateLimit
from .core.receivers import IntegrationKey
from .core.routing import GroupId, GroupIdentity
from .core.rules import ActiveAlert, RuleKey, Sample
from .core.silences import Silence, SilenceId
from .errors import QueryError

if TYPE_CHECKING:
    from .core.dead_letters import Letter  # no function has to do with them


class Health(StrEnum):
    UNKNOWN = "unknown"
    OK = "ok"
    FAILING = "err"


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """A rule's durable state.

    `routes_digest` and `receivers` (those that the rule names itself) say how its alerts were routed. `telling` holds
    the alerts that its groups are just being told of, and `ending` those of them whose end it is: a crash leaves that,
    and a tick whose time was over. `owed` holds those that have ended here while another rule fires them: their end is
    told when none does. `definition` is that of the rule whose alerts these are. `is_lost` says that the rest of it
    cannot be read.
    """

    key: RuleKey
    active: Mapping[Fingerprint, ActiveAlert] = field(default_factory=dict)
    health: Health = Health.UNKNOWN
    error: str = ""
    changed_at: datetime | None = None
    failing_since: datetime | None = None
    routes_digest: str = ""
    receivers: tuple[str, ...] = ()
    telling: Mapping[Fingerprint, ActiveAlert] = field(default_factory=dict)
    ending: frozenset[Fingerprint] = frozenset()
    owed: Mapping[Fingerprint, ActiveAlert] = field(default_factory=dict)
    definition: str = ""
    is_lost: bool = False
    version: int = 0

    @property
    def announced(self) -> Mapping[Fingerprint, ActiveAlert]:
        """Return the active alerts as they are once all groups have been told."""
        kept = {key: alert for key, alert in self.active.items() if key not in self.ending}
        return {**kept, **{key: alert for key, alert in self.telling.items() if key not in self.ending}}


class Configurations(Protocol):
    """Where configuration comes from."""

    def current(self, *, now: datetime, fresh: bool = False) -> LoadedConfiguration: ...


@dataclass(frozen=True, slots=True)
class LoadedConfiguration:
    """The configuration in force; `refused` says why a newer one is not.

    `is_unreachable` says that nobody knows whether there is a newer one: the files could not be read.
    """

    configuration: Configuration
    refused: str = ""
    is_unreachable: bool = False


# So many series a query may give, and all queries of a tick together: what is evaluated and written down within a tick.
MOST_SERIES, MOST_SERIES_IN_ALL = 20_000, 50_000


@dataclass(frozen=True, slots=True)
class Query:
    """An instant query."""

    expr: str
    at: datetime


class Metrics(Protocol):
    """A Prometheus query endpoint."""

    def query_all(self, queries: Sequence[Query], *, budget_seconds: float) -> Sequence[Sequence[Sample] | QueryError]:
        """Return each query's instant vector or its own error, in order and within the budget; raises nothing.

        A vector of more than MOST_SERIES is an error.
        """
        ...


class Rules(Protocol):
    """The durable state of rules."""

    def load_rules(self, *, now: datetime) -> Mapping[RuleKey, RuleRecord]: ...

    def save_rule(self, record: RuleRecord, *, now: datetime) -> RuleRecord:
        """Write under the version that was read. Raises ConflictError if it is another by now."""
        ...


class Groups(Protocol):
    """Groups, their alerts, their outbox."""

    def tell(
        self,
        identity: GroupIdentity,
        alerts: Sequence[Alert],
        *,
        first_flush_at: datetime,
        look_at: datetime | None = None,
    ) -> None:
        """Put the alerts' copies into their group, and have it looked at if nothing is planned yet.

        At `look_at` it is looked at whatever is planned, and that stays planned.
        """
        ...

    def load_group(self, group: GroupId, *, now: datetime) -> GroupState | None: ...

    def commit(self, before: Group, flush: Flush, *, now: datetime) -> Sequence[Alert]:
        """Write a flush and its outbox in one transaction. Raises ConflictError if the group changed meanwhile.

        Returns those of the dropped alerts that found no room in it: they are to be dropped once all is told.
        """
        ...

    def drop(self, group: GroupId, alerts: Sequence[Alert], *, now: datetime) -> None:
        """Drop alerts of which a flush that is committed has told the end; one that was told anew meanwhile stays."""
        ...

    def load_outbox(self, group: GroupId) -> Sequence[OutboxEntry]:
        """Return what was decided and is not known to have arrived, oldest first."""
        ...

    def load_notification(self, notification_id: str) -> Mapping[str, Any] | None:
        """Return the whole frozen notification (the claim check's other half)."""
        ...

    def mark_published(self, entry: OutboxEntry, *, retry_at: datetime) -> bool:
        """Note that an entry is published and when to do it again; False if it was confirmed or marked meanwhile."""
        ...

    def postpone(self, entry: OutboxEntry, *, retry_at: datetime) -> None:
        """Have an entry that was published, and is held back, published again then."""
        ...

    def confirm(self, entry: OutboxEntry) -> None:
        """Take an entry out of the outbox: it arrived, or nothing is left to be done about it."""
        ...

    def overdue(self, *, before: datetime, limit: int) -> Sequence[GroupId]:
        """Return so many groups of which something should have been looked at by then, the most overdue first."""
        ...

    def active_groups(self) -> Sequence[GroupId]:
        """Return every group that will be looked at, or has something in its outbox; what waits longest stands last."""
        ...


class OutboxKind(StrEnum):
    NOTIFICATION = "notification"
    ESCALATION = "escalation"


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """Something decided that the world must be told: a notification (by id), or an escalation (by incident) to start.

    A notification stays until its integration has confirmed it; at `retry_at` the same bytes are published again. Where
    a rate limit has held it back, `held_until` is when it was to be tried again last.
    """

    group: GroupId
    kind: OutboxKind
    subject: str
    seq: int
    integration: IntegrationKey
    decided_at: datetime
    retry_at: datetime
    is_published: bool = False
    held_until: datetime | None = None


class Incidents(Protocol):
    """What is open, who has it."""

    def load_incident(self, incident: IncidentId) -> Incident | None: ...

    def save_incident(self, incident: Incident, *, now: datetime) -> None:
        """Write under the version that was read. Raises ConflictError."""
        ...

    def escalate(
        self, incident: Incident, receivers: Mapping[str, int], *, starts: bool = False, now: datetime
    ) -> None:
        """Write the incident, add receivers to its group and have it looked at, in one transaction.

        `starts` has a state machine started for the incident's climb. Raises ConflictError.
        """
        ...

    def load_events(self, incident: IncidentId) -> Sequence[Event]:
        """Return what happened to an incident, oldest first."""
        ...


class Overrides(Protocol):
    """Who takes over for a while, as people say it at run time; some while after their end they are forgotten."""

    def load_overrides(self, *, now: datetime) -> Mapping[str, Sequence[Override]]:
        """Return them by schedule, the one that was made last at the end."""
        ...

    def add_overrides(self, overrides: Sequence[Override], *, now: datetime) -> None:
        """Write all of them or none. Raises ConflictError if one is there already."""
        ...

    def remove_override(self, override: Override, *, now: datetime) -> None:
        """Have an override be forgotten at once, however often."""
        ...


class Inhibitors(Protocol):
    """Copies of the firing alerts that can inhibit others, so that a flush reads these and not every alert."""

    def load_inhibitors(self, *, now: datetime) -> Sequence[Alert]:
        """Return those that fire now."""
        ...

    def save_inhibitors(self, alerts: Sequence[Alert], *, now: datetime) -> None:
        """Put the alerts that fire, take away those that are over; an older state never replaces a newer one."""
        ...


class Silences(Protocol):
    """What people want to hear nothing of."""

    def load_silences(self, *, now: datetime) -> Sequence[Silence]:
        """Return every silence that is still kept, expired ones too."""
        ...

    def load_silence(self, silence: SilenceId, *, now: datetime) -> Silence | None: ...

    def save_silences(self, changes: Sequence[SilenceChange]) -> None:
        """Write all of the changes or none. Raises ConflictError if one of them was changed meanwhile."""
        ...


@dataclass(frozen=True, slots=True)
class SilenceChange:
    """A silence as it is to be, and as it was read; None where there was none."""

    after: Silence
    before: Silence | None = None


@dataclass(frozen=True, slots=True)
class IngestedAlert:
    """An alert that was sent to us, as it is kept.

    `is_told` says that its groups know of it as it is here; `routes_digest` says how it was routed.
    """

    received: Received
    routes_digest: str = ""
    is_told: bool = False
    version: int = 0

    @property
    def alert(self) -> Alert:
        return self.received.alert


class Ingested(Protocol):
    """The alerts that were sent to us; one that is over is forgotten soon after."""

    def load_ingested(self, *, now: datetime) -> Sequence[IngestedAlert]:
        """Return all that are kept, by fingerprint."""
        ...

    def find_ingested(
        self, fingerprints: Sequence[Fingerprint], *, now: datetime
    ) -> Mapping[Fingerprint, IngestedAlert]: ...

    def save_ingested(self, records: Sequence[IngestedAlert], *, now: datetime) -> Sequence[IngestedAlert]:
        """Write each under the version that was read, and return them as written. Raises ConflictError."""
        ...


class Claim(StrEnum):
    """Whether a notification is this invocation's to deliver."""

    GRANTED = "granted"
    DELIVERED = "already delivered"
    STALE = "something newer was delivered"
    UNHEARD = "it is over, and the receiver never heard that it began"
    WAITING = "the receiver has asked for patience"
    BUSY = "another invocation is delivering to this integration"


class DeliveryState(StrEnum):
    DELIVERED = "delivered"
    FAILED = "failed"
    HELD = "held back"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The record of one notification at one integration: what came of the last attempt, and why it was sent."""

    notification_id: str
    integration: IntegrationKey
    seq: int
    state: DeliveryState
    attempts: int
    at: datetime
    status: str
    reason: str
    outcome: str


class Deliveries(Protocol):
    """Who was told what, when, with what result."""

    def claim(self, notification: Notification, *, now: datetime) -> Claim:
        """Take a notification to deliver it, alone of all for its group and integration; or say why not.

        One that says that all is over is UNHEARD where nothing that fires is confirmed or may have arrived; what is
        older then counts as STALE.
        """
        ...

    def record(
        self,
        notification: Notification,
        state: DeliveryState,
        outcome: str,
        *,
        now: datetime,
        may_have_arrived: bool = True,
        wait_until: datetime | None = None,
    ) -> None:
        """Write down what came of an attempt, and give the claim back.

        Until `wait_until` no claim is granted. What certainly did not arrive, nobody has heard of.
        """
        ...

    def load_deliveries(self, group: GroupId) -> Sequence[Delivery]: ...


@dataclass(frozen=True, slots=True)
class Thread:
    """Where a chat keeps the message that a group began with, in the chat's own words; `incident` is whose it is."""

    channel: str
    message: str
    incident: str = ""


class Counters(Protocol):
    """Counts that many invocations add to, and that are forgotten soon."""

    def add(self, name: str, amount: int, *, expires_at: datetime) -> int:
        """Add to a count and return what it is then. Raises StoreError."""
        ...


class Paces(Protocol):
    """Turns at a distance from each other, for what takes only so much at a time."""

    def reserve(self, name: str, *, every: timedelta, within: timedelta, now: datetime) -> datetime | None:
        """Take the next turn under a name, and return when it is; None, and no turn, where that is later than `within`.

        Raises StoreError.
        """
        ...


class Receipt(StrEnum):
    """Whether what came from outside is this invocation's to do."""

    GRANTED = "granted"
    DONE = "already done"
    BUSY = "another invocation is doing it"


class Receipts(Protocol):
    """What comes from outside under a name of its own, perhaps several times, and is to be done once.

    It counts as done after it was done, so that a crash loses nothing: whoever sends it again has it done then.
    """

    def begin(self, name: str, *, until: datetime, now: datetime) -> Receipt:
        """Take something in hand, alone until an instant, or say why not. Raises StoreError."""
        ...

    def finish(self, name: str, *, keep_until: datetime) -> None:
        """Remember that it is done. Raises StoreError."""
        ...

    def drop(self, name: str, *, until: datetime) -> None:
        """Give back what was taken in hand until that instant and not done. Raises StoreError."""
        ...

    def save_alias(self, alias: str, name: str, *, keep_until: datetime) -> None:
        """Remember what somebody outside calls something of ours. Raises StoreError."""
        ...

    def load_alias(self, alias: str, *, now: datetime) -> str | None: ...


class Limits(Protocol):
    """How much each integration has been told in a window of its rate limit, and what is held back of it."""

    def take(self, notification: Notification, limit: RateLimit, *, now: datetime) -> bool:
        """Take a place in this window for a notification, which may have one already; False where there is none."""
        ...

    def hold(self, notification: Notification, limit: RateLimit, *, now: datetime) -> None:
        """Note that a notification is held back: of its group the newest counts, since the window of the first."""
        ...

    def release(self, notification: Notification) -> None:
        """Note that nothing of a notification's group is held back any more."""
        ...

    def load_held(self, key: IntegrationKey, *, now: datetime) -> Sequence[Held]:
        """Return what is held back of an integration, by group."""
        ...


class Threads(Protocol):
    """The message that each integration edits and answers as its group changes."""

    def load_thread(self, notification: Notification, *, now: datetime) -> Thread | None: ...

    def save_thread(self, notification: Notification, thread: Thread | None, *, now: datetime) -> None:
        """Keep where the message is; None forgets it."""
        ...


class Timers(Protocol):
    def announce(self, group: GroupId, *, at: datetime, now: datetime) -> None:
        """Have the group looked at, at or after an instant; longer delays hop."""
        ...

    def announce_all(self, groups: Sequence[GroupId], *, at: datetime, now: datetime) -> None:
        """Have groups looked at, in fewer calls than one each; what fails keeps no other from it. Raises StoreError."""
        ...


class Ticks(Protocol):
    def announce_tick(self, at: datetime, *, now: datetime) -> None: ...


class Actions(Protocol):
    """Where what people press in a chat is put, to be done after the chat has its answer."""

    def hand_over(self, click: Click) -> None:
        """Have it done. Raises StoreError."""
        ...


class Replies(Protocol):
    def __call__(self, url: str, text: str, *, now: datetime) -> None:
        """Say something to who pressed a button, by the URL that came with it. Raises DeliveryError."""
        ...


class Topic(Protocol):
    def publish(self, message: str) -> bool:
        """Hand a frozen notification (the JSON text) to all that is subscribed; False if nobody will confirm it."""
        ...


class Escalations(Protocol):
    def start(self, incident: IncidentId, climb: int) -> None:
        """Start a state machine for an incident's climb; a second start is none."""
        ...


class Sender(Protocol):
    def __call__(self, notification: Notification, *, now: datetime) -> str:
        """Deliver, and return what the receiver answered. Raises DeliveryError."""
        ...


class DeadLetters(Protocol):
    """Where dead letters are handed in again; whatever is not accepted is a StoreError."""

    def send_timer(self, letter: Letter) -> None:
        """Send a timer again, to be looked at at once."""
        ...

    def send_click(self, letter: Letter) -> None:
        """Have a click done after all."""
        ...

    def invoke(self, letter: Letter) -> None:
        """Have the function that failed, or that SNS could not reach, run on its event."""
        ...


class Log(Protocol):
    """Structured log lines, counters and durations: a constant event name and fields."""

    def info(self, event: str, **fields: object) -> None: ...

    def warning(self, event: str, **fields: object) -> None: ...

    def error(self, event: str, **fields: object) -> None: ...

    def count(self, metric: str, value: float = 1, **dimensions: str) -> None: ...

    def observe(self, metric: str, seconds: float, **dimensions: str) -> None: ...
