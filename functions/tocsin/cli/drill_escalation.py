"""`tocsin drill escalation`: one alert climbs a policy, and each step is seen to be taken when it is due.

On a deployment it climbs by the deployment's own times. Without one it climbs in this process, with seconds for
minutes: the channels are the real ones, the state is nowhere. `--dry-run` tells nobody, in time that only counts.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..adapters.memory import FixedConfigurations, MemoryStore, MemoryTimers
from ..core.configuration import Configuration
from ..core.matchers import Matcher, MatchType
from ..core.notifications import format_time, parse_time
from ..core.policies import EscalationPolicy, choose_policy
from ..core.wording import plural
from ..ports import LoadedConfiguration
from ..web.api import Api, answer, trusted
from ..web.http import Request
from ..wiring import Workplace, build_api
from .arrivals import RUN, await_resolved, integrations_of, said
from .asking import V2, NotFoundError, ask
from .desks import Body, Query, choose_desk
from .drill import Drill, drill_of, read_own_labels
from .failures import FAILED, UsageError, did_you_mean
from .log import StreamLog
from .pace import CountedPace, Pace, RealPace, Working
from .scaled import scaled
from .sending import Office, not_sending
from .session import Session, load_configuration

NAME = "DrillEscalation"
SCALE = 60.0
_INCIDENTS = ("api", "tocsin", "v1", "incidents")
_POLL_SECONDS, _LONGEST_POLL_SECONDS = 1.0, 60.0
# What is said of a step that was taken: `Step 2: slack-critical, email-oncall`.
_NAMES = re.compile(r"(?:^|; )Step \d+: (?P<names>.*)$")
_NOBODY_NEW = "nobody who was not told already"
_UPDATE = "incident changed"


def escalation(arguments: argparse.Namespace, session: Session) -> int:
    """Walk a policy."""
    workplace = session.workplace(CONFIG_URI=arguments.config, TOCSIN_URL=arguments.url)
    configuration = load_configuration(workplace)
    policy = _policy(configuration, arguments.policy)
    labels = {"alertname": NAME, "severity": "critical", **labels_for(policy), **read_own_labels(arguments)}
    taken_by = choose_policy(configuration.policies, [labels])
    if taken_by is not policy:
        by = f"policy {taken_by.name} takes them" if taken_by else "no policy takes them"
        raise UsageError(f"--policy {policy.name}: which labels do its alerts have? Of those that were found, {by}")
    drill = _drill(arguments, session, workplace, configuration)
    return walk(drill, drill.alert(**labels))


def _policy(configuration: Configuration, name: str | None) -> EscalationPolicy:
    policies = {each.name: each for each in configuration.policies}
    if not policies:
        raise UsageError("there is no escalation policy in tocsin.yml")
    if name is None:
        return policies.get("default") or next(iter(policies.values()))
    if name not in policies:
        raise UsageError(f"--policy: there is no policy {name}; {did_you_mean(name, policies)}")
    return policies[name]


def labels_for(policy: EscalationPolicy) -> dict[str, str]:
    """Return labels that a policy's matchers hold for, as far as they can be read from them."""
    found = {matcher.name: value for matcher in policy.matchers if (value := _value_for(matcher)) is not None}
    return {name: value for name, value in found.items() if value}


def _value_for(matcher: Matcher) -> str | None:
    """Return a value that a matcher holds for: its own, one of its alternatives, or none at all."""
    if matcher.type is MatchType.EQUAL:
        return matcher.value
    candidates = ["", *matcher.value.strip("()").split("|"), "drill"]
    return next((each for each in candidates if matcher.matches({matcher.name: each})), None)


# Where it climbs


