"""The configurations among which a random week changes, and the places of a story's alerts in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

from tests.stories.configurations import MINUTE, configuration, equal, limited, policy, receiver, rule
from tests.web.paging import has_key, hears_pagerduty
from tocsin.core.alerts import Alert
from tocsin.core.configuration import Configuration
from tocsin.core.inhibition import InhibitRule, InhibitSource
from tocsin.core.policies import EscalationPolicy, Terms
from tocsin.core.rate_limits import RateLimit
from tocsin.core.receivers import IntegrationKey, Kind
from tocsin.core.routing import GroupId, RouteSpec, identify_group, routes_for
from tocsin.core.rules import Rule
from tocsin.core.users import User

# An alert of a story: its name, and its instance (of Tocsin's own alerts: the rule that they are about).
Series = tuple[str, str]
SOURCE, TARGETS = "NodeDown", "major"
RULES = (
    rule("Down", severity=TARGETS),
    rule("Slow", severity=TARGETS, hold_for=2 * MINUTE),
    rule("Flaky", severity=TARGETS, keep_firing_for=3 * MINUTE),
    rule(SOURCE),
)
WAIT, INTERVAL, REPEAT, COOLDOWN = timedelta(seconds=30), 2 * MINUTE, 12 * MINUTE, 5 * MINUTE
STEPS = ((3, "lead"), (8, "boss"))


@dataclass(frozen=True, slots=True)
class Situation:
    """A configuration in the few words in which a week needs it; its route tells who is told, its name what is odd."""

    name: str
    configuration: Configuration
    inhibits: bool

    def __repr__(self) -> str:
        return repr(self.name)

    @property
    def rules(self) -> frozenset[str]:
        return frozenset(each.name for each in self.configuration.rules())

    @property
    def everybody(self) -> frozenset[IntegrationKey]:
        return self.integrations(self.configuration.receivers)

    def groups_of(self, alert: Alert) -> frozenset[GroupId]:
        """Return where an alert belongs; that routing itself is right is others' to prove."""
        found = routes_for(self.configuration.root, alert.labels)
        return frozenset(identify_group(route, alert.labels).id for route in found)

    def receivers_of(self, alert: Alert) -> frozenset[str]:
        return frozenset(route.receiver for route in routes_for(self.configuration.root, alert.labels))

    def integrations(self, names: Iterable[str]) -> frozenset[IntegrationKey]:
        """Return the integrations of receivers, where there are such receivers."""
        known = (self.configuration.receivers[name] for name in names if name in self.configuration.receivers)
        return frozenset(each.key for receiver in known for each in receiver.integrations)


NODE_EXPLAINS = InhibitRule(
    sources=(InhibitSource((equal("alertname", SOURCE),), equal=("instance",)),),
    targets=(equal("severity", TARGETS),),
)
DBA = RouteSpec(receiver="dba", matchers=(equal("alertname", "Slow"),))
SENT_TO_DBA = RouteSpec(receiver="dba", matchers=(equal("alertname", "Sent"),), group_interval=5 * MINUTE)
CLIMB = policy(*STEPS)
# Acknowledgements end after a quarter of an hour, and the steps are taken twice.
ASLEEP = replace(CLIMB, terms=Terms(repeat=1, repeat_after=10 * MINUTE, ack_timeout=15 * MINUTE))


def _situation(
    name: str,
    *rules: Rule,
    group_by: tuple[str, ...] = ("alertname",),
    routes: tuple[RouteSpec, ...] = (),
    team: tuple[Kind, ...] = (Kind.SLACK, Kind.PAGERDUTY),
    policies: tuple[EscalationPolicy, ...] = (),
    inhibits: bool = False,
    cooldown: timedelta = timedelta(0),
    limit: RateLimit | None = None,
) -> Situation:
    made = configuration(
        *(rules or RULES),
        route=RouteSpec(
            receiver="team",
            group_by=group_by,
            group_wait=WAIT,
            group_interval=INTERVAL,
            repeat_interval=REPEAT,
            routes=routes,
        ),
        receivers=[
            limited(has_key(receiver("team", *team)), limit),
            receiver("dba", Kind.EMAIL, send_resolved=False),
            receiver("lead", Kind.WEBHOOK),
            has_key(receiver("boss", Kind.PAGERDUTY)),
        ],
        policies=policies,
        default_cooldown=cooldown,
    )
    inhibit_rules = (NODE_EXPLAINS,) if inhibits else ()
    # What the loader makes it of: with another one, all that fires is told anew.
    routed = repr([made.root, sorted(made.receivers), policies, inhibit_rules])
    made = replace(made, digest=_digest(name), routes_digest=_digest(routed), inhibit_rules=inhibit_rules)
    made = replace(hears_pagerduty(made), users={"ann": User("ann", slack_id="U1")})
    return Situation(name, made, inhibits)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


SITUATIONS = {
    situation.name: situation
    for situation in (
        _situation("plain"),
        _situation("climbing", policies=(CLIMB,)),
        _situation("asleep", policies=(ASLEEP,)),
        _situation("explained", inhibits=True),
        _situation("all in one", group_by=(), inhibits=True, policies=(policy(*STEPS, matchers=DBA.matchers),)),
        _situation("by instance", group_by=("instance",), cooldown=COOLDOWN),
        _situation("dba", routes=(DBA, SENT_TO_DBA), policies=(CLIMB,), inhibits=True),
        _situation("without Slow", *(each for each in RULES if each.name != "Slow"), policies=(CLIMB,)),
        _situation("mail too", team=(Kind.SLACK, Kind.PAGERDUTY, Kind.EMAIL, Kind.SNS)),
        _situation("told so much", limit=RateLimit(2, INTERVAL), policies=(CLIMB,)),
        _situation("Slack only", team=(Kind.SLACK,), inhibits=True, cooldown=COOLDOWN),
    )
}
