"""The page behind a link: it changes nothing until its button is pressed, and then once."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import escape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.states import api_of, burning
from tests.golden import assert_golden
from tests.stories.configurations import configuration, policy, rule
from tests.stories.world import World
from tocsin.adapters.memory import FixedConfigurations, MemoryLog
from tocsin.core.action_links import LinkSettings, Permit, Way, acknowledgement_of, sign
from tocsin.core.incidents import Incident, IncidentState, Source
from tocsin.core.policies import Terms
from tocsin.errors import ConflictError, SecretError, StoreError
from tocsin.web.api import answer
from tocsin.web.http import Request, Response, as_event, parse_query
from tocsin.web.link_page import Page, render
from tocsin.web.rates import RateLimiter, Rates
from tocsin.web.serving import Api

KEY, OLD = "k" * 43, "o" * 43


class Links:
    """A world with an incident, its API, and links to it."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or burning()
        loaded = self.world.loaded
        configuration = replace(loaded.configuration, links=LinkSettings("secret:links#key"))
        self.text = f"{KEY} {OLD}"
        self.api: Api = replace(
            api_of(self.world),
            configurations=FixedConfigurations(replace(loaded, configuration=configuration)),
            read_secret=lambda reference, now: self.text,
        )

    @property
    def log(self) -> MemoryLog:
        return self.world.log

    @property
    def incident(self) -> Incident:
        (found,) = self.world.store.incidents.values()
        return found

    def keep(self, **changes: Any) -> None:
        """Change the incident behind everybody's back."""
        self.world.store.incidents[self.incident.id] = replace(self.incident, **changes)

    def permit(self, **changes: Any) -> Permit:
        end = self.world.now + timedelta(hours=1)
        made = acknowledgement_of(self.incident.id, addressee="ann", way=Way.EMAIL, expires_at=end)
        return replace(made, **changes)

    def token(self, key: str = KEY, **changes: Any) -> str:
        return sign(self.permit(**changes), key.encode())

    def ask(self, method: str = "GET", token: str | None = None, **api: Any) -> Response:
        query = f"t={self.token() if token is None else token}"
        request = Request(method, ("act",), parse_query(query), source="192.0.2.1")
        return answer(replace(self.api, **api), request, now=self.world.now)

    @property
    def refused(self) -> list[object]:
        return [fields["reason"] for _, event, fields in self.log.lines if event == "link_refused"]


@pytest.fixture
def links() -> Links:
    return Links()


def texts(response: Response) -> str:
    return re.sub(r"<style>.*?</style>|<[^>]+>", " ", response.text, flags=re.DOTALL)


def test_the_page_shows_the_incident_and_asks(links: Links) -> None:
    response = links.ask()
    assert response.status == 200
    said = texts(response)
    assert "Acknowledge this incident?" in said
    assert links.incident.title in said
    assert "critical" in said
    assert "Nobody has it yet" in said
    assert '<form method="post">' in response.text
    assert "<script" not in response.text


def test_the_page_of_a_drill_says_so_and_only_that() -> None:
    world = World(configuration(rule("DiskFull"), policies=[policy((0, "team"))]))
    world.metric_goes_bad("DiskFull", instance="db-1", drill="true")
    world.advance(minutes=2)
    links = Links(world)
    for method in ("GET", "POST"):
        assert f"DRILL: {links.incident.title}" in texts(links.ask(method))
    world.metric_goes_bad("DiskFull", instance="db-2")
    world.advance(minutes=2)
    said = texts(links.ask())
    assert links.incident.title in said
    assert "DRILL" not in said


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_looking_changes_nothing_however_often(links: Links, method: str) -> None:
    before = dict(links.world.store.incidents)
    assert [links.ask(method).status for _ in range(5)] == [200] * 5
    assert links.world.store.incidents == before


def test_head_has_no_page(links: Links) -> None:
    assert (links.ask("HEAD").text, links.ask("HEAD").headers) == ("", links.ask().headers)


