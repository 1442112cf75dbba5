"""Routes: which ones an alert takes, with their effective options, keys and groups, as Alertmanager has them."""

from __future__ import annotations

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

# An alert whose label is empty: our label sets never hold one, as Alertmanager's own API takes them away.
EMPTY_LABEL = frozenset({"routes-164"})


def _names(route):
    yield route.get("receiver")
    for child in route.get("routes") or ():
        yield from _names(child)


def _read(text):
    problems: list[Problem] = []
    substitution = Substitution({INLINE_SECRETS: "true"})
    alerting = read_alertmanager("case.yml", text.encode(), substitution, problems=problems, honour_all=True)
    return alerting, problems


def _file(route_text):
    receivers = sorted({name for name in _names(yaml.safe_load(route_text)) if name})
    return (
        "route:\n"
        + textwrap.indent(route_text, "  ")
        + "\nreceivers:\n"
        + "".join(f"- name: {name}\n" for name in receivers)
    )


@pytest.mark.parametrize("case", of_kind(CASES, "route"))
def test_an_alert_takes_the_routes_that_alertmanager_gives_it(case):
    text = case["config"] if case.get("full") else _file(case["route"])
    alerting, problems = _read(text)
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
        "mute_time_intervals": list(route.mute_time_intervals),
        "active_time_intervals": list(route.active_time_intervals),
        "route_labels": dict(route.labels),
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
    return {**{key: match[key] for key in KEYS}, "group_by": group_by, "route_labels": match.get("route_labels", {})}


KEYS = (
    "receiver",
    "group_by_all",
    "group_wait_s",
    "group_interval_s",
    "repeat_interval_s",
    "mute_time_intervals",
    "active_time_intervals",
    "route_key",
    "group_labels",
    "group_key",
)
