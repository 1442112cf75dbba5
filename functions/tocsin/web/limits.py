"""How much is taken in one request: what one sender sends must neither fill the table nor outlast the function.

Sizes are counted in bytes of UTF-8. Labels that are too long are refused, as they are what an alert is; annotations
are cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

from ..core.merging import Posted
from ..core.sizes import fit_annotations


@dataclass(frozen=True, slots=True)
class Limits:
    """The most alerts in a request; labels of an alert; bytes of a label's name and value, and of all of an alert."""

    alerts: int = 2_000
    labels: int = 100
    name_bytes: int = 1_024
    value_bytes: int = 16 * 1024
    alert_bytes: int = 64 * 1024


def read_limits(text: str) -> Limits:
    """Return limits such as `alerts=500,labels=40`; what is not named keeps its default. Raises ValueError."""
    known = {each.name for each in fields(Limits)}
    given: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = part.partition("=")
        if name not in known or not number.isdecimal() or int(number) == 0:
            raise ValueError(f"{part!r} (expected for example alerts=500; known are {', '.join(sorted(known))})")
        given[name] = int(number)
    return Limits(**given)


def excess(limits: Limits, alert: Posted) -> str:
    """Return why an alert is too large, or an empty text."""
    return next(_excesses(limits, alert), "")


def _excesses(limits: Limits, alert: Posted) -> Iterator[str]:
    if len(alert.labels) > limits.labels:
        yield f"too many labels: {len(alert.labels)}, at most {limits.labels} are allowed"
    for name, value in alert.labels.items():
        if _size(name) > limits.name_bytes:
            yield f'label name "{name[:40]}…" is longer than {limits.name_bytes} bytes'
        if _size(value) > limits.value_bytes:
            yield f'the value of label "{name[:40]}" is longer than {limits.value_bytes} bytes'
    if _identity(alert) > limits.alert_bytes:
        yield f"the alert is larger than {limits.alert_bytes} bytes"


def within(limits: Limits, alert: Posted) -> Posted:
    """Return an alert that is not too large otherwise with as much of its annotations as there is room for."""
    room = limits.alert_bytes - _identity(alert)
    return (
        alert
        if _total(alert.annotations) <= room
        else replace(alert, annotations=fit_annotations(alert.annotations, room))
    )


def _identity(alert: Posted) -> int:
    return _total(alert.labels) + _size(alert.generator_url)


def _total(pairs: Mapping[str, str]) -> int:
    return sum(_size(name) + _size(value) for name, value in pairs.items())


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
