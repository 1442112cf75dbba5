"""Regular expressions in the code, on the project and on small violating trees."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tocsin
from tests.project import patterns

FUNCTIONS = Path(__file__).parents[2] / "functions"

# Patterns that are put together while the program runs, and why none of them is anybody's text.
MADE_AT_RUN_TIME = {
    r"tocsin/adapters/dynamodb/deliveries.py: re.search(f'{name}\\b')": "attributes' names, which are the module's own",
    r"tocsin/config/threshold_rules.py: re.search(f'\\[{format_duration(_window(written))}[]:]')": "digits and units",
    r"tocsin/core/templates/html_context.py: re.compile(f'</(?={self.element}(?:[\\s/>]|\\Z))')": "a tag's name",
    "tocsin/core/templates/time_parsing.py: re.compile(''.join(pieces) + _literal(layout[position:]))": (
        "a layout's items, none of which gives back what it took"
    ),
    "tocsin/web/redaction.py: re.fullmatch(key)": "the module's own",
}
# Patterns of ours in which a repeat stands inside of a repeat, and why they take no time all the same.
NESTED = {
    "tocsin.config.values._GO_DURATION": "each number ends with a unit",
}


def own_patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Yield every pattern that a module or a class of ours holds, by its name."""
    for found in pkgutil.walk_packages(tocsin.__path__, "tocsin."):
        module = importlib.import_module(found.name)
        own = (each for each in vars(module).values() if isinstance(each, type) and each.__module__ == found.name)
        holders = {found.name: vars(module), **{f"{found.name}.{each.__name__}": vars(each) for each in own}}
        for place, held in holders.items():
            yield from ((f"{place}.{k}", v) for k, v in held.items() if isinstance(v, re.Pattern))


def test_what_others_write_is_compiled_in_one_place() -> None:
    assert patterns.engines(FUNCTIONS) == []


def test_pythons_engine_is_given_only_our_own_texts() -> None:
    assert sorted(patterns.made_at_run_time(FUNCTIONS)) == sorted(MADE_AT_RUN_TIME)


def test_no_pattern_of_ours_repeats_what_repeats_itself() -> None:
    found = dict(own_patterns())
    assert len(found) > 50
    assert patterns.nested_repeats(found.items()) == sorted(NESTED)


VIOLATIONS: dict[str, tuple[Callable[[Path], list[str]], str, str]] = {
    "RE2 elsewhere": (
        patterns.engines,
        "import re2\n",
        "tocsin/core/rules.py:1: only tocsin/config/patterns.py knows re2",
    ),
    "calls that cannot be found": (
        patterns.engines,
        "from re import match\n",
        "tocsin/core/rules.py:1: `import re`, so that its calls can be found",
    ),
    "a parameter": (
        patterns.made_at_run_time,
        "import re\ndef f(text):\n    return re.compile(text)\n",
        "tocsin/core/rules.py: re.compile(text)",
    ),
    "a part of a text": (
        patterns.made_at_run_time,
        "import re\nA = 'a'\ndef f(text):\n    return re.search(rf'{A}{text}', 'x')\n",
        "tocsin/core/rules.py: re.search(f'{A}{text}')",
    ),
    "a global that is somebody's": (
        patterns.made_at_run_time,
        "import re\nA = open('a').read()\nB = re.compile(A)\n",
        "tocsin/core/rules.py: re.compile(A)",
    ),
}


@pytest.mark.parametrize(("check", "text", "expected"), VIOLATIONS.values(), ids=VIOLATIONS)
def test_a_violation_is_found(tmp_path: Path, check: Callable[[Path], list[str]], text: str, expected: str) -> None:
    path = tmp_path / "tocsin/core/rules.py"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    assert check(tmp_path) == [expected]


def test_our_own_texts_are_none() -> None:
    assert patterns.made_at_run_time(FUNCTIONS / "no such folder") == []


@pytest.mark.parametrize("text", ["(a+)+", "(?:a*b?)*", "(a|b+)+c", "((?:x(y+)?)+)*", "(?=(a*)*)b"])
def test_a_nested_repeat_is_found(text: str) -> None:
    assert patterns.nested_repeats([("x", re.compile(text))]) == ["x"]


@pytest.mark.parametrize("text", ["a+b+", "(a{1,3})+", "(?>a+)+", "(a++)+", "(a+)?b*", "[a*]+"])
def test_other_repeats_are_not(text: str) -> None:
    assert patterns.nested_repeats([("x", re.compile(text))]) == []
