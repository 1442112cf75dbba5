"""The text of matchers: `severity="critical",team!~"infra|web"`, in Alertmanager's two grammars.

The classic grammar splits at commas and looks at each part with one pattern, so that values may stand unquoted and
almost anything goes. The UTF-8 grammar is a real one: quoted names, Go's escapes, matched braces. The default is both:
where they disagree, or only the classic one accepts, the classic meaning holds, so that no existing file changes its
meaning.

Source: https://github.com/prometheus/alertmanager/tree/main/matcher (compat, parse) and pkg/labels/parse.go
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn, TypeVar

from .labels import quote
from .matchers import Matcher, MatchType
from .patterns import Compile


class MatcherSyntaxError(ValueError):
    """A text that is no matcher."""


class Syntax(StrEnum):
    """Which grammar reads a text."""

    CLASSIC = "classic"
    UTF8 = "utf8"
    FALLBACK = "fallback"


def parse_matchers(text: str, compile_pattern: Compile, syntax: Syntax = Syntax.FALLBACK) -> tuple[Matcher, ...]:
    """Return the matchers of a text such as `{a="1",b=~"x|y"}`, in written order. Raises MatcherSyntaxError."""
    if syntax is Syntax.CLASSIC:
        return _classic_matchers(text, compile_pattern)
    if syntax is Syntax.UTF8:
        return _Utf8Parser(text, compile_pattern).parse()
    return _fall_back(
        lambda: _classic_matchers(text, compile_pattern), lambda: _Utf8Parser(text, compile_pattern).parse()
    )


def parse_matcher(text: str, compile_pattern: Compile, syntax: Syntax = Syntax.FALLBACK) -> Matcher:
    """Return the one matcher of a text; in the classic grammar its commas belong to the value."""
    if syntax is Syntax.CLASSIC:
        return _classic_matcher(text, compile_pattern)
    if syntax is Syntax.UTF8:
        return _single(text, compile_pattern)
    if text.startswith("{") or text.endswith("}"):
        raise MatcherSyntaxError(f"unexpected open or close brace: {text}")
    return _fall_back(lambda: _classic_matcher(text, compile_pattern), lambda: _single(text, compile_pattern))


def is_label_name(name: str, syntax: Syntax = Syntax.FALLBACK) -> bool:
    """Say whether a name may be a label's: any text but the empty one, or the classic letters, digits, underscores."""
    if syntax is Syntax.CLASSIC:
        return _CLASSIC_NAME.fullmatch(name) is not None
    return name != "" and not any(0xD800 <= ord(character) <= 0xDFFF for character in name)


_Parsed = TypeVar("_Parsed")


def _fall_back(classic: Callable[[], _Parsed], utf8: Callable[[], _Parsed]) -> _Parsed:
    try:
        return classic()
    except MatcherSyntaxError as classic_error:
        try:
            return utf8()
        except MatcherSyntaxError:
            raise classic_error from None


def _make(name: str, type_: MatchType, value: str, compile_pattern: Compile) -> Matcher:
    if not type_.is_regexp:
        return Matcher(name, type_, value)
    try:
        return Matcher(name, type_, value, compile_pattern(value))
    except ValueError as error:
        raise MatcherSyntaxError(f"{name}{type_}{quote(value)}: {error}") from None


# --- the classic grammar ---

_CLASSIC_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_CLASSIC = re.compile(
    r"[ \t\n\f\r]*([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t\n\f\r]*(=~|=|!=|!~)[ \t\n\f\r]*(.*?)[ \t\n\f\r]*", re.DOTALL
)
_CLASSIC_ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


def _classic_matchers(text: str, compile_pattern: Compile) -> tuple[Matcher, ...]:
    inside = text.removeprefix("{").removesuffix("}")
    return tuple(_classic_matcher(token, compile_pattern) for token in _classic_tokens(inside))


def _classic_tokens(text: str) -> Iterator[str]:
    token, in_quotes, escaped = "", False, False
    for character in text:
        if character == "," and not in_quotes:
            yield token
            token = ""
            continue
        if character == '"' and not escaped:
            in_quotes = not in_quotes
        # A comma in quotes leaves the escape as it was, as in the original.
        escaped = (not escaped) if character == "\\" else escaped and character == ","
        token += character
    if token.strip():
        yield token.strip()


def _classic_matcher(text: str, compile_pattern: Compile) -> Matcher:
    found = _CLASSIC.fullmatch(text)
    if found is None:
        raise MatcherSyntaxError(f'bad matcher format: {text!r} (expected for example severity="critical")')
    name, sign, raw = found.groups()
    return _make(name, MatchType(sign), _classic_value(raw), compile_pattern)


def _classic_value(raw: str) -> str:
    is_quoted = raw.startswith('"')
    body = raw[1:] if is_quoted else raw
    value, rest = [], iter(enumerate(body))
    is_closed = False
    for index, character in rest:
        is_last = index == len(body) - 1
        if character == "\\" and not is_last:
            _, following = next(rest)
            # A spurious escape is two literal characters.
            value.append(_CLASSIC_ESCAPES.get(following, "\\" + following))
        elif character == '"':
            if not (is_quoted and is_last):
                raise MatcherSyntaxError(f"matcher value contains an unescaped double quote: {raw}")
            is_closed = True
        else:
            value.append(character)
    if is_quoted and not is_closed:
        raise MatcherSyntaxError(f"matcher value lacks its closing double quote: {raw}")
    return "".join(value)


# --- the UTF-8 grammar ---

