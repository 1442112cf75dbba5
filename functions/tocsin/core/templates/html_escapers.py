"""Text made harmless for one place in an HTML page: between tags, in an attribute, a URL, a style sheet, a script.

What cannot be made harmless becomes the mark that Go's html/template leaves, so that it can be searched for.
Source: https://pkg.go.dev/html/template
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tocsin.core.templates.json_values import to_json
from tocsin.core.templates.printing import print_value
from tocsin.core.templates.values import type_name

REFUSED = "ZgotmplZ"
HTML_TYPE = "template.HTML"
URL_TYPE = "template.URL"

_QUOTED = {"\0": "\ufffd", '"': "&#34;", "&": "&amp;", "'": "&#39;", "+": "&#43;", "<": "&lt;", ">": "&gt;"}
_BARE = {
    **_QUOTED, "\0": "&#xfffd;", "\t": "&#9;", "\n": "&#10;", "\v": "&#11;", "\f": "&#12;", "\r": "&#13;",
    " ": "&#32;", "=": "&#61;", "`": "&#96;",
}  # fmt: skip
_TAGS = re.compile(r"<!--.*?(?:-->|\Z)|<[/!?A-Za-z][^>]*(?:>|\Z)", re.DOTALL)

_URL_KEPT = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_URL_RESERVED = frozenset(b"!#$&*+,/:;=?@[]")
_URL_ESCAPE = re.compile(rb"%[0-9a-fA-F]{2}")
_SCHEMES = frozenset(("http", "https", "mailto"))

_CSS_FORBIDDEN = frozenset("\0\"'()/;@[\\]`{}<>")
_CSS_ESCAPED = re.compile("[\0\t\n\f\r\"&'()+/:;<>\\\\{}]")
_CSS_ESCAPE = re.compile(r"\\([0-9a-fA-F]{1,6})[ \t\n\f\r]?|\\(.)", re.DOTALL)
_CSS_HAZARDS = ("expression", "mozbinding")

_JS_NAMED = {"\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "/": "\\/", "\\": "\\\\"}
_JS_STRING = re.compile("[\0\t\n\v\f\r\"`&'+/<>\\\\\u2028\u2029]")
_JS_TEMPLATE = re.compile("[\0\t\n\v\f\r\"`&'+/<>\\\\\u2028\u2029${}]")
_JS_PATTERN = re.compile("[^A-Za-z0-9_ ]")


def printed(value: object) -> str:
    """Return what a value prints in a page: nothing where there is no value."""
    return "" if value is None else print_value(value)


# HTML


def between_tags(value: object) -> str:
    return str(value) if type_name(value) == HTML_TYPE else _escape(printed(value), _QUOTED)


def in_title(value: object) -> str:
    """Return text for a title or textarea, where tags mean nothing but entities do."""
    return _escape(str(value), _QUOTED, entities=True) if type_name(value) == HTML_TYPE else between_tags(value)


def in_attribute(value: object, *, quoted: bool) -> str:
    """Return text for an attribute's value; without quotation marks around it, white space is escaped too."""
    is_html = type_name(value) == HTML_TYPE
    text = _TAGS.sub("", str(value)) if is_html else printed(value)
    if quoted:
        return _escape(text, _QUOTED, entities=is_html)
    return _escape(text, _BARE, entities=is_html) or REFUSED


def as_name(value: object) -> str:
    """Return text as an attribute's name: letters and digits, and none that a browser would act on."""
    text = printed(value).lower()
    if not text or not (text.isascii() and text.isalnum()) or attribute_kind(text) or text in _UNSAFE_NAMES:
        return REFUSED
    return text


def _escape(text: str, table: Mapping[str, str], *, entities: bool = False) -> str:
    return "".join(table.get(sign, sign) if not (entities and sign == "&") else sign for sign in text)


_UNSAFE_NAMES = frozenset((
    "async", "challenge", "charset", "codetype", "content", "crossorigin", "defer", "enctype", "form", "http-equiv",
    "keytype", "language", "method", "novalidate", "pattern", "rel", "sandbox", "shape", "type", "value",
))  # fmt: skip
_URL_NAMES = frozenset((
    "action", "archive", "background", "cite", "classid", "codebase", "data", "formaction", "href", "icon", "longdesc",
    "manifest", "poster", "profile", "src", "usemap", "xmlns",
))  # fmt: skip


