"""Who inhibits others, as groups look it up: written down before any group hears of the alert.

With another configuration an alert that inhibited may do so no more, and nobody would write down its end: it would
inhibit again, long over, with the next configuration that asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ..core.alerts import Alert
from ..core.inhibition import InhibitRule, can_inhibit
from ..ports import Inhibitors


def keep_inhibitors(
    inhibitors: Inhibitors, rules: Sequence[InhibitRule], alerts: Sequence[Alert], *, is_rerouted: bool, now: datetime
) -> None:
    """Write down those of the alerts that can inhibit; `is_rerouted` says that another configuration knew them last."""
    kept = [alert for alert in alerts if can_inhibit(rules, alert.labels)]
    others = [alert for alert in alerts if not can_inhibit(rules, alert.labels)]
    if is_rerouted and others:
        known = {alert.fingerprint for alert in inhibitors.load_inhibitors(now=now)}
        kept += [replace(alert, ends_at=now) for alert in others if alert.fingerprint in known]
    if kept:
        inhibitors.save_inhibitors(kept, now=now)
