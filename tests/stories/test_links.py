"""Stories of links: a mail reaches somebody, scanners follow its link, and at some time a person presses the button."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from tests.cli.states import api_of
from tests.stories.configurations import MINUTE, configuration, policy, receiver, rule
from tests.stories.world import START, World
from tocsin.adapters.linking import LinkingSender
from tocsin.adapters.memory import MemoryLog
from tocsin.adapters.secrets import Secrets
from tocsin.config.links import with_links
from tocsin.core.action_links import LinkSettings
from tocsin.core.alerts import Status
from tocsin.core.incidents import IncidentState, Source
from tocsin.core.notifications import Notification, Reason
from tocsin.core.receivers import Kind
from tocsin.core.routing import RouteSpec
from tocsin.web.api import answer
from tocsin.web.http import Request, Response, parse_query

KEY = "k" * 43
OPENED = START + MINUTE + timedelta(seconds=30)
LINKS = LinkSettings("secret:links#key", timedelta(hours=2), "https://t.example.com")


class Key(Secrets):
    def __init__(self) -> None:
        pass

    def read(self, reference: str, *, now: datetime) -> str:
        return KEY


def mailing_world() -> World:
    people = [receiver(name, Kind.EMAIL) for name in ("oncall", "boss")]
    made = configuration(
        rule("Down"),
        route=RouteSpec(receiver="team", group_by=("alertname",), repeat_interval=timedelta(hours=24)),
        receivers=people,
        policies=[policy((0, "oncall"), (30, "boss"))],
    )
    return World(replace(made, receivers=with_links(made.receivers, LINKS), links=LINKS))


def link(told: Notification, *, now: datetime) -> str:
    """Return the link that goes out with a notification."""
    taken: list[Notification] = []

    def keep(notification: Notification, *, now: datetime) -> str:
        taken.append(notification)
        return "ok"

    LinkingSender(keep, Key, "", MemoryLog())(told, now=now)
    return taken[0].acknowledge_url


def follow(world: World, url: str, method: str) -> Response:
    request = Request(method, ("act",), parse_query(urlsplit(url).query), source="192.0.2.1")
    return answer(replace(api_of(world), read_secret=lambda reference, now: KEY), request, now=world.now)


def first_mail(world: World) -> str:
    """Let the alert fire; return the link of the first mail to who is on call."""
    world.metric_goes_bad("Down")
    world.advance(minutes=3)
    world.expect_page("team", Status.FIRING, Reason.FIRST, at=OPENED)
    return link(world.expect_page("oncall", Status.FIRING, Reason.ESCALATED), now=world.now)


def test_scanners_follow_a_link_and_the_climb_goes_on() -> None:
    world = mailing_world()
    url = first_mail(world)
    for method in ("HEAD", "GET", "GET"):
        assert follow(world, url, method).status == 200
    world.advance(minutes=60)
    assert link(world.expect_page("boss", Status.FIRING, Reason.ESCALATED, at=OPENED + 30 * MINUTE), now=world.now)
    world.expect_silence()


def test_the_button_ends_the_climb_and_the_end_is_told() -> None:
    world = mailing_world()
    url = first_mail(world)
    world.advance(minutes=20)
    assert follow(world, url, "GET").status == 200
    assert follow(world, url, "POST").status == 200
    world.advance(hours=3)
    world.expect_silence()
    incident = world.incident()
    assert (incident.state, incident.owner, incident.source) == (IncidentState.ACKNOWLEDGED, "oncall", Source.EMAIL)
    world.metric_recovers("Down")
    world.advance(minutes=10)
    told = [world.expect_page(page.receiver, Status.RESOLVED, Reason.ALL_RESOLVED) for page in world.pages[2:]]
    assert sorted(each.receiver for each in told) == ["oncall", "team"]
    # What is over has nothing left to acknowledge.
    assert [link(each, now=world.now) for each in told] == ["", ""]


def test_of_two_who_press_at_once_the_first_has_it_and_the_second_is_told_so() -> None:
    world = mailing_world()
    ours = first_mail(world)
    world.advance(minutes=40)
    theirs = link(world.expect_page("boss", Status.FIRING, Reason.ESCALATED), now=world.now)
    assert "boss has it" in follow(world, theirs, "POST").text
    second = follow(world, ours, "POST")
    assert (second.status, "boss has it" in second.text) == (200, True)
    assert world.incident().owner == "boss"


def test_a_link_of_the_incident_before_does_nothing_to_the_next() -> None:
    world = mailing_world()
    url = first_mail(world)
    before = world.incident().id
    world.metric_recovers("Down")
    world.advance(minutes=20)
    world.metric_goes_bad("Down")
    world.advance(minutes=20)
    assert world.incident().id != before
    assert follow(world, url, "GET").status == 200
    assert follow(world, url, "POST").status == 409
    assert world.incident().state is IncidentState.OPEN


def test_a_link_ends_though_the_incident_does_not() -> None:
    world = mailing_world()
    url = first_mail(world)
    world.advance(hours=2)
    assert follow(world, url, "GET").status == 410
    assert follow(world, url, "POST").status == 410
    assert world.incident().state is IncidentState.OPEN


def test_a_mail_that_is_late_has_a_link_that_is_good_from_then_on() -> None:
    world = mailing_world()
    world.receiver_fails("oncall", retryable=True, times=20)
    world.metric_goes_bad("Down")
    world.advance(minutes=90)
    late = [page for page in world.pages if page.receiver == "oncall"][-1]
    url = link(late.notification, now=late.at)
    world.advance(minutes=(late.at + timedelta(minutes=119) - world.now).total_seconds() / 60)
    assert follow(world, url, "POST").status == 200