def attribute_kind(name: str) -> str:
    """Return what an attribute holds: `url`, `srcset`, `css`, `js`, `html`, or an empty string for plain text."""
    lower = name.lower()
    if lower.startswith("data-"):
        lower = lower[len("data-") :]
    elif ":" in lower:
        space, _, lower = lower.partition(":")
        if space == "xmlns":
            return "url"
    if lower in ("srcset", "imagesrcset"):
        return "srcset"
    if lower == "srcdoc":
        return "html"
    if lower == "style":
        return "css"
    if lower.startswith("on"):
        return "js"
    if lower in _URL_NAMES or any(part in lower for part in ("src", "uri", "url")):
        return "url"
    return ""


# URLs


def filter_url(value: object) -> object:
    """Return a URL, or the mark in its place if its scheme is one that a browser would execute."""
    if type_name(value) == URL_TYPE:
        return value
    text = printed(value)
    scheme, colon, _ = text.partition(":")
    if colon and "/" not in scheme and scheme.strip().lower() not in _SCHEMES:
        return "#" + REFUSED
    return text


def normalize_url(value: object) -> str:
    """Return a URL with what may not stand in it encoded, and what is encoded already left."""
    return _encode_url(printed(value), normal=True)


def escape_url(value: object) -> str:
    """Return text as one part of a URL's query."""
    return _encode_url(printed(value), normal=type_name(value) == URL_TYPE)


def _encode_url(text: str, *, normal: bool) -> str:
    data = text.encode("utf-8", "replace")
    kept = _URL_KEPT | _URL_RESERVED if normal else _URL_KEPT
    return "".join(
        chr(octet)
        if octet in kept or (normal and octet == ord("%") and _URL_ESCAPE.match(data, place))
        else f"%{octet:02x}"
        for place, octet in enumerate(data)
    )


# Style sheets


def css_value(value: object) -> str:
    """Return text as a value of a property: a word, a number, a colour, and nothing that could be more."""
    text = _CSS_ESCAPE.sub(_css_character, printed(value))
    letters = "".join(sign for sign in text.lower() if sign.isascii() and (sign.isalnum() or sign in "-_"))
    hazardous = any(hazard in letters.replace("-", "") for hazard in _CSS_HAZARDS)
    if hazardous or "--" in text or not _CSS_FORBIDDEN.isdisjoint(text):
        return REFUSED
    return text


def _css_character(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[2]
    point = int(found[1], 16)
    return chr(point) if 0 < point <= 0x10FFFF else "\ufffd"


def css_string(value: object) -> str:
    """Return text for the inside of a quoted string of a style sheet."""
    return _CSS_ESCAPED.sub(_css_escape, printed(value))


def _css_escape(found: re.Match[str]) -> str:
    # The space ends the escape, whatever follows.
    return "\\\\" if found.group() == "\\" else f"\\{ord(found.group()):x} "


# Scripts


def js_value(value: object) -> str:
    """Return a value as an expression: a quoted string, a number, an object."""
    if isinstance(value, str):
        return f'"{js_string(value)}"'
    # The spaces keep it apart from a word or a minus sign beside it.
    return f" {to_json(value)} "


def js_string(value: object) -> str:
    """Return text for the inside of a quoted string of a script."""
    return _JS_STRING.sub(_js_escape, printed(value))


def js_template(value: object) -> str:
    """Return text for the inside of a template literal of a script."""
    return _JS_TEMPLATE.sub(_js_escape, printed(value))


def js_pattern(value: object) -> str:
    """Return text for the inside of a regular expression of a script, in which it matches itself."""
    return _JS_PATTERN.sub(_js_code, printed(value)) or "(?:)"


def _js_escape(found: re.Match[str]) -> str:
    return _JS_NAMED.get(found.group()) or _js_code(found)


def _js_code(found: re.Match[str]) -> str:
    units = found.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i] << 8 | units[i + 1]:04x}" for i in range(0, len(units), 2))
