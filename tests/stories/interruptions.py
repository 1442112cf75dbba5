"""Something happens just before or after the n-th call: a process dies, a service fails, a twin runs beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any


class Interruptions:
    """Numbers the calls of everything that it wraps, in the order in which they begin, and interrupts one of them.

    Where `times` is more than 1, the next calls of the same name are interrupted too, so many in all.
    """

    def __init__(
        self,
        number: int | None = None,
        *,
        before: Callable[[], object] = lambda: None,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        self.calls: list[str] = []
        self._number = number
        self._name = ""
        self.times = 1
        self._before = before
        self._after = after

    def wrap(self, target: Any) -> Any:
        return Proxy(target, self.run)

    def run(self, name: str, work: Callable[[], Any]) -> Any:
        if len(self.calls) == self._number:
            self._name = name
        is_hit = name == self._name and self.times > 0
        self.times -= is_hit
        self.calls.append(name)
        if is_hit:
            self._before()
        result = work()
        if is_hit:
            self._after()
        return result


@dataclass(frozen=True, slots=True)
class Proxy:
    """Gives each call of a target to `run`, with its name; the target's own is a sender's: "send"."""

    target: Any
    run: Callable[[str, Callable[[], Any]], Any]

    def __getattr__(self, name: str) -> Any:
        work = getattr(self.target, name)
        return lambda *arguments, **named: self.run(name, partial(work, *arguments, **named))

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.run("send", partial(self.target, *arguments, **named))