def _drill(
    arguments: argparse.Namespace, session: Session, workplace: Workplace, configuration: Configuration
) -> Drill:
    """Return the run, at a deployment or in this process."""
    is_deployed = workplace.settings.get("TOCSIN_URL") or workplace.settings.get("TOCSIN_TABLE")
    if is_deployed and (arguments.dry_run or arguments.scale is not None):
        option = "--dry-run" if arguments.dry_run else "--scale"
        raise UsageError(f"{option}: a deployment's escalation has its own times, and tells whom it tells")
    if is_deployed:
        return drill_of(arguments, session, choose_desk(arguments, session), RealPace())
    scale = 1.0 if arguments.dry_run else arguments.scale or SCALE
    loaded = LoadedConfiguration(scaled(configuration, scale))
    clock: Pace = CountedPace(session.now) if arguments.dry_run else RealPace()
    here = Here(workplace, loaded, clock, is_dry=arguments.dry_run)
    how = "telling nobody" if arguments.dry_run else f"{scale:g} times as fast, by the real channels"
    print(f"In this process, {how}")
    return drill_of(arguments, session, here, here.pace)


class Here:
    """A deployment in this process: the API, and everything that its functions would do."""

    def __init__(self, workplace: Workplace, loaded: LoadedConfiguration, clock: Pace, *, is_dry: bool) -> None:
        store, log = MemoryStore(), StreamLog()
        office = Office(loaded, store, not_sending if is_dry else workplace.sender_of, log)
        self.pace = Working(clock, lambda now: office.settle(now=now))
        self._api: Api = build_api(
            workplace,
            FixedConfigurations(loaded),
            rules=store,
            groups=store,
            incidents=store,
            deliveries=store,
            silences=store,
            ingested=store,
            inhibitors=store,
            timers=MemoryTimers(),
            log=log,
        )

    def ask(self, method: str, path: tuple[str, ...], query: Query, body: Body) -> tuple[int, Any]:
        content = b"" if body is None else json.dumps(body).encode()
        response = answer(self._api, trusted(Request(method, path, query, content)), now=self.pace.now())
        return response.status, response.value


# The climb


@dataclass(frozen=True, slots=True)
class Arrival:
    """A step: when it was due, which receivers it had to tell, when each of their integrations was told for the first
    time, who twice, and who not: an integration, or a receiver none of whose integrations is known to be told.
    """

    number: int
    due: datetime
    is_skipped: bool
    names: tuple[str, ...]
    came: Mapping[str, datetime]
    twice: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    is_known: bool = True

    @property
    def is_done(self) -> bool:
        return self.is_known and not self.missing


def walk(drill: Drill, alert: Mapping[str, Any]) -> int:
    """Fire, watch the incident until its last step has told everybody, end it; return the exit status."""
    begun = drill.pace.now()
    last = begun + timedelta(days=1)  # should nobody be here to end it
    fires = {**alert, "startsAt": format_time(begun), "endsAt": format_time(last)}
    ask(drill.desk, "POST", (*V2, "alerts"), body=[fires])
    incident = _await_incident(drill, begun + drill.timeout)
    if incident is None:
        print(f"MISSING: no incident was opened within {drill.timeout}")
        return FAILED
    print(f"incident {incident['id']}, policy {incident['policy']}: {plural(len(incident['steps']), 'step')}")
    arrivals = _watch(drill, incident["id"])
    problems = list(wrong(arrivals))
    print("\n".join(f"MISSING: {line}" for line in problems) or "every step came, once")
    over = drill.pace.now()
    ask(drill.desk, "POST", (*V2, "alerts"), body=[{**fires, "endsAt": format_time(over)}])
    ended = await_resolved(drill.desk, [incident["group"]], drill.pace, timeout=drill.timeout)
    for line in said(ended):
        print(line)
    print("everybody heard the end, once" if ended.is_good else "NOT everybody heard the end, or not once")
    return FAILED if problems or not ended.is_good else 0


def _await_incident(drill: Drill, until: datetime) -> Mapping[str, Any] | None:
    while True:
        found = ask(drill.desk, "GET", _INCIDENTS, {"filter": (f'{RUN}="{drill.run}"',)})["incidents"]
        if found:
            first: Mapping[str, Any] = found[0]
            return first
        if drill.pace.now() >= until:
            return None
        drill.pace.wait(_POLL_SECONDS)


