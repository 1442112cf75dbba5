"""HTML from a template: the place that a value is printed in decides how it is escaped.

The literal text of a template is trusted, values are not. The page is read while it is written, so every value is
escaped for exactly the place where it stands, whatever branches led there. Source: https://pkg.go.dev/html/template
"""

from __future__ import annotations

import re
from enum import Enum
from html import unescape

from tocsin.core.templates import html_escapers as escapers
from tocsin.core.templates.errors import FunctionError
from tocsin.core.templates.html_code import Code, Css, Js, Markup, Url, UrlSet


class State(Enum):
    TEXT = "between tags"
    COMMENT = "in a comment"
    RAW = "in an element whose content is no HTML"
    TAG = "in a tag"
    NAME = "in the name of an attribute"
    AFTER_NAME = "behind the name of an attribute"
    BEFORE_VALUE = "before the value of an attribute"
    VALUE = "in the value of an attribute"


_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9:-]*)")
_DOCTYPE = re.compile(r"<!doctype", re.IGNORECASE)
_NAME = re.compile(r"[^\s=>/\"'<]+|[/\"'<]")
_SPACE = re.compile(r"\s*")
_BARE_END = re.compile(r"[\s>]")
_RAW = frozenset(("script", "style", "textarea", "title"))
_CODE: dict[str, type[Code]] = {"url": Url, "srcset": UrlSet, "css": Css, "js": Js, "html": Markup}
_ELEMENTS: dict[str, type[Code]] = {"script": Js, "style": Css}


class Page:
    """One page while it is written: `literal` takes the template's text, `show` a value; both return what to write."""

    def __init__(self) -> None:
        self.state = State.TEXT
        self.element = ""
        self.attribute = ""
        self.quote = ""
        self.code: Code | None = None
        self.at_tag_name = False

    # The template's own text

    def literal(self, text: str) -> str:
        steps = {
            State.TEXT: self._text,
            State.COMMENT: self._comment,
            State.RAW: self._raw,
            State.TAG: self._tag,
            State.NAME: self._name,
            State.AFTER_NAME: self._after_name,
            State.BEFORE_VALUE: self._before_value,
            State.VALUE: self._value,
        }
        written: list[str] = []
        position = 0
        while position < len(text):
            after, piece = steps[self.state](text, position)
            written.append(piece)
            position = after
        return "".join(written)

    def _text(self, text: str, position: int) -> tuple[int, str]:
        sign = text.find("<", position)
        if sign < 0:
            return len(text), text[position:]
        before = text[position:sign]
        if text.startswith("<!--", sign):
            self.state = State.COMMENT
            return sign + 4, before
        tag = _TAG.match(text, sign)
        if tag is None:
            return sign + 1, before + ("<" if _DOCTYPE.match(text, sign) else "&lt;")
        self.state, self.at_tag_name = State.TAG, True
        self.element = "" if text[sign + 1] == "/" else tag[1].lower()
        return tag.end(), before + tag.group()

    def _comment(self, text: str, position: int) -> tuple[int, str]:
        """Leave a comment out, as html/template does."""
        end = text.find("-->", position)
        if end < 0:
            return len(text), ""
        self.state = State.TEXT
        return end + 3, ""

    def _raw(self, text: str, position: int) -> tuple[int, str]:
        end = re.compile(rf"</(?={self.element}(?:[\s/>]|\Z))", re.IGNORECASE).search(text, position)
        content = text[position : end.start() if end else len(text)]
        if self.code is not None:
            self.code.read(content)
        if end is None:
            return len(text), content
        self.state, self.code, self.element = State.TEXT, None, ""
        return end.start(), content

    def _tag(self, text: str, position: int) -> tuple[int, str]:
        after = _SPACE.match(text, position)
        place = after.end() if after else position
        self.at_tag_name = self.at_tag_name and place == position
        if place == len(text):
            return place, text[position:]
        if text[place] == ">":
            self._open_element()
            return place + 1, text[position : place + 1]
        self.at_tag_name = False
        if text[place] == "=":
            # Behind a name that was printed.
            self.state = State.AFTER_NAME
            return place, text[position:place]
        self.attribute, self.state = "", State.NAME
        return place, text[position:place]

    def _open_element(self) -> None:
        self.state = State.RAW if self.element in _RAW else State.TEXT
        self.code = _ELEMENTS[self.element]() if self.element in _ELEMENTS else None

    def _name(self, text: str, position: int) -> tuple[int, str]:
        found = _NAME.match(text, position)
        if found is None or (found.group() in "/\"'<" and self.attribute):
            self.state = State.AFTER_NAME
            return position, ""
        self.attribute += found.group()
        if found.group() in "/\"'<":
            self.state = State.TAG
        return found.end(), found.group()

    def _after_name(self, text: str, position: int) -> tuple[int, str]:
        after = _SPACE.match(text, position)
        place = after.end() if after else position
        if place == len(text):
            return place, text[position:]
        if text[place] != "=":
            self.state = State.TAG
            return place, text[position:place]
        self.state = State.BEFORE_VALUE
        return place + 1, text[position : place + 1]

    def _before_value(self, text: str, position: int) -> tuple[int, str]:
        after = _SPACE.match(text, position)
        place = after.end() if after else position
        if place == len(text):
            return place, text[position:]
        if text[place] == ">":
            self.state = State.TAG
            return place, text[position:place]
        quote = text[place] if text[place] in "\"'" else ""
        self._begin_value(quote)
        return place + len(quote), text[position : place + len(quote)]

    def _begin_value(self, quote: str) -> None:
        kind = escapers.attribute_kind(self.attribute)
        self.state, self.quote = State.VALUE, quote
        self.code = _CODE[kind]() if kind else None

    def _value(self, text: str, position: int) -> tuple[int, str]:
        if self.quote:
            end = text.find(self.quote, position)
        else:
            bare = _BARE_END.search(text, position)
            end = bare.start() if bare else -1
        content = text[position : end if end >= 0 else len(text)]
        if self.code is not None:
            self.code.read(unescape(content))
        if end < 0:
            return len(text), content
        over = end + len(self.quote)
        self.state, self.code, self.attribute = State.TAG, None, ""
        return over, text[position:over]

    # Values

    def show(self, value: object) -> str:
        """Return a value's text, escaped for the place that the page has come to."""
        if self.state is State.BEFORE_VALUE:
            self._begin_value("")
        match self.state:
            case State.TEXT:
                return escapers.between_tags(value)
            case State.COMMENT:
                return ""
            case State.RAW:
                return escapers.in_title(value) if self.code is None else self.code.show(value)
            case State.VALUE:
                shown = value if self.code is None else self.code.show(value)
                return escapers.in_attribute(shown, quoted=bool(self.quote))
        return self._show_name(value)

    def _show_name(self, value: object) -> str:
        """Return a value that stands in a tag: an attribute's name, or the number of a heading."""
        if self.at_tag_name:
            text = escapers.printed(value)
            return text if text.isascii() and text.isdecimal() else escapers.REFUSED
        if self.state is State.NAME and not self.attribute.lower().startswith("data-"):
            raise FunctionError(f"a value within the name of the attribute {self.attribute!r}")
        if self.state is not State.NAME:
            self.state, self.attribute = State.AFTER_NAME, ""
        return escapers.as_name(value)