def test_the_button_acknowledges_for_who_was_sent_the_link(links: Links) -> None:
    response = links.ask("POST")
    assert response.status == 200
    assert "ann has it" in texts(response)
    assert "<form" not in response.text
    assert (links.incident.state, links.incident.owner) == (IncidentState.ACKNOWLEDGED, "ann")
    assert links.incident.source is Source.EMAIL


WAYS = {Way.EMAIL: Source.EMAIL, Way.SMS: Source.SMS, Way.SLACK: Source.SLACK, Way.CHAT: Source.API}


@pytest.mark.parametrize(("way", "source"), WAYS.items())
def test_it_says_from_where(links: Links, way: Way, source: Source) -> None:
    links.ask("POST", links.token(way=way))
    assert links.incident.source is source


def test_twice_is_once_and_says_who_has_it(links: Links) -> None:
    links.ask("POST")
    first = links.incident
    again = links.ask("POST")
    other = links.ask("POST", links.token(addressee="bob"))
    assert (again.status, other.status) == (200, 200)
    assert "ann has it" in texts(other)
    assert links.incident == first
    assert links.refused == []


def test_the_page_of_what_somebody_has_says_who_and_asks_nothing(links: Links) -> None:
    links.ask("POST", links.token(addressee="bob"))
    response = links.ask()
    assert (response.status, "<form" in response.text) == (200, False)
    assert "bob has it" in texts(response)


@pytest.mark.parametrize(
    ("state", "said"),
    [(IncidentState.RESOLVED, "It was resolved by bob"), (IncidentState.EXPIRED, "Nobody has spoken of its alerts")],
)
def test_what_is_over_says_so(links: Links, state: IncidentState, said: str) -> None:
    links.keep(state=state, changed_by="bob")
    for method, status in (("GET", 200), ("POST", 409)):
        response = links.ask(method)
        assert (response.status, "<form" in response.text) == (status, False)
        assert said in texts(response)
    assert links.refused == ["over"]


def test_what_nobody_may_acknowledge_says_so(links: Links) -> None:
    links.keep(terms=Terms(is_acknowledgeable=False))
    assert "lets nobody" in texts(links.ask())
    assert links.ask("POST").status == 409
    assert links.incident.state is IncidentState.OPEN
    assert links.refused == ["not to be acknowledged"]


def test_what_is_snoozed_can_be_taken(links: Links) -> None:
    links.keep(state=IncidentState.SNOOZED, owner="bob", until=links.world.now + timedelta(hours=1))
    assert "It is snoozed until" in texts(links.ask())
    links.ask("POST")
    assert links.incident.owner == "ann"


def refusals(links: Links) -> dict[str, tuple[str, int, str]]:
    return {
        "nothing": ("", 403, "malformed"),
        "no token": ("%00", 403, "malformed"),
        "cut": (links.token()[:44], 403, "forged"),
        "by another key": (links.token("s" * 43), 403, "forged"),
        "expired": (links.token(expires_at=links.world.now), 410, "expired"),
        "of an incident that is forgotten": (links.token(incident="inc-ffffffffffffffff"), 404, "no such incident"),
    }


@pytest.mark.parametrize("name", refusals(Links()))
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_what_is_not_taken_is_a_page_a_log_line_and_a_count(links: Links, name: str, method: str) -> None:
    token, status, reason = refusals(links)[name]
    before = dict(links.world.store.incidents)
    response = links.ask(method, token)
    assert response.status == status
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert links.incident.title not in response.text
    assert links.world.store.incidents == before
    assert links.refused == [reason]
    assert links.log.counts["LinksRefused"] == 1
    assert not token or token not in str(links.log.lines)


def test_what_is_wrong_with_a_link_is_nobody_s_business(links: Links) -> None:
    forged = [
        links.ask(token=refusals(links)[name][0]).text for name in ("nothing", "no token", "cut", "by another key")
    ]
    assert len(set(forged)) == 1
    without_links = links.ask(configurations=FixedConfigurations(links.world.loaded))
    assert (without_links.status, without_links.text) == (403, forged[0])
    assert links.refused[-1] == "not configured"


