"""alertmanager.yml: everything that Alertmanager's format knows, checked as Alertmanager checks it.

What the rest of Tocsin does not honour yet is refused afterwards (not_yet.py), unless all is to be honoured: then the
verdict is Alertmanager's. An AMP definition (`alertmanager_config: |`) is unwrapped, with its lines kept.

Source: https://prometheus.io/docs/alerting/latest/configuration/,
https://github.com/prometheus/alertmanager/blob/main/config/config.go,
https://docs.aws.amazon.com/prometheus/latest/userguide/AMP-alertmanager-config.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from pydantic import Field

from ..core.configuration import DEFAULT_RESOLVE_TIMEOUT
from ..core.inhibition import InhibitRule
from ..core.intervals import TimeInterval
from ..core.receivers import Receiver
from ..core.routing import Route, build_tree
from ..errors import ConfigError, Problem
from . import not_yet
from .blocks import INLINE_SECRETS, Block, Reading
from .documents import Document, Path, Scalar, read_document, read_embedded
from .global_settings import Global
from .inhibit_rules import read_inhibit_rules
from .notification_templates import TextChecker, read_templates
from .observability import check_observability
from .receivers import ReceiverReader
from .routes import RouteReader
from .substitution import TOCSIN_NAMES, Substitution
from .time_intervals import read_time_intervals
from .undeliverable import refuse_undeliverable
from .values import Blocks, TextMap, describe


class _File(Block):
    global_: Blocks = Field(default=None, alias="global")
    templates: Blocks = None
    route: Blocks = None
    receivers: Blocks = None
    inhibit_rules: Blocks = None
    time_intervals: Blocks = None
    mute_time_intervals: Blocks = None
    tracing: Blocks = None
    event_recorder: Blocks = None


class _Definition(Block):
    """AMP's wrapper around the file."""

    alertmanager_config: Blocks = None
    template_files: TextMap = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alerting:
    """What an alertmanager.yml says; no root when there are problems, but the receivers that it names all the same."""

    root: Route | None
    receivers: Mapping[str, Receiver]
    inhibit_rules: tuple[InhibitRule, ...] = ()
    time_intervals: Mapping[str, tuple[TimeInterval, ...]] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)
    resolve_timeout: timedelta = DEFAULT_RESOLVE_TIMEOUT
    globals_: Global | None = None
    warnings: tuple[Problem, ...] = ()


def read_alertmanager(
    file: str,
    content: bytes,
    substitution: Substitution,
    *,
    problems: list[Problem],
    template_files: Mapping[str, str] | None = None,
    honour_all: bool = False,
) -> Alerting | None:
    """Return what the file says as far as it can be read; everything that is wrong is added to the problems.

    `template_files` are the texts that `templates:` may name; with `honour_all` nothing is refused that Alertmanager
    takes.
    """
    files = dict(template_files or {})
    try:
        document = _unwrap(read_document(file, content), content, files, problems)
    except ConfigError as error:
        problems.extend(error.problems)
        return None
    allow_inline_secrets = substitution.environment.get(INLINE_SECRETS, "").lower() == "true"
    reading = Reading(substitution.apply(document, TOCSIN_NAMES), allow_inline_secrets=allow_inline_secrets)
    alerting = _read(reading, files)
    if not honour_all:
        not_yet.refuse_all(reading)
        refuse_undeliverable(reading)
    problems.extend(reading.problems)
    return replace(alerting, warnings=tuple(reading.warnings)) if alerting else None


def _unwrap(document: Document, content: bytes, files: dict[str, str], problems: list[Problem]) -> Document:
    """Return the document inside an AMP definition, or the document itself when it is none; its files are added."""
    value = document.value
    if not isinstance(value, dict) or "alertmanager_config" not in value:
        return document
    wrapper = Reading(document)
    definition = wrapper.block(_Definition, ())
    files |= definition.template_files if definition else {}
    problems.extend(wrapper.problems)
    path: Path = ("alertmanager_config",)
    inner = value["alertmanager_config"]
    if not isinstance(inner, Scalar):
        place = document.place(path)
        message = f"alertmanager_config: expected a text (alertmanager_config: |), found {describe(inner)}"
        raise ConfigError([Problem(document.file, place.line, message, place.column)])
    return read_embedded(document.file, str(inner), below=document.place(path), source=content)


def _read(reading: Reading, files: Mapping[str, str]) -> Alerting | None:
    reading.block(_File, ())
    value = reading.document.value
    if not isinstance(value, dict):
        return None
    has_globals = value.get("global") is not None
    globals_ = reading.block(Global, ("global",), context="global") if has_globals else Global()
    templates = read_templates(reading, files)
    texts = TextChecker(reading, templates)
    receivers = ReceiverReader(reading, globals_, texts).read() if "receivers" in value else {}
    intervals = read_time_intervals(reading)
    inhibit_rules = read_inhibit_rules(reading) if "inhibit_rules" in value else ()
    check_observability(reading)
    found = Alerting(
        None,
        receivers,
        inhibit_rules,
        intervals,
        templates,
        (globals_ or Global()).resolve_timeout,
        globals_,
    )
    if value.get("route") is None:
        reading.problem((), "route is missing: where alerts go by default")
        return found
    spec = RouteReader(reading, receivers, intervals).read(("route",))
    return found if reading.problems else replace(found, root=build_tree(spec))
