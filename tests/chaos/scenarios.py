"""The lives that are lived once for every call they make, and what of two of them has to be the same.

Between two events each life leaves time for what AWS delivers again, so that an interruption delays what people are
told and does not change it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from functools import partial

from dev.pagerduty_account import BOB as BOB_THERE
from tests.chaos.slack import edits_messages, use_app
from tests.chaos.ways import DIES_AFTER, DIES_BEFORE, TAKEN, WAYS, Way, What
from tests.stories.chat import Chat
from tests.stories.configurations import MINUTE, configuration, equal, limited, policy, receiver, rule
from tests.stories.world import START, World
from tests.web.paging import Line, hears_pagerduty, pages_pagerduty
from tocsin.core.clicks import Press
from tocsin.core.configuration import Configuration
from tocsin.core.cooldowns import CooldownRule
from tocsin.core.incidents import Source
from tocsin.core.inhibition import InhibitRule, InhibitSource
from tocsin.core.merging import Posted
from tocsin.core.oncall import Override, Schedule
from tocsin.core.policies import EscalationPolicy, Step, Terms
from tocsin.core.rate_limits import RateLimit
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec
from tocsin.core.rules import RuleKey
from tocsin.core.users import ContactRule, Method, User, contact_name
from tocsin.pipeline.incidents import Verb

LULL = 10  # minutes: longer than a timer that comes back, its group's next flush and a tick together


class Compared(StrEnum):
    """What has to be as in the undisturbed life, for each integration."""

    EXACTLY = "every notification"
    FACTS = "every fact"  # told in other portions, perhaps: two alerts one after the other, not in one notification
    END = "the end"  # what flaps may be over before a late look sees it
    CLIMB = "every step until it is taken"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A life: its configuration, what happens in it, and what has to be the same in all its lives.

    `row` is the line of the table of figures that it counts in, its own where it is empty; `most_points` is how many
    points of it are lived, spread evenly over all that are more than a quiet tick's questions, where all of them would
    take too long. On the `table`, the calls are the requests to DynamoDB, of which a call through a port may make many.
    """

    name: str
    configuration: Configuration
    live: Callable[[World], None]
    compared: Compared = Compared.EXACTLY
    warm: bool = False
    ways: tuple[Way, ...] = WAYS
    row: str = ""
    most_points: int | None = None
    table: bool = False


def route(**more: object) -> RouteSpec:
    settings = {"group_by": ("alertname",), "group_wait": timedelta(seconds=30), "group_interval": 2 * MINUTE, **more}
    return RouteSpec(receiver="team", **settings)  # type: ignore[arg-type]


def fires_and_resolves(world: World) -> None:
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=LULL)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=LULL)


def fires_grows_and_resolves_by_app(world: World) -> None:
    use_app(world)
    late_member(world)


def two_rules(world: World) -> None:
    world.metric_goes_bad("Down", instance="a")
    world.metric_goes_bad("Slow", instance="a")
    world.advance(minutes=LULL)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=LULL)
    world.metric_recovers("Slow", instance="a")
    world.advance(minutes=LULL)


def late_member(world: World) -> None:
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=LULL)
    world.metric_goes_bad("Down", instance="b")
    world.advance(minutes=LULL)
    world.metric_recovers("Down", instance="a")
    world.metric_recovers("Down", instance="b")
    world.advance(minutes=LULL)


def member_during_the_wait(world: World) -> None:
    """The second comes while the group waits for its first flush, the third at the very moment of that flush."""
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=1)
    world.source_fires("Down", instance="b")
    world.at(START + MINUTE + timedelta(seconds=30), lambda: world.source_fires("Down", instance="c"))
    world.advance(minutes=LULL)
    world.metric_recovers("Down", instance="a")
    world.source_recovers("Down", instance="b")
    world.source_recovers("Down", instance="c")
    world.advance(minutes=LULL)


def repeats(world: World) -> None:
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=2 * LULL)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=LULL)


