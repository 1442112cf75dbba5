"""Where in a style sheet or a script a value is printed: in a string, a URL, a comment, or between them.

Each reads the literal text of a template as it goes by, and then makes a value's text harmless for the place that it
has come to. Source: https://pkg.go.dev/html/template#hdr-Contexts
"""

from __future__ import annotations

import re
from typing import Protocol

from tocsin.core.templates import html_escapers as escapers

_QUOTES = "\"'"


class Code(Protocol):
    """What stands in a page and is no HTML itself."""

    def read(self, text: str) -> None:
        """Go on over text of the template."""

    def show(self, value: object) -> str:
        """Return a value's text, harmless for where it stands; not yet escaped for an attribute."""


class Markup:
    """A page within a page: what stands between its tags, as srcdoc has it."""

    def read(self, text: str) -> None:
        """Take the template's word for it that values stand between tags."""

    def show(self, value: object) -> str:
        return escapers.between_tags(value)


class Url:
    """A URL: its start decides what it is, a query's parts are escaped whole."""

    def __init__(self) -> None:
        self.is_empty = True
        self.in_query = False

    def read(self, text: str) -> None:
        self.is_empty = self.is_empty and not text.strip()
        self.in_query = self.in_query or "?" in text or "#" in text

    def show(self, value: object) -> str:
        if self.in_query:
            return escapers.escape_url(value)
        return escapers.normalize_url(escapers.filter_url(value) if self.is_empty else value)


class UrlSet(Url):
    """A srcset's value: each value printed is one URL, so a comma in it does not begin another."""

    def show(self, value: object) -> str:
        return escapers.normalize_url(escapers.filter_url(value)).replace(",", "%2c")


class Css:
    """A style sheet, or a style attribute."""

    _TOKENS = re.compile(r"/\*|//|[\"']|url\(\s*[\"']?", re.IGNORECASE)

    def __init__(self) -> None:
        self.end = ""
        self.url: Url | None = None

    def read(self, text: str) -> None:
        position = 0
        while position < len(text):
            position = self._within(text, position) if self.end else self._outside(text, position)

    def _outside(self, text: str, position: int) -> int:
        found = self._TOKENS.search(text, position)
        if found is None:
            return len(text)
        token = found.group()
        if token == "/*":
            self.end = "*/"
        elif token == "//":
            self.end = "\n"
        elif token in _QUOTES:
            self.end, self.url = token, Url()
        else:
            self.end, self.url = (token[-1] if token[-1] in _QUOTES else ")"), Url()
        return found.end()

    def _within(self, text: str, position: int) -> int:
        for place in range(position, len(text)):
            if text.startswith(self.end, place) and not _is_escaped(text, place, position):
                self._say(text[position:place])
                over = place + len(self.end)
                self.end, self.url = "", None
                return over
        self._say(text[position:])
        return len(text)

    def _say(self, text: str) -> None:
        if self.url is not None:
            self.url.read(text)

    def show(self, value: object) -> str:
        if self.url is None:
            return "" if self.end else escapers.css_value(value)
        if self.end in _QUOTES:
            return escapers.css_string(escapers.filter_url(value) if self.url.is_empty else value)
        return self.url.show(value)


class Js:
    """A script, or an attribute such as onclick."""

    _TOKENS = re.compile(r"//|/\*|[/\"'`{}]")
    _WORD = re.compile(
        r"(?:^|[^\w$.])(?:break|case|continue|delete|do|else|finally|in|instanceof|return|throw|try|typeof|void)$"
    )

    def __init__(self) -> None:
        self.end = ""
        self.before = ""
        self.in_class = False
        self.templates: list[int] = []

    def read(self, text: str) -> None:
        position = 0
        while position < len(text):
            position = self._within(text, position) if self.end else self._outside(text, position)

    def _outside(self, text: str, position: int) -> int:
        found = self._TOKENS.search(text, position)
        code = text[position : found.start() if found else len(text)]
        self.before = (self.before + code).rstrip()[-16:] if code.strip() else self.before
        if found is None:
            return len(text)
        self._enter(found.group())
        return found.end()

    def _enter(self, token: str) -> None:
        if token == "//":
            self.end = "\n"
        elif token == "/*":
            self.end = "*/"
        elif token in "\"'`" or (token == "/" and self._begins_pattern()):
            self.end = token
        else:
            self._brace(token)

    def _brace(self, token: str) -> None:
        """Count the braces inside a template literal's `${…}`: the one that is left over ends it."""
        self.before = token
        if not self.templates or token == "/":
            return
        self.templates[-1] += 1 if token == "{" else -1
        if self.templates[-1] < 0:
            self.templates.pop()
            self.end = "`"

    def _begins_pattern(self) -> bool:
        """Report whether a slash begins a regular expression; behind an operand it divides."""
        return not self.before or self.before[-1] in "=(,[!&|?{};:+-*%<>~^/" or bool(self._WORD.search(self.before))

    def _within(self, text: str, position: int) -> int:
        for place in range(position, len(text)):
            if _is_escaped(text, place, position) and self.end in "\"'`/":
                continue
            if self.end == "`" and text.startswith("${", place):
                self.templates.append(0)
                self.end, self.before = "", "{"
                return place + 2
            if self.end == "/" and text[place] in "[]":
                self.in_class = text[place] == "["
            elif text.startswith(self.end, place) and not self.in_class:
                return self._leave(place)
        return len(text)

    def _leave(self, place: int) -> int:
        over = place + len(self.end)
        if self.end in "\"'`/":
            self.before = "x"  # an operand
        self.end = ""
        return over

    def show(self, value: object) -> str:
        if not self.end:
            self.before = "x"
            return escapers.js_value(value)
        if self.end in _QUOTES:
            return escapers.js_string(value)
        if self.end == "`":
            return escapers.js_template(value)
        return escapers.js_pattern(value) if self.end == "/" else ""


def _is_escaped(text: str, place: int, start: int) -> bool:
    """Report whether an odd number of backslashes stands before a place."""
    count = 0
    while place - count > start and text[place - count - 1] == "\\":
        count += 1
    return count % 2 == 1