_RESERVED = "{}!=~,\\\"'`"
_OPERATORS = ("!=", "!~", "=~", "=")
_NOT_GO_SPACES = "\x1c\x1d\x1e\x1f"


class _Kind(StrEnum):
    OPEN = "{"
    CLOSE = "}"
    COMMA = ","
    OPERATOR = "an operator"
    QUOTED = "a quoted text"
    UNQUOTED = "a text"
    END = "the end of the input"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: _Kind
    text: str
    at: int

    def value(self) -> str:
        return _unquote(self.text, self.at) if self.kind is _Kind.QUOTED else self.text


def _is_space(character: str) -> bool:
    return character.isspace() and character not in _NOT_GO_SPACES


def _is_plain(character: str) -> bool:
    return not _is_space(character) and character not in _RESERVED


def _scan(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        character = text[at]
        if _is_space(character):
            at += 1
            continue
        token = _scan_token(text, at, character)
        at += len(token.text)
        yield token
    yield _Token(_Kind.END, "", at)


def _scan_token(text: str, at: int, character: str) -> _Token:
    if character in "{},":
        return _Token(_Kind(character), character, at)
    if character in "=!":
        sign = next((sign for sign in _OPERATORS if text.startswith(sign, at)), None)
        if sign is None:
            raise MatcherSyntaxError(f"position {at}: {character!r} must be followed by '=' or '~'")
        return _Token(_Kind.OPERATOR, sign, at)
    if character == '"':
        return _Token(_Kind.QUOTED, text[at : _end_of_quoted(text, at)], at)
    if not _is_plain(character):
        raise MatcherSyntaxError(f"position {at}: {character!r} needs double quotes around it")
    end = at
    while end < len(text) and _is_plain(text[end]):
        end += 1
    return _Token(_Kind.UNQUOTED, text[at:end], at)


def _end_of_quoted(text: str, at: int) -> int:
    end = at + 1
    while end < len(text):
        if text[end] == '"':
            return end + 1
        end += 2 if text[end] == "\\" else 1
    raise MatcherSyntaxError(f"position {at}: the double quote is never closed")


class _Utf8Parser:
    """Recursive descent over the tokens; the names of its methods are the grammar's."""

    def __init__(self, text: str, compile_pattern: Compile) -> None:
        self._tokens = _scan(text)
        self._compile = compile_pattern
        self._next = next(self._tokens)

    def parse(self) -> tuple[Matcher, ...]:
        is_braced = self._next.kind is _Kind.OPEN
        if is_braced:
            self._take()
        matchers = tuple(self._matchers())
        if is_braced:
            self._expect(_Kind.CLOSE)
        self._expect(_Kind.END)
        return matchers

    def _matchers(self) -> Iterator[Matcher]:
        if self._next.kind in (_Kind.CLOSE, _Kind.END):
            return
        yield self._matcher()
        while self._next.kind is _Kind.COMMA:
            self._take()
            if self._next.kind in (_Kind.CLOSE, _Kind.END):
                return
            yield self._matcher()

    def _matcher(self) -> Matcher:
        name = self._expect(_Kind.QUOTED, _Kind.UNQUOTED)
        operator = self._expect(_Kind.OPERATOR)
        value = self._expect(_Kind.QUOTED, _Kind.UNQUOTED)
        return _make(name.value(), MatchType(operator.text), value.value(), self._compile)

    def _take(self) -> _Token:
        token = self._next
        if token.kind is not _Kind.END:
            self._next = next(self._tokens)
        return token

    def _expect(self, *kinds: _Kind) -> _Token:
        if self._next.kind not in kinds:
            self._refuse(kinds)
        return self._take()

    def _refuse(self, kinds: tuple[_Kind, ...]) -> NoReturn:
        expected = " or ".join(kinds)
        found = self._next.text or _Kind.END
        raise MatcherSyntaxError(f"position {self._next.at}: expected {expected}, found {found}")


def _single(text: str, compile_pattern: Compile) -> Matcher:
    matchers = _Utf8Parser(text, compile_pattern).parse()
    if len(matchers) != 1:
        raise MatcherSyntaxError(f"expected one matcher, found {len(matchers)}")
    return matchers[0]


_GO_ESCAPE = re.compile(r'\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))')
_GO_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


def _unquote(text: str, at: int) -> str:
    """Return what a Go string literal means: its escapes may spell bytes, which together must be UTF-8."""
    inner, out, index = text[1:-1], bytearray(), 0
    while index < len(inner):
        if inner[index] != "\\":
            if inner[index] == "\n":
                raise MatcherSyntaxError(f"position {at}: a line break in a quoted text")
            out += inner[index].encode("utf-8", "surrogatepass")
            index += 1
            continue
        found = _GO_ESCAPE.match(inner, index)
        if found is None:
            raise MatcherSyntaxError(f"position {at}: {text} has an escape that is not one of Go's")
        out += _escaped_bytes(found, at)
        index = found.end()
    try:
        return out.decode()
    except UnicodeDecodeError:
        raise MatcherSyntaxError(f"position {at}: {text} is not UTF-8") from None


def _escaped_bytes(found: re.Match[str], at: int) -> bytes:
    simple, hexadecimal, octal, short, long = found.groups()
    if simple:
        return _GO_SIMPLE[simple].encode()
    byte = int(hexadecimal, 16) if hexadecimal else int(octal, 8) if octal else None
    if byte is not None and byte <= 0xFF:
        return bytes([byte])
    point = int(short or long or "110000", 16)
    if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
        raise MatcherSyntaxError(f"position {at}: {found[0]} is no character")
    return chr(point).encode()