def inhibition(world: World) -> None:
    world.metric_goes_bad("NodeDown", instance="a")
    world.advance(minutes=LULL)
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=LULL)
    world.metric_recovers("NodeDown", instance="a")
    world.advance(minutes=LULL)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=LULL)


def inhibition_at_once(world: World) -> None:
    """The target's rule stands first; both come in one tick, and go in one."""
    world.metric_goes_bad("NodeDown", instance="a")
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=LULL)
    world.metric_recovers("NodeDown", instance="a")
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=LULL)


def silence_ends(world: World) -> None:
    """Ended early by a person, who ends whatever silences it; and by time."""
    world.silence(minutes=60, alertname="Down")
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=LULL)
    for silence in world.store.load_silences(now=world.now):
        world.end_silence(silence.id)
    world.advance(minutes=LULL)
    world.silence(minutes=3, alertname="Down")
    world.metric_goes_bad("Down", instance="b")
    world.advance(minutes=LULL)
    world.metric_recovers("Down", instance="a")
    world.metric_recovers("Down", instance="b")
    world.advance(minutes=LULL)


def one_integration_fails(world: World) -> None:
    world.receiver_fails("team/slack/0", retryable=True)
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=LULL)
    world.receiver_works("team/slack/0")
    world.advance(minutes=LULL)
    world.receiver_fails("team/email/1", retryable=False)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=LULL)
    world.receiver_works("team/email/1")
    world.advance(minutes=LULL)


def escalates(world: World) -> None:
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=3 * LULL)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=LULL)


def acknowledged_as_a_step_is_due(world: World) -> None:
    """The incident opens at 03:01:30, so its second step is due at 03:11:30: that is when ada takes it."""
    world.metric_goes_bad("Down", instance="a")
    world.at(START + timedelta(minutes=11, seconds=30), world.acknowledge_what_is_open)
    world.advance(minutes=2 * LULL)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=LULL)


def acknowledged_and_forgotten(world: World) -> None:
    """Ann has it, and falls asleep: half an hour later it climbs again, to the end and once more."""
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=LULL)
    world.act(Verb.ACKNOWLEDGE, by="ann", source=Source.SLACK)
    world.advance(minutes=LULL)
    world.metric_goes_bad("Down", instance="b")
    world.advance(minutes=7 * LULL)  # the last step is taken at 04:20
    world.metric_recovers("Down", instance="a")
    world.metric_recovers("Down", instance="b")
    world.advance(minutes=LULL)


def passed_around(world: World) -> None:
    """Snoozed, handed on, noted, escalated by hand, acknowledged in PagerDuty, silenced, closed: in this order.

    None of it falls together with a step, a reminder or an end: those are at 03:11, 03:20 to 03:30, 03:45, 04:12, 04:24
    and 04:36 to 04:46.
    """
    world.metric_goes_bad("Down", instance="a")
    _until(world, 8)
    world.act(Verb.SNOOZE, by="ann", minutes=12)
    _until(world, 25)
    world.act(Verb.REASSIGN, by="ann", to="bob")
    _until(world, 35)
    world.act(Verb.NOTE, by="bob", comment="it is the disk")
    _until(world, 52)
    world.act(Verb.ESCALATE, by="bob")
    _until(world, 64)
    world.act(Verb.ACKNOWLEDGE, by="ann", source=Source.PAGERDUTY)
    _until(world, 76)
    world.act(Verb.SUPPRESS, by="ann", minutes=20)
    _until(world, 116)
    world.act(Verb.RESOLVE, by="ann")
    _until(world, 126)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=LULL)


def taken_by_buttons(world: World) -> None:
    """Acknowledged, escalated, silenced and closed by buttons, of a message that is edited each time."""
    slack, chat = use_app(world), Chat(world)
    texts = slack.messages.values()
    world.outside["messages with buttons"] = lambda: sum(BUTTONS in str(text) for text in texts)
    world.metric_goes_bad("Down", instance="a")
    _until(world, 8)
    chat.press(Press.ACKNOWLEDGE)
    _until(world, 28)
    chat.press(Press.ESCALATE, by="U2")
    _until(world, 48)
    chat.press(Press.SUPPRESS, hold=20 * MINUTE)
    _until(world, 88)
    chat.press(Press.RESOLVE, by="U2")
    _until(world, 108)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=LULL)


