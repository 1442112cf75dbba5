"""Announce, tell, remember: how rules' outcomes get to their groups and into their records (law 5).

A record first says which alerts are about to be told (announced), a timer is set for each group, the groups get their
copies (told), and only then the record holds the new states (remembered). Whatever a crash leaves, the next tick finds
in `telling`, and tells again as it is by then.

Rules take turns, and what is told of a rule with many groups is remembered in portions: it keeps no other waiting, and
a tick that ends too early has got somewhere. What it did not get to is in `telling`, as after a crash.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..core.inhibition import InhibitRule, can_inhibit
from ..core.rules import Change, RuleKey
from ..errors import ConflictError
from ..ports import LoadedConfiguration
from .inhibiting import keep_inhibitors
from .patience import Patience
from .placing import Part, graph_link, in_parts, place, tell_group
from .tick import Evaluator, RuleOutcome

# So many groups, or alerts, of a rule are told before others have their turn.
GROUPS_IN_TURN, ALERTS_IN_TURN = 25, 500
# So many groups are told before it is remembered, and of many groups a twentieth: that writes the whole record.
GROUPS_IN_PORTION, MOST_PORTIONS = 100, 20
# Where so many groups of a rule cannot be told, the others are not tried: more than some that never can.
MOST_FAILURES = 25
# So much of the time is left to rules whose alerts cease to inhibit, where the others could use all of it.
SHARE_OF_THE_LAST = 0.2


@dataclass(frozen=True, slots=True)
class Acted:
    """How many rules could not be written, and how many are told or begun in the next ticks only.

    Of what was found about `unkept` rules, something is written nowhere: only their next evaluation finds it again.
    """

    not_written: int = 0
    unfinished: int = 0
    unkept: frozenset[RuleKey] = frozenset()


def act_all(world: Evaluator, loaded: LoadedConfiguration, outcomes: Sequence[RuleOutcome], *, now: datetime) -> Acted:
    """Announce, tell, remember, for as long as the tick's patience lasts; one rule's failure never touches another's.

    First come the rules whose alerts begin to inhibit, and last those whose alerts cease to. So a crash between two of
    them lets nobody be told of a target whose source fires, or that has ended with it.
    """
    rules = loaded.configuration.inhibit_rules
    ordered = sorted(outcomes, key=lambda each: (_rank(each, rules), _is_refresh(each)))
    tellings = [(_Telling(world, loaded, each, now=now), _rank(each, rules)) for each in ordered]
    first = [telling for telling, rank in tellings if rank < _LAST]
    last = [telling for telling, rank in tellings if rank == _LAST]
    patience = world.patience
    share = patience.within(patience.seconds_left * (1 - SHARE_OF_THE_LAST)) if last else patience
    _take_turns(first, share)
    if not any(each.owes_ends for each in first):
        _take_turns(last, patience)
    return Acted(
        not_written=sum(each.has_failed for each in (*first, *last)),
        unfinished=sum(not each.is_over for each in (*first, *last)),
        unkept=frozenset(each.rule for each in (*first, *last) if not each.is_kept),
    )


_LAST = 2


def _rank(outcome: RuleOutcome, rules: Sequence[InhibitRule]) -> int:
    over = {is_over for alert, is_over in outcome.told if can_inhibit(rules, alert.labels)} if rules else set()
    return 0 if False in over else _LAST if over else 1


def _is_refresh(outcome: RuleOutcome) -> tuple[bool, float]:
    """Say whether an outcome has only new values and texts, which can wait; who waited longest comes first."""
    is_refresh = not (outcome.is_rerouted or outcome.before.telling) and {
        each.change for each in outcome.transitions
    } == {Change.REFRESHED}
    waiting_since = outcome.before.changed_at
    return is_refresh, waiting_since.timestamp() if is_refresh and waiting_since else 0.0


def _take_turns(tellings: Sequence[_Telling], patience: Patience) -> None:
    """Let each tell a part, again and again; one turn is taken even where there is no time left."""
    turns = deque(tellings)
    while turns:
        telling = turns.popleft()
        telling.take_turn(patience)
        if not telling.is_over:
            turns.append(telling)
        if patience.is_over:
            break
    for telling in turns:
        telling.leave()


class _Telling:
    """One rule's outcome on its way to its groups."""

    def __init__(self, world: Evaluator, loaded: LoadedConfiguration, outcome: RuleOutcome, *, now: datetime) -> None:
        assert outcome.after is not None  # the caller's condition
        self._world, self._loaded, self._outcome, self._after, self._now = world, loaded, outcome, outcome.after, now
        self._record = outcome.before
        self._announced = {alert.fingerprint: alert for alert, _ in outcome.told}
        self._over = {alert.fingerprint for alert, is_over in outcome.told if is_over}
        self._parts: deque[Part] = deque()
        self._portion = 0
        # In how many parts each alert is still to be told.
        self._untold = Counter(dict.fromkeys(self._announced, 1))
        self._unremembered = 0
        self._failures: list[str] = []
        self._has_begun = False
        self.is_over = False
        self.has_failed = False
        self.is_kept = False

    @property
    def rule(self) -> RuleKey:
        return self._outcome.rule.key

    @property
    def owes_ends(self) -> bool:
        """Say whether groups are still to be told of ends, in a later tick."""
        return not self.is_over and any(self._untold[key] for key in self._over)

    def take_turn(self, patience: Patience) -> None:
        """Tell some groups, having announced that first; remember when all were told, or enough of them."""
        if not self._guarded(lambda: self._tell_some(patience)):
            return
        if not self._parts or len(self._failures) >= MOST_FAILURES:
            self.is_over = True
            self._remember_what_was_told()
        elif self._unremembered >= self._portion:
            self._guarded(self._remember)

    def leave(self) -> None:
        """Remember how far it has come: the next ticks go on from there."""
        if self._has_begun:
            self._remember_what_was_told()

    def _remember_what_was_told(self) -> None:
        is_all = self.is_over and not self._failures
        is_remembered = not (self._unremembered or is_all) or self._guarded(self._remember)
        if is_remembered and self._failures:
            self._fail(self._failures[0])

    def _guarded(self, work: Callable[[], None]) -> bool:
        """Do a piece of work; False, and the rule is left, where another was there first or the store failed."""
        try:
            work()
        except ConflictError:
            self.is_over = self.has_failed = True
            self._world.log.info("rule_evaluated_elsewhere", **self._fields)
            return False
        except Exception as error:  # the bulkhead between rules: the next tick makes the same transition again
            self.is_over = True
            self._fail(repr(error))
            return False
        return True

    def _fail(self, error: str) -> None:
        self.has_failed = True
        self._world.log.error("rule_not_written", error=error, **self._fields)
        self._world.log.count("RuleEvaluationFailures")

    def _tell_some(self, patience: Patience) -> None:
        if not self._has_begun:
            self._begin()
        groups = alerts = 0
        while self._parts and groups < GROUPS_IN_TURN and alerts < ALERTS_IN_TURN:
            if (groups and patience.is_over) or len(self._failures) >= MOST_FAILURES:
                return
            part = self._parts.popleft()
            groups += 1
            alerts += len(part.alerts)
            self._tell(part)

    def _begin(self) -> None:
        self._has_begun = True
        before = self._outcome.before
        if not self._outcome.told:
            return
        announced = replace(
            before,
            telling={**before.telling, **self._announced},
            ending=(before.ending & before.telling.keys()) - self._announced.keys() | self._over,
            changed_at=self._now,
        )
        self._record = self._world.rules.save_rule(announced, now=self._now)
        # What is not told (what is pending, say) is written at the end only.
        self.is_kept = all(each.alert.fingerprint in self._announced for each in self._outcome.transitions)
        self._log_transitions()
        self._keep_inhibitors()
        self._parts = deque(self._in_order())
        self._portion = max(GROUPS_IN_PORTION, len(self._parts) // MOST_PORTIONS)
        self._untold = Counter(alert.fingerprint for part in self._parts for alert in part.alerts)

    def _keep_inhibitors(self) -> None:
        """Write down who inhibits before any group hears of it: a source must be known when its target is looked at."""
        outcome, configuration = self._outcome, self._loaded.configuration
        alerts = [
            each.as_alert(
                now=self._now, generator_url="", resolved=is_over and each.fingerprint not in outcome.elsewhere
            )
            for each, is_over in outcome.told
        ]
        is_rerouted = outcome.before.routes_digest not in ("", configuration.routes_digest)
        keep_inhibitors(
            self._world.inhibitors, configuration.inhibit_rules, alerts, is_rerouted=is_rerouted, now=self._now
        )

    def _in_order(self) -> list[Part]:
        """Return what groups are told: new values and texts come last, and of these what waits already comes first."""
        outcome, configuration = self._outcome, self._loaded.configuration
        link = graph_link(self._world.graph_url, outcome.rule.expr)
        alerts = (active.as_alert(now=self._now, generator_url=link, resolved=over) for active, over in outcome.told)
        placed = place(configuration.root, ((alert, outcome.rule.receivers) for alert in alerts))
        parts = (part for each in placed for part in in_parts(each, configuration.policies, now=self._now))
        refreshed = {each.alert.fingerprint for each in outcome.transitions if each.change is Change.REFRESHED}
        waiting = outcome.before.telling.keys()

        def rank(part: Part) -> int:
            keys = {alert.fingerprint for alert in part.alerts}
            return 0 if keys - refreshed else 1 if keys & waiting else 2

        return sorted(parts, key=rank)

    def _tell(self, part: Part) -> None:
        try:
            tell_group(self._world.timers, self._world.groups, part, now=self._now)
        except ConflictError:
            raise
        except Exception as error:  # the bulkhead between groups: this one stays in `telling`
            self._failures.append(repr(error))
            self._world.log.error("group_not_told", group=part.identity.id, error=repr(error), **self._fields)
            return
        self._unremembered += 1
        self._untold.subtract(alert.fingerprint for alert in part.alerts)

    def _remember(self) -> None:
        """Write what all groups know by now; the others' alerts stay as they were, and are still being told."""
        left = {key for key, parts in self._untold.items() if parts}
        was = self._outcome.before.active
        active = {key: alert for key, alert in self._after.active.items() if key not in left}
        active |= {key: was[key] for key in left if key in was}
        record = replace(
            self._after,
            active={key: active[key] for key in sorted(active)} if left else self._after.active,
            telling={key: self._announced[key] for key in sorted(left)},
            ending=frozenset(left & self._over),
            version=self._record.version,
        )
        self._record = self._world.rules.save_rule(record, now=self._now)
        self.is_kept = True
        self._unremembered = 0
        if not self._announced:
            self._log_transitions()

    def _log_transitions(self) -> None:
        """Log what has happened, once: from what is written now, the next tick goes on."""
        for transition in self._outcome.transitions:
            change, labels = transition.change.value, dict(transition.alert.labels)
            self._world.log.info("alert_changed", change=change, labels=labels, **self._fields)

    @property
    def _fields(self) -> dict[str, str]:
        return {"rule": self._outcome.rule.name, "rule_group": self._outcome.rule.group}
