"""alertmanager.yml: the route tree and the receivers, narrow but strict.

What is taken means what it means to Alertmanager, with its rules: a root route without conditions, receivers that
exist, intervals that are not zero. An AMP definition (`alertmanager_config: |`) is unwrapped, with its lines kept.

Source: https://prometheus.io/docs/alerting/latest/configuration/,
https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-alertmanager-config.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import Field

from ..core.matcher_syntax import MatcherSyntaxError, Syntax, is_label_name, parse_matchers
from ..core.matchers import Matcher, MatchType
from ..core.receivers import Receiver
from ..core.routing import Route, RouteSpec, build_tree
from ..errors import ConfigError, Problem
from .blocks import (
    Block,
    Blocks,
    Duration,
    FilledText,
    Flag,
    PositiveDuration,
    Reading,
    TextMap,
    Texts,
    describe,
    did_you_mean,
    spell,
    words,
)
from .documents import Document, Path, Scalar, read_document, read_embedded
from .patterns import compile_pattern
from .receivers import INLINE_SECRETS, Global, ReceiverReader
from .substitution import TOCSIN_NAMES, Substitution

_ALL_LABELS = "..."


class _File(Block):
    known_to = "Alertmanager"
    not_honoured = words("inhibit_rules mute_time_intervals time_intervals templates tracing event_recorder")

    global_: Blocks = Field(default=None, alias="global")
    route: Blocks = None
    receivers: Blocks = None


class _Definition(Block):
    """AMP's wrapper around the file."""

    known_to = "Amazon Managed Service for Prometheus"
    not_honoured = frozenset({"template_files"})

    alertmanager_config: Blocks = None


class _Route(Block):
    known_to = "Alertmanager"
    not_honoured = frozenset({"mute_time_intervals", "active_time_intervals", "labels"})

    receiver: FilledText | None = None
    matchers: Blocks = None
    match: TextMap = Field(default_factory=dict)
    match_re: Blocks = None
    group_by: Texts | None = None
    group_wait: Duration | None = None
    group_interval: PositiveDuration | None = None
    repeat_interval: PositiveDuration | None = None
    continue_: Flag = Field(default=False, alias="continue")
    routes: Blocks = None


@dataclass(frozen=True, slots=True)
class Alerting:
    """What an alertmanager.yml says; no root when there are problems, but the receivers that it names all the same."""

    root: Route | None
    receivers: Mapping[str, Receiver]


def read_alertmanager(
    file: str, content: bytes, substitution: Substitution, *, problems: list[Problem]
) -> Alerting | None:
    """Return what the file says as far as it can be read; everything that is wrong is added to the problems."""
    try:
        document = _unwrap(read_document(file, content), content, problems)
    except ConfigError as error:
        problems.extend(error.problems)
        return None
    reading = Reading(substitution.apply(document, TOCSIN_NAMES))
    alerting = _read(reading, allow_inline_secrets=substitution.environment.get(INLINE_SECRETS, "").lower() == "true")
    problems.extend(reading.problems)
    return alerting


def _unwrap(document: Document, content: bytes, problems: list[Problem]) -> Document:
    """Return the document inside an AMP definition, or the document itself when it is none."""
    value = document.value
    if not isinstance(value, dict) or "alertmanager_config" not in value:
        return document
    wrapper = Reading(document)
    wrapper.block(_Definition, ())
    problems.extend(wrapper.problems)
    path: Path = ("alertmanager_config",)
    inner = value["alertmanager_config"]
    if not isinstance(inner, Scalar):
        place = document.place(path)
        message = f"alertmanager_config: expected a text (alertmanager_config: |), found {describe(inner)}"
        raise ConfigError([Problem(document.file, place.line, message, place.column)])
    return read_embedded(document.file, str(inner), below=document.place(path), source=content)


def _read(reading: Reading, *, allow_inline_secrets: bool) -> Alerting | None:
    reading.block(_File, ())
    value = reading.document.value
    if not isinstance(value, dict):
        return None
    globals_ = reading.block(Global, ("global",)) if value.get("global") is not None else Global()
    receiver_reader = ReceiverReader(reading, globals_, allow_inline_secrets=allow_inline_secrets)
    if globals_ is not None and value.get("global") is not None:
        receiver_reader.check_globals(("global",))
    receivers = receiver_reader.read() if "receivers" in value else {}
    if value.get("route") is None:
        reading.problem((), "route is missing: where alerts go by default")
        return Alerting(None, receivers)
    spec = _RouteReader(reading, receivers).read(("route",))
    return Alerting(None if reading.problems else build_tree(spec), receivers)