def test_links_of_the_key_before_are_good(links: Links) -> None:
    assert links.ask("POST", links.token(OLD)).status == 200
    links.text = KEY
    assert links.ask(token=links.token(OLD)).status == 403


class Unreadable(FixedConfigurations):
    def current(self, *, now: Any, fresh: bool = False) -> Any:
        raise ValueError("no configuration")


def no_secret(reference: str, now: Any) -> str:
    raise SecretError("secret:links#key: there is no such secret")


@pytest.mark.parametrize(
    "broken",
    [{"read_secret": no_secret}, {"read_secret": lambda reference, now: "short"}],
    ids=["a secret that cannot be read", "a key that is none"],
)
def test_what_fails_is_a_page_too(links: Links, broken: dict[str, Any]) -> None:
    for method in ("GET", "POST"):
        response = links.ask(method, **broken)
        assert response.status == 503
        assert "Nothing was changed" in texts(response)
    assert links.log.counts["LinksRefused"] == 2
    assert links.incident.state is IncidentState.OPEN


def test_a_configuration_that_cannot_be_read(links: Links) -> None:
    assert links.ask("POST", configurations=Unreadable(links.world.loaded)).status == 503


@pytest.mark.parametrize("error", [StoreError("gone"), ConflictError("never stands still")])
def test_a_table_that_fails(links: Links, error: Exception) -> None:
    class Failing:
        def load_incident(self, incident: str) -> Incident:
            raise error

    desk = replace(links.api.desk, incidents=Failing())  # type: ignore[arg-type]
    assert links.ask("POST", desk=desk).status == 503


def test_who_asks_too_often_waits(links: Links) -> None:
    class Counting:
        def add(self, name: str, count: int, *, expires_at: Any) -> int:
            return count

    limiter = RateLimiter(Counting(), links.log, Rates(write=3))
    statuses = [links.ask("POST", limiter=limiter).status for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert links.ask(limiter=limiter).headers["retry-after"] == "60"


def test_nothing_keeps_frames_or_indexes_the_page(links: Links) -> None:
    headers = as_event(links.ask())["headers"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style><script>x</script>",
    "</title><h1>y</h1>",
    "&lt;b&gt; \u202e \x00 \ud800",
)


@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=30), min_size=4, max_size=4))
@settings(max_examples=100)
def test_no_text_becomes_markup(said: list[str]) -> None:
    plain, _ = render(Page("a", "b", title="c", severity="d", state="open", addressee="e", button="Acknowledge"))
    title, severity, addressee, heading = said
    page = Page(
        heading,
        "b",
        title=f"c{title}",
        severity=f"d{severity}",
        state="open",
        addressee=addressee,
        button="Acknowledge",
    )
    text, _ = render(page)
    expected, found = _Tags(), _Tags()
    expected.feed(re.sub(r'class="s\d"', "", plain))
    found.feed(re.sub(r'class="s\d"', "", text))
    assert found.tags == expected.tags
    text.encode()


@pytest.mark.parametrize("hostile", HOSTILE[:4])
def test_a_hostile_incident(links: Links, hostile: str) -> None:
    links.keep(title=hostile, severity=hostile, owner=hostile, state=IncidentState.ACKNOWLEDGED)
    response = links.ask(token=links.token(addressee=hostile))
    assert hostile not in response.text
    assert escape(hostile) in response.text


def test_what_is_redacted_elsewhere_is_here(links: Links) -> None:
    links.keep(title="[FIRING:1] Leak (dsn=pg://a:hunter2@db)")
    response = links.ask()
    assert "hunter2" not in response.text
    assert "[redacted]" in response.text


def test_golden(links: Links) -> None:
    assert_golden("web/link.html", links.ask().text)


def test_the_page_s_own_address_is_not_ours_for_other_methods(links: Links) -> None:
    request = Request("DELETE", ("act",), {"t": (links.token(),)})
    assert answer(links.api, request, now=links.world.now).status == 401