def _watch(drill: Drill, incident_id: str) -> list[Arrival]:
    """Wait until every step has told everybody, or the time for the last one is up; say each as it comes."""
    shown: set[int] = set()
    while True:
        try:
            incident = ask(drill.desk, "GET", (*_INCIDENTS, incident_id))
        except NotFoundError:
            return []
        arrivals = arrivals_of(incident, integrations_of(drill.desk, incident["group"]))
        for each in arrivals:
            if each.is_done and each.number not in shown:
                shown.add(each.number)
                print(_line(each), flush=True)
        due = max(each.due for each in arrivals)
        if all(each.is_done for each in arrivals) or drill.pace.now() >= due + drill.timeout:
            return arrivals
        drill.pace.wait(_pause(arrivals, drill.pace.now()))


def _pause(arrivals: Sequence[Arrival], now: datetime) -> float:
    """Return how long nothing is to be looked for: a moment while something is late, else until the next step."""
    ahead = min((each.due - now).total_seconds() for each in arrivals if not each.is_done)
    return min(max(ahead, _POLL_SECONDS), _LONGEST_POLL_SECONDS)


def arrivals_of(incident: Mapping[str, Any], integrations: Sequence[Mapping[str, Any]]) -> list[Arrival]:
    """Return what has come of the steps of an incident's first turn; the group's own receiver is step 0."""
    opened = parse_time(incident["opened_at"])
    events = [each for each in incident["events"] if each["change"] in ("step taken", "step skipped")]
    found = [_arrival(integrations, 0, opened, (incident["receiver"],))]
    for number, step in enumerate(incident["steps"], start=1):
        due = opened + timedelta(seconds=step["after_seconds"])
        if number > len(events):
            found.append(Arrival(number, due, False, (), {}, is_known=False))
        elif events[number - 1]["change"] == "step skipped":
            found.append(Arrival(number, due, True, (), {}))
        else:
            found.append(_arrival(integrations, number, due, _names(events[number - 1]["said"])))
    return found


def _names(text: str) -> tuple[str, ...]:
    matched = _NAMES.search(text)
    names = matched["names"] if matched else ""
    return tuple(names.split(", ")) if names and names != _NOBODY_NEW else ()


def _arrival(integrations: Sequence[Mapping[str, Any]], number: int, due: datetime, names: Sequence[str]) -> Arrival:
    came: dict[str, datetime] = {}
    twice: list[str] = []
    keys = {each["integration"]: each["deliveries"] for each in integrations if _receiver(each["integration"]) in names}
    for key, deliveries in keys.items():
        told = sorted(parse_time(each["at"]) for each in deliveries if _is_news(each))
        if told:
            came[key] = told[0]
        if len(told) > 1:
            twice.append(key)
    unheard = [name for name in names if name not in {_receiver(key) for key in keys}]
    missing = sorted([*unheard, *(keys.keys() - came.keys())])
    return Arrival(number, due, False, tuple(names), came, tuple(sorted(twice)), tuple(missing))


def _receiver(integration: str) -> str:
    return integration.rsplit("/", 2)[0]


def _is_news(delivery: Mapping[str, Any]) -> bool:
    return bool(delivery["state"] == "delivered" and delivery["status"] == "firing" and delivery["reason"] != _UPDATE)


def wrong(arrivals: Sequence[Arrival]) -> Iterator[str]:
    """Yield what did not come, and what came twice."""
    if not arrivals:
        yield "the incident is gone"
    for each in arrivals:
        if not each.is_known:
            yield f"step {each.number} was not taken"
        for name in each.missing:
            yield f"step {each.number} has not told {name}"
        for key in each.twice:
            yield f"step {each.number} told {key} twice"


def _line(arrival: Arrival) -> str:
    what = f"step {arrival.number}" if arrival.number else "group "
    due = f"{what}  due {arrival.due:%H:%M:%S}"
    if arrival.is_skipped:
        return f"{due}  skipped"
    if not arrival.names:
        return f"{due}  nobody new to tell"
    last = max(arrival.came.values())
    late = (last - arrival.due).total_seconds()
    return f"{due}  came {last:%H:%M:%S} ({late:+.0f} s)  {', '.join(arrival.names)}"
