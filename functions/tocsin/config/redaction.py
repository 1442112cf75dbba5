"""`redaction` in tocsin.yml: what must not leave with notifications, answers and log lines.

kinds     what is looked for; passwords, tokens and aws-keys where nothing is said, none where the list is empty
patterns  regular expressions of your own (RE2); what they find is redacted
labels    labels and annotations whose value is hidden whole
keep      labels and annotations that are shown as they are
"""

from __future__ import annotations

from typing import Any, cast

from pydantic import Field

from ..core.credentials import DEFAULT_KINDS, Kind
from ..core.redaction import Finder, Redaction
from .blocks import Block, Reading, did_you_mean
from .patterns import compile_pattern
from .values import FilledText, PlainTexts, Texts

_PATH = ("redaction",)


class _Redaction(Block):
    kinds: Texts | None = None
    patterns: PlainTexts = Field(default_factory=list)
    labels: list[FilledText] = Field(default_factory=list)
    keep: list[FilledText] = Field(default_factory=list)


def read_redaction(reading: Reading) -> Redaction:
    """Return what is redacted; whatever is wrong with it is noted."""
    if reading.document.value.get(_PATH[0]) is None:
        return Redaction()
    block = reading.block(_Redaction, _PATH, context=_PATH[0])
    if block is None:
        return Redaction()
    for name in sorted({*block.labels} & {*block.keep}):
        reading.problem((*_PATH, "keep"), f"keep: {name} is hidden by `labels` too", context=_PATH[0])
    return Redaction(
        kinds=DEFAULT_KINDS if block.kinds is None else frozenset(_kinds(reading, block.kinds)),
        patterns=tuple(_patterns(reading, block.patterns)),
        hidden=frozenset(block.labels),
        kept=frozenset(block.keep),
    )


def _kinds(reading: Reading, names: list[str]) -> list[Kind]:
    known = [kind.value for kind in Kind]
    for index, name in enumerate(names):
        if name not in known:
            hint = did_you_mean(name, known) or f" (expected some of {', '.join(known)})"
            reading.problem((*_PATH, "kinds", index), f"kinds: there is no kind {name!r}{hint}", context=_PATH[0])
    return [Kind(name) for name in names if name in known]


def _patterns(reading: Reading, texts: list[str]) -> list[Finder]:
    found: list[Finder] = []
    for index, text in enumerate(texts):
        try:
            pattern: Any = compile_pattern(text)
            if pattern.search("") is not None:
                raise ValueError(f"{text!r} also matches a text that is empty")
            found.append(cast(Finder, pattern))
        except ValueError as error:
            reading.problem((*_PATH, "patterns", index), f"patterns: {error}", context=_PATH[0])
    return found
