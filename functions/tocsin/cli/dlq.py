"""`tocsin dlq`: what was given up, why, and handing it in again.

Nobody hears anything twice by it: a notification is handed in only while it is still awaited, to the function that
failed, which claims it as always; a letter is deleted only after it was accepted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from ..adapters.dead_letters import DeadLetterOffice, Opened
from ..core.dead_letters import Letter, Queue, Verdict
from ..errors import TocsinError
from ..pipeline import dead_letters
from .dlq_tables import FORMATS, Listed, shown
from .failures import FAILED, UsageError
from .session import Session

_GONE = frozenset(Verdict) - {Verdict.NOT_BY_ITSELF, Verdict.KEPT}


def list_(arguments: argparse.Namespace, session: Session) -> int:
    """List the queues, and what is in them."""
    office = _office(arguments, session)
    with ExitStack() as stack:
        listed = [
            Listed(office.count(queue), [dead_letters.read(each.raw) for each in opened])
            for queue in office.urls
            for opened in [stack.enter_context(office.opened(queue, limit=arguments.limit))]
        ]
        print("\n".join(FORMATS[arguments.output](listed)))
    return 0


def show(arguments: argparse.Namespace, session: Session) -> int:
    """Print one letter whole, without secrets."""
    office = _office(arguments, session)
    with ExitStack() as stack:
        for opened in _all(office, stack, arguments.limit):
            if opened.raw.id.startswith(arguments.id):
                print(shown(dead_letters.read(opened.raw)))
                return 0
    print(f"tocsin: there is no dead letter {arguments.id}", file=sys.stderr)
    return FAILED


def redrive(arguments: argparse.Namespace, session: Session) -> int:
    """Hand letters in again, and delete those that were accepted or are of no use any more."""
    if bool(arguments.ids) == arguments.all:
        raise UsageError("expected the ids of letters, or --all")
    office = _office(arguments, session)
    failed, found = False, set()
    with ExitStack() as stack:
        for opened in _all(office, stack, arguments.limit):
            name = next((each for each in arguments.ids if opened.raw.id.startswith(each)), None)
            if name is None and not arguments.all:
                continue
            found.add(name)
            failed |= not _redrive(office, opened, arguments, session, is_named=name is not None)
    for missing in (each for each in arguments.ids if each not in found):
        print(f"tocsin: there is no dead letter {missing}", file=sys.stderr)
        failed = True
    return FAILED if failed else 0


def _redrive(
    office: DeadLetterOffice, opened: Opened, arguments: argparse.Namespace, session: Session, *, is_named: bool
) -> bool:
    """Hand one letter in; say whether it has found its place."""
    letter = dead_letters.read(opened.raw)
    workplace = session.workplace(**_variables(arguments))
    try:
        verdict = dead_letters.redrive(office, workplace.groups, letter, is_named=is_named, now=session.now)
    except TocsinError as error:
        print(f"tocsin: {opened.raw.id}: {error}", file=sys.stderr)
        return False
    if verdict in _GONE:
        office.delete(opened)
    print(f"{opened.raw.id} {_named(letter)}: {verdict.value}")
    return verdict in _GONE


def _named(letter: Letter) -> str:
    return f"{letter.what.value} {letter.notification.receiver}" if letter.notification else letter.what.value


def _all(office: DeadLetterOffice, stack: ExitStack, limit: int) -> Iterator[Opened]:
    for queue in office.urls:
        yield from stack.enter_context(office.opened(queue, limit=limit))


def _office(arguments: argparse.Namespace, session: Session) -> DeadLetterOffice:
    office = session.workplace(**_variables(arguments)).dead_letter_office(_queues(arguments))
    if not office.urls:
        raise UsageError("the queues are not known: name the stack (--stack, TOCSIN_STACK), or set their URLs")
    return office


def _queues(arguments: argparse.Namespace) -> Sequence[Queue]:
    return [Queue(arguments.queue)] if arguments.queue else list(Queue)


def _variables(arguments: argparse.Namespace) -> dict[str, str | None]:
    return {"TOCSIN_STACK": arguments.stack}
