"""Alertmanager's notification templates: the shipped ones, the user's files over them, and texts that use them.

A text that cannot be expanded must not keep an alert from anybody: who sends it says what is wrong beside what to send.
Source: https://prometheus.io/docs/alerting/latest/notifications/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath

from tocsin.core.notifications import Notification
from tocsin.core.patterns import Compile, without_engine
from tocsin.core.steps import Steps
from tocsin.core.templates import language, syntax
from tocsin.core.templates.errors import FunctionError
from tocsin.core.templates.execute import Limits, execute
from tocsin.core.templates.nodes import Template
from tocsin.core.templates.notification_data import notification_data
from tocsin.core.templates.notification_functions import NAMES, SafeURL, notification_functions
from tocsin.core.templates.values import ANY, Function

SHIPPED = Path(__file__).parents[3] / "config" / "templates" / "default.tmpl"
# A storm of ten thousand alerts is told whole, in some seconds; each channel cuts its text to its own size.
LIMITS = Limits(characters=4_000_000, steps=4_000_000)


class TemplateSet:
    """The shipped templates and a user's files, by name, parsed once; a later file redefines an earlier one."""

    def __init__(self, files: Mapping[str, str] | None = None, *, compile: Compile = without_engine) -> None:
        """Parse the files, given by name with their text, in order. Raises TemplateError where one is broken."""
        own = [parse(text, PurePosixPath(name).name) for name, text in (files or {}).items()]
        self._files = (shipped(), *own)
        self._compile = compile
        self._parsed = lru_cache(maxsize=256)(self._parse)

    def text(
        self,
        template: str,
        notification: Notification,
        *,
        now: datetime,
        external_url: str | None = None,
        route_labels: Mapping[str, str] | None = None,
        steps: Steps | None = None,
    ) -> str:
        """Return a text with its template expanded. Raises TemplateError where it cannot be."""
        data = notification_data(notification, route_labels=route_labels, external_url=external_url)
        return self.expand(template, data, now=now, route_labels=route_labels, steps=steps)

    def html(
        self,
        template: str,
        notification: Notification,
        *,
        now: datetime,
        external_url: str | None = None,
        route_labels: Mapping[str, str] | None = None,
        steps: Steps | None = None,
    ) -> str:
        """Return a page with its template expanded, every value escaped for its place. Raises TemplateError."""
        data = notification_data(notification, route_labels=route_labels, external_url=external_url)
        return self.expand(template, data, now=now, route_labels=route_labels, as_html=True, steps=steps)

    def route_labels(self, labels: Mapping[str, str], notification: Notification, *, now: datetime) -> dict[str, str]:
        """Return a route's labels with their templates expanded. Raises TemplateError."""
        data = notification_data(notification, route_labels=labels)
        label = _RouteLabels(self, labels, data, now, Steps(LIMITS.steps))
        return {name: label.expanded(name) for name in labels}

    def expand(
        self,
        template: str,
        data: object,
        *,
        now: datetime,
        route_labels: Mapping[str, str] | None = None,
        as_html: bool = False,
        steps: Steps | None = None,
    ) -> str:
        """Return a text expanded with any data; `steps` is what several texts may take together.

        Raises TemplateError.
        """
        if "{{" not in template and not as_html:
            return template
        own = Steps(LIMITS.steps, within=steps)
        label = _RouteLabels(self, route_labels or {}, data, now, own)
        return self.run(template, data, now, label, own, as_html=as_html)

    def run(
        self,
        template: str,
        data: object,
        now: datetime,
        route_label: Callable[[str], str],
        steps: Steps,
        *,
        as_html: bool = False,
    ) -> str:
        functions = notification_functions(compile=self._compile, now=now, route_label=route_label, steps=steps)
        if not as_html:
            return execute(self._parsed(template), data, functions, limits=LIMITS, steps=steps)
        from tocsin.core.templates.html_context import Page  # only for pages

        page = Page()
        escaping = {**functions, **_ESCAPERS_OF_PAGES}
        parsed = self._parsed(template)
        return execute(parsed, data, escaping, show=page.show, literal=page.literal, limits=LIMITS, steps=steps)

    def _parse(self, template: str) -> Template:
        return parse(template, "").including(*self._files)


class _RouteLabels:
    """The function routeLabels: a label's template may ask for other labels, but not for itself.

    What it does counts for the text that asked.
    """

    def __init__(
        self, templates: TemplateSet, labels: Mapping[str, str], data: object, now: datetime, steps: Steps
    ) -> None:
        self._templates = templates
        self._labels = labels
        self._data = data
        self._now = now
        self._steps = steps
        self._open: list[str] = []

    def __call__(self, name: str) -> str:
        if name in self._open:
            raise FunctionError(f"route label cycle detected: {' -> '.join([*self._open, name])}")
        return self.expanded(name)

    def expanded(self, name: str) -> str:
        text = self._labels.get(name, "")
        if "{{" not in text:
            return text
        self._open.append(name)
        try:
            return self._templates.run(text, self._data, self._now, self, self._steps)
        finally:
            self._open.pop()


def _query_part(*values: object) -> SafeURL:
    return SafeURL(language.urlquery(*values))


# On a page these two are left to the place they are printed in, which would escape their result once more.
_ESCAPERS_OF_PAGES: dict[str, Function] = {
    "html": language.FUNCTIONS["print"],
    "urlquery": Function(_query_part, (), ANY),
}


def parse(text: str, name: str) -> Template:
    """Return the parsed template of a file or a setting; TemplateError, with its position, where it has none."""
    return syntax.parse(text, name=name, functions=NAMES)


@lru_cache(maxsize=1)
def shipped() -> Template:
    """Return the templates that come with Tocsin, under the names of Alertmanager's."""
    return parse(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)