def _line_to_pagerduty(world: World) -> Line:
    """Return what connects a world with PagerDuty, whose incidents have to end up the same."""
    line = Line(world)
    world.outside["incidents there"] = lambda: [(each.key, each.status) for each in line.there.incidents]
    return line


def taken_in_pagerduty(world: World) -> None:
    """Acknowledged, noted and closed there; the next time it is acknowledged here and its end is ours to tell."""
    line = _line_to_pagerduty(world)
    there = line.there
    world.metric_goes_bad("Down", instance="a")
    for minutes, work in ((12, there.acknowledge), (32, partial(there.note, text="a disk")), (52, there.resolve)):
        _until(world, minutes)
        work(line.incident, by=BOB_THERE)
        there.deliver()
    _until(world, 72)
    world.metric_recovers("Down", instance="a")
    _until(world, 82)
    world.metric_goes_bad("Down", instance="a")
    _until(world, 94)
    world.act(Verb.ACKNOWLEDGE, by="ann")
    _until(world, 114)
    there.deliver()
    world.metric_recovers("Down", instance="a")
    _until(world, 124)
    there.deliver()
    world.advance(minutes=LULL)


def calls_again_in_pagerduty(world: World) -> None:
    """Acknowledged here, then there: each time somebody is called again when half an hour is over."""
    line = _line_to_pagerduty(world)
    there = line.there
    world.metric_goes_bad("Down", instance="a")
    _until(world, 12)
    world.act(Verb.ACKNOWLEDGE, by="ann")
    _until(world, 52)
    there.deliver()
    there.acknowledge(line.incident, by=BOB_THERE)
    there.deliver()
    _until(world, 102)
    there.deliver()
    world.metric_recovers("Down", instance="a")
    _until(world, 122)
    there.deliver()
    world.advance(minutes=LULL)


def graver_joins(world: World) -> None:
    """Ann has it, when something graver joins whose policy stands first, and waits for no look at the group."""
    world.metric_goes_bad("Slow", instance="a")
    _until(world, 8)
    world.act(Verb.ACKNOWLEDGE, by="ann")
    _until(world, 19)
    world.metric_goes_bad("Down", instance="a")
    _until(world, 50)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=LULL)
    world.metric_recovers("Slow", instance="a")
    world.advance(minutes=LULL)


def waits_for_room(world: World) -> None:
    """Three groups at once, of which one is told in ten minutes; a grave one does not wait."""
    names = ("Down", "Slow", "Full", "Grave")
    for name in names:
        world.metric_goes_bad(name, instance="a")
    _until(world, 50)
    for name in names:
        world.metric_recovers(name, instance="a")
    world.advance(minutes=60)


def _until(world: World, minutes: int) -> None:
    """Let time pass to so many minutes after the beginning."""
    world.advance(seconds=max((START + minutes * MINUTE - world.now).total_seconds(), 0))


def rule_moves(world: World) -> None:
    """Its file is called otherwise; then a second rule of the same alert, which fires with it, is taken out again."""
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=LULL)
    for changed in (ELSEWHERE, TWO_OF_IT, TO_TEAM):
        world.configure(changed)
        world.advance(minutes=LULL)
    world.metric_recovers("Down", instance="a")
    world.advance(minutes=LULL)


def configuration_changes(world: World) -> None:
    world.metric_goes_bad("Down", instance="a")
    world.source_fires("Sent", instance="a")
    world.advance(minutes=LULL)
    world.configure(TO_DBA)
    world.advance(minutes=LULL)
    world.configure(TO_TEAM)
    world.advance(minutes=LULL)
    world.metric_recovers("Down", instance="a")
    world.source_recovers("Sent", instance="a")
    world.advance(minutes=LULL)


