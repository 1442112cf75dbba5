"""Noting what happens in virtual time, each thing once: when it begins."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ..adapters.memory import MemoryStore
from ..core.grouping import Flush
from ..core.labels import Fingerprint
from ..core.muting import Mute, MuteKind
from ..core.notifications import Reason
from ..core.receivers import IntegrationKey
from ..core.routing import GroupId
from ..core.rules import Change
from ..pipeline.tick import RuleOutcome
from .events import COOLED_DOWN, Chronicle, Firing, Quiet, Withheld


class Notes:
    """Writes a chronicle."""

    def __init__(self, chronicle: Chronicle, store: MemoryStore) -> None:
        self._chronicle = chronicle
        self._store = store
        self._muted: dict[GroupId, Mapping[Fingerprint, Mute]] = {}
        self._withheld: dict[GroupId, Mapping[IntegrationKey, Reason]] = {}

    def rule(self, outcome: RuleOutcome, *, now: datetime) -> None:
        """Note which alerts fired and which were resolved."""
        rule = outcome.rule
        for transition in outcome.transitions:
            alert = transition.alert
            if transition.change is Change.FIRED:
                firing = Firing(rule.key, rule.name, alert.labels, alert.fired_at or now)
                self._chronicle.fired(firing, alert.fingerprint)
            elif transition.change is Change.RESOLVED:
                self._chronicle.resolved(rule.key, alert.fingerprint, now=now)

    def look(self, flush: Flush, *, now: datetime) -> None:
        """Note what a look at a group begins to keep from people."""
        self._withheld_by(flush, now=now)
        self._kept_quiet(flush, now=now)

    def _withheld_by(self, flush: Flush, *, now: datetime) -> None:
        """Note what begins to be withheld: it is decided again at every look."""
        group = flush.group.identity.id
        known = self._withheld.get(group, {})
        self._withheld[group] = flush.withheld
        for key, reason in flush.withheld.items():
            if known.get(key) is not reason:
                self._chronicle.withheld.append(Withheld(now, group, key, reason.value))

    def _kept_quiet(self, flush: Flush, *, now: datetime) -> None:
        """Note what begins to be kept quiet: what already was is not news."""
        identity = flush.group.identity
        known = self._muted.get(identity.id, {})
        self._muted[identity.id] = flush.group.muted
        alerts = self._store.groups[identity.id].alerts
        why: dict[Fingerprint, tuple[str, tuple[str, ...]]] = {
            key: (COOLED_DOWN, ()) for key, each in flush.cooldowns.items() if each.held
        }
        why |= {
            key: (mute.kind.value, self._names(mute))
            for key, mute in flush.group.muted.items()
            if key not in known or known[key].by != mute.by
        }
        self._chronicle.quiet += [
            Quiet(now, identity.receiver, alerts[key].labels, *why[key]) for key in sorted(why) if key in alerts
        ]

    def _names(self, mute: Mute) -> tuple[str, ...]:
        """Return what mutes by names that people know: inhibiting alerts by their labels."""
        if mute.kind is not MuteKind.INHIBITED:
            return mute.by
        found = ((key, self._store.inhibitors.get(Fingerprint(key))) for key in mute.by)
        return tuple(str(alert.labels) if alert else key for key, alert in found)