class _RouteReader:
    """Reads the route tree; a route with problems stands for an empty one, so that its children are still read."""

    def __init__(self, reading: Reading, receivers: Mapping[str, Receiver]) -> None:
        self._reading = reading
        self._receivers = receivers

    def read(self, path: Path) -> RouteSpec:
        """Return the route at a path with everything below it."""
        context = spell(path)
        block = self._reading.block(_Route, path, context=context)
        value = self._reading.document.at(path)
        if not isinstance(value, dict):
            return RouteSpec()
        self._check_receiver(value, path, context)
        matchers = tuple(self._matchers(value, path, context))
        if len(path) == 1:
            self._check_root(value, path, context)
        children = self._reading.items((*path, "routes"), context=context) if "routes" in value else ()
        routes = tuple(self.read(child) for child in children)
        if block is None:
            return RouteSpec(routes=routes)
        group_by = self._group_by(block, path, context)
        return RouteSpec(
            receiver=block.receiver,
            matchers=matchers,
            group_by=group_by,
            group_by_all=group_by is not None and _ALL_LABELS in group_by,
            group_wait=block.group_wait,
            group_interval=block.group_interval,
            repeat_interval=block.repeat_interval,
            continue_=block.continue_,
            routes=routes,
        )

    def _check_receiver(self, value: Mapping[str, object], path: Path, context: str) -> None:
        receiver = value.get("receiver")
        if not isinstance(receiver, Scalar) or not receiver or str(receiver) in self._receivers:
            return
        message = f'there is no receiver "{receiver}"{did_you_mean(receiver, self._receivers)}'
        self._reading.problem((*path, "receiver"), message, context=context)

    def _check_root(self, value: Mapping[str, object], path: Path, context: str) -> None:
        if not value.get("receiver"):
            self._reading.problem(path, "the root route must name a receiver", context=context)
        for key in ("matchers", "match", "match_re"):
            if value.get(key):
                message = f"the root route takes every alert: it must not have {key}"
                self._reading.problem((*path, key), message, context=context, at_key=True)
        if str(value.get("continue") or "false").lower() in ("true", "yes", "on"):
            message = "the root route has no siblings: it must not have continue"
            self._reading.problem((*path, "continue"), message, context=context, at_key=True)

    def _group_by(self, block: _Route, path: Path, context: str) -> tuple[str, ...] | None:
        if block.group_by is None:
            return None
        names = set(block.group_by)
        at = (*path, "group_by")
        if _ALL_LABELS in names and len(names) > 1:
            message = f"group_by: {_ALL_LABELS!r} means all labels, so no other may stand beside it"
            self._reading.problem(at, message, context=context)
        for name in sorted(name for name in names if name != _ALL_LABELS and block.group_by.count(name) > 1):
            self._reading.problem(at, f"group_by: the label {name!r} stands twice", context=context)
        return tuple(block.group_by)

    def _matchers(self, value: Mapping[str, object], path: Path, context: str) -> Iterator[Matcher]:
        match, match_re = value.get("match"), value.get("match_re")
        for name, text in match.items() if isinstance(match, dict) else ():
            if self._check_classic_name((*path, "match", name), name, context) and not isinstance(text, (dict, list)):
                yield Matcher(name, MatchType.EQUAL, str(text or ""))
        if match_re is not None and not isinstance(match_re, dict):
            message = f"match_re: expected a mapping, found {describe(match_re)}"
            self._reading.problem((*path, "match_re"), message, context=context)
        for name, text in match_re.items() if isinstance(match_re, dict) else ():
            yield from self._legacy_pattern(text, (*path, "match_re", name), name, context)
        if "matchers" in value:
            yield from read_matchers(self._reading, (*path, "matchers"), context)

    def _legacy_pattern(self, text: object, path: Path, name: str, context: str) -> Iterator[Matcher]:
        if not self._check_classic_name(path, name, context):
            return
        try:
            if not isinstance(text, Scalar):
                raise ValueError(f"expected a regular expression, found {describe(text)}")
            anchored = f"^(?:{text})$"
            compile_pattern(str(text))
            yield Matcher(name, MatchType.REGEXP, anchored, compile_pattern(anchored))
        except ValueError as error:
            self._reading.problem(path, f"match_re.{name}: {error}", context=context)

    def _check_classic_name(self, path: Path, name: str, context: str) -> bool:
        is_valid = is_label_name(name, Syntax.CLASSIC)
        if not is_valid:
            self._reading.problem(path, f"not a valid label name: {name!r}", context=context, at_key=True)
        return is_valid


def read_matchers(reading: Reading, path: Path, context: str) -> list[Matcher]:
    """Return the matchers of a list of texts; each text may hold several."""
    found: list[Matcher] = []
    for item in reading.items(path, context=context):
        text = reading.document.at(item)
        try:
            if not isinstance(text, Scalar):
                raise MatcherSyntaxError(f'expected a text such as severity="critical", found {describe(text)}')
            found.extend(parse_matchers(str(text), compile_pattern))
        except MatcherSyntaxError as error:
            reading.problem(item, f"matchers: {error}", context=context)
    return found