def configuration_changes_unnoticed(world: World) -> None:
    """Functions are warm: each change comes when the tick has yet to see it, and the others have just looked.

    After the tick has told everything anew, a script sends an alert, once, to a function that knows the old routes.
    """
    world.advance(seconds=17)
    world.source_fires("Sent", instance="a")
    world.metric_goes_bad("Down", instance="a")
    for number, changed in enumerate((TO_TEAM, TO_LEAD)):
        world.advance(minutes=LULL, seconds=28)
        world.configure(changed)
        world.at(world.now + timedelta(seconds=25), partial(send_once, world, f"once-{number}"))
        world.advance(minutes=LULL, seconds=32)
    world.metric_recovers("Down", instance="a")
    world.source_recovers("Sent", instance="a")
    world.advance(minutes=2 * LULL)


def send_once(world: World, instance: str) -> None:
    """Send an alert that fires for a quarter of an hour, as a script does that is content once it is answered."""
    posted = Posted({"alertname": "Sent", "instance": instance}, {}, world.now, world.now + timedelta(minutes=15))
    assert any(world.post(posted) for _ in range(3))


def ingests(world: World) -> None:
    world.source_fires("Sent", instance="a")
    world.advance(minutes=LULL)
    world.source_fires("Sent", instance="b")
    world.advance(minutes=LULL)
    world.source_recovers("Sent", instance="a")
    world.advance(minutes=LULL)
    world.source_stops("Sent", instance="b")
    world.advance(minutes=LULL)


def cools_down(world: World) -> None:
    """It fires again within its cooldown, and still does after it."""
    fires_and_resolves(world)
    world.metric_goes_bad("Down", instance="a")
    world.advance(minutes=3 * LULL)


def flaps(pattern: str) -> Callable[[World], None]:
    """Have the metric bad or not, minute by minute, and then stay as it is."""

    def live(world: World) -> None:
        was = "0"
        for bit in pattern:
            if bit != was:
                (world.metric_goes_bad if bit == "1" else world.metric_recovers)("Down", instance="a")
            was = bit
            world.advance(minutes=1)
        world.advance(minutes=LULL)

    return live


def storms(alerts: int) -> Callable[[World], None]:
    def live(world: World) -> None:
        for number in range(alerts):
            world.metric_goes_bad("Down", instance=f"{number:05d}")
        world.advance(minutes=LULL)
        for number in range(alerts):
            world.metric_recovers("Down", instance=f"{number:05d}")
        world.advance(minutes=LULL)

    return live


