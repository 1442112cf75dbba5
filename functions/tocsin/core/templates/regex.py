"""Regular expressions of templates, and Go's way of replacing. Source: regexp.Regexp.ReplaceAllString."""

import re

from tocsin.core.patterns import Compile, Match, Pattern
from tocsin.core.steps import Steps
from tocsin.core.templates.buffer import Buffer
from tocsin.core.templates.errors import FunctionError
from tocsin.core.templates.values import Function

# Steps of compiling, and instructions in a step.
_COMPILING = 50
_INSTRUCTIONS = 250
_REFERENCE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<bare>\w+))")


def functions(compile: Compile, steps: Steps) -> dict[str, Function]:
    """Return the functions that take a pattern; what they do is counted."""

    def compiled(pattern: str) -> Pattern:
        steps.take(_COMPILING + len(pattern))
        try:
            return compile(pattern)
        except ValueError as error:
            raise FunctionError(f"error parsing regexp: {error}") from None

    def match(pattern: str, text: str) -> bool:
        found = compiled(pattern)
        steps.take(_search_steps(found, len(text)))
        return found.search(text) is not None

    def replace(pattern: str, replacement: str, text: str) -> str:
        return replace_all(compiled(pattern), replacement, text, steps)

    return {"match": Function(match, ("string",) * 2), "reReplaceAll": Function(replace, ("string",) * 3)}


def _search_steps(pattern: Pattern, characters: int) -> int:
    """Return the most steps that one search takes: RE2 does each of its instructions at most once for a character."""
    return 1 + pattern.programsize * characters // _INSTRUCTIONS


def replace_all(pattern: Pattern, replacement: str, text: str, steps: Steps) -> str:
    """Replace every match; `$1`, `${1}`, `$name` and `${name}` stand for groups, `$$` for a dollar sign.

    `$1x` is the group named `1x`, and so empty. Unlike re.sub, an empty match directly behind a match is none.
    """
    buffer = Buffer()
    position = 0
    last_end = -1
    steps.take(_search_steps(pattern, len(text)))
    for found in pattern.finditer(text):
        # Behind each match the whole rest may have to be looked at for the next one.
        steps.take(_search_steps(pattern, len(text) - found.end()))
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
