"""The functions of Prometheus's rule templates.

Source: https://github.com/prometheus/prometheus/blob/main/template/template.go,
https://prometheus.io/docs/prometheus/latest/configuration/template_reference/
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias
from unicodedata import category

from tocsin.core.durations import parse_duration as parse_positive_duration
from tocsin.core.patterns import Compile
from tocsin.core.steps import Steps
from tocsin.core.templates import humanize, language, regex
from tocsin.core.templates.errors import FunctionError
from tocsin.core.templates.values import ANY, Function, SafeHTML, StringMap, Struct, Value

_SAMPLE = "*template.sample"
_QUERY_RESULT = "template.queryResult"
_MID_WORD = frozenset("'’.:·․﹒‧_")
# Letters each of which is a word: Thai, Lao, Burmese, Khmer, Japanese and Chinese have no spaces between words.
_WORDS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


class QueryResult(NamedTuple):
    """One element of an instant query's result."""

    labels: Mapping[str, str]
    value: float


Query: TypeAlias = Callable[[str, datetime], Sequence[QueryResult]]


class Samples(tuple[Struct, ...], Value):
    """The result of a query: a slice of samples, each with Labels and Value."""

    __slots__ = ()
    go_type = _QUERY_RESULT


def rule_functions(
    *, compile: Compile, now: datetime, external_url: str, query: Query | None, steps: Steps
) -> dict[str, Function]:
    """Return the functions by name, the language's own included; they count what they do."""
    return {
        **language.FUNCTIONS,
        **_STATIC,
        **regex.functions(compile, steps),
        "now": Function(lambda: now.timestamp()),
        "query": Function(lambda expression: _run_query(query, expression, now), ("string",)),
        "externalURL": Function(lambda: external_url),
        "pathPrefix": Function(lambda: path_of(external_url)),
    }


# Query results


def _run_query(query: Query | None, expression: str, now: datetime) -> Samples:
    if query is None:
        raise FunctionError("queries are not available here")
    return Samples(_sample(result) for result in query(expression, now))


def _sample(result: QueryResult) -> Struct:
    return Struct(_SAMPLE, {"Labels": StringMap(result.labels), "Value": float(result.value)})


def first(samples: Samples | None) -> Struct:
    if not samples:
        raise FunctionError("first() called on vector with no elements")
    return samples[0]


def label(name: str, sample: Struct | None) -> str:
    if sample is None:
        raise FunctionError("invalid memory address or nil pointer dereference")
    labels = sample.fields["Labels"]
    assert isinstance(labels, StringMap)
    return labels.get(name, "")


def value(sample: Struct | None) -> object:
    if sample is None:
        raise FunctionError("invalid memory address or nil pointer dereference")
    return sample.fields["Value"]


def sort_by_label(name: str, samples: Samples | None) -> Samples:
    return Samples(sorted(samples or (), key=lambda sample: label(name, sample)))


def args(*values: object) -> dict[str, object]:
    """Return a map arg0, arg1 … of the arguments, so that a template can be given several."""
    return {f"arg{number}": given for number, given in enumerate(values)}


# Text


def to_upper(text: str) -> str:
    """Return upper case, one character for one as Go does: ß stays."""
    return "".join(_one(character.upper(), character) for character in text)


def to_lower(text: str) -> str:
    return "".join(_one(character.lower(), character) for character in text)


def _one(mapped: str, original: str) -> str:
    return mapped if len(mapped) == 1 else original


def title(text: str) -> str:
    """Return every word with its first letter in upper case and the rest as it is.

    A word goes on over an apostrophe or full stop between letters, and ends at a hyphen.
    """
    pieces: list[str] = []
    in_word = False
    for index, character in enumerate(text):
        pieces.append(character if in_word else character.title())
        if character.lower() != character.upper():
            in_word = True
        elif in_word:
            in_word = not _WORDS.match(character) and (_is_within(character) or _joins(text, index))
    return "".join(pieces)