DOWN = rule("Down")
PEOPLE = [receiver("lead"), receiver("boss", Kind.PAGERDUTY), receiver("chief", Kind.EMAIL), receiver("dba")]
CLIMB = [policy((3, "lead"), (10, "boss"), (17, "chief"))]
TO_TEAM = configuration(DOWN, route=route(), receivers=PEOPLE)
ANN = User("ann", rules=(ContactRule(Method.SLACK), ContactRule(Method.SMS, 2 * MINUTE)))
BOB = User("bob", rules=(ContactRule(Method.EMAIL),))
WAYS_OF_USERS = {
    contact_name("ann", Method.SLACK): Kind.SLACK,
    contact_name("ann", Method.SMS): Kind.SNS,
    contact_name("bob", Method.EMAIL): Kind.EMAIL,
}
# Ann is on call: first she is told, then PagerDuty, and twenty minutes after that both once more.
ON_CALL = replace(
    configuration(
        DOWN,
        route=route(),
        receivers=PEOPLE,
        policies=[
            EscalationPolicy(
                "default",
                (Step(0 * MINUTE, schedules=("primary",)), Step(10 * MINUTE, ("boss",))),
                terms=Terms(repeat=1, repeat_after=20 * MINUTE, ack_timeout=30 * MINUTE, reminder=10 * MINUTE),
            )
        ],
    ),
    users={"ann": ANN, "bob": BOB},
    contacts={name: receiver(name, kind) for name, kind in WAYS_OF_USERS.items()},
    schedules={"primary": Schedule("primary", (), (Override(START, START + timedelta(days=1), "ann"),))},
)
BY_BUTTONS = replace(
    edits_messages(
        configuration(
            DOWN, route=route(), receivers=PEOPLE, policies=[policy((0, "team"), (30, "lead"), (300, "boss"))]
        )
    ),
    users={name: User(name, slack_id=slack_id) for name, slack_id in (("ann", "U1"), ("bob", "U2"))},
)
BUTTONS = "'type': 'actions'"
IN_PAGERDUTY = hears_pagerduty(
    configuration(
        DOWN,
        route=route(),
        receivers=[*PEOPLE, pages_pagerduty("pager")],
        policies=[policy((0, "pager"), (30, "lead"), (45, "chief"))],
    )
)
GRAVER_FIRST = configuration(
    rule("Slow", severity="warning"),
    DOWN,
    route=route(group_by=("instance",), group_interval=5 * MINUTE),
    receivers=PEOPLE,
    policies=[
        replace(
            policy((0, "boss"), (12, "chief"), name="grave", matchers=(equal("severity", "critical"),)),
            is_immediate=True,
        ),
        policy((3, "lead"), (10, "dba"), name="slight"),
    ],
)
LAPSES = replace(
    IN_PAGERDUTY, policies=tuple(replace(each, terms=Terms(ack_timeout=30 * MINUTE)) for each in IN_PAGERDUTY.policies)
)
WAITING = tuple(rule(name, severity="warning") for name in ("Down", "Slow", "Full"))
TOLD_SO_MUCH = RateLimit(1, 10 * MINUTE)
MOVED = replace(DOWN, key=RuleKey("other.yml;stories;Down;0"))
ELSEWHERE = configuration(MOVED, route=route(), receivers=PEOPLE)
TWO_OF_IT = configuration(DOWN, replace(MOVED, annotations={"summary": "it is down"}), route=route(), receivers=PEOPLE)
TO_DBA, TO_LEAD = (
    configuration(
        DOWN,
        route=route(
            routes=tuple(RouteSpec(receiver=name, matchers=(equal("alertname", each),)) for each in ("Down", "Sent"))
        ),
        receivers=PEOPLE,
    )
    for name in ("dba", "lead")
)
NODE_EXPLAINS_DOWN = InhibitRule(
    sources=(InhibitSource((equal("alertname", "NodeDown"),), equal=("instance",)),),
    targets=(equal("alertname", "Down"),),
)


def _with(*kinds: Kind) -> Configuration:
    return configuration(DOWN, route=route(), receivers=[receiver("team", *kinds)])


