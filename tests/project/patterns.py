"""Regular expressions in the code: users' run on RE2, and our own do not backtrack without end.

Each function returns what breaks this, one line a violation.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from re import _constants, _parser  # type: ignore[attr-defined]  # how Python itself reads a pattern
from typing import Any

from tests.project.architecture import python_files

# The one module that compiles what others wrote.
ENGINE = "tocsin/config/patterns.py"
_TAKES_A_PATTERN = {"compile", "match", "search", "fullmatch", "sub", "subn", "split", "findall", "finditer"}
_REPEATS = {_constants.MAX_REPEAT, _constants.MIN_REPEAT}


def engines(functions: Path) -> list[str]:
    """Return where RE2, or another engine than Python's own, is imported outside of the one module."""
    found = []
    for path in python_files(functions):
        place = path.relative_to(functions).as_posix()
        for node in (each for each in ast.walk(_parse(path)) if isinstance(each, ast.Import | ast.ImportFrom)):
            is_from = isinstance(node, ast.ImportFrom)
            for name in [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]:
                if name.split(".")[0] in {"re2", "regex", "sre_compile"} and place != ENGINE:
                    found.append(f"{place}:{node.lineno}: only {ENGINE} knows {name}")
                if name == "re" and is_from:
                    found.append(f"{place}:{node.lineno}: `import re`, so that its calls can be found")
    return found


def made_at_run_time(functions: Path) -> list[str]:
    """Return the calls of Python's engine whose pattern is more than the module's own text."""
    found = []
    for path in python_files(functions):
        place, tree = path.relative_to(functions).as_posix(), _parse(path)
        fixed = _constants_of(tree)
        for node in (each for each in ast.walk(tree) if isinstance(each, ast.Call)):
            if _is_of_re(node) and not _is_fixed(node.args[0], fixed):
                found.append(f"{place}: {ast.unparse(node.func)}({ast.unparse(node.args[0])})")
    return found


def nested_repeats(patterns: Iterable[tuple[str, re.Pattern[Any]]]) -> list[str]:
    """Return the patterns, by their name, that repeat what repeats itself without end: `(a+)+`."""
    return [name for name, pattern in patterns if _nests(_parser.parse(pattern.pattern, pattern.flags), inside=False)]


def _nests(parsed: Any, *, inside: bool) -> bool:
    for kind, value in parsed:
        if kind in _REPEATS:
            most, body = value[1], value[2]
            is_endless = most is _constants.MAXREPEAT
            if is_endless and inside:
                return True
            if _nests(body, inside=inside or is_endless):
                return True
        elif kind not in {_constants.ATOMIC_GROUP, _constants.POSSESSIVE_REPEAT} and any(
            _nests(each, inside=inside) for each in _bodies(value)
        ):
            return True
    return False


def _bodies(value: Any) -> Iterator[Any]:
    """Yield the patterns inside of a group, an alternation or an assertion."""
    if isinstance(value, _parser.SubPattern):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _bodies(each)


def _is_of_re(node: ast.Call) -> bool:
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in _TAKES_A_PATTERN
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "re"
        and bool(node.args)
    )


def _constants_of(tree: ast.Module) -> set[str]:
    """Return the names that the module, or a class of it, gives to values of its own text."""
    fixed: set[str] = set()
    bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef))]
    for node in (node for body in bodies for node in body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign | ast.AnnAssign) and value is not None and _is_fixed(value, fixed):
            fixed.update(name.id for name in targets if isinstance(name, ast.Name))
    return fixed


def _is_fixed(value: ast.expr, fixed: set[str]) -> bool:
    bound = {
        name.id
        for node in ast.walk(value)
        if isinstance(node, ast.comprehension)
        for name in ast.walk(node.target)
        if isinstance(name, ast.Name)
    }
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    return names <= fixed | bound | {"re", "frozenset", "range", "map", "chr", "sorted"}


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
