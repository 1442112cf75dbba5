"""Routes: which ones an alert takes, with their effective options, keys and groups, as Alertmanager has them."""

from __future__ import annotations

import json
import textwrap

import pytest
import yaml

from tests.conformance.cases import load_cases, of_kind
from tocsin.config.alertmanager import read_alertmanager
from tocsin.config.blocks import INLINE_SECRETS
from tocsin.config.substitution import Substitution
from tocsin.core.labels import Labels
from tocsin.core.routing import identify_group, match_routes
from tocsin.errors import Problem

CASES = load_cases("routes.json")
MEANWHILE = "known to Alertmanager, not honoured by Tocsin yet"

# An alert whose label is empty: our label sets never hold one, as Alertmanager's own API takes them away.
EMPTY_LABEL = frozenset({"routes-164"})

# Files that are refused until what stands in them is honoured: their trees are tested without it.
NOT_YET = {
    "labels of a route": "026 027 078 079 081 083 084 086 088 089 091",
    "a mail server, template files": "117 119 121 122 124 125",
    "a mail server, template files, inhibit rules, PagerDuty's service_key": "127 129 130 132 134 135",
    "webhooks, inhibit rules": "138 139 141 143 144 146",
    "a mail server, template files, other integrations": "147 149 151 152",
    "time intervals": "170 172 174",
}
REFUSED = frozenset(f"routes-{number}" for numbers in NOT_YET.values() for number in numbers.split())
KEYS_OF_ROUTES_NOT_YET = frozenset({"labels", "mute_time_intervals", "active_time_intervals"})


def _names(route):
    yield route.get("receiver")
    for child in route.get("routes") or ():
        yield from _names(child)


def _without(route):
    kept = {key: value for key, value in route.items() if key not in KEYS_OF_ROUTES_NOT_YET and key != "routes"}
    return {**kept, "routes": [_without(child) for child in route.get("routes") or ()]}


def _read(text):
    problems: list[Problem] = []
    alerting = read_alertmanager("case.yml", text.encode(), Substitution({INLINE_SECRETS: "true"}), problems=problems)
    return alerting, problems


def _file(route_text):
    receivers = sorted({name for name in _names(yaml.safe_load(route_text)) if name})
    return (
        "route:\n"
        + textwrap.indent(route_text, "  ")
        + "\nreceivers:\n"
        + "".join(f"- name: {name}\n" for name in receivers)
    )


def _reduced(text):
    """Return the file with its route tree alone, without the keys that are not honoured yet."""
    route = _without(yaml.safe_load(text)["route"])
    return _file(json.dumps(route))  # JSON is YAML, whatever kinds of mapping other libraries make safe_load return


@pytest.mark.parametrize("case", of_kind(CASES, "route"))
def test_an_alert_takes_the_routes_that_alertmanager_gives_it(case):
    text = case["config"] if case.get("full") else _file(case["route"])
    alerting, problems = _read(text)
    assert bool(problems) is (case["id"] in REFUSED)
    if problems:
        assert all(MEANWHILE in str(problem) for problem in problems), problems
        alerting, problems = _read(_reduced(text))
    assert problems == []
    assert alerting is not None
    assert alerting.root is not None
    found = match_routes(alerting.root, case["labels"])
    if case["id"] in EMPTY_LABEL:
        assert "" in case["labels"].values()
        case = {**case, "matches": [_without_empty(match) for match in case["matches"]]}
    assert [_as_data(route, case["labels"]) for route in found] == [_expected(match) for match in case["matches"]]


def _as_data(route, labels):
    group = identify_group(route, Labels(labels))
    return {
        "receiver": route.receiver,
        "group_by_all": route.group_by is None,
        "group_by": sorted(route.group_by or ()),
        "group_wait_s": route.group_wait.total_seconds(),
        "group_interval_s": route.group_interval.total_seconds(),
        "repeat_interval_s": route.repeat_interval.total_seconds(),
        "route_key": route.key,
        "group_labels": dict(group.labels),
        "group_key": group.key,
    }


def _without_empty(match):
    labels = {name: value for name, value in match["group_labels"].items() if value}
    return {**match, "group_labels": labels, "group_key": f"{match['route_key']}:{Labels(labels)}"}


def _expected(match):
    # Where all labels are grouped by, the list that was inherited means nothing.
    group_by = [] if match["group_by_all"] else match["group_by"]
    return {**{key: match[key] for key in KEYS}, "group_by": group_by}


KEYS = (
    "receiver",
    "group_by_all",
    "group_wait_s",
    "group_interval_s",
    "repeat_interval_s",
    "route_key",
    "group_labels",
    "group_key",
)