SCENARIOS = (
    Scenario("fires, is notified, resolves: Slack", _with(Kind.SLACK), fires_and_resolves),
    Scenario("the same: PagerDuty", _with(Kind.PAGERDUTY), fires_and_resolves),
    Scenario("the same: the topic's own mail", _with(Kind.SNS), fires_and_resolves),
    Scenario("a Slack app that edits its message", edits_messages(TO_TEAM), fires_grows_and_resolves_by_app),
    Scenario(
        "two rules in one group",
        configuration(DOWN, rule("Slow"), route=route(group_by=())),
        two_rules,
        Compared.FACTS,
    ),
    Scenario("a late member", TO_TEAM, late_member),
    Scenario("a member as the group is flushed", TO_TEAM, member_during_the_wait, Compared.FACTS),
    Scenario("repeat", configuration(DOWN, route=route(repeat_interval=11 * MINUTE)), repeats),
    Scenario(
        "inhibition, source and target",
        replace(configuration(DOWN, rule("NodeDown"), route=route()), inhibit_rules=(NODE_EXPLAINS_DOWN,)),
        inhibition,
    ),
    Scenario(
        "source and target in one tick",
        replace(configuration(DOWN, rule("NodeDown"), route=route()), inhibit_rules=(NODE_EXPLAINS_DOWN,)),
        inhibition_at_once,
        # Where only the source's own write fails, its target is told: too much rather than too little.
        ways=tuple(way for way in WAYS if way.what is not What.FAILS),
    ),
    Scenario("a silence ends", TO_TEAM, silence_ends),
    Scenario("two integrations, one failing", _with(Kind.SLACK, Kind.EMAIL), one_integration_fails),
    Scenario(
        "escalation of three steps", configuration(DOWN, route=route(), receivers=PEOPLE, policies=CLIMB), escalates
    ),
    Scenario(
        "acknowledged as a step is due",
        configuration(DOWN, route=route(), receivers=PEOPLE, policies=CLIMB),
        acknowledged_as_a_step_is_due,
        # Where the request stalls, the step is taken before it.
        ways=tuple(way for way in WAYS if way.what is not What.STALLS),
    ),
    Scenario(
        "acknowledged at any call",
        configuration(DOWN, route=route(), receivers=PEOPLE, policies=CLIMB),
        escalates,
        Compared.CLIMB,
        ways=TAKEN,
    ),
    Scenario(
        "acknowledged, timed out, and up again in two turns", ON_CALL, acknowledged_and_forgotten, most_points=1500
    ),
    Scenario("an incident is passed around", ON_CALL, passed_around, most_points=1500),
    Scenario(
        "taken by buttons in Slack",
        BY_BUTTONS,
        taken_by_buttons,
        # What nobody hands over again was never pressed.
        ways=tuple(way for way in WAYS if way.redelivers),
        most_points=1500,
    ),
    Scenario("an acknowledgement ends, and PagerDuty calls again", LAPSES, calls_again_in_pagerduty, most_points=1500),
    Scenario("a graver alert joins what somebody has", GRAVER_FIRST, graver_joins, most_points=1500),
    Scenario("taken in PagerDuty, and told there", IN_PAGERDUTY, taken_in_pagerduty, most_points=1500),
    Scenario(
        "a receiver is told so much and no more",
        configuration(*WAITING, rule("Grave"), route=route(), receivers=[limited(receiver("team"), TOLD_SO_MUCH)]),
        waits_for_room,
        Compared.FACTS,
        most_points=1500,
    ),
    Scenario("a firing rule moves to another file", TO_TEAM, rule_moves),
    Scenario("configuration changed while firing", TO_TEAM, configuration_changes),
    Scenario(
        "the same, as functions know the old one", TO_DBA, configuration_changes_unnoticed, Compared.FACTS, warm=True
    ),
    Scenario("ingest by API", configuration(route=route()), ingests),
    Scenario(
        "a cooldown ends",
        configuration(DOWN, route=route(), cooldowns=[CooldownRule(20 * MINUTE)]),
        cools_down,
        Compared.FACTS,
    ),
    *(
        Scenario(f"flaps {pattern}", _with(Kind.SLACK), flaps(pattern), Compared.END, row="flaps, in seven patterns")
        for pattern in ("1", "10", "101", "1101", "1011", "11011", "110110")
    ),
)


def storm(alerts: int, most_points: int) -> Scenario:
    """Return a storm of so many alerts in one group."""
    people = _with(Kind.SLACK, Kind.PAGERDUTY)
    return Scenario(
        f"a storm of {alerts:,} alerts",
        people,
        storms(alerts),
        Compared.FACTS,
        ways=(DIES_BEFORE, DIES_AFTER),
        most_points=most_points,
    )


def storm_of_groups(alerts: int, most_points: int) -> Scenario:
    """Return a storm in which every alert has a group of its own."""
    people = configuration(DOWN, route=route(group_by=("instance",)), receivers=[receiver("team", Kind.SLACK)])
    return replace(
        storm(alerts, most_points), name=f"a storm of {alerts:,} alerts in as many groups", configuration=people
    )


def on_the_table(alerts: int, most_points: int) -> Scenario:
    """Return a life of more alerts than fit into one transaction, by the requests that it makes to DynamoDB."""
    return Scenario(
        f"{alerts} alerts, by each request to DynamoDB",
        _with(Kind.SLACK, Kind.PAGERDUTY),
        storms(alerts),
        Compared.FACTS,
        ways=(DIES_BEFORE, DIES_AFTER),
        most_points=most_points,
        table=True,
    )


STORM = storm(10_000, most_points=48)
STORM_OF_GROUPS = storm_of_groups(300, most_points=96)
ON_THE_TABLE = on_the_table(220, most_points=120)