def _is_within(character: str) -> bool:
    """Report whether a character without case leaves a word as it is: a letter, digit or mark."""
    return character.isalpha() or character.isdecimal() or category(character).startswith("M")


def _joins(text: str, index: int) -> bool:
    return text[index] in _MID_WORD and text[index + 1 : index + 2].isalpha()


# Hosts and links


def split_host_port(text: str) -> tuple[str, str] | None:
    """Return host and port as net.SplitHostPort does, None where that is an error."""
    head, colon, port = text.rpartition(":")
    if not colon:
        return None
    if not text.startswith("["):
        return None if any(sign in head for sign in ":[]") or any(sign in port for sign in "[]") else (head, port)
    host, bracket, rest = text[1:].partition("]")
    if not bracket or rest != ":" + port or any(sign in host + port for sign in "[]"):
        return None
    return host, port


def strip_port(text: str) -> str:
    """Return a host:port without its port."""
    parts = split_host_port(text)
    return parts[0] if parts else text


def strip_domain(text: str) -> str:
    """Return a host, with its port if it has one, without its domain; addresses stay as they are."""
    host, port = split_host_port(text) or (text, "")
    if _is_address(host):
        return text
    name = host.split(".")[0]
    if not port:
        return name
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def _is_address(host: str) -> bool:
    from ipaddress import ip_address  # rarely needed, and slow to import

    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def graph_link(expression: str) -> str:
    return f"/graph?g0.expr={language.query_escape(expression)}&g0.tab=0"


def table_link(expression: str) -> str:
    return f"/graph?g0.expr={language.query_escape(expression)}&g0.tab=1"


def path_of(url: str) -> str:
    """Return a URL's path, unescaped."""
    from urllib.parse import unquote, urlsplit  # rarely needed, and slow to import

    return unquote(urlsplit(url).path)


def parse_duration(text: str) -> float:
    """Return the seconds of a Prometheus duration, which may be negative here."""
    if text.startswith("-"):
        return -(parse_positive_duration(text[1:]) / timedelta(seconds=1))
    return parse_positive_duration(text) / timedelta(seconds=1)


_TEXT = ("string",)
_STATIC: dict[str, Function] = {
    "first": Function(first, (_QUERY_RESULT,)),
    "value": Function(value, (_SAMPLE,)),
    "label": Function(label, ("string", _SAMPLE)),
    "strvalue": Function(lambda sample: label("__value__", sample), (_SAMPLE,)),
    "sortByLabel": Function(sort_by_label, ("string", _QUERY_RESULT)),
    "args": Function(args, (), ANY),
    "safeHtml": Function(SafeHTML, _TEXT),
    "title": Function(title, _TEXT),
    "toUpper": Function(to_upper, _TEXT),
    "toLower": Function(to_lower, _TEXT),
    "graphLink": Function(graph_link, _TEXT),
    "tableLink": Function(table_link, _TEXT),
    "stripPort": Function(strip_port, _TEXT),
    "stripDomain": Function(strip_domain, _TEXT),
    "urlQueryEscape": Function(language.query_escape, _TEXT),
    "humanize": Function(humanize.humanize, (ANY,)),
    "humanize1024": Function(humanize.humanize_1024, (ANY,)),
    "humanizeDuration": Function(humanize.humanize_duration, (ANY,)),
    "humanizePercentage": Function(humanize.humanize_percentage, (ANY,)),
    "humanizeTimestamp": Function(humanize.humanize_timestamp, (ANY,)),
    "toTime": Function(humanize.to_time, (ANY,)),
    "toDuration": Function(humanize.to_duration, (ANY,)),
    "parseDuration": Function(parse_duration, _TEXT),
}

NAMES = frozenset(language.FUNCTIONS) | language.SHORT_CIRCUIT | frozenset(_STATIC) | {
    "match", "reReplaceAll", "now", "query", "externalURL", "pathPrefix",
}  # fmt: skip
