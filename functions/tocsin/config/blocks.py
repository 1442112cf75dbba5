"""Blocks: the mappings of configuration files, checked so that one mistake never hides another.

A block is a pydantic model of one mapping and of the small ones inside it; lists of blocks that have problems of their
own to tell are read one by one. Every problem is told with its file, line and column, what was found and what was
expected. Nothing in a file is ever ignored silently.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from ..errors import Problem
from .documents import Document, Path
from .values import kind_of

# The environment variable, and the key in a validation's context, that allow secrets in clear text.
INLINE_SECRETS = "TOCSIN_ALLOW_INLINE_SECRETS"

_NOTHING: tuple[Any, ...] = (None, "", [], {})


def words(text: str) -> frozenset[str]:
    """Return the words of a text, for long lists of keys."""
    return frozenset(text.split())


class Block(BaseModel):
    """One mapping: its keys by pydantic, and rules between them, which are looked at even where a key is wrong."""

    # Most files use few of the blocks: each is made ready when it is first met, which start-up is spared.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    # A key that holds a secret → the key beside it that refers to one; of the two, one at most may be set.
    secrets: ClassVar[Mapping[str, str]] = {}
    # Of each group, one key at most may be set.
    at_most_one: ClassVar[tuple[tuple[str, ...], ...]] = ()
    # Of each group, one key at least must be set; the first is what a person would write.
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = ()

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """Return the keys that the block takes."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())

    @classmethod
    def between(cls, found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Give what is wrong between the keys that are set: the key, or nothing for the whole, and the reason."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _check(cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        if not isinstance(value, dict):
            raise ValueError(f"expected a mapping, found {kind_of(value)}")
        keys = cls.keys()
        details = [_detail((key,), _stranger(key, keys), "at_key") for key in value if key not in keys]
        made: Self | None = None
        try:
            made = handler({key: each for key, each in value.items() if key in keys and each is not None})
        except ValidationError as error:
            details += [_again(each) for each in error.errors(include_url=False, include_input=False)]
        found = {key: each for key, each in value.items() if each not in _NOTHING}
        allows_secrets = bool((info.context or {}).get(INLINE_SECRETS))
        for key, reason in cls.all_between(found, allows_secrets=allows_secrets):
            details.append(_detail((key,) if key else (), reason, "at_key" if key else "value"))
        if details or made is None:
            raise ValidationError.from_exception_data(cls.__name__, details)
        return made

    @classmethod
    def all_between(cls, found: Mapping[str, Any], *, allows_secrets: bool) -> Iterator[tuple[str, str]]:
        for group in (*cls.secrets.items(), *cls.at_most_one):
            present = [key for key in group if key in found]
            if len(present) > 1:
                yield present[0], f"at most one of {', '.join(group[:-1])} and {group[-1]} may be set"
        for clear, reference in cls.secrets.items():
            if clear in found and reference not in found and not allows_secrets:
                yield clear, secret_in_clear_text(clear, f"{reference}: secret:NAME#KEY")
        for group in cls.one_of:
            if not any(key in found for key in group):
                yield "", f"{group[0]} is missing"
        yield from cls.between(found)


def secret_in_clear_text(key: str, instead: str) -> str:
    """Return what is said of a secret that stands where everybody can read it; it is not repeated."""
    return (
        f"{key} is a secret in clear text: keep it in Secrets Manager and write"
        f" `{instead}` ({INLINE_SECRETS}=true allows it on your own machine)"
    )


def _detail(where: tuple[int | str, ...], reason: str, kind: str) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError(kind, "{reason}", {"reason": reason}), loc=where, input=None)


def _again(detail: Any) -> InitErrorDetails:
    """Return an error of a block within, or of a key, as one of this block."""
    context = detail.get("ctx", {})
    reason = str(context.get("reason") or context.get("error") or detail["msg"])
    kind = detail["type"] if detail["type"] in ("at_key", "missing") else "value"
    return _detail(detail["loc"], reason, kind)


AnyBlock = TypeVar("AnyBlock", bound=Block)


class Reading:
    """One document while it is read: gives its blocks and gathers the problems."""

    def __init__(self, document: Document, *, allow_inline_secrets: bool = False) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self._context = {INLINE_SECRETS: allow_inline_secrets}

    def problem(self, path: Path, message: str, *, context: str = "", at_key: bool = False) -> None:
        """Note that what stands at a path is wrong."""
        self.problems.append(self._remark(path, message, context, at_key=at_key))

    def warn(self, path: Path, message: str, *, context: str = "", at_key: bool = False) -> None:
        """Note that what stands at a path is odd, and no reason to refuse the file."""
        self.warnings.append(self._remark(path, message, context, at_key=at_key))

    def _remark(self, path: Path, message: str, context: str, *, at_key: bool) -> Problem:
        place = self.document.key_place(path) if at_key else self.document.place(path)
        return Problem(self.document.file, place.line, f"{context}: {message}" if context else message, place.column)

    def block(self, model: type[AnyBlock], path: Path, *, context: str = "") -> AnyBlock | None:
        """Return the block at a path, or None when it has problems, which are noted."""
        value = self.document.at(path)
        if not isinstance(value, dict):
            self.problem(path, f"expected a mapping, found {kind_of(value)}", context=context)
            return None
        try:
            return model.model_validate(value, context=self._context)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                self._note(detail, path, context)
            return None

    def _note(self, detail: Any, path: Path, context: str) -> None:
        inner = tuple(step for step in detail["loc"] if step != "[key]")
        is_key = detail["type"] == "at_key" or detail["loc"][-1:] == ("[key]",)
        reason = detail["ctx"]["reason"]
        if detail["type"] == "missing":
            inner, reason = inner[:-1], f"{inner[-1]} is missing"
        # A rule says which keys it is about, so what is left to say is the block within that they are in.
        within = inner[:-1] if detail["type"] == "at_key" and inner else inner
        self.problem(
            (*path, *inner), f"{spell(within)}: {reason}" if within else reason, context=context, at_key=is_key
        )

    def items(self, path: Path, *, context: str = "") -> Iterator[Path]:
        """Give the paths of a list's items; of none when it is absent, and a problem when it is no list."""
        value = self.document.value
        for step in path:
            value = value.get(step) if isinstance(value, dict) else value[step]
        if value is None:
            return
        if not isinstance(value, list):
            self.problem(path, f"{path[-1]}: expected a list, found {kind_of(value)}", context=context)
            return
        yield from ((*path, index) for index in range(len(value)))


def spell(path: Path) -> str:
    """Return a path as a person would point at it: route.routes[1].receiver."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _stranger(key: str, keys: Sequence[str]) -> str:
    return f"unknown key {key!r}{did_you_mean(key, keys) or ' (expected one of ' + ', '.join(keys) + ')'}"


def did_you_mean(text: str, candidates: Iterable[str]) -> str:
    """Return a hint at the nearest candidate, or nothing."""
    near = difflib.get_close_matches(text, list(candidates), n=1)
    return f", did you mean {near[0]!r}?" if near else ""
