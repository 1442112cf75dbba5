"""The texts of an integration's settings, with their templates filled in.

Law 10: a template that fails never keeps a page back. Prose then says what there is to say in our own words, and why;
what a machine reads (a colour, a URL) falls back. Templates are filled in as of the notification's own time, so that a
retry says the same.

Settings hold Alertmanager's defaults. Such a default counts as given only where a file of the user's own redefines it
(`redefined_templates` in the settings names these); else our own, richer message takes its place.

Source: https://prometheus.io/docs/alerting/latest/notifications/
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ..core.drills import marked
from ..core.notifications import Notification
from ..core.receivers import REDEFINED_TEMPLATES
from ..core.steps import Steps
from ..core.wording import clip, one_line

_DEFAULT = re.compile(r'\{\{-?\s*template\s+"([a-z0-9]+\.default\.[A-Za-z_]+)"\s+\.\s*-?\}\}')
# A default that calls nothing by its name.
_PLAIN_DEFAULTS = frozenset(
    {
        "{{ .Alerts.Firing | toJson }}",
        "{{ .Alerts.Resolved | toJson }}",
        "{{ .Alerts.Firing | len }}",
        "{{ .Alerts.Resolved | len }}",
    }
)
# What Alertmanager's defaults call themselves.
_SHARED = frozenset(
    {
        "__alertmanager",
        "__alertmanagerURL",
        "__description",
        "__subject",
        "__text_alert_list",
        "__text_alert_list_markdown",
    }
)
# What a person reads first, whatever the integration: there a drill says that it is one.
_LEADS = frozenset({"title", "subject", "message", "message_text", "text", "pretext", "fallback", "description"})
_ERROR_LENGTH = 300
MOST_STEPS = 4_000_000


class Templates(Protocol):
    """The shipped templates with the user's files over them (core/templates/alertmanager.py)."""

    def text(
        self,
        template: str,
        notification: Notification,
        *,
        now: datetime,
        route_labels: Mapping[str, str] | None,
        steps: Steps | None,
    ) -> str: ...

    def html(
        self,
        template: str,
        notification: Notification,
        *,
        now: datetime,
        route_labels: Mapping[str, str] | None,
        steps: Steps | None,
    ) -> str: ...

    def route_labels(
        self, labels: Mapping[str, str], notification: Notification, *, now: datetime
    ) -> Mapping[str, str]: ...


def shipped_templates() -> Templates:
    """Return the templates of who has no files of their own."""
    from ..core.templates.alertmanager import TemplateSet  # only who has templates pays for the engine

    return TemplateSet()


@dataclass(frozen=True, slots=True)
class Texts:
    """A notification's settings as texts; `templates` are loaded when the first one is needed.

    All texts of a notification share one allowance of steps: however many there are, they end before the function does.
    """

    notification: Notification
    templates: Callable[[], Templates] = shipped_templates
    steps: Steps = field(default_factory=lambda: Steps(MOST_STEPS))

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.notification.integration.settings

    def is_given(self, *keys: str) -> bool:
        """Say whether the user has set one of these keys."""
        return any(self.is_own(self.settings.get(key)) for key in keys)

    def is_own(self, value: Any) -> bool:
        """Say whether a value is the user's: neither empty nor a default that is as it was shipped."""
        if not isinstance(value, str):
            return value not in (None, [], {})
        default = _DEFAULT.fullmatch(value.strip())
        if default is None:
            return bool(value) and value not in _PLAIN_DEFAULTS
        redefined = self.settings.get(REDEFINED_TEMPLATES) or ()
        return default[1] in redefined or not _SHARED.isdisjoint(redefined)

    def said(self, key: str, otherwise: str = "") -> str:
        """Return the prose of a key; `otherwise` where it is not set, and before the error where it fails."""
        value = self.settings.get(key)
        text = self.prose(value, otherwise) if isinstance(value, str) and value else otherwise
        return marked(self.notification, text) if key in _LEADS else text

    def value(self, key: str, otherwise: str = "") -> str:
        """Return what a machine reads in a key; `otherwise` where it is not set, empty or fails."""
        value = self.settings.get(key)
        return self.field(value, otherwise) if isinstance(value, str) and value else otherwise

    def prose(self, template: str, otherwise: str = "", *, as_html: bool = False) -> str:
        """Return a text for a person."""
        try:
            return self.filled(template, as_html=as_html)
        except Exception as error:
            return "\n".join(part for part in (otherwise, explanation(error)) if part)

    def field(self, template: str, otherwise: str = "") -> str:
        """Return a text for a machine, without space around it."""
        try:
            return self.filled(template).strip() or otherwise
        except Exception:
            return otherwise

    def filled(self, template: str, *, as_html: bool = False) -> str:
        """Return a text; whatever is wrong with its template is raised."""
        if "{{" not in template:
            return template
        templates = self.templates()
        fill = templates.html if as_html else templates.text
        told = self.notification
        return fill(template, told, now=told.created_at, route_labels=told.route_labels, steps=self.steps)

    def route_labels(self) -> Mapping[str, str]:
        """Return the labels of the notification's route, filled in; whatever is wrong with them is raised."""
        told = self.notification
        if not any("{{" in text for text in told.route_labels.values()):
            return told.route_labels
        return self.templates().route_labels(told.route_labels, told, now=told.created_at)

    def nested(self, value: Any) -> Any:
        """Return plain values with every text in them filled in; a text that is JSON then becomes what it says."""
        if isinstance(value, str):
            return _typed(self.prose(value))
        if isinstance(value, Mapping):
            return {self.prose(str(name)): self.nested(each) for name, each in value.items()}
        return [self.nested(each) for each in value] if isinstance(value, list) else value


def _typed(text: str) -> Any:
    """Return the number, truth value, list or mapping that a text is, as Alertmanager takes it; else the text."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except ValueError:
        return text
    return text if isinstance(value, str) else value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def explanation(error: Exception) -> str:
    """Return what stands in the place of a text that could not be made."""
    return f"<error expanding template: {clip(one_line(str(error)), _ERROR_LENGTH)}>"
