"""What a tick works with, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ..core.labels import Fingerprint
from ..core.patterns import Compile, without_engine
from ..core.rules import ActiveAlert, Rule, Sample, Transition
from ..ports import Groups, Inhibitors, Limits, Log, Metrics, RuleRecord, Rules, Timers
from .patience import UNHURRIED, Patience

if TYPE_CHECKING:
    from .ingest import Rerouting  # evaluating imports none of it


@dataclass(frozen=True, slots=True)
class Evaluator:
    """What a tick works with; `sweep_grace` is how late a group may be before the sweep wakes it.

    When `patience` is over, no more is told in this tick.
    """

    metrics: Metrics
    rules: Rules
    groups: Groups
    inhibitors: Inhibitors
    timers: Timers
    log: Log
    tick: timedelta = timedelta(seconds=60)
    query_budget_seconds: float = 25.0
    sweep_grace: timedelta = timedelta(seconds=30)
    external_url: str = ""
    graph_url: str = ""
    reroute: Rerouting | None = None
    limits: Limits | None = None
    compile_pattern: Compile = without_engine
    patience: Patience = UNHURRIED


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What an evaluation of one rule came to; `after` is None where nothing is to be written.

    `is_rerouted` says that another configuration routed its alerts when it was last written. `elsewhere` names what is
    told as over here, and fires by another rule for other receivers.
    """

    rule: Rule
    before: RuleRecord
    after: RuleRecord | None
    transitions: tuple[Transition, ...] = ()
    told: tuple[tuple[ActiveAlert, bool], ...] = ()
    samples: tuple[Sample, ...] = ()
    error: str = ""
    is_rerouted: bool = False
    elsewhere: frozenset[Fingerprint] = frozenset()

    @property
    def active(self) -> Mapping[Fingerprint, ActiveAlert]:
        return (self.after or self.before).active


@dataclass(frozen=True, slots=True)
class TickOutcome:
    """All rules' outcomes of one tick, how many of them could not be acted on, and whether all the rest was done.

    `unfinished` rules had more to tell than there was time for: the next ticks go on with them.
    """

    now: datetime
    rules: tuple[RuleOutcome, ...]
    not_written: int = 0
    overdue: int = 0
    is_whole: bool = True
    unfinished: int = 0

    def as_json(self) -> dict[str, object]:
        return {
            "now": self.now.isoformat(),
            "rules": len(self.rules),
            "failed": sum(bool(outcome.error) for outcome in self.rules),
            "transitions": sum(len(outcome.transitions) for outcome in self.rules),
            "not_written": self.not_written,
            "overdue_groups": self.overdue,
            "unfinished": self.unfinished,
        }
