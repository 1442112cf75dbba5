"""`tocsin config routes show|test`: the route tree, and which receivers an alert reaches, as amtool prints them.

With rules beside the routes, a rule that names its receivers itself is no matter of the tree: `tocsin simulate` knows
it. The order of --verify.receivers does not matter, as in amtool since 0.29.

Source: https://github.com/prometheus/alertmanager/blob/main/cli/routing.go and test_routing.go
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from .. import config
from ..core.matcher_syntax import MatcherSyntaxError, parse_matcher
from ..core.matchers import MatchType, matches_all
from ..core.routing import Route, match_routes
from ..errors import ConfigError, Problem, TocsinError
from ..wiring import compile_pattern
from .failures import FAILED, UsageError
from .session import Session, load_configuration

DEFAULT_ROUTE = "default-route"
_ANY_GROUPING = ["..."]


def show(arguments: argparse.Namespace, session: Session) -> int:
    """Print the whole tree."""
    root = _root(arguments, session)
    print("Routing tree:")
    print("\n".join((".", *_whole_tree([root], ""))), end="\n\n")
    return 0


def test(arguments: argparse.Namespace, session: Session) -> int:
    """Print the receivers that labels lead to; 1 where they are not those that are expected."""
    root = _root(arguments, session)
    labels = _labels(arguments.labels)
    routes = match_routes(root, labels)
    if arguments.tree:
        print("Matching routes:")
        print("\n".join((".", *_matching_tree([root], labels, ""))), end="\n\n\n")
    print(",".join(route.receiver for route in routes))
    problem = _unexpected(arguments, routes)
    if problem:
        print(f"WARNING: {problem}")
        return FAILED
    return 0


def _root(arguments: argparse.Namespace, session: Session) -> Route:
    workplace = session.workplace(CONFIG_URI=arguments.config)
    if arguments.config_file is None:
        return load_configuration(workplace).root
    path = Path(arguments.config_file)
    try:
        return config.load({config.ALERTMANAGER: path.read_bytes()}, environment=workplace.settings.environment).root
    except ConfigError as error:
        named = (Problem(str(path), each.line, each.message, each.column) for each in error.problems)
        raise ConfigError(list(named)) from None


def _labels(words: Sequence[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for word in words:
        try:
            matcher = parse_matcher(word, compile_pattern)
        except MatcherSyntaxError as error:
            raise LabelError(f"failed to parse labels: {error}") from None
        if matcher.type is not MatchType.EQUAL:
            raise LabelError("failed to parse labels: labels must be specified as key=value pairs")
        labels[matcher.name] = matcher.value
    return labels


class LabelError(TocsinError):
    """Labels that are none: not a wrong usage, for amtool's exit status is 1."""


# Trees


def _whole_tree(routes: Sequence[Route], indent: str) -> Iterator[str]:
    for position, route in enumerate(routes):
        branch, below = _branch(position, len(routes))
        continues = "  continue: true" if route.continue_ else ""
        yield f"{indent}{branch}{_slug(route)}{continues}  receiver: {route.receiver}"
        yield from _whole_tree(route.routes, indent + below)


def _matching_tree(routes: Sequence[Route], labels: dict[str, str], indent: str) -> Iterator[str]:
    for position, route in enumerate(routes):
        branch, below = _branch(position, len(routes))
        matching = _matching(route.routes, labels)
        yield f"{indent}{branch}{_slug(route)}" + ("" if matching else f"  receiver: {route.receiver}")
        yield from _matching_tree(matching, labels, indent + below)


def _matching(routes: Sequence[Route], labels: dict[str, str]) -> list[Route]:
    found = []
    for route in routes:
        if matches_all(route.matchers, labels):
            found.append(route)
            if not route.continue_:
                break
    return found


def _branch(position: int, count: int) -> tuple[str, str]:
    return ("└── ", "    ") if position == count - 1 else ("├── ", "│\N{NO-BREAK SPACE}\N{NO-BREAK SPACE} ")


def _slug(route: Route) -> str:
    if not route.matchers:
        return DEFAULT_ROUTE
    return "{" + ",".join(str(matcher) for matcher in sorted(route.matchers)) + "}"


# What is expected


def _unexpected(arguments: argparse.Namespace, routes: Sequence[Route]) -> str:
    """Return what is wrong with the receivers, empty where they are the expected ones."""
    if arguments.verify_grouping:
        return _unexpected_grouping(_groupings(arguments.verify_grouping), routes)
    if arguments.verify_receivers:
        wanted = Counter(arguments.verify_receivers.split(","))
        if wanted != Counter(route.receiver for route in routes):
            return "Expected receivers did not match resolved receivers."
    return ""


def _groupings(text: str) -> list[tuple[str, list[str]]]:
    """Return receivers and the labels they are expected to be grouped by: a=[x,y],b (any), c=[...] (any)."""
    found = []
    for each in re.split(r",(?![^\[]*\])", text):
        name, _, grouping = each.strip().partition("=")
        if not name or (grouping and not re.fullmatch(r"\[[^\[\]]*\]", grouping)):
            raise UsageError(f"--verify.receivers-grouping: expected receiver=[label,label],…, found {text!r}")
        names = [label.strip() for label in grouping.strip("[]").split(",") if label.strip()]
        found.append((name, sorted(names) or _ANY_GROUPING))
    return found


def _unexpected_grouping(wanted: list[tuple[str, list[str]]], routes: Sequence[Route]) -> str:
    left = [(route.receiver, sorted(route.group_by or ())) for route in routes]
    for name, grouping in wanted:
        fitting = (each for each in left if each[0] == name and grouping in (each[1], _ANY_GROUPING))
        match = next(fitting, None)
        if match is None:
            how = "any grouping" if grouping == _ANY_GROUPING else f"grouping [{','.join(grouping)}]"
            return f'expected receiver "{name}" with {how} not found'
        left.remove(match)
    return f'found unexpected receiver "{left[0][0]}" with grouping [{",".join(left[0][1])}]' if left else ""
