"""Regular expressions of templates: RE2's syntax, and Go's way of replacing.

The engine is given by the caller (`google-re2` where the platform has it). The default is Python's re: patterns are
translated where RE2 writes the same thing differently, and refused where RE2 has no such thing. Unlike RE2 it can take
exponential time. Sources: https://github.com/google/re2/wiki/Syntax, regexp.Regexp.ReplaceAllString.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Protocol

from tocsin.core.templates.buffer import Buffer
from tocsin.core.templates.errors import FunctionError


class Match(Protocol):
    """What is used of a match: groups by number, and its place."""

    def group(self, group: int, /) -> str | None: ...

    def start(self) -> int: ...

    def end(self) -> int: ...


class Pattern(Protocol):
    """What is used of a compiled expression: both re and google-re2 give it."""

    @property
    def groups(self) -> int: ...

    @property
    def groupindex(self) -> Mapping[str, int]: ...

    def search(self, string: str, /) -> Match | None: ...

    def finditer(self, string: str, /) -> Iterator[Match]: ...


Compile = Callable[[str], Pattern]

_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": "\\x00-\\x7f", "blank": "\\t ", "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~", "punct": "!-/:-@\\[-`{-~", "space": "\\t-\\r ",
    "upper": "A-Z", "word": "\\w", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
_TOKEN = re.compile(
    r"\\Q(?P<literal>.*?)(?:\\E|$)|\\(?P<escape>.)|\[:(?P<class>\w+):\]|\(\?(?P<group>P?<\w+>|P?[^)\w:<]|<|P=|P>)"
    r"|\(\?(?P<flags>[a-zA-Z-]*)(?P<flags_end>[:)])|(?P<dollar>\$)|(?P<open>\[\^?\]?)|(?P<close>\])"
    r"|(?P<braces>\{,\d*\})|(?P<repeat>(?:[*+?]|\{\d+(?:,\d*)?\})+)",
    re.DOTALL,
)
_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<bare>\w+))")
_REPEAT = re.compile(r"(?:[*+?]|\{\d+(?:,\d*)?\})\??")
_LARGEST_REPEAT = 1000
_UNKNOWN_ESCAPES = frozenset("123456789ZGKkXRNy")


@lru_cache(maxsize=256)
def compile_with_re(pattern: str) -> Pattern:
    """Compile RE2 syntax with Python's re; FunctionError where it is not RE2, or cannot be translated."""
    try:
        return re.compile(_Translation(pattern).run(), re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise FunctionError(f"error parsing regexp: {error}: `{pattern}`") from None


class _Translation:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.in_class = False
        # Go's (?m) may stand in the middle; from there on `$` means the end of a line.
        self.multiline = re.match(r"\(\?[a-zA-Z]*m", pattern) is not None
        self.leading_flags = True

    def run(self) -> str:
        pieces: list[str] = []
        position = 0
        for found in _TOKEN.finditer(self.pattern):
            pieces.append(self.pattern[position : found.start()])
            self.leading_flags = self.leading_flags and found.start() == 0
            pieces.append(self.token(found))
            position = found.end()
        return "".join(pieces) + self.pattern[position:]

    def token(self, found: re.Match[str]) -> str:
        if found["escape"]:
            return self.escape(found["escape"])
        if found["class"]:
            return self.named_class(found)
        if self.in_class:
            self.in_class = found["close"] is None
            return "\\[" if found["open"] == "[" else found.group()
        if found["literal"] is not None:
            return re.escape(found["literal"])
        return self.outside_class(found)

    def outside_class(self, found: re.Match[str]) -> str:
        if found["open"]:
            self.in_class = True
        elif found["dollar"]:
            return "$" if self.multiline else r"\Z"
        elif found["group"]:
            return self.group(found["group"])
        elif found["flags"] is not None:
            return self.flags(found["flags"], found["flags_end"])
        elif found["braces"]:
            return re.escape(found["braces"])  # no repetition in RE2
        elif found["repeat"]:
            return self.repeat(found["repeat"])
        return found.group()

    def repeat(self, operators: str) -> str:
        """One operator, and `?` for as few as possible; Python would take `a++` for something else."""
        counts = [int(count) for count in re.findall(r"\d+", operators)]
        if not _REPEAT.fullmatch(operators) or max(counts, default=0) > _LARGEST_REPEAT:
            raise FunctionError(f"error parsing regexp: invalid repetition: `{operators}`")
        return operators

    def escape(self, letter: str) -> str:
        if letter in _UNKNOWN_ESCAPES:
            raise FunctionError(f"error parsing regexp: invalid escape sequence: `\\{letter}`")
        if letter in "pPC":
            raise FunctionError(f"error parsing regexp: \\{letter} needs the RE2 engine")
        return {"z": r"\Z", "a": r"\x07"}.get(letter, "\\" + letter)

    def named_class(self, found: re.Match[str]) -> str:
        members = _CLASSES.get(found["class"])
        if members is None or not self.in_class:
            raise FunctionError(f"error parsing regexp: invalid character class range: `{found.group()}`")
        return members

    def group(self, opening: str) -> str:
        if opening[-1] == ">" and opening.lstrip("P")[0] == "<":
            return "(?P" + opening.lstrip("P")
        raise FunctionError(f"error parsing regexp: invalid or unsupported Perl syntax: `(?{opening}`")

    def flags(self, flags: str, end: str) -> str:
        """Flags may open a group; flags for all that follows can be translated at the very start only."""
        if set(flags) - set("ims-") or (end == ")" and not self.leading_flags):
            raise FunctionError(f"error parsing regexp: invalid or unsupported Perl syntax: `(?{flags}`")
        return f"(?{flags}{end}"


def replace_all(pattern: Pattern, replacement: str, text: str) -> str:
    """Replace every match; `$1`, `${1}`, `$name` and `${name}` stand for groups, `$$` for a dollar sign.

    `$1x` is the group named `1x`, and so empty. Unlike re.sub, an empty match directly behind a match is none.
    """
    buffer = Buffer()
    position = 0
    last_end = -1
    for found in pattern.finditer(text):
        if found.start() == found.end() == last_end:
            continue
        buffer.write(text[position : found.start()])
        buffer.write(_expand(pattern, replacement, found))
        position = last_end = found.end()
    buffer.write(text[position:])
    return buffer.text()


def _expand(pattern: Pattern, replacement: str, found: Match) -> str:
    def reference(item: re.Match[str]) -> str:
        if item["dollar"]:
            return "$"
        name = item["braced"] or item["bare"]
        number = int(name) if name.isdecimal() else pattern.groupindex.get(name)
        return found.group(number) or "" if number is not None and number <= pattern.groups else ""

    return _REFERENCE.sub(reference, replacement)
